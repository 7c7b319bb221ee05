/**
 * <p-grid>: a matrix as coloured cells on a canvas. Pointing or walking with the arrow keys reads a cell out, Enter or
 * a click opens it. Under it stand a live sentence about the cell and, on demand, the same numbers as a table.
 *
 * @typedef {object} Grid
 * @property {ArrayLike<number>} values row by row
 * @property {number} rows
 * @property {number} columns
 * @property {string} ref of the tensor; a cell's is ``ref[row,column]`` unless ``refOf`` says otherwise
 * @property {string} title
 * @property {"viridis"|"diverging"|"grey"|"ink"} [scale]
 * @property {[number, number]} [range] what the scale spans; the extent of the values otherwise
 * @property {string} [format]
 * @property {string} [dtype]
 * @property {(row: number, column: number) => string} [refOf]
 * @property {(row: number, column: number) => string} [describe] words that follow the value
 * @property {boolean} [plain] no readout, legend and table under it (where a view brings its own)
 * @property {number} [cell] largest side of a cell in CSS pixels
 *
 * Events: ``cell`` when another cell is read, ``open`` on Enter or a click; detail {row, column, index, value}.
 */
import { colour, css, span } from "../colours.js";
import { h, put } from "../dom.js";
import { written } from "../numbers.js";
import { extent } from "../series.js";
import { number } from "./p-number.js";

const MOST_IN_TABLE = 40_000; // cells; beyond that a table helps nobody

export class PGrid extends HTMLElement {
  /** @type {Grid|null} */ #grid = null;
  #at = [0, 0];
  #marks = [];
  #canvas = h("canvas", { tabindex: "0", role: "application", "aria-roledescription": "grid of numbers" });
  #cursor = h("span", { class: "cursor", hidden: true, "aria-hidden": "true" });
  #overlay = h("div", { class: "marks", "aria-hidden": "true" });
  #stage = h("div", { class: "stage" }, this.#canvas, this.#overlay, this.#cursor);
  #readout = h("p", { class: "readout", "aria-live": "polite" });
  #legend = h("div", { class: "legend" });
  #table = h("details", { class: "twin" }, h("summary", {}, "The same as a table"));

  connectedCallback() {
    if (this.#canvas.isConnected) return;
    put(this, this.#stage, this.#legend, this.#readout, this.#table);
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.#canvas.addEventListener("pointerdown", (event) => this.#point(event));
    this.#canvas.addEventListener("click", () => this.#say("open"));
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("focus", () => this.select(...this.#at));
    this.#canvas.addEventListener("blur", () => (this.#cursor.hidden = true));
    this.#table.addEventListener("toggle", () => this.#fillTable());
  }

  /** Draw a matrix. @param {Grid} grid */
  show(grid) {
    this.#grid = grid;
    this.#at = [Math.min(this.#at[0], grid.rows - 1), Math.min(this.#at[1], grid.columns - 1)];
    this.classList.toggle("plain", Boolean(grid.plain));
    const canvas = this.#canvas;
    canvas.dataset.ref = grid.ref;
    canvas.setAttribute("aria-label", `${grid.title}: ${grid.rows} rows, ${grid.columns} columns. ${this.summary()} Arrow keys walk the cells.`);
    this.#size();
    this.#draw();
    this.#fillTable();
    if (!grid.plain) this.#drawLegend();
    return this;
  }

  /** One sentence about all cells. */
  summary() {
    const { values, format } = this.#grid;
    const [low, high] = extent(values) ?? [0, 0];
    let sum = 0;
    for (const value of values) sum += value;
    return `From ${written(low, format)} to ${written(high, format)}, mean ${written(sum / values.length)}.`;
  }

  /** Read a cell out and put the cursor on it. */
  select(row, column, { quiet = false } = {}) {
    const grid = this.#grid;
    if (!grid) return;
    this.#at = [Math.max(0, Math.min(grid.rows - 1, row)), Math.max(0, Math.min(grid.columns - 1, column))];
    const [r, c] = this.#at;
    this.#cursor.hidden = false;
    this.#frame(this.#cursor, { row: r, column: c, rows: 1, columns: 1 });
    const ref = grid.refOf?.(r, c) ?? `${grid.ref}[${r},${c}]`;
    const value = number(grid.values[r * grid.columns + c], ref, grid.format, grid.dtype ?? "float32");
    value.tabIndex = -1;
    if (!grid.plain) put(this.#readout, `row ${r}, column ${c}: `, value, grid.describe ? " " + grid.describe(r, c) : "");
    if (!quiet) this.#say("cell");
  }

  /** Outline blocks of cells, such as the window of a kernel. @param {{row, column, rows, columns, label?: string}[]} blocks */
  mark(blocks) {
    this.#marks = blocks;
    put(this.#overlay, blocks.map((block) => this.#frame(h("span", { class: `mark ${block.kind ?? ""}` }), block)));
  }

  get canvas() {
    return this.#canvas;
  }

  #frame(node, { row, column, rows = 1, columns = 1 }) {
    const grid = this.#grid;
    const share = { left: column / grid.columns, top: row / grid.rows, width: columns / grid.columns, height: rows / grid.rows };
    for (const [name, value] of Object.entries(share)) node.style.setProperty(name, `${100 * value}%`);
    return node;
  }

  #extent() {
    return this.#grid.range ?? extent(this.#grid.values) ?? [0, 0];
  }

  #size() {
    const { rows, columns, cell = 16 } = this.#grid;
    const side = Math.min(cell, Math.max(1, 448 / Math.max(rows, columns)));
    this.#stage.style.setProperty("width", `${Math.round(columns * side)}px`);
    this.#stage.style.setProperty("aspect-ratio", `${columns} / ${rows}`);
  }

  #draw() {
    const { values, rows, columns, scale = "viridis" } = this.#grid;
    const [low, high] = span(scale, ...this.#extent());
    this.#canvas.width = columns;
    this.#canvas.height = rows;
    const context = this.#canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < values.length; i++) {
      const [red, green, blue] = colour(scale, (values[i] - low) / (high - low));
      image.data.set([red, green, blue, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

  #drawLegend() {
    const { scale = "viridis", format } = this.#grid;
    const [low, high] = span(scale, ...this.#extent());
    const steps = Array.from({ length: 9 }, (_, i) => css(scale, i / 8));
    const strip = h("span", { class: "strip", style: { "background-image": `linear-gradient(90deg, ${steps})` } });
    put(this.#legend, h("span", { class: "tick" }, written(low, format)), strip, h("span", { class: "tick" }, written(high, format)));
  }

  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    const { rows, columns } = this.#grid ?? {};
    if (!rows) return;
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    if (row !== this.#at[0] || column !== this.#at[1] || this.#cursor.hidden) this.select(row, column);
  }

  #key(event) {
    const [row, column] = this.#at;
    const last = [this.#grid.rows - 1, this.#grid.columns - 1];
    const to = {
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      Home: [row, 0], End: [row, last[1]], PageUp: [0, column], PageDown: [last[0], column],
    }[event.key]; // prettier-ignore
    if (event.key === "Enter") this.#say("open");
    else if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    else this.select(...to);
    event.preventDefault();
  }

  #say(name) {
    const [row, column] = this.#at;
    const index = row * this.#grid.columns + column;
    this.dispatchEvent(new CustomEvent(name, { detail: { row, column, index, value: this.#grid.values[index] } }));
  }

  #fillTable() {
    const grid = this.#grid;
    this.#table.querySelector(".scroll")?.remove();
    if (!grid || !this.#table.open) return;
    if (grid.values.length > MOST_IN_TABLE) return this.#table.append(h("p", { class: "scroll" }, "Too many cells for a table."));
    const numbers = Array.from({ length: grid.columns }, (_, c) => c);
    const cell = (r, c) =>
      h("td", { "data-ref": grid.refOf?.(r, c) ?? `${grid.ref}[${r},${c}]` }, written(grid.values[r * grid.columns + c], grid.format));
    const rows = Array.from({ length: grid.rows }, (_, r) => h("tr", {}, h("th", { scope: "row", class: "tick" }, r), numbers.map((c) => cell(r, c))));
    const head = h("tr", {}, h("th", { scope: "col" }, "row"), numbers.map((c) => h("th", { scope: "col", class: "tick" }, c)));
    const whole = h("table", { class: "tight" }, h("caption", { class: "unseen" }, grid.title), h("thead", {}, head), h("tbody", {}, rows));
    this.#table.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${grid.title} as a table` }, whole));
  }
}

customElements.define("p-grid", PGrid);
