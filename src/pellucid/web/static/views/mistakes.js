/** Test: the worst mistakes first, each with what it is, what the network said, and how sure it was. */
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { roving } from "../roving.js";
import { inside } from "./inspect.js";
import { imageOf, testable, withScores } from "./evaluation.js";

export default {
  id: "mistakes",
  title: "Mistakes",
  lead: "Look at them. Some you would get wrong as well; the others tell you what to do next.",
  step: "test",
  for: testable,
  mount: (element, context) => withScores(element, context, (scores, ref) => draw(element, context, scores, ref)),
};

function draw(element, context, scores, ref) {
  if (!scores.mistakes?.length) return put(element, h("p", { class: "panel" }, "No mistakes were kept: every test sample was right, or the task has none to show."));
  const wrong = scores.n - scores.confusion.reduce((sum, row, i) => sum + row[i], 0);
  const list = h("ul", { class: "gallery mistakes" });
  const said = h("p", { class: "fine", role: "status" });
  const choose = (name, label) => {
    const known = [...new Set(scores.mistakes.map((one) => one[name]))].sort();
    const options = ["", ...known].map((value) => h("option", { value, selected: context.state[name] === value }, value || "any"));
    return h("label", {}, label, h("select", { onchange: (event) => (context.setState({ [name]: event.target.value }), fill()) }, options));
  };
  function fill() {
    const { true: truth, predicted } = context.state;
    const shown = scores.mistakes.map((one, i) => [one, i]).filter(([one]) => (!truth || one.true === truth) && (!predicted || one.predicted === predicted));
    put(list, shown.map(([one, i]) => item(one, (name) => ref(`mistakes,${i},${name}`), context)));
    const kept = number(scores.mistakes.length, ref("mistakes,length"), "int");
    put(said, "Showing ", number(shown.length, ref("mistakes,length"), "int"), " of the ", kept, " worst, out of ", number(wrong, ref("n - trace(confusion)"), "int"), " mistakes in ", number(scores.n, ref("n"), "int"), ". Worst first: by loss, the surprise \u2212log p of the true class.");
    roving(list, "button.open");
  }
  fill();
  put(element, section("The worst mistakes", "The loss is large where the network was sure of something wrong. Some of these labels are wrong themselves.", h("div", { class: "row" }, choose("true", "it is"), choose("predicted", "it said")), said, list));
}

function item(one, ref, context) {
  const loss = -Math.log(Math.max(one.probability_of_true, Number.MIN_VALUE));
  const label = `test image ${one.index}: a ${one.true} read as ${one.predicted}; look inside`;
  const image = h("img", { src: imageOf(context, one.index), alt: "", width: 96, height: 96, loading: "lazy" });
  const open = h("button", { type: "button", class: "open", "aria-label": label, onclick: () => inside(context, one.index, open) }, image);
  const second = one.second && one.second !== one.true ? h("div", {}, "second: ", one.second) : null;
  return h(
    "li",
    {},
    open,
    h("div", { class: "verdict" }, h("b", {}, one.predicted), " ", number(one.probability, ref("probability"), "percent1")),
    h("div", { class: "fine" }, "is ", h("b", {}, one.true), " ", number(one.probability_of_true, ref("probability_of_true"), "percent1")),
    second,
    h("div", { class: "fine" }, "loss ", number(loss, `-log ${ref("probability_of_true")}`, "2")),
  );
}
