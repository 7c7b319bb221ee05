/** Train: how each layer fares: the norm of its gradient over the training, and units that fell silent. */
import { h, put, section, table } from "../dom.js";
import "../elements/p-curve.js";
import { number } from "../elements/p-number.js";

const MOST = 6; // lines in one chart

/** A panel over the log of a run: ``show(log, chart, refOf, index)``. */
export function vitalsPanel() {
  const gradients = h("p-curve");
  const silent = h("p-curve");
  const now = h("details", { class: "twin" }, h("summary", {}, "Every layer, at the moment of the time line"), h("div", {}));
  const quiet = section("Silent units", "The share of a layer's ReLU units that give nothing for any of 200 validation samples. What stays silent has no gradient, and learns no more.", silent);
  const node = h("div", { class: "columns", hidden: true }, section("Gradient of each layer", "The norm of the gradient of a layer's weights in the last step before each evaluation. If one is thousands of times smaller than another, that layer hardly learns; if one grows without end, the training is about to break.", gradients, now), quiet);
  return {
    node,
    show(log, chart, refOf, index) {
      const found = log.evaluations.filter(({ layers }) => layers);
      node.hidden = !found.length;
      if (!found.length) return;
      const line = (name, key, format) => {
        const there = found.filter(({ layers }) => layers[name]);
        return { name, xs: there.map(({ step }) => step), ys: there.map(({ layers }) => layers[name][key]), refOf: (i) => refOf(there[i].line, `layers,${name},${key}`), format, points: true };
      };
      const names = (key) => Object.keys(found.at(-1).layers).filter((name) => key in found.at(-1).layers[name]);
      gradients.show({ ...chart, title: "Norm of each layer's gradient", log: true, lines: evenly(names("gradient")).map((name) => line(name, "gradient", "g3")) });
      quiet.hidden = !names("silent").length;
      if (!quiet.hidden) silent.show({ ...chart, title: "Share of silent units", lines: evenly(names("silent")).map((name) => line(name, "silent", "percent1")) });
      const one = log.evaluations[index]?.layers ? log.evaluations[index] : found.at(-1);
      const cell = (name, key, format) => (key in one.layers[name] ? number(one.layers[name][key], refOf(one.line, `layers,${name},${key}`), format) : "");
      put(now.lastElementChild, table(`after step ${one.step}`, ["layer", "norm of the gradient", "silent units"], Object.keys(one.layers).map((name) => [name, cell(name, "gradient", "g3"), cell(name, "silent", "percent1")])));
    },
  };
}

/** At most so many names, evenly chosen, the first and the last among them. */
function evenly(names) {
  if (names.length <= MOST) return names;
  return Array.from({ length: MOST }, (_, i) => names[Math.round((i * (names.length - 1)) / (MOST - 1))]);
}
