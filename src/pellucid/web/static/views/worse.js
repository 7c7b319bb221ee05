/** Test: one picture, made worse by hand, and the answer beside it. */
import { decode } from "../api.js";
import { h, put, section } from "../dom.js";
import "../elements/p-bars.js";
import { ask, button, latest, slider } from "../lens.js";
import { looksOf, paintPixels } from "../paint.js";
import { failure } from "../problem.js";
import { sampler } from "../sampler.js";
import "../trace.js";

const STEPS = { noise: 0.01, shift: 1, rotation: 1, blur: 0.1 };
const SIDE = 168; // CSS pixels of the picture
const SHOWN = 10; // bars of the most probable classes

/** @param {any} context @param {HTMLElement} place */
export async function worse(context, place) {
  const kept = (name) => Number(context.state[name] ?? 0);
  const amounts = Object.fromEntries([...Object.keys(STEPS), "seed"].map((name) => [name, kept(name)]));
  const canvas = h("canvas", { role: "img", class: "sample" });
  const said = h("p", { "aria-live": "polite" });
  const bars = h("p-bars");
  const trouble = h("div", {});
  const more = h("p", { class: "row" });
  const sliders = h("div", {});
  const sample = sampler(context, () => load());
  const load = latest(async () => {
    try {
      draw(await ask(context.run.id, "worse", { sample: sample.sample, ...amounts }));
      put(trouble);
    } catch (error) {
      put(trouble, failure(error));
    }
  });
  const help = "The same changes as above, as much of each as you like, on one picture. Its place and the noise are left to chance: another chance shows whether the answer depends on it.";
  put(place, section("One picture, made worse", help, sample.node, h("div", { class: "columns" }, h("div", {}, canvas, sliders, h("p", { class: "row" }, button("Another chance", () => change("seed", amounts.seed + 1)))), h("div", {}, said, bars, more)), trouble));
  await load();

  function change(name, value) {
    amounts[name] = value;
    context.setState({ [name]: value || null });
    load();
  }

  function draw(found) {
    if (!sliders.childElementCount) put(sliders, Object.entries(STEPS).map(([name, step]) => h("div", {}, slider(name, { min: 0, max: found.most[name], step, value: amounts[name], format: (value) => `${value} ${found.units[name].split(",")[0]}`, oninput: (value) => change(name, value) }).node)));
    const { values, ref } = decode(found.probabilities);
    const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
    const shown = order.slice(0, SHOWN).sort((a, b) => a - b);
    picture(canvas, decode(found.image));
    bars.show(shown.map((i) => ({ name: found.classes[i], value: values[i], ref: `${ref}[${i}]`, mark: i === order[0] })), { title: "probability of each class", most: 1, format: "percent1", dtype: "float32" });
    const truth = found.true === null ? "" : found.true === order[0] ? ", which is right" : `, but it is ${found.classes[found.true]}`;
    put(said, "It says ", h("b", {}, found.classes[order[0]]), `${truth}.`);
    put(more, h("a", { href: context.link({ step: "explain", view: null, query: { sample: found.sample } }) }, "Look inside with this"));
  }
}

function picture(canvas, block) {
  const [height, width] = block.shape;
  Object.assign(canvas, { width, height });
  paintPixels(canvas, looksOf(block));
  canvas.style.setProperty("width", `${SIDE}px`);
  canvas.setAttribute("aria-label", `the picture made worse, ${height} by ${width} pixels`);
  canvas.dataset.ref = block.ref;
}
