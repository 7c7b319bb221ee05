/** Explain: from scores to probabilities to the loss, every term; change a score and see all of it follow. */
import { decode } from "../api.js";
import { h, put, section, svg } from "../dom.js";
import "../elements/p-bars.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, slider } from "../lens.js";
import { written } from "../numbers.js";
import { sampler } from "../sampler.js";
import "../trace.js";
import { terms } from "./terms.js";

const CURVE = { width: 420, height: 220, left: 34, bottom: 28, top: 8 };
const MOST_LOSS = 6;

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const state = { changed: {}, temperature: 1, target: null };
  const body = h("div", { class: "softmax" });
  const controls = h("div", { class: "row controls" });
  const curve = svg("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img", class: "loss-curve" });
  const loss = h("div", { class: "said-loss", "aria-live": "polite" });
  let moves = [];
  let rows = null;
  const sample = sampler(context, show, { onchange: () => (Object.assign(state, { changed: {}, target: null }), (rows = null)) });
  const { load } = sample;
  async function show() {
    const given = [state.temperature, ...Object.entries(state.changed).map(([i, v]) => `${i}=${v}`)].join(";");
    const found = await ask(context.run.id, "softmax", { sample: sample.sample, target: state.target, given });
    state.target = found.target;
    draw(found);
  }
  const temperature = slider("temperature", { min: 0.1, max: 10, step: 0.1, value: 1, format: (v) => v.toFixed(1), oninput: (v) => ((state.temperature = v), load()) });

  function draw(found) {
    const blocks = Object.fromEntries(["given", "scores", "shifted", "exponentials", "probabilities", "gradient"].map((name) => {
      const { values, ref } = decode(found[name]);
      return [name, { values, ref, refOf: (i) => `${ref}[${i}]` }];
    })); // prettier-ignore
    const one = (name) => { const { values, ref } = decode(found[name]); return number(values[0], ref, "g6", "float32"); }; // prettier-ignore
    if (!rows) build(found);
    rows.show(blocks, found.target);
    moves.forEach((move, i) => {
      if (!(i in state.changed)) move.set(Number(blocks.given.values[i].toFixed(2)));
      move.node.classList.toggle("moved", i in state.changed);
    });
    const sum = blocks.probabilities.values.reduce((a, b) => a + b, 0);
    const sums = h("p", { class: "sums numbers" }, "largest score ", one("largest"), "; sum of the exponentials ", one("total"), "; sum of the probabilities ", number(sum, `sum(${blocks.probabilities.ref})`, "g7"));
    put(totals, sums);
    const p = blocks.probabilities.values[found.target];
    put(loss, "loss = \u2212log p(", h("span", { class: "class" }, found.classes[found.target]), ") = \u2212log ", number(p, `${blocks.probabilities.ref}[${found.target}]`, "g4", "float32"), " = ", h("b", {}, one("loss")));
    drawCurve(curve, found.curve, p, decode(found.loss).values[0], found.classes[found.target]);
    put(controls, choice("true class", found.classes.map((name, i) => [i, name]), found.target, (i) => ((state.target = Number(i)), load())), temperature.node, button("The network's own scores", () => ((state.changed = {}), (state.temperature = 1), temperature.set(1), load())));
  }
  const totals = h("div");
  function build(found) {
    moves = found.classes.map((name, i) => slider(`score of ${name}`, { min: -15, max: 15, step: 0.05, value: 0, format: (v) => v.toFixed(2), oninput: (v) => ((state.changed[i] = v), load()) }));
    rows = terms("class", found.classes, { first: ["move its score", moves.map(({ node }) => node)], last: { gradient: "slope of the loss" } });
    put(body, rows.node, totals);
  }
  const help = "The score is divided by the temperature T, the largest score is taken away (so that nothing overflows; it changes no result), each is raised to a power of e, and divided by the sum of all. A high temperature makes the network unsure, a low one surer.";
  const why = "The loss is small where the network gives the true class a high probability, and grows without limit towards 0. Its slope by each score is the probability, minus 1 for the true class: that is what training passes back.";
  put(element, sample.node, controls, section("Scores to probabilities", help, body), section("Probability to loss", why, loss, curve));
  await load();
}

/** The curve of -log p with the point where we are. */
function drawCurve(curve, { probabilities, losses }, p, value, name) {
  const { width, height, left, bottom, top } = CURVE;
  const x = (share) => left + share * (width - left - 12);
  const y = (nats) => height - bottom - (Math.min(nats, MOST_LOSS) / MOST_LOSS) * (height - bottom - top);
  const path = probabilities.map((share, i) => `${i ? "L" : "M"}${x(share).toFixed(1)} ${y(losses[i]).toFixed(1)}`).join("");
  put(
    curve,
    [0, 2, 4, 6].map((nats) => [svg("line", { x1: left, x2: width - 12, y1: y(nats), y2: y(nats), class: "rule" }), svg("text", { class: "tick", x: left - 6, y: y(nats) + 4, "text-anchor": "end" }, nats)]),
    [0, 0.5, 1].map((share) => svg("text", { class: "tick", x: x(share), y: height - 10, "text-anchor": "middle" }, share)),
    svg("path", { d: path, class: "curve" }),
    svg("circle", { cx: x(p), cy: y(value), r: 6, class: "here" }),
  );
  curve.setAttribute("aria-label", `The loss, minus log p, falls from above ${MOST_LOSS} near probability 0 to 0 at probability 1. The point: probability ${written(p, "g4")} of class ${name}, loss ${written(value, "g4")}.`);
}
