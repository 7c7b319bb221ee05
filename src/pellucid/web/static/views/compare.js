/** Test: two runs side by side: their scores, and the samples on which only one of them is right. */
import { h, put, section, table } from "../dom.js";
import { number, score } from "../elements/p-number.js";
import { failure } from "../problem.js";
import { roving } from "../roving.js";
import { opener } from "../specimen.js";
import { withScores } from "./evaluation.js";

const SURE = 0.05; // the usual level of a test
const SIDE = 56; // pixels of a picture

export default {
  id: "compare",
  title: "Compare",
  lead: "Two networks on the same test samples. Where do they disagree, and is it more than chance?",
  step: "test",
  mount: (element, context) => withScores(element, context, (scores) => draw(element, context, scores)),
};

function draw(element, context, scores) {
  const tested = (all) => Object.values(all ?? {})[0]?.n; // as many samples: of another test set there is nothing to compare
  const others = context.runs.filter((one) => one.task === context.task.name && one.id !== context.run.id && tested(one.scores) === tested(scores.scores));
  if (!others.length) return put(element, h("p", { class: "panel" }, "There is no other tested run of this task to compare with."));
  const chosen = others.find((one) => one.id === context.state.other)?.id ?? others[0].id;
  const place = h("div", {});
  const options = others.map((one) => h("option", { value: one.id, selected: one.id === chosen }, one.id));
  const show = (id) => (context.setState({ other: id }), compare(place, context, scores, others.find((one) => one.id === id)));
  const pick = h("select", { id: "other", onchange: () => show(pick.value) }, options);
  put(element, h("p", { class: "row" }, h("label", { for: "other" }, h("b", {}, context.run.id), " with"), pick), place);
  return show(chosen);
}

async function compare(place, context, scores, other) {
  const { run, api } = context;
  put(place, h("p", { class: "waiting" }, "Asking both networks about the test samples ..."));
  try {
    const found = await api.get(api.address("runs", run.id, "compare", other.id));
    const ref = (path) => `${run.id}/compare/${other.id}[${path}]`;
    put(place, h("div", { class: "columns" }, sideBySide(scores, run, other), agreement(found, ref, run, other)), only(found.first, found.only_first, "only_first", run.id, context, ref), only(found.second, found.only_second, "only_second", other.id, context, ref));
  } catch (error) {
    put(place, failure(error, () => compare(place, context, scores, other)));
  }
}

function sideBySide(scores, run, other) {
  const format = (name) => (/accuracy/.test(name) ? "percent2" : "g4");
  const at = (id, name) => `${id}/scores.json[evaluate,scores,${name}]`;
  const rows = Object.keys(scores.scores).map((name) => [
    name,
    score(scores.scores[name], at(run.id, name), format(name)),
    other.scores[name] ? score(other.scores[name], at(other.id, name), format(name)) : "none",
  ]);
  return section("Scores", "Two intervals that overlap do not mean that the networks are equal: on the same samples the test beside this is sharper.", table("Scores of both", ["score", run.id, other.id], rows, { quiet: true }));
}

function agreement(found, ref, run, other) {
  const cell = (name) => number(found[name], ref(name), "int");
  const rows = [
    [`${run.id} right`, cell("both"), cell("only_first")],
    [`${run.id} wrong`, cell("only_second"), cell("neither")],
  ];
  const verdict = found.p < SURE ? "Chance alone would seldom do this." : "This may well be chance.";
  const help = "McNemar's test looks only at the samples where exactly one of the two is right. If both were equally good, either would be right on about half of them; p says how often chance alone would make the halves at least this unequal.";
  const said = h("p", {}, "McNemar's exact p = ", number(found.p, ref("p"), "g2"), ` (n = `, number(found.n, ref("n"), "int"), "). ", h("b", {}, verdict));
  return section("Agreement", help, table("On how many test samples each is right", ["", `${other.id} right`, `${other.id} wrong`], rows, { quiet: true }), said);
}

function only(list, count, name, id, context, ref) {
  const item = (one) => h("li", {}, opener(context, one.index, `a ${one.true}, read as ${one.first} by the first and ${one.second} by the second`, SIDE));
  const thumbs = h("ul", { class: `thumbs of-${context.task.takes}` }, list.map(item));
  roving(thumbs, "li > button");
  return section(`Only ${id} is right`, null, h("p", { class: "fine" }, number(count, ref(name), "int"), " samples."), thumbs);
}
