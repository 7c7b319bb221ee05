/** What a network that watches somebody draw says: only what is new, and in English. */

const ALONE = new Set(["animal migration", "asparagus", "bread", "broccoli", "camouflage", "grass", "jail", "lightning", "rain", "toothpaste", "yoga"]);

/** A word with its article. @param {string} word */
export function named(word) {
  if (/^the /i.test(word) || ALONE.has(word) || /[^suo]s$/.test(word)) return word; // The Eiffel Tower, scissors; but a bus
  return `${/^[aeio]|^u(?!ni)|^hour/i.test(word) ? "an" : "a"} ${word}`;
}

/**
 * The sentence for the first guesses, or nothing when there is no new idea.
 * @param {{name: string, value: number}[]} words best first
 * @param {{known: Set<string>, sure: number, word: string, won: boolean}} how ``known`` is what was said already; what
 *   is said now joins it
 */
export function ideas(words, { known, sure, word, won }) {
  if (won) return `Oh, I know: it is ${named(word)}!`;
  const fresh = words.filter(({ name, value }) => value >= sure && !known.has(name)).map(({ name }) => name);
  fresh.forEach((name) => known.add(name));
  return fresh.length ? `I see ${fresh.map(named).join(", or ")}` : "";
}
