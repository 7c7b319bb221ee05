/** Train: one weight, the chain of numbers that makes its gradient, and the step that each optimiser would take. */
import { decode } from "../api.js";
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, runOf, sized, unravel } from "../lens.js";
import { sampler } from "../sampler.js";
import "../trace.js";

const MOST_TERMS = 14;

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const run = runOf(context);
  const state = { weight: context.state.weight ?? null, index: context.state.index ?? null, target: null, rate: "" };
  const pick = h("div", { class: "row controls" });
  const body = h("div", { "aria-live": "polite" });
  const sample = sampler(context, show, { onchange: () => (state.target = null) });
  async function show() {
    await complete(run, sample.sample, state);
    const found = await ask(run.id, "gradient", { sample: sample.sample, weight: state.weight, at: state.index, target: state.target, learning_rate: state.rate });
    state.target = found.target;
    context.setState({ weight: state.weight, index: state.index });
    choose(pick, found, state, sample.load);
    put(body, chain(found), steps(found, state, sample.load));
  }
  const help = "A weight of a convolution is used at every place of its output, so its gradient is a sum of one product for each place: what went in there, times what the loss sends back there. In a linear layer there is a single product.";
  put(element, h("p", { class: "fine" }, "In the network ", h("b", {}, run.id), "."), sample.node, section("Which weight", help, pick), body);
  await sample.load();
}

/** Choose the weight of greatest gradient of the first layer where nothing is chosen yet. */
async function complete(run, sample, state) {
  if (state.weight && state.index !== null) return;
  const { weights } = await ask(run.id, "graph");
  const name = state.weight ?? Object.keys(weights).find((one) => weights[one].length > 1);
  const first = await ask(run.id, "gradient", { sample, weight: name, at: weights[name].map(() => 0).join(","), target: state.target });
  const there = first.parameters.find((one) => one.name === name);
  Object.assign(state, { weight: name, index: there.largest[0].at.join(",") });
}

function choose(pick, found, state, load) {
  const here = found.parameters.find((one) => one.name === state.weight);
  const names = found.parameters.map((one) => [one.name, `${one.name} (${sized(one.shape)})`]);
  const tensor = choice("tensor", names, state.weight, (name) => (Object.assign(state, { weight: name, index: null }), load()));
  const index = h("input", { type: "text", value: state.index, class: "short", inputmode: "numeric", "aria-label": "index of the weight", onchange: () => ((state.index = index.value.replaceAll(" ", "")), load()) });
  const largest = here.largest.map(({ at: place }) => button(`index ${place.join(", ")}`, () => ((state.index = place.join(",")), load()), { class: "quiet small", "aria-pressed": String(place.join(",") === state.index) }));
  put(pick, tensor, h("label", {}, "index", index), h("span", { class: "fine" }, "largest gradients:"), largest, choice("true class", found.classes.map((name, i) => [i, name]), found.target, (i) => ((state.target = Number(i)), load())));
}

function chain(found) {
  const loss = decode(found.loss);
  const slope = decode(found.slope);
  const facts = [
    ["the weight", number(found.value.value, found.value.ref, "g6", "float32")],
    [`the loss, with ${found.classes[found.target]} as true class`, number(loss.values[0], loss.ref, "g6", "float32")],
    ["its gradient, by backpropagation", h("b", {}, number(found.gradient.value, found.gradient.ref, "g6", "float32"))],
    ["the slope measured by nudging the weight", number(slope.values[0], slope.ref, "g6")],
  ];
  const list = h("dl", { class: "facts numbers" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  const meaning = h("p", {}, found.gradient.value > 0 ? "A larger weight would make the loss larger, so training makes this weight smaller." : found.gradient.value < 0 ? "A larger weight would make the loss smaller, so training makes this weight larger." : "For this input the weight makes no difference: nothing came in, or nothing came back.");
  return section("Its gradient", "The gradient says by how much the loss grows for each unit of the weight. Two independent ways give it: the chain rule, backwards through all layers (in float32), and trying a slightly larger and a slightly smaller weight (in float64).", list, meaning, found.chain ? products(found.chain) : h("p", { class: "fine" }, "This parameter is no weight of a linear layer or a convolution; its gradient adds up what comes back at all its outputs."));
}

/** The products that add up to the gradient, the largest first. */
function products(parts) {
  const [inputs, upstream, met] = ["went-in", "came-back", "met"].map((name) => decode(parts[name]));
  const sum = decode(parts["met-sum"]);
  const order = Array.from(met.values, (_, i) => i).sort((a, b) => Math.abs(met.values[b]) - Math.abs(met.values[a]));
  const shown = order.slice(0, MOST_TERMS);
  const rest = order.slice(MOST_TERMS).reduce((total, i) => total + met.values[i], 0);
  const place = (i) => (parts.to.length > 1 ? `output at ${unravel(i, parts.to.slice(1)).join(", ")}` : "the one output");
  const rows = shown.map((i) => h("tr", {}, h("th", { scope: "row" }, place(i)), [inputs, upstream, met].map((block) => h("td", {}, number(block.values[i], `${block.ref}[${i}]`, "g4", "float32")))));
  const others = order.length > shown.length ? h("tr", {}, h("th", { scope: "row" }, `${order.length - shown.length} others`), h("td"), h("td"), h("td", {}, number(rest, `sum of the others of ${met.ref}`, "g4"))) : null;
  const total = h("tr", { class: "marked" }, h("th", { scope: "row" }, "sum"), h("td"), h("td"), h("td", {}, number(sum.values[0], sum.ref, "g6", "float32")));
  const head = ["used at", "what went in", "\u00d7 what came back", "= product"];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the products of the gradient" }, h("table", {}, h("caption", {}, "what went in, times what came back"), h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows, others, total)));
}

function steps(found, state, load) {
  const value = found.value.value;
  const rows = found.moves.map((move) => {
    const cells = move.after === null ? [h("td", { class: "text", colspan: "2" }, "moves hidden matrices only; gives this weight to AdamW")] : [h("td", {}, number(move.after - value, `${move.ref} - ${found.value.ref}`, "g4")), h("td", {}, number(move.after, move.ref, "g6"))];
    return h("tr", {}, h("th", { scope: "row" }, move.optimizer), h("td", {}, number(move.learning_rate, `pellucid.optimizers.DEFAULTS[${move.optimizer},learning_rate]`, "auto")), cells);
  });
  const rate = h("input", { type: "number", min: 0, step: "any", value: state.rate, placeholder: "each its own", class: "short", "aria-label": "learning rate of all", onchange: () => ((state.rate = rate.value), load()) });
  const head = ["optimiser", "learning rate", "its step", "the weight afterwards"];
  return section("The first step of each optimiser", "All see the same gradient. Plain SGD goes by the learning rate times the gradient; Adam and its kin make every first step about as long as the learning rate, however small the gradient is.", h("p", { class: "row" }, h("label", {}, "learning rate of all", rate)), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "steps" }, h("table", {}, h("caption", { class: "unseen" }, "the first step of each optimiser"), h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows))));
}
