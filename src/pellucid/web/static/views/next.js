/** Explain: at each place of what it writes a network chooses among all that may come: softmax, term by term. */
import { decode } from "../api.js";
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { ask, latest, slider } from "../lens.js";
import { written } from "../numbers.js";
import { failure } from "../problem.js";
import { sampler } from "../sampler.js";
import "../trace.js";
import { terms } from "./terms.js";

const PARTS = ["scores", "shifted", "exponentials", "probabilities"];
const CODES = 8; // that are named before the one that came
const plain = (piece) => piece.replace("\u2581", "\u00a0");

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const state = { place: Number(context.state.place ?? 0), temperature: 1 };
  const body = h("div", {});
  const place = slider("place", { min: 0, max: state.place, step: 1, value: state.place, oninput: (value) => go({ place: value }) });
  const temperature = slider("temperature", { min: 0.1, max: 10, step: 0.1, value: 1, format: (value) => value.toFixed(1), oninput: (value) => go({ temperature: value }) });
  const sample = sampler(context, () => go({ place: 0 }));
  const load = latest(async () => {
    try {
      const found = await ask(context.run.id, "next", { sample: sample.sample, ...state });
      place.input.max = String(found.places - 1);
      place.set(found.place);
      put(body, ...softmaxOf(found, "piece"));
    } catch (error) {
      put(body, failure(error));
    }
  });
  const go = (partial) => {
    Object.assign(state, partial);
    context.setState({ place: state.place || null });
    return load();
  };
  const help = "The network writes from left to right. At each place it gives every piece that it knows a score, from what it read and from what it has written so far, and softmax makes them probabilities. The search may take another than the most probable one, where that leads to a more probable whole.";
  put(element, sample.node, h("div", { class: "row controls" }, place.node, temperature.node), section("What comes next", help, body));
  await load();
}

/** One place: in words, and in terms. @param {any} found what the server says of it @param {"piece"|"code"} kind */
export function softmaxOf(found, kind) {
  const columns = Object.fromEntries(PARTS.map((part) => {
    const { values, ref } = decode(found[part]);
    return [part, { values, refOf: (i) => `${ref}[${found.listed[i].index}]` }];
  })); // prettier-ignore
  const one = (part) => { const { values, ref } = decode(found[part]); return number(values[0], ref, "g6", "float32"); }; // prettier-ignore
  const table = terms(kind, found.listed.map(({ name }) => plain(name)));
  const came = found.listed.findIndex(({ index }) => index === found.came);
  table.show(columns, came);
  const { values, refOf } = columns.probabilities;
  const listed = values.reduce((a, b) => a + b, 0);
  const past = kind === "code" ? found.before.slice(-CODES).join(", ") : found.before.map(plain).join("").trim();
  const before = past ? ["After ", h("q", {}, past), " "] : ["At the beginning "];
  const story = h("p", { "aria-live": "polite" }, before, "came ", h("b", { class: kind === "code" ? "tick" : "" }, plain(found.listed[came].name).trim()), ", with probability ", number(values[came], refOf(came), "percent2", "float32"), `. The ${found.listed.length} listed have together `, number(listed, `sum over the listed of ${decode(found.probabilities).ref}`, "percent2"), `, the other ${written(found.of - found.listed.length, "int")} the rest.`);
  const sums = h("p", { class: "sums numbers" }, "largest score ", one("largest"), "; sum of all exponentials ", one("total"));
  return [story, table.node, sums];
}
