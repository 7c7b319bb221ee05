/** Use: give the network something of your own, and take the network with you. What is asked for follows from ``takes``. */
import { decode } from "../api.js";
import { h, put, section } from "../dom.js";
import "../elements/p-bars.js";
import { number } from "../elements/p-number.js";
import { giving } from "../giving.js";
import { looks } from "../looks.js";
import { looksOf, paintPixels } from "../paint.js";
import { failure } from "../problem.js";
import { speaker } from "../speaking.js";
import { takeaway } from "./takeaway.js";

const SHOWN = 12; // bars of the most likely classes

export default {
  id: "use",
  title: "Try it",
  lead: "Give it something that it has never seen.",
  step: "use",
  async mount(element, context) {
    if (context.task.takes === "script") {
      put(element, section("Let it speak", "Every sample is drawn from a softmax, so another seed says it in another way.", ...speaker(context)), takeaway(context));
      return;
    }
    const place = h("div", { class: "answer", "aria-live": "polite" });
    const way = h("div", {});
    let asked = 0;
    const ask = async (body) => {
      const mine = ++asked;
      if (body === null) return void (put(place, nothing()), put(way));
      try {
        const found = await context.api.predict(context.run.id, body);
        if (mine !== asked) return;
        context.setState({ sample: found.sample });
        put(place, answer(found, context));
        put(way, stages(found));
      } catch (error) {
        if (mine === asked) put(place, failure(error));
      }
    };
    const input = giving(context, ask);
    input.append(way);
    put(element, h("div", { class: "columns" }, input, section("Its answer", context.task.gives === "classes" ? "The bars are probabilities; together they make one. The score beside each is what the network computed before softmax." : null, place)), takeaway(context));
    if (context.sample) await ask({ sample: context.sample });
    else put(place, nothing());
  },
};

const nothing = () => h("p", { class: "fine" }, "Nothing given yet.");

function answer(found, context) {
  const { text, probabilities, logits, ...others } = found.answer;
  const parts = [h("p", { class: "said" }, text || "No answer.")];
  if (probabilities && Object.keys(probabilities).length) parts.push(bars(probabilities, logits ?? {}, found, context.run.facts.classes ?? []));
  if (others.hypotheses) {
    parts.push(looks(others, found));
    for (const name of ["source", "pieces", "attention", "hypotheses"]) delete others[name];
  }
  const more = Object.entries(others).filter(([, value]) => value !== null && value !== "");
  if (more.length) parts.push(h("pre", { tabindex: "0" }, JSON.stringify(Object.fromEntries(more), null, 1)));
  parts.push(h("p", {}, h("a", { href: context.link({ step: "explain", view: null, query: { sample: found.sample } }) }, "Look inside with this")));
  return parts;
}

function stages(found) {
  return found.stages?.length ? [h("h3", {}, found.stages.length > 1 ? "On its way to the network" : "As the network got it"), h("ul", { class: "gallery stages" }, found.stages.map(stage))] : [];
}

function bars(probabilities, logits, found, classes) {
  // in the order of the classes: an object has the names that are whole numbers first
  const names = classes.length && classes.every((name) => name in probabilities) ? classes : Object.keys(probabilities);
  const order = names.map((name, i) => ({ name, i, value: probabilities[name] }));
  const most = order.reduce((a, b) => (b.value > a.value ? b : a));
  const shown = names.length <= SHOWN ? order : order.sort((a, b) => b.value - a.value).slice(0, SHOWN);
  const base = found.output?.ref ?? found.sample;
  const chart = h("p-bars");
  const score = (name, i) => (name in logits ? h("small", {}, " score ", number(logits[name], `${base}[${i}]`, "g4", "float32")) : null);
  chart.show(shown.map(({ name, i, value }) => ({ name, value, ref: `softmax(${base})[${i}]`, mark: name === most.name, note: score(name, i) })), { title: "probability of each class", most: 1, format: "percent2" });
  return chart;
}

/** One stage of the way from what was given to what the network takes. */
function stage(block) {
  const { shape } = decode(block);
  const drawable = (shape.length === 2 || (shape.length === 3 && shape[2] <= 4)) && block.dtype !== "int64";
  const content = drawable ? picture(block) : h("code", {}, shape.join(" \u00d7 "));
  return h("li", {}, h("figure", {}, content, h("figcaption", {}, block.name)));
}

function picture(block) {
  const { values, shape } = decode(block);
  const [height, width] = shape;
  const top = values instanceof Uint8Array ? 255 : values.reduce((a, b) => Math.max(a, b), 1e-9);
  const canvas = h("canvas", { width, height, role: "img", "aria-label": `${block.name}: ${height} by ${width} values`, "data-ref": block.ref });
  paintPixels(canvas, looksOf({ values, shape }, top));
  return canvas;
}
