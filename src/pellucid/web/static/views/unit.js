/** One unit of a layer: its map before and after, the validation images that excite it, and a climb from noise. */
import { decode } from "../api.js";
import { h, put } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, plane, sized, slider, still } from "../lens.js";
import { failure } from "../problem.js";
import { extent } from "../series.js";
import { trace } from "../trace.js";

const FRAME = 60; // milliseconds of one image of a climb

/** @param {HTMLElement} place @param {any} layer as /layers gives it @param {number} unit */
export async function unitPanel(place, context, sample, layer, unit) {
  const run = context.run.id;
  const exciting = h("div", {}, h("p", { class: "waiting" }, "searching the validation images ..."));
  const panel = h("section", { class: "panel" }, h("h2", { tabindex: "-1" }, `${layer.name}, unit ${unit}`), maps(layer, unit), h("h3", {}, "Validation images that excite it most"), exciting, climb(run, layer, unit));
  put(place, panel);
  try {
    put(exciting, await excited(run, layer, unit, context));
  } catch (error) {
    put(exciting, failure(error));
  }
}

function maps(layer, unit) {
  if (!layer.after.data) return null;
  const after = decode(layer.after);
  if (after.shape.length < 3) {
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

async function excited(run, layer, unit, context) {
  const found = await ask(run, "exciting", { layer: layer.name, unit });
  const { values, shape } = decode(found.images);
  const [, rows, columns] = shape;
  const items = found.samples.map((sample, i) => {
    const picture = h("canvas", { width: columns, height: rows, class: "sample" });
    const image = new ImageData(columns, rows);
    const from = i * rows * columns;
    for (let p = 0; p < rows * columns; p++) image.data.set([values[from + p], values[from + p], values[from + p], 255], 4 * p);
    picture.getContext("2d").putImageData(image, 0, 0);
    const name = found.classes[found.targets[i]] ?? found.targets[i];
    const label = `${sample}, a ${name}, activation ${found.activations[i].toFixed(2)}`;
    const link = h("a", { href: context.link({ query: { sample, layer: layer.name, unit } }), "aria-label": label, title: label }, picture);
    return h("li", {}, link, h("small", { class: "numbers" }, number(found.activations[i], `max(${found.images.ref.replace(/valid:0\/.*/, `${sample}/after:${layer.name}`)}[${unit}])`, "g3", "float32")));
  });
  return [h("ul", { class: "gallery exciting" }, items), h("p", { class: "fine" }, `Of the first ${found.searched} validation images; under each the largest value of its map.`)];
}

/** Feature visualisation: change noise, step by step, until the unit is as excited as it can be. */
function climb(run, layer, unit) {
  const grid = h("p-grid");
  const said = h("p", { class: "fine", "aria-live": "polite" });
  const state = { found: null, seed: 0, smooth: 0.2, timer: 0 };
  const frame = slider("step", { min: 0, max: 1, step: 1, value: 0, format: String, oninput: (i) => (clearInterval(state.timer), show(i)) });
  const start = button("Climb from noise", async () => {
    start.disabled = true;
    put(said, "climbing ...");
    try {
      state.found = await ask(run, "feature", { layer: layer.name, unit, seed: state.seed, smooth: state.smooth });
      state.images = decode(state.found.images);
      frame.input.max = String(state.found.steps.length - 1);
      put(stage, frame.node, grid);
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
    const { steps, activations, low, high, images } = state.found;
    const [, channels, rows, columns] = state.images.shape;
    const size = channels * rows * columns;
    grid.show({ values: state.images.values.slice(i * size, i * size + rows * columns), rows, columns, ref: images.ref, refOf: (r, c) => `${images.ref}[${i},0,${r},${c}]`, title: `after ${steps[i]} steps`, range: [low, high], scale: "viridis", format: "g4", cell: 8 });
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
