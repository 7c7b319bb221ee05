/**
 * The studio's own server, and nothing else. Every answer is JSON unless it says so; every refusal is an ApiError
 * with a code, a sentence and the identifier of the request.
 */

const ROOT = "api/v1";
const KEPT = "pellucid-token";
const TYPES = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int64: BigInt64Array, int32: Int32Array, bool: Uint8Array };

export class ApiError extends Error {
  /** @param {{code?: string, message?: string, request_id?: string}} problem */
  constructor(problem, status) {
    super(problem.message ?? `the server answered ${status}`);
    this.code = problem.code ?? "unknown";
    this.requestId = problem.request_id ?? "";
    this.status = status;
  }
}

/** The address of something that the server has, to link to or to show. @param {...(string|number)} parts */
export function address(...parts) {
  return [ROOT, ...parts.map((part) => encodeURIComponent(String(part)))].join("/");
}

/** The address of data: those that the run learned from, or of the task's default setting where no run is chosen. */
export function data({ task, run }, ...parts) {
  return run ? address("runs", run.id, ...parts) : address("tasks", task.name, ...parts);
}

/** Ask. @param {string} where from {@link address} @param {Record<string, any>} [query] */
export async function get(where, query = {}, { signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return send(where + (text ? "?" + text : ""), { signal });
}

/** Change something: JSON, or the bytes of a file as they are. */
export async function post(where, body = {}, { signal } = {}) {
  const bytes = body instanceof Blob;
  const headers = { "Content-Type": bytes ? body.type : "application/json", ...permission() };
  return send(where, { method: "POST", headers, body: bytes ? body : JSON.stringify(body), signal });
}

export const api = {
  ApiError,
  address,
  data,
  get,
  post,
  decode,
  tasks: () => get(address("tasks")),
  runs: () => get(address("runs")),
  run: (run) => get(address("runs", run)),
  form: (task, setting) => get(address("tasks", task, "form"), { setting }),
  look: (context) => get(data(context, "look")),
  samples: (context, query) => get(data(context, "samples"), query),
  start: (task, setting, fields) => post(address("runs"), { task, setting, fields }),
  command: (task, setting, fields) => post(address("command"), { task, setting, fields }),
  act: (run, verb, body = {}) => post(address("runs", run, verb), body),
  scores: (run) => get(address("runs", run, "scores")),
  cell: (run, truth, predicted, query) => get(address("runs", run, "cell", truth, predicted), query),
  predict: (run, body, options) => post(address("runs", run, "predict"), body, options),
  events,
};

/**
 * Follow a run. The browser reconnects on its own and tells the server the last line it has, so nothing is lost when
 * the server restarts.
 * @param {string} run
 * @param {{progress?: (line: any, id: number) => void, rewound?: (line: {lines: number}) => void, speed?: (line: any) => void, status?: (line: any) => void, connected?: (yes: boolean) => void}} handlers
 * @returns {() => void} stop following
 */
export function events(run, handlers) {
  const source = new EventSource(address("runs", run, "events"));
  for (const kind of ["progress", "rewound", "speed", "status"]) {
    source.addEventListener(kind, (event) => handlers[kind]?.(JSON.parse(event.data), Number(event.lastEventId)));
  }
  source.addEventListener("open", () => handlers.connected?.(true));
  source.addEventListener("error", () => handlers.connected?.(false));
  return () => source.close();
}

/**
 * Turn a block of numbers into a typed array.
 * @param {{shape: number[], dtype: string, data: string, ref: string}} block
 * @returns {{values: any, shape: number[], dtype: string, ref: string}}
 */
export function decode(block) {
  const text = atob(block.data);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const kind = TYPES[block.dtype];
  if (!kind) throw new Error(`a block of ${block.dtype}; expected one of ${Object.keys(TYPES).join(", ")}`);
  const values = new kind(bytes.buffer);
  return { values: values instanceof BigInt64Array ? Array.from(values, Number) : values, shape: block.shape, dtype: block.dtype, ref: block.ref };
}

async function send(where, options) {
  let answer;
  try {
    answer = await fetch(where, { credentials: "same-origin", headers: permission(), ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new Event("pellucid:away"));
    throw new ApiError({ code: "away", message: "The studio's server does not answer. Is it still running?" }, 0);
  }
  dispatchEvent(new Event("pellucid:back"));
  const json = (answer.headers.get("Content-Type") ?? "").includes("json");
  const body = json ? await answer.json() : await answer.blob();
  if (!answer.ok) throw new ApiError(json ? (body.error ?? {}) : {}, answer.status);
  return body;
}

/**
 * The start-up token comes in the address that the command printed, after the #, which no browser sends to a server.
 * It is kept for this address only and taken out of the address line.
 */
export function keepToken() {
  const found = /^#token=([^&/]+)(.*)$/.exec(location.hash);
  if (!found) return;
  localStorage.setItem(KEPT, decodeURIComponent(found[1]));
  history.replaceState(null, "", "#" + found[2].replace(/^&/, ""));
}

function permission() {
  const token = localStorage.getItem(KEPT);
  return token ? { Authorization: `Bearer ${token}` } : {};
}
