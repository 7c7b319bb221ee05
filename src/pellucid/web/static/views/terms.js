/** Softmax term by term, a row for each class, piece or code: the score, minus the largest, its exponential, its share. */
import { h } from "../dom.js";
import { number } from "../elements/p-number.js";

const TERMS = { scores: "score / T", shifted: "minus the largest", exponentials: "exponential", probabilities: "probability" };

/**
 * @typedef {{values: ArrayLike<number>, refOf: (i: number) => string}} Column
 * @param {string} kind what a row is
 * @param {string[]} names of the rows
 * @param {{first?: [string, HTMLElement[]]|null, last?: Record<string, string>}} [further] a column before the terms, and
 *   numbers after the bar by their names
 * @returns {{node: HTMLElement, show: (columns: Record<string, Column>, marked: number) => void}}
 */
export function terms(kind, names, { first = null, last = {} } = {}) {
  const cell = () => number(0, "", "g4", "float32");
  const columns = { ...TERMS, ...last };
  const rows = names.map((name, i) => {
    const cells = Object.fromEntries(Object.keys(columns).map((part) => [part, cell()]));
    const fill = h("span", { class: "fill" });
    const bar = h("td", { class: "wide" }, h("span", { class: "track", "aria-hidden": "true" }, fill));
    const put = (parts) => Object.keys(parts).map((part) => h("td", {}, cells[part]));
    const node = h("tr", {}, h("th", { scope: "row" }, name), first ? h("td", { class: "mover" }, first[1][i]) : null, put(TERMS), bar, put(last));
    return { node, cells, fill };
  });
  const head = [kind, ...(first ? [first[0]] : []), ...Object.values(TERMS), "as a bar", ...Object.values(last)];
  const whole = h("table", { class: "steps-table" }, h("caption", { class: "unseen" }, "softmax, term by term"), h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows.map(({ node }) => node)));
  return {
    node: h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "softmax, term by term" }, whole),
    show(found, marked) {
      rows.forEach(({ node, cells, fill }, i) => {
        for (const [part, one] of Object.entries(cells)) one.show(found[part].values[i], found[part].refOf(i));
        fill.style.setProperty("width", `${100 * found.probabilities.values[i]}%`);
        node.classList.toggle("marked", i === marked);
      });
    },
  };
}
