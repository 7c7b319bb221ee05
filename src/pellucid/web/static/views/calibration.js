/** Test: is it as right as it is sure? Before and after the temperature that was chosen on validation. */
import { h, put, section, table } from "../dom.js";
import "../elements/p-curve.js";
import { number } from "../elements/p-number.js";
import { abstain } from "./abstain.js";
import { withScores } from "./evaluation.js";

const WAYS = [
  ["calibration", "as it is"],
  ["calibration_with_temperature", "with the temperature"],
];

export default {
  id: "calibration",
  title: "Calibration",
  lead: "A network that says 90 % should be right nine times in ten.",
  step: "test",
  mount: (element, context) => withScores(element, context, (scores, ref) => draw(element, scores, ref, context)),
};

function draw(element, scores, ref, context) {
  const found = WAYS.filter(([key]) => scores[key]);
  const edges = scores.calibration.edges;
  const middles = edges.slice(1).map((edge, i) => (edge + edges[i]) / 2);
  const lines = found.map(([key, name]) => {
    const bins = middles.map((x, i) => [x, i]).filter(([, i]) => scores[key].counts[i]);
    return { name, xs: bins.map(([x]) => x), ys: bins.map(([, i]) => scores[key].accuracy[i]), refOf: (at) => ref(`${key},accuracy,${bins[at][1]}`), format: "percent1", points: true };
  });
  const ideal = { name: "perfectly honest", xs: [0, ...middles, 1], ys: [0, ...middles, 1], refOf: (i) => ref(`calibration,edges,${i}`), format: "percent0", dashed: true };
  const help = "Answers are sorted by how sure the network was, and each group's share of right answers is drawn. Below the dashed line it promises too much, above it too little. Groups with few samples jump about.";
  const chart = h("p-curve");
  const unsure = h("div", {});
  put(element, h("div", { class: "columns" }, section("Said and true", help, chart), sums(scores, found, ref)), unsure, groups(scores, found, ref));
  chart.show({ title: "Share of right answers against confidence", x: "confidence", lines: [...lines, ideal], range: [0, 1], domain: [0, 1] });
  return abstain(context, unsure);
}

function sums(scores, found, ref) {
  const rows = found.map(([key, name]) => [name, number(scores[key].ece, ref(`${key},ece`), "percent2")]);
  const help = "The expected calibration error (ECE) is the mean distance between what is said and what comes true. Dividing all class scores by one number, the temperature, makes the probabilities more honest and changes no answer.";
  const temperature = scores.temperature
    ? h("p", {}, "Temperature ", number(scores.temperature.value, ref("temperature,value"), "3"), `, chosen on ${scores.temperature["chosen on"] ?? "validation"}, n = `, number(scores.temperature.n, ref("temperature,n"), "int"), ".")
    : null;
  return section("Calibration error", help, table("Expected calibration error", ["probabilities", "ECE"], rows), temperature);
}

function groups(scores, found, ref) {
  const rows = scores.calibration.edges.slice(1).flatMap((edge, i) => {
    if (!found.some(([key]) => scores[key].counts[i])) return [];
    const name = h("span", { class: "tick" }, `${Math.round(100 * scores.calibration.edges[i])} to ${Math.round(100 * edge)} %`);
    return [[name, found.map(([key]) => [number(scores[key].counts[i], ref(`${key},counts,${i}`), "int")]), found.map(([key]) => number(scores[key].accuracy[i], ref(`${key},accuracy,${i}`), "percent1"))].flat()];
  });
  const head = ["confidence", ...found.map(([, name]) => `samples, ${name}`), ...found.map(([, name]) => `right, ${name}`)];
  return section("Group by group", null, table("Images and right answers in each group of confidence", head, rows, { quiet: true }));
}
