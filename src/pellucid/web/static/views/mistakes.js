/** Test: the worst mistakes first, each with what it is, what the network said, and how sure it was. */
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { roving } from "../roving.js";
import { inside } from "./inspect.js";
import { imageOf, testable, withScores } from "./evaluation.js";

const MOST = 1000; // asked for
const PAGE = 42; // shown at first

export default {
  id: "mistakes",
  title: "Mistakes",
  lead: "Look at them. Some you would get wrong as well; the others tell you what to do next.",
  step: "test",
  for: testable,
  mount: (element, context) => withScores(element, context, (scores) => draw(element, context, scores)),
};

async function draw(element, context, scores) {
  if (!scores.confusion) return put(element, h("p", { class: "panel" }, "This task does not choose between classes; what it gets wrong has another shape."));
  put(element, h("p", { class: "waiting" }, "Asking the network about the test images again ..."));
  const found = await context.api.get(context.api.address("runs", context.run.id, "mistakes"), { count: MOST });
  if (!found.n) return put(element, h("p", { class: "panel" }, "No mistakes: every test sample was right."));
  const ref = (path) => `${context.run.id}/mistakes[${path}]`;
  const list = h("ul", { class: "gallery mistakes" });
  const said = h("p", { class: "fine", role: "status" });
  const choose = (name, label) => {
    const known = scores.classes.filter((value) => found.mistakes.some((one) => one[name] === value));
    const options = ["", ...known].map((value) => h("option", { value, selected: context.state[name] === value }, value || "any"));
    return h("label", {}, label, h("select", { onchange: (event) => (context.setState({ [name]: event.target.value }), fill()) }, options));
  };
  function fill() {
    const { true: truth, predicted } = context.state;
    const chosen = found.mistakes.map((one, i) => [one, i]).filter(([one]) => (!truth || one.true === truth) && (!predicted || one.predicted === predicted));
    const shown = chosen.slice(0, more.dataset.all ? MOST : PAGE);
    put(list, shown.map(([one, i]) => item(one, (name) => ref(`mistakes,${i},${name}`), context)));
    more.hidden = shown.length === chosen.length;
    put(said, "Showing ", number(shown.length, ref("length"), "int"), " of ", number(found.n, ref("n"), "int"), " mistakes in ", number(found.of, ref("of"), "int"), " test images, the worst first: by loss, which is \u2212log of the probability of the true class.");
    roving(list, "button.open");
  }
  const more = h("button", { type: "button", class: "quiet", onclick: () => ((more.dataset.all = "1"), fill()) }, "Show all");
  fill();
  put(element, section("The worst mistakes", "The loss is large where the network was sure of something wrong. Some of these labels are wrong themselves.", h("div", { class: "row" }, choose("true", "it is"), choose("predicted", "it said")), said, list, h("p", {}, more)));
}

function item(one, ref, context) {
  const loss = -Math.log(Math.max(one.probability_of_true, Number.MIN_VALUE));
  const label = `test image ${one.index}: a ${one.true} read as ${one.predicted}; look inside`;
  const image = h("img", { src: imageOf(context, one.index), alt: "", width: 96, height: 96, loading: "lazy" });
  const open = h("button", { type: "button", class: "open", "aria-label": label, onclick: () => inside(context, one.index, open) }, image);
  const second = one.second === null ? null : h("div", { class: "fine" }, "second ", h("b", {}, one.second));
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
