/** Test: what is taken for what. A cell opens its samples. */
import { colour, css, ink } from "../colours.js";
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { failure } from "../problem.js";
import { roving } from "../roving.js";
import { opener } from "../specimen.js";
import { withScores } from "./evaluation.js";

const PAGE = 60; // samples shown at once
const SIDE = 56; // pixels of a picture
const PAIRS = 8; // of the list of most confused

export default {
  id: "confusion",
  title: "Confusion",
  lead: "Rows are what it is, columns what the network said. The diagonal is right. Open a cell to see its samples.",
  step: "test",
  mount: (element, context) => withScores(element, context, (scores, ref) => draw(element, context, scores, ref)),
};

function draw(element, context, scores, ref) {
  const samples = h("div", { class: "opened", "aria-live": "polite" });
  const open = (truth, predicted) => {
    context.setState({ true: scores.classes[truth], predicted: scores.classes[predicted] });
    element.querySelectorAll(".matrix [aria-pressed]").forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.cell === `${truth},${predicted}`)));
    return show(samples, context, scores, ref, truth, predicted);
  };
  const sums = `${scores.n} samples; rows and columns sum to the counts at their ends.`;
  put(
    element,
    h("div", { class: "columns wide-first" },
      section("Confusion matrix", sums, matrix(scores, ref, open)),
      section("Most confused", "The cells off the diagonal with the most samples.", pairs(scores, ref, open)),
    ),
    samples,
  ); // prettier-ignore
  const [truth, predicted] = ["true", "predicted"].map((name) => scores.classes.indexOf(context.state[name]));
  if (truth >= 0 && predicted >= 0) open(truth, predicted);
}

function matrix({ confusion, classes, n }, ref, open) {
  const [worst, most] = largest(confusion);
  const cell = (count, r, c) => {
    const right = r === c;
    const place = right ? 0.5 - 0.42 * (count / most) : 0.5 + 0.38 * Math.sqrt(count / worst);
    const paint = count ? { background: css("diverging", place), color: ink(colour("diverging", place)) } : {};
    const label = `${count} samples of ${classes[r]} called ${classes[c]}`;
    const inside = count
      ? h("button", { type: "button", class: "cell", "aria-label": label, "aria-pressed": "false", "data-cell": `${r},${c}`, "data-ref": ref(`confusion,${r},${c}`), style: paint, onclick: () => open(r, c) }, String(count))
      : h("span", { class: "cell none", "data-ref": ref(`confusion,${r},${c}`) }, "0");
    return h("td", {}, inside);
  };
  const total = (value, path) => h("td", { class: "sum" }, number(value, ref(path), "int"));
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const head = h("tr", {}, h("th", { scope: "col", class: "text" }, "is \\ said"), classes.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, "all"));
  const rows = confusion.map((row, r) => h("tr", {}, h("th", { scope: "row" }, classes[r]), row.map((count, c) => cell(count, r, c)), total(sum(row), `confusion,${r},:`)));
  const columns = classes.map((_, c) => total(sum(confusion.map((row) => row[c])), `confusion,:,${c}`));
  const foot = h("tr", {}, h("th", { scope: "row" }, "all"), columns, total(n, "n"));
  const grid = h("table", { class: "matrix" }, h("caption", { class: "unseen" }, "Confusion matrix: rows are true classes, columns predicted ones"), h("thead", {}, head), h("tbody", {}, rows), h("tfoot", {}, foot));
  roving(grid, "button.cell");
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, grid);
}

/** The largest counts off and on the diagonal, 1 at least. @param {number[][]} confusion */
export function largest(confusion) {
  const found = [1, 1];
  confusion.forEach((row, r) => row.forEach((count, c) => (found[Number(r === c)] = Math.max(found[Number(r === c)], count))));
  return found;
}

function pairs({ confusion, classes }, ref, open) {
  const all = confusion.flatMap((row, r) => row.map((count, c) => ({ r, c, count }))).filter(({ r, c, count }) => r !== c && count);
  all.sort((a, b) => b.count - a.count);
  if (!all.length) return h("p", {}, "No sample was taken for another class.");
  const item = ({ r, c, count }) =>
    h("li", {}, h("button", { type: "button", class: "link", onclick: () => open(r, c) }, `${classes[r]} taken for ${classes[c]}`), " ", h("small", {}, number(count, ref(`confusion,${r},${c}`), "int"), count === 1 ? " sample" : " samples"));
  return h("ol", { class: "pairs" }, all.slice(0, PAIRS).map(item));
}

async function show(place, context, scores, ref, truth, predicted) {
  const [is, said] = [scores.classes[truth], scores.classes[predicted]];
  put(place, h("p", { class: "waiting" }, "Fetching the samples ..."));
  try {
    const ask = (start) => context.api.cell(context.run.id, truth, predicted, { start, count: PAGE });
    const title = truth === predicted ? `${is}, rightly read` : `${is} taken for ${said}`;
    const list = h("ul", { class: `thumbs of-${context.task.takes}` });
    const more = h("button", { type: "button", class: "quiet", onclick: () => next() }, "Show more");
    let shown = 0;
    const add = ({ n, indices }) => {
      list.append(...indices.map((index) => h("li", {}, opener(context, index, `${is}, read as ${said}`, SIDE))));
      shown += indices.length;
      more.hidden = shown >= n;
      roving(list, "li > button");
    };
    const next = async () => {
      more.disabled = true;
      try {
        add(await ask(shown));
      } catch (error) {
        more.after(failure(error));
      }
      more.disabled = false;
    };
    const first = await ask(0);
    add(first);
    put(place, section(title, null, h("p", { class: "fine" }, number(first.n, ref(`confusion,${truth},${predicted}`), "int"), " test samples. Open one to look inside the network."), list, more));
  } catch (error) {
    put(place, failure(error, () => show(place, context, scores, ref, truth, predicted)));
  }
}
