/**
 * The whole state of a page lives in the URL's hash: #/TASK/RUN/STEP/VIEW?name=value. A link is a bookmark.
 * A run that is not chosen is "-". Views change the part after the question mark with ``setState``.
 *
 * @typedef {{task: string|null, run: string|null, step: string|null, view: string|null, query: Record<string, string>}} Place
 */

export const STEPS = ["look", "train", "test", "explain", "use"];
export const CARRIED = ["sample", "at"]; // what stays in the hash when the view changes

/** Read a hash. @param {string} hash @returns {Place} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [task, run, step, view] = path.split("/").filter(Boolean).map(decode);
  const entries = [...new URLSearchParams(query)];
  return {
    task: task ?? null,
    run: !run || run === "-" ? null : run,
    step: STEPS.includes(step) ? step : null,
    view: view ?? null,
    query: Object.fromEntries(entries),
  };
}

/** Write a hash. @param {Partial<Place>} place */
export function format({ task, run, step, view, query = {} }) {
  const parts = [task, task && step ? run || "-" : run, step, view].filter(Boolean).map(encodeURIComponent);
  const left = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(left.map(([name, value]) => [name, String(value)])).toString();
  // ":" and "," are legal there, and a person reads them
  return `#/${parts.join("/")}${text ? "?" + text.replaceAll("%3A", ":").replaceAll("%2C", ",") : ""}`;
}

/** The state that follows to another view. @param {Record<string, string>} query */
export function carried(query) {
  return Object.fromEntries(CARRIED.filter((name) => query[name]).map((name) => [name, query[name]]));
}

/** Replace the hash without making a step in the history and without remounting the view. */
export function rewrite(place) {
  history.replaceState(history.state, "", format(place));
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone "%" that a person typed
  }
}
