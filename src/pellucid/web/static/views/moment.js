/** Train: the network at one evaluation: what its first layer looks for, its weights in numbers, what it confused. */
import { address, decode, get } from "../api.js";
import { colour, css, ink, span } from "../colours.js";
import { h, put, section, table } from "../dom.js";
import { number, score } from "../elements/p-number.js";
import { latest } from "../lens.js";
import { nearest } from "../moments.js";
import { failure } from "../problem.js";
import { extent } from "../series.js";

/** A panel that follows the time line: ``show(run, step)``. */
export function momentPanel(context) {
  const body = h("div", {});
  const node = section("The network at this moment", "Read from the weights that the run kept at its evaluations, where they fit into its --snapshots. The confusion is that of the first validation samples.", body);
  node.hidden = true;
  let shown = "";
  const show = latest(async (run, step) => {
    const kept = nearest(run.snapshots, step);
    node.hidden = kept === null;
    const id = `${run.id}~${kept}`;
    if (kept === null || id === shown) return;
    try {
      const began = performance.now();
      const found = await get(address("runs", id, "moment"));
      put(body, story(context, id, kept, found));
      node.times = [...(node.times ?? []), performance.now() - began]; // a test reads them
      shown = id;
    } catch (error) {
      put(body, failure(error));
    }
  });
  return { node, show };
}

function story(context, id, step, found) {
  const { validation } = found;
  const scored = validation ? [": accuracy ", score(validation.accuracy, validation.ref)] : [];
  return [
    h("p", { class: "numbers" }, "The weights after step ", number(step, `${id}[step]`, "int"), scored),
    h("div", { class: "columns" }, found.filters ? h("div", {}, h("h3", {}, "What the first layer looks for"), filters(found.filters)) : null, validation?.confusion ? h("div", {}, h("h3", {}, "What it confused"), confusion(validation)) : null),
    h("details", { class: "twin" }, h("summary", {}, "Its weights in numbers"), weights(found.weights)),
    h("p", {}, h("a", { href: context.link({ step: "explain", view: "layers", query: { at: step } }) }, "Look inside at this moment")),
  ];
}

function filters({ weights, rows, columns, of }) {
  const { values, shape, ref } = decode(weights);
  const size = rows * columns;
  const [low, high] = span("diverging", ...(extent(values) ?? [0, 1]));
  const one = (i) => {
    const image = new ImageData(columns, rows);
    for (let p = 0; p < size; p++) image.data.set([...colour("diverging", (values[i * size + p] - low) / (high - low)), 255], 4 * p);
    const canvas = h("canvas", { width: columns, height: rows, role: "img", "aria-label": `filter ${i}`, "data-ref": `${ref}[${i}]` });
    canvas.getContext("2d").putImageData(image, 0, 0);
    return h("li", {}, canvas);
  };
  return [h("ul", { class: "filters" }, Array.from({ length: shape[0] }, (_, i) => one(i))), h("p", { class: "fine" }, `The first ${shape[0]} of ${of}; blue is negative, orange positive, from `, number(low, `least(${ref})`, "g3"), " to ", number(high, `greatest(${ref})`, "g3"), ".")];
}

function confusion({ confusion, classes, ref, n }) {
  const worst = Math.max(1, ...confusion.flatMap((row, r) => row.filter((_, c) => r !== c)));
  const most = Math.max(1, ...confusion.map((row, r) => row[r]));
  const cell = (count, r, c) => {
    const place = r === c ? 0.5 - 0.42 * (count / most) : 0.5 + 0.38 * Math.sqrt(count / worst);
    const paint = count ? { background: css("diverging", place), color: ink(colour("diverging", place)) } : {};
    return h("td", {}, h("span", { class: count ? "cell" : "cell none", style: paint, "data-ref": `${ref}[${r},${c}]` }, String(count)));
  };
  const head = h("tr", {}, h("td"), classes.map((name) => h("th", { scope: "col" }, name)));
  const body = confusion.map((row, r) => h("tr", {}, h("th", { scope: "row" }, classes[r]), row.map((count, c) => cell(count, r, c))));
  const grid = h("table", { class: "matrix small" }, h("caption", {}, `rows: what it is; columns: what the network said of ${n} samples`), h("thead", {}, head), h("tbody", {}, body));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion at this moment" }, grid);
}

function weights(rows) {
  const cells = ({ name, shape, ref, ...found }) => [name, shape.join(" \u00d7 "), ...["mean", "deviation", "largest"].map((key) => number(found[key], `${key}(${ref})`, "g3"))];
  return table("weights of each layer", ["weights", "shape", "mean", "deviation", "largest size"], rows.map(cells), { quiet: true });
}
