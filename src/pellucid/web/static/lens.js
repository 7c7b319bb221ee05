/** Looking into a network: asking for what is inside a run, and cutting blocks of numbers into matrices. */
import { address, decode, get } from "./api.js";
import { h } from "./dom.js";

/** Ask for something inside a run. @param {string} run @param {string} what @param {Record<string, any>} [query] */
export const ask = (run, what, query = {}, options = {}) => get(address("runs", run, what), query, options);

/** The run to look into: the chosen one, or the one that a person most likely means. */
export function runOf({ task, run, runs }) {
  if (run) return run;
  const mine = runs.filter((one) => one.task === task.name && (one.released || one.status === "finished"));
  return mine.find((one) => one.released) ?? mine[0] ?? null;
}

/** The number of some sample of the validation part, another one each time. @param {any} context */
export async function anyUnseen(context) {
  const { length } = await context.api.samples(context, { split: "valid", start: 0, count: 1 });
  return Math.floor(Math.random() * length);
}

/**
 * One matrix of a block: channel ``channel`` of (C, H, W), the whole of (H, W), or a vector laid out in rows.
 * @param {{shape: number[], ref: string}} block
 * @returns {{values: any, rows: number, columns: number, ref: string, refOf: (r: number, c: number) => string, dtype: string, vector: boolean}}
 */
export function plane(block, channel = 0) {
  const { values, shape, ref, dtype } = block.values ? block : decode(block);
  if (shape.length >= 3) {
    const [rows, columns] = shape.slice(-2);
    const size = rows * columns;
    const at = unravel(channel, shape.slice(0, -2)).join(",");
    return { values: values.slice(channel * size, (channel + 1) * size), rows, columns, ref, dtype, vector: false, refOf: (r, c) => `${ref}[${at},${r},${c}]` };
  }
  if (shape.length === 2) return { values, rows: shape[0], columns: shape[1], ref, dtype, vector: false, refOf: (r, c) => `${ref}[${r},${c}]` };
  const columns = across(values.length);
  return { values, rows: values.length / columns, columns, ref, dtype, vector: true, refOf: (r, c) => `${ref}[${r * columns + c}]` };
}

/** How many matrices a block has. @param {number[]} shape */
export const planes = (shape) => shape.slice(0, -2).reduce((a, b) => a * b, 1);

/** A length as words. @param {number[]} shape */
export const sized = (shape) => (shape.length ? shape.join(" \u00d7 ") : "1");

/** The indices of the i-th element of a shape. */
export function unravel(index, shape) {
  const found = [];
  for (const size of [...shape].reverse()) {
    found.unshift(index % size);
    index = Math.floor(index / size);
  }
  return found;
}

/** A button that does one thing. */
export const button = (text, onclick, attributes = {}) => h("button", { type: "button", class: "quiet", onclick, ...attributes }, text);

/** A slider with its name and its value. ``oninput(value)``. */
export function slider(name, { min, max, step, value, format = String, oninput, id = null }) {
  const said = h("output", {}, format(value));
  const input = h("input", { type: "range", min, max, step, value, id, "aria-label": name });
  input.addEventListener("input", () => {
    put(Number(input.value));
    oninput(Number(input.value));
  });
  function put(next) {
    said.textContent = format(next);
    input.setAttribute("aria-valuetext", format(next));
  }
  const node = h("label", { class: "slider" }, h("span", {}, name), input, said);
  return { node, input, set: (next) => ((input.value = String(next)), put(next)) };
}

/** A choice with its name. ``options`` are texts or [value, text]. */
export function choice(name, options, value, onchange) {
  const pairs = options.map((one) => (Array.isArray(one) ? one : [one, one]));
  const select = h("select", { onchange: () => onchange(select.value) }, pairs.map(([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text)));
  return h("label", { class: "choose" }, h("span", {}, name), select);
}

/** Call one at a time; of the calls that come meanwhile only the last is made. */
export function latest(work) {
  let busy = false;
  let next = null;
  return async function call(...given) {
    if (busy) return void (next = given);
    busy = true;
    try {
      await work(...given);
    } finally {
      busy = false;
      const waiting = next;
      next = null;
      if (waiting) call(...waiting);
    }
  };
}

/** Whether motion is unwelcome. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The length of a row for a vector of this length: its divisor nearest to, and not below, the square root of twice it. */
function across(length) {
  const wish = Math.sqrt(2 * length);
  if (length <= 16) return length;
  const divisors = Array.from({ length }, (_, i) => i + 1).filter((d) => length % d === 0);
  const best = divisors.reduce((a, b) => (Math.abs(Math.log(b / wish)) < Math.abs(Math.log(a / wish)) ? b : a));
  return best / wish > 4 ? length : best;
}
