/** Test: a network may say that it is not sure. How many answers does that cost, and how right are those that are left? */
import { h, put, section, table } from "../dom.js";
import "../elements/p-curve.js";
import { number } from "../elements/p-number.js";
import { slider } from "../lens.js";
import { written } from "../numbers.js";
import { failure } from "../problem.js";

const PARTS = { valid: "validation", test: "test" };

/** @param {any} context @param {HTMLElement} place that is filled when the numbers are there */
export async function abstain(context, place) {
  put(place, h("p", { class: "panel waiting" }, "counting how sure each answer is ..."));
  try {
    draw(context, place, await context.api.get(context.api.address("runs", context.run.id, "abstain")));
  } catch (error) {
    put(place, failure(error, () => abstain(context, place)));
  }
}

function draw(context, place, found) {
  const { thresholds } = found;
  const ref = (path) => `${context.run.id}/abstain[${path}]`;
  const value = (part, i, key, format) => number(found[part].accuracy[i][key], ref(`${part},accuracy,${i},${key}`), format);
  const answered = (part, i) => number(share(part, i), `${ref(`${part},accuracy,${i},n`)} / ${part},n`, "percent2");
  const share = (part, i) => (found[part].accuracy[i]?.n ?? 0) / found[part].n;
  const chart = h("p-curve");
  const said = h("p", { class: "withheld", "aria-live": "polite" });
  const rows = h("div", {});
  const sure = (i) => (i ? `${written(thresholds[i], "percent2")} or more` : "however unsure it is");
  const move = slider("It answers when it is sure by", { min: 0, max: thresholds.length - 1, step: 1, value: 0, format: sure, oninput: (i) => choose(i) });
  const rising = thresholds.map((_, i) => i).reverse(); // so that the share of answers rises
  const line = (part, name, more) => ({ name, xs: rising.map((i) => share("valid", i)), ys: rising.map((i) => found[part].accuracy[i]?.value ?? NaN), refOf: (at) => ref(`${part},accuracy,${rising[at]},value`), format: "percent2", ...more });
  chart.addEventListener("open", ({ detail }) => choose(rising[detail.index]));
  const help = "Below the probability that you choose the network says that it is not sure. Choose by the validation line: the test line then says what that choice is worth on samples that took no part in it. A probability that is chosen by the test line looks better than it is.";
  put(place, section("If it may say that it is not sure", help, move.node, h("div", { class: "columns" }, h("div", {}, chart), h("div", {}, said, rows))));
  show(nearest(thresholds, Number(context.state.sure ?? 0)));

  function choose(i) {
    context.setState({ sure: i ? thresholds[i].toPrecision(6) : null });
    show(i);
  }

  function show(i) {
    move.set(i);
    chart.show({ title: "Share of right answers among those that are given", x: "share of validation answers that are given", lines: [line("valid", "validation"), line("test", "test, from the same probability on", { dashed: true })], marked: share("valid", i) });
    put(rows, table("Answered, and right among what is answered", ["part", "answered", "right", "95 % interval"], Object.entries(PARTS).map(([part, name]) => row(part, name, i))));
    const [valid, test] = Object.keys(PARTS).map((part) => ({ given: answered(part, i), right: found[part].accuracy[i] ? value(part, i, "value", "percent2") : "none" }));
    put(said, i ? ["Where it is sure by ", number(thresholds[i], ref(`thresholds,${i}`), "percent2"), " or more, it answers ", valid.given, " of the validation samples, of which ", valid.right, " are right; on the test set ", test.given, ", of which ", test.right, " are right."] : ["It answers everything: ", valid.right, " are right on validation, ", test.right, " on the test set."]);
  }

  function row(part, name, i) {
    const of = number(found[part].n, ref(`${part},n`), "int");
    if (!found[part].accuracy[i]) return [name, ["none of ", of], "none", ""];
    const counts = h("small", {}, " ", value(part, i, "n", "int"), " of ", of);
    return [name, [answered(part, i), counts], value(part, i, "value", "percent2"), [value(part, i, "low", "points2"), " to ", value(part, i, "high", "points2")]];
  }
}

function nearest(values, wanted) {
  return values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
}
