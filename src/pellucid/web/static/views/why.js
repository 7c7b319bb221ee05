/** Explain: where the network looked, by four methods, each beside the same map of a network with random weights. */
import { decode } from "../api.js";
import { colour, span } from "../colours.js";
import { h, put, section } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, choice, plane, slider } from "../lens.js";
import { looksOf, paintPixels } from "../paint.js";
import { sampler } from "../sampler.js";
import { extent } from "../series.js";
import { trace } from "../trace.js";

const SAYS = {
  saliency: "how much the score would rise with each pixel (Simonyan et al. 2014)",
  "integrated gradients": "each pixel\u2019s share of the score, from black to the picture; the shares add up to it (Sundararajan et al. 2017)",
  occlusion: "how much less sure it is when a window covers the pixel (Zeiler and Fergus 2014)",
  "Grad-CAM": "which places of the last feature maps speak for the class (Selvaraju et al. 2017)",
};

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const state = { opacity: Number(context.state.opacity ?? 0.7), target: null, found: null };
  const sample = sampler(context, show, { onchange: () => (state.target = null) });
  const controls = h("div", { class: "row controls" });
  const said = h("p", { class: "numbers" });
  const list = h("div", { class: "whys" });
  const painters = [];
  const opacity = slider("opacity of the map", { min: 0, max: 1, step: 0.05, value: state.opacity, format: (v) => `${Math.round(100 * v)} %`, oninput: (v) => ((state.opacity = v), context.setState({ opacity: v }), painters.forEach((paint) => paint(v))) });
  put(element, sample.node, controls, said, list);

  async function show() {
    const found = (state.found = await ask(context.run.id, "explain", { sample: sample.sample, target: state.target }));
    const name = found.classes[found.target];
    const probabilities = decode(found.probabilities);
    const answer = probabilities.values.indexOf(Math.max(...probabilities.values)); // in words it may be "not sure"
    put(said, "It says ", h("b", { class: "class" }, found.answer), " (", number(probabilities.values[answer], `${probabilities.ref}[${answer}]`, "percent1", "float32"), `). Explained is the class ${name}.`);
    put(controls, choice("explain the class", found.classes.map((text, i) => [i, text]), found.target, (i) => ((state.target = Number(i)), sample.load())), opacity.node);
    painters.length = 0;
    put(list, found.methods.map((method) => card(method, found, painters, name)));
    painters.forEach((paint) => paint(state.opacity));
  }
  await sample.load();
}

function card(method, found, painters, name) {
  const { likeness, ssim, passes } = method;
  const figures = [["this network", method.map], ["random weights", method.twin]].map(([title, block]) => overlay(title, block, found.sample, painters, `${method.name}, ${title}`));
  const empty = decode(method.map).values.every((value) => value === 0);
  const badge = h("p", { class: `badge ${empty ? "" : passes ? "good" : "doubtful"}` }, h("b", {}, empty ? "an empty map: it says nothing here" : passes ? "\u2713 passes the sanity test" : "? doubtful"), h("span", { class: "numbers" }, " likeness to the random network\u2019s map: rank correlation ", number(likeness.value, likeness.ref, "2"), ", SSIM ", number(ssim, `ssim(${method.map.ref}, ${method.twin.ref})`, "2")));
  const help = passes ? "The map changes when the weights do, so it tells of the network and not of the picture alone (Adebayo et al. 2018)." : "The map hardly changes when all weights are random, so what it shows is the picture rather than what the network learned (Adebayo et al. 2018).";
  const signs = (extent(decode(method.map).values) ?? [0])[0] < 0;
  const legend = signs ? `Orange speaks for ${name}, blue against it.` : `Yellow speaks for ${name}.`;
  return section(method.name, SAYS[method.name] ?? "", h("div", { class: "gallery" }, figures), h("p", { class: "fine" }, legend), badge, h("details", { class: "twin" }, h("summary", {}, "What the badge means"), h("p", {}, help)), numbers(method));
}

/** The map over the picture; the slider says how much of each is seen. */
function overlay(title, block, sample, painters, label) {
  const map = plane(block);
  const picture = looksOf(decode(sample));
  const canvas = h("canvas", { width: map.columns, height: map.rows, role: "img", class: "overlay", "data-ref": block.ref });
  const range = extent(map.values) ?? [0, 1];
  const scale = range[0] < 0 ? "diverging" : "viridis";
  const [low, high] = span(scale, ...range);
  const peak = map.values.reduce((best, value, i) => (value > map.values[best] ? i : best), 0);
  canvas.setAttribute("aria-label", `${label}: strongest at row ${Math.floor(peak / map.columns)}, column ${peak % map.columns}`);
  painters.push((opacity) => {
    paintPixels(canvas, (r, c) => {
      const over = colour(scale, (map.values[r * map.columns + c] - low) / (high - low));
      const under = picture(r, c);
      return over.map((part, k) => opacity * part + (1 - opacity) * under[k]);
    });
  });
  return h("figure", {}, canvas, h("figcaption", {}, title));
}

/** The same map as numbers to walk through. */
function numbers(method) {
  const details = h("details", { class: "twin" }, h("summary", {}, "Walk through the map cell by cell"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("p-grid")) return;
    const matrix = plane(method.map);
    const range = extent(matrix.values) ?? [0, 1];
    const grid = h("p-grid");
    details.append(grid);
    grid.show({ ...matrix, title: method.name, scale: range[0] < 0 ? "diverging" : "viridis", range, format: "g4", cell: 11 });
    grid.addEventListener("open", ({ detail }) => trace(matrix.refOf(detail.row, detail.column)));
  });
  return details;
}
