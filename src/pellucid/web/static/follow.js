/** What a run has logged so far, as columns, and what can be said about its speed. */

/**
 * @typedef {object} Log
 * @property {number[]} steps @property {number[]} losses @property {number[]} rates @property {number[]} epochs
 * @property {{step: number, scores: Record<string, {value, low, high, n}>, layers: Record<string, any>|null, line: number}[]} evaluations
 * @property {{step: number, seconds: number, evaluating: number}[]} times
 */

/** @returns {Log} */
export function emptyLog() {
  return { steps: [], losses: [], rates: [], epochs: [], lines: [], evaluations: [], times: [] };
}

/** Add a line of progress.jsonl; one that is there already is not added twice. */
export function addProgress(log, line, id) {
  if (log.lines.length && id <= log.lines.at(-1)) return;
  log.lines.push(id);
  log.steps.push(line.step);
  log.losses.push(line.loss);
  log.rates.push(line.learning_rate);
  log.epochs.push(line.epoch);
  if (line.scores) log.evaluations.push({ step: line.step, scores: line.scores, layers: line.layers ?? null, line: id });
}

/** Forget the lines after the first so many: a resumed training goes back to its newest saved state. */
export function rewind(log, lines) {
  const kept = log.lines.findLastIndex((id) => id <= lines) + 1;
  for (const name of ["steps", "losses", "rates", "epochs", "lines"]) log[name].length = kept;
  log.evaluations = log.evaluations.filter(({ line }) => line <= lines);
}

/** Add a line of speed.jsonl. */
export function addSpeed(log, line) {
  if (log.times.length && line.step <= log.times.at(-1).step && line.seconds <= log.times.at(-1).seconds) return;
  log.times.push(line);
}

/**
 * Seconds a step takes lately, without evaluating and saving; null before a line is there. Lines of before an
 * interruption do not count: their clock was another.
 */
export function secondsPerStep(log, lines = 20) {
  const recent = log.times.slice(-lines);
  const from = recent.findLastIndex((one, i) => i > 0 && one.seconds < recent[i - 1].seconds);
  const same = recent.slice(Math.max(0, from));
  if (!same.length) return null;
  const idle = (one) => (one.evaluating ?? 0) + (one.saving ?? 0);
  const [first, last] = same.length > 1 ? [same[0], same.at(-1)] : [{ step: 0, seconds: 0 }, same[0]]; // one line: since the start
  const seconds = last.seconds - first.seconds - (idle(last) - idle(first));
  return last.step > first.step && seconds > 0 ? seconds / (last.step - first.step) : null;
}
