/** One unit of a layer: its map before and after, the validation images that excite it, and a climb from noise. */
import { decode } from "../api.js";
import { h, put } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, plane, sized, slider, still } from "../lens.js";
import { channelNames, paintPixels } from "../paint.js";
import { failure } from "../problem.js";
import { extent } from "../series.js";
import { linked, noun } from "../specimen.js";
import { trace } from "../trace.js";

const SIDE = 64; // of an exciting picture, in pixels
const FRAME = 60; // milliseconds of one image of a climb

/** @param {HTMLElement} place @param {any} layer as /layers gives it @param {number} unit */
export function unitPanel(place, context, layer, unit) {
  const run = context.run.id;
  const what = `validation ${noun(context)}s`;
  const exciting = h("div", {}, h("p", { class: "waiting" }, `searching the ${what} ...`));
  put(place, h("section", { class: "panel" }, h("h2", { tabindex: "-1" }, `${layer.name}, unit ${unit}`), maps(layer, unit), h("h3", {}, `The ${what} that excite it most`), exciting, climb(run, layer, unit)));
  excited(run, layer, unit, context).then((found) => put(exciting, found), (error) => put(exciting, failure(error)));
}

function maps(layer, unit) {
  if (!layer.after.data) return null;
  const after = decode(layer.after);
  if (after.shape.length === 2) return h("p", { class: "numbers" }, peak(layer, after, unit));
  if (after.shape.length < 2) {
    const before = layer.before ? decode(layer.before) : null;
    const parts = ["It gives ", number(after.values[unit], `${after.ref}[${unit}]`, "g6", "float32")];
    if (before) parts.push(" and had ", number(before.values[unit], `${before.ref}[${unit}]`, "g6", "float32"), " before");
    return h("p", { class: "numbers" }, parts, ".");
  }
  const show = (block, title) => {
    const grid = h("p-grid");
    const matrix = plane(block, unit);
    const range = extent(matrix.values) ?? [0, 1];
    grid.show({ ...matrix, title, scale: range[0] < 0 ? "diverging" : "viridis", range, format: "g4", cell: 20 });
    grid.addEventListener("open", ({ detail }) => trace(matrix.refOf(detail.row, detail.column)));
    return h("figure", {}, grid, h("figcaption", {}, title));
  };
  const figures = [layer.before ? show(decode(layer.before), "before ReLU") : null, show(after, layer.before ? "after ReLU" : "its map")];
  return h("div", { class: "gallery" }, figures);
}

/** The largest number of a unit over time. */
function peak({ axis }, { values, shape, ref }, unit) {
  const length = shape[1 - axis];
  const at = (t) => (axis ? [t, unit] : [unit, t]);
  const value = (t) => values[at(t)[0] * shape[1] + at(t)[1]];
  const most = Array.from({ length }, (_, t) => t).reduce((a, b) => (value(b) > value(a) ? b : a));
  return ["Its largest number is ", number(value(most), `${ref}[${at(most)}]`, "g6", "float32"), `, at place ${most} of ${length}.`];
}

async function excited(run, layer, unit, context) {
  const found = await ask(run, "exciting", { layer: layer.name, unit });
  const items = found.samples.map((sample, i) => {
    const name = found.classes[found.targets[i]];
    const label = `${sample}${name === undefined ? "" : `, true class ${name}`}, activation ${found.activations[i].toFixed(2)}`;
    const href = context.link({ query: { at: context.state.at, sample, layer: layer.name, unit } });
    const most = number(found.activations[i], `max(${found.place}/${sample}/after:${layer.name}[${layer.axis ? ":," : ""}${unit}])`, "g3", "float32");
    return h("li", {}, linked(context, Number(sample.slice(6)), href, label, SIDE), h("small", { class: "numbers" }, most));
  });
  return [h("ul", { class: "gallery exciting" }, items), h("p", { class: "fine" }, `Of the first ${found.searched}; under each the largest value of its map.`)];
}

/** Feature visualisation: change noise, step by step, until the unit is as excited as it can be. */
function climb(run, layer, unit) {
  const grid = h("p-grid");
  const together = h("canvas", { class: "sample", role: "img", "aria-label": "its red, green and blue together" });
  const said = h("p", { class: "fine", "aria-live": "polite" });
  const state = { found: null, seed: 0, smooth: 0.2, timer: 0, channel: 0, at: 0 };
  const frame = slider("step", { min: 0, max: 1, step: 1, value: 0, format: String, oninput: (i) => (clearInterval(state.timer), show(i)) });
  const start = button("Climb from noise", async () => {
    start.disabled = true;
    put(said, "climbing ...");
    try {
      state.found = await ask(run, "feature", { layer: layer.name, unit, seed: state.seed, smooth: state.smooth });
      state.images = decode(state.found.images);
      frame.input.max = String(state.found.steps.length - 1);
      const channels = state.images.shape[1];
      const channel = choice("channel", channelNames(channels).map((name, c) => [c, name]), state.channel, (c) => ((state.channel = Number(c)), show(state.at)));
      put(stage, h("div", { class: "row" }, frame.node, channels > 1 ? channel : null), channels === 3 ? together : null, grid);
      play();
    } catch (error) {
      put(said, failure(error));
    }
    start.disabled = false;
  });
  const seed = h("label", {}, "seed", h("input", { type: "number", min: 0, value: 0, class: "short", onchange: (event) => (state.seed = Number(event.target.value)) }));
  const smooth = choice("smoothness", [[0, "none"], [0.2, "some"], [0.6, "much"]], 0.2, (value) => (state.smooth = Number(value)));
  const stage = h("div");
  function show(i) {
    const { steps, activations, low, high } = state.found;
    const channels = state.images.shape[1];
    const parts = Array.from({ length: channels }, (_, c) => plane(state.images, i * channels + c));
    state.at = i;
    grid.show({ ...parts[state.channel], title: `after ${steps[i]} steps`, range: [low, high], scale: "viridis", format: "g4", cell: 8 });
    if (channels === 3) {
      Object.assign(together, { width: parts[0].columns, height: parts[0].rows });
      paintPixels(together, (r, c) => parts.map(({ values, columns }) => (255 * (values[r * columns + c] - low)) / (high - low)));
    }
    frame.set(i);
    put(said, `after ${steps[i]} steps the activation is `, number(activations[steps[i]], `max(${layer.name}[${unit}])`, "g4", "float64"), `; it began at ${activations[0].toFixed(3)}`);
  }
  function play() {
    const last = state.found.steps.length - 1;
    clearInterval(state.timer);
    if (still()) return show(last);
    let i = 0;
    state.timer = setInterval(() => {
      if (!grid.isConnected || i > last) return clearInterval(state.timer);
      show(i++);
    }, FRAME);
  }
  return [h("h3", {}, "What would excite it even more"), h("p", { class: "fine" }, `An image that is changed step by step, from noise, so that the largest value of this ${sized(layer.shape.slice(1)) === "1" ? "unit" : "map"} grows (activation maximisation, Erhan et al. 2009). It shows what the unit looks for, not what it usually sees.`), h("div", { class: "row" }, start, seed, smooth), stage, said];
}
