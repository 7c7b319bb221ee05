/** Test: every score with its interval, per class as well, and the command that makes it again. */
import { copyable } from "../copy.js";
import { h, put, section, table } from "../dom.js";
import { number, score } from "../elements/p-number.js";
import { withScores } from "./evaluation.js";

export default {
  id: "scores",
  title: "Scores",
  lead: "How good it is on what it never saw, and how sure that is.",
  step: "test",
  mount: (element, context) =>
    withScores(element, context, async (scores, ref) => {
      const ask = (what) => context.api.get(context.api.address("runs", context.run.id, what));
      put(element, draw(scores, ref, context, ...(await Promise.all([ask("published"), ask("board")]))));
    }),
};

function draw(scores, ref, { run }, others, board) {
  const help = "With other test samples the score would be a little different. The 95 % interval says how much: two networks whose intervals overlap widely are not told apart by this test.";
  const big = Object.entries(scores.scores).map(([name, entry]) => h("div", { class: "figure" }, h("span", { class: "name" }, name), score(entry, ref(`scores,${name}`), format(name))));
  return [
    section("On the test set", help, h("div", { class: "figures" }, big, cost(run, board)), h("p", { class: "fine" }, "The same in a terminal"), copyable(run.commands.evaluate)),
    board.seeds ? luck(run, board.seeds) : null,
    scores.scores.accuracy && others.length ? beside(scores, ref, run, others) : null,
    scores.per_class ? perClass(scores, ref) : null,
  ];
}

/** What the score cost. */
function cost(run, { seconds, parameters }) {
  const figure = (name, value) => h("div", { class: "figure" }, h("span", { class: "name" }, name), h("span", { class: "score" }, h("b", {}, value)));
  return [
    figure("parameters", number(parameters, `${run.id}/board[parameters]`, "int")),
    figure("training time", seconds === null ? "not kept" : number(seconds, `${run.id}/board[seconds]`, "time")),
  ];
}

/** The same setting with other seeds. */
function luck(run, { runs, scores }) {
  const rows = Object.entries(scores).map(([name, spread]) => {
    const at = (key) => number(spread[key], `${run.id}/board[seeds,scores,${name},${key}]`, key === "n" ? "int" : format(name));
    return [name, at("n"), at("low"), at("median"), at("high")];
  });
  const help = "A seed decides the first weights, the order of the samples and what is left to chance. A difference between two settings that is smaller than the spread of one setting says nothing.";
  return section("With other seeds", help, table("Scores of the runs that differ in the seed only", ["score", "seeds", "lowest", "median", "highest"], rows), h("p", { class: "fine" }, `The tested runs of this setting, one for each seed: ${runs.join(", ")}.`));
}

/** What others published on the same test set, the best first, and where this run stands among them. */
function beside(scores, ref, run, others) {
  const { value, n } = scores.scores.accuracy;
  const theirs = others.map((one, i) => ({ ...one, cell: number(one.accuracy, `${run.id}/published[${i},accuracy]`, "percent2") }));
  const ours = { system: h("b", {}, `this run, ${run.id}`), accuracy: value, cell: h("b", {}, number(value, ref("scores,accuracy,value"), "percent2")), source: `here, n = ${n}`, note: "" };
  const rows = [...theirs, ours].sort((a, b) => b.accuracy - a.accuracy).map(({ system, cell, source, note }) => [system, cell, h("span", { class: "fine" }, source, note ? ` (${note})` : "")]);
  return section("Published results", "As printed by their authors, without an interval: on this many test samples, differences of a few tenths may be chance.", table("Accuracy on the same test set", ["system", "accuracy", "source"], rows));
}

function perClass(scores, ref) {
  const help = h("span", {}, h("b", {}, "Precision"), ": of those called 4, how many are a 4. ", h("b", {}, "Recall"), ": of the true 4s, how many were found. ", h("b", {}, "F1"), " is their harmonic mean. Below, the 95 % interval.");
  const rows = scores.per_class.map((row, i) => {
    const at = (name) => ref(`per_class,${i},${name}`);
    return [row.class, measured(row.precision, at("precision")), measured(row.recall, at("recall")), measured(row.f1, at("f1")), count(row, at)];
  });
  return section("Class by class", help, table("Precision, recall and F1 of each class", ["class", "precision", "recall", "F1", "samples"], rows));
}

function measured(entry, ref) {
  if (entry === null || entry === undefined) return "none";
  if (typeof entry === "number") return number(entry, ref, "percent2");
  const interval = entry.low === null || entry.low === undefined ? null : h("small", { class: "interval" }, number(entry.low, `${ref}[low]`, "points1"), " to ", number(entry.high, `${ref}[high]`, "points1"));
  return [number(entry.value, `${ref}[value]`, "percent2"), interval];
}

function count(row, at) {
  if (typeof row.support === "number") return number(row.support, at("support"), "int");
  return number(row.recall?.n ?? null, at("recall") + "[n]", "int");
}

function format(name) {
  return /accuracy|recall|precision|f1|share|auc/i.test(name) ? "percent2" : "g4";
}
