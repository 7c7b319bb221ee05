/** Test: how fast accuracy falls as the images get worse. */
import { h, put, section } from "../dom.js";
import "../elements/p-curve.js";
import { number } from "../elements/p-number.js";
import { withScores } from "./evaluation.js";
import { worse } from "./worse.js";

export default {
  id: "robustness",
  title: "Robustness",
  lead: "Test images are cleaner than the world. How fast does accuracy fall?",
  step: "test",
  mount: (element, context) => withScores(element, context, (scores, ref) => draw(element, scores, ref, context)),
};

function draw(element, scores, ref, context) {
  const kinds = Object.entries(scores.robustness ?? {});
  if (!kinds.length) return put(element, h("p", { class: "panel" }, "Only pictures are made worse here; this task takes something else."));
  const charts = kinds.map(([name, curve]) => {
    const chart = h("p-curve");
    const all = curve.accuracy;
    const at = (i) => ref(`robustness,${name},accuracy,${i},value`);
    const line = { name: "accuracy", xs: curve.levels, ys: all.map((one) => one.value), lows: all.map((one) => one.low), highs: all.map((one) => one.high), refOf: at, format: "percent1", points: true };
    const last = all.length - 1;
    const said = h("p", { class: "fine" }, number(all[0].value, at(0), "percent2"), " unchanged, ", number(all[last].value, at(last), "percent2"), " at ", number(curve.levels[last], ref(`robustness,${name},levels,${last}`)), ` ${curve.unit}.`);
    return { panel: section(name, null, chart, said), show: () => chart.show({ title: `Accuracy under ${name}`, x: curve.unit, lines: [line], range: [0, 1] }) };
  });
  const one = h("div", {});
  put(element, h("div", { class: "columns" }, charts.map(({ panel }) => panel)), one);
  charts.forEach(({ show }) => show());
  return worse(context, one);
}
