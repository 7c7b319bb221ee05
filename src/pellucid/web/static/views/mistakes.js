/** Test: the worst mistakes first, each with what it is, what the network said, and how sure it was. */
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { failure } from "../problem.js";
import { roving } from "../roving.js";
import { noun, opener, specimen } from "../specimen.js";
import { withScores } from "./evaluation.js";

const MOST = 1000; // asked for at once
const PAGE = 42; // shown at first
const SIDE = 96; // pixels

export default {
  id: "mistakes",
  title: "Mistakes",
  lead: "Look at them. Some you would get wrong as well; the others tell you what to do next.",
  step: "test",
  mount: (element, context) => withScores(element, context, (scores) => draw(element, context, scores)),
};

async function draw(element, context, scores) {
  const where = context.api.address("runs", context.run.id, "mistakes");
  const ask = (start, count) => {
    const { true: truth, predicted, doubtful } = context.state;
    return context.api.get(where, { true: truth, predicted, doubtful, start, count });
  };
  put(element, h("p", { class: "waiting" }, `Asking the network about the test ${noun(context)}s again ...`));
  const first = await ask(0, PAGE);
  if (!first.n) return put(element, h("p", { class: "panel" }, "No mistakes: every test sample was right."));
  const ref = (path) => `${context.run.id}/mistakes[${path}]`;
  const list = h("ul", { class: `gallery mistakes of-${context.task.takes}` });
  const said = h("p", { class: "fine", role: "status" });
  const all = h("button", { type: "button", class: "quiet", onclick: () => rest() }, "Show all");
  let shown = 0;
  let turn = 0; // of choosing, so that an answer to an older choice is not shown

  function add(found) {
    list.append(...found.mistakes.map((one) => item(one, (name) => ref(`mistakes,${one.rank},${name}`), context)));
    shown += found.mistakes.length;
    all.hidden = shown >= found.chosen;
    const some = found.chosen < found.n ? [number(found.chosen, ref("chosen"), "int"), " such among "] : [];
    put(said, "Showing ", number(shown, ref("length"), "int"), " of ", some, number(found.n, ref("n"), "int"), " mistakes in ", number(found.of, ref("of"), "int"), ` test ${noun(context)}s, the worst first: by loss, which is \u2212log of the probability of the true class.`);
    roving(list, "li > button");
  }
  async function rest() {
    const mine = turn;
    all.disabled = true;
    try {
      while (mine === turn && !all.hidden) {
        const found = await ask(shown, MOST);
        if (mine === turn) add(found);
      }
    } catch (error) {
      put(said, failure(error));
    }
    all.disabled = false;
  }
  async function choose(name, value) {
    context.setState({ [name]: value });
    const mine = ++turn;
    try {
      const found = await ask(0, PAGE);
      if (mine !== turn) return;
      put(list);
      shown = 0;
      add(found);
    } catch (error) {
      put(said, failure(error));
    }
  }
  const select = (name, label) => {
    const options = ["", ...scores.classes.filter((value) => first[name].includes(value))].map((value) => h("option", { value, selected: context.state[name] === value }, value || "any"));
    return h("label", {}, label, h("select", { onchange: (event) => choose(name, event.target.value) }, options));
  };
  const only = h("label", {}, h("input", { type: "checkbox", checked: Boolean(context.state.doubtful), onchange: (event) => choose("doubtful", event.target.checked ? "1" : null) }), " only doubtful labels: ", number(first.doubtful, ref("doubtful"), "int"));
  add(first);
  const lead = "The loss is large where the network was sure of something wrong. Some of these labels are wrong themselves: one is doubtful where the network is as sure of another class as it is, on average, of what belongs there.";
  put(element, section("The worst mistakes", lead, h("div", { class: "row" }, select("true", "it is"), select("predicted", "it said"), only), said, list, h("p", {}, all)));
}

function item(one, ref, context) {
  const loss = -Math.log(Math.max(one.probability_of_true, Number.MIN_VALUE));
  const second = one.second === null ? null : h("div", { class: "fine" }, "second ", h("b", {}, one.second));
  return h(
    "li",
    {},
    opener(context, one.index, `a ${one.true} read as ${one.predicted}`, SIDE),
    h("div", { class: "verdict" }, h("b", {}, one.predicted), " ", number(one.probability, ref("probability"), "percent1")),
    h("div", { class: "fine" }, "is ", h("b", {}, one.true), " ", number(one.probability_of_true, ref("probability_of_true"), "percent1")),
    second,
    h("div", { class: "fine" }, "loss ", number(loss, `-log ${ref("probability_of_true")}`, "2")),
    one.doubtful ? h("div", { class: "verdict doubtful" }, "label doubtful") : null,
    alike(one, context),
  );
}

/** A button that shows the training samples that the network finds most like a mistake. */
function alike(one, context) {
  const list = h("ul", { class: "alike", hidden: true });
  const open = h("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-label": `training ${noun(context)}s most like test ${noun(context)} ${one.index}`, onclick: () => toggle() }, "most alike");
  async function toggle() {
    list.hidden = !list.hidden;
    open.setAttribute("aria-expanded", String(!list.hidden));
    if (list.hidden || list.childNodes.length) return;
    put(list, h("li", { class: "fine" }, "Looking ..."));
    try {
      put(list, rows(await context.api.get(context.api.address("runs", context.run.id, "mistakes", String(one.index), "alike")), one, context));
    } catch (error) {
      put(list, h("li", {}, failure(error)));
    }
  }
  return h("div", {}, open, list);
}

function rows(found, one, context) {
  if (found.missing) return h("li", { class: "fine" }, found.missing);
  const ref = (i) => `${context.run.id}/mistakes/${one.index}/alike[alike,${i},likeness]`;
  return found.alike.map((each, i) =>
    h("li", {}, specimen(context, "train", each.index, 40), h("span", { class: "fine" }, h("b", {}, each.class), " ", number(each.likeness, ref(i), "2"))),
  );
}
