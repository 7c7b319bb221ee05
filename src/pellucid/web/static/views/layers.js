/** Explain: what every layer of any network gives for one input, and what excites each of its units. */
import { decode } from "../api.js";
import { colour, span } from "../colours.js";
import { h, put } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, plane, planes, sized, unravel } from "../lens.js";
import { written } from "../numbers.js";
import { roving } from "../roving.js";
import { sampler } from "../sampler.js";
import { extent } from "../series.js";
import { unitPanel } from "./unit.js";

const MOST_MAPS = 32; // drawn at once of a layer; the rest on demand
const SCALES = [["layer", "one for each layer"], ["map", "one for each map"], ["net", "one for the whole network"]];

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const list = h("ol", { class: "layers" });
  const unit = h("div", { class: "unit", "aria-live": "polite" });
  const state = { scale: context.state.scale ?? "layer", found: null };
  const scale = choice("colours", SCALES, state.scale, (value) => ((state.scale = value), context.setState({ scale: value }), draw()));
  const sample = sampler(context, show, { beside: scale });
  put(element, sample.node, h("div", { class: "beside" }, list, unit));

  async function show() {
    state.found = await ask(context.run.id, "layers", { sample: sample.sample });
    const { true: truth, classes } = state.found;
    sample.tell(truth === null ? "" : `true class: ${classes[truth] ?? truth}`);
    draw();
    if (context.state.layer) pick(context.state.layer, Number(context.state.unit ?? 0));
    else put(unit, h("p", { class: "panel fine" }, "Nothing chosen yet. Choose a map or a cell of a layer."));
  }
  function draw() {
    const all = state.found.layers.flatMap((layer) => (layer.after.data ? [...(extent(decode(layer.after).values) ?? [])] : []));
    const whole = extent(all) ?? [0, 1];
    const none = h("li", { class: "panel fine" }, "This network has no layers, only functions; Look, Network shows them.");
    put(list, state.found.layers.length ? state.found.layers.map((layer) => card(layer, state.scale, whole, pick)) : none);
  }
  function pick(name, index) {
    context.setState({ layer: name, unit: index });
    const layer = state.found.layers.find((one) => one.name === name);
    if (layer) unitPanel(unit, context, layer, index);
  }
  await sample.load();
}

function card(layer, scale, whole, pick) {
  const facts = [h("span", { class: "tick" }, sized(layer.from), " \u2192 ", h("b", {}, sized(layer.shape))), "; from ", of(layer, "minimum"), " to ", of(layer, "maximum"), ", mean ", of(layer, "mean")];
  const title = h("h2", {}, layer.name, layer.call > 1 ? ` (call ${layer.call})` : "", " ", h("small", {}, layer.kind));
  return h("li", { class: "panel", "data-layer": layer.name }, h("div", { class: "heading" }, title), h("p", { class: "fine numbers" }, facts), clipped(layer), content(layer, scale, whole, pick));
}

/** A statistic of a layer: its reference says which function of which tensor it is. */
function of(layer, name) {
  return number(layer[name], `${name}(${layer.after.ref})`, "g4", "float64");
}

/** What a ReLU set to zero. */
function clipped(layer) {
  if (layer.clipped === null) return null;
  const share = layer.share_clipped;
  const total = layer.from.reduce((a, b) => a * b, 1);
  const track = h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill", style: { left: 0, width: `${100 * share}%` } }));
  const ref = `count(${layer.before?.ref ?? layer.after.ref} < 0)`;
  return h("p", { class: "row clipped" }, track, h("span", {}, number(layer.clipped, ref, "int"), " of ", h("span", { class: "tick" }, written(total, "int")), " were below zero and became 0: ", number(share, `${ref} / ${total}`, "percent1")));
}

function content(layer, scale, whole, pick) {
  if (!layer.after.data) return h("p", { class: "fine" }, "Too many numbers to draw here at once; ask for parts of it with pellucid trace.");
  const block = decode(layer.after);
  const range = scale === "net" ? whole : extent(block.values);
  if (block.shape.length < 3) return vector(layer, block, range, pick);
  const count = planes(block.shape);
  const maps = h("ul", { class: "maps" });
  const add = (from, to) => {
    for (let c = from; c < to; c++) maps.append(h("li", {}, map(layer, block, c, scale === "map" ? null : range, pick)));
    roving(maps, "button");
  };
  add(0, Math.min(count, MOST_MAPS));
  const rest = count - MOST_MAPS;
  const more = rest > 0 ? button(`show the other ${rest} maps`, () => (add(MOST_MAPS, count), more.remove()), { class: "quiet small" }) : null;
  return [maps, more, twin(layer, block, count)];
}

function map(layer, block, channel, range, pick) {
  const { values, rows, columns } = plane(block, channel);
  const [least, most] = extent(values) ?? [0, 0];
  const canvas = h("canvas", { width: columns, height: rows });
  paint(canvas, values, range ?? [least, most]);
  const label = `${layer.name}, map ${channel}: from ${written(least, "g3")} to ${written(most, "g3")}`;
  return h("button", { type: "button", class: "open", "aria-label": label, title: label, "data-unit": channel, onclick: () => pick(layer.name, channel) }, canvas);
}

/** Colour a matrix: viridis where nothing is negative, blue and orange where signs matter. */
export function paint(canvas, values, range) {
  const scale = range[0] < 0 ? "diverging" : "viridis";
  const [low, high] = span(scale, ...range);
  const image = new ImageData(canvas.width, canvas.height);
  values.forEach((value, i) => image.data.set([...colour(scale, (value - low) / (high - low)), 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function vector(layer, block, range, pick) {
  const grid = h("p-grid");
  const matrix = plane(block);
  const unit = (index) => unravel(index, block.shape)[layer.axis];
  grid.show({ ...matrix, title: `${layer.name}, ${block.values.length} numbers`, scale: range[0] < 0 ? "diverging" : "viridis", range, format: "g4", cell: 22, describe: (r, c) => `(unit ${unit(r * matrix.columns + c)})` });
  grid.addEventListener("open", ({ detail }) => pick(layer.name, unit(detail.index)));
  return grid;
}

/** The maps as a table: what a picture shows, in numbers. */
function twin(layer, block, count) {
  const details = h("details", { class: "twin" }, h("summary", {}, "The maps as a table"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    const rows = Array.from({ length: count }, (_, c) => {
      const { values } = plane(block, c);
      const [low, high] = extent(values) ?? [0, 0];
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return h("tr", {}, h("th", { scope: "row" }, c), [low, mean, high].map((value) => h("td", { class: "tick" }, written(value, "g4"))));
    });
    details.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${layer.name} as a table` }, h("table", { class: "tight" }, h("thead", {}, h("tr", {}, ["map", "least", "mean", "most"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows))));
  });
  return details;
}
