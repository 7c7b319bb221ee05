/**
 * <p-curve>: lines over a common x. The raw line is always visible; the smoothed one is drawn over it and is unbiased
 * (see series.js). Pointing or the left and right arrows read the points out; the same numbers stand in a table.
 *
 * @typedef {object} Line
 * @property {string} name
 * @property {number[]} xs
 * @property {number[]} ys
 * @property {number[]} [lows] lower ends of intervals
 * @property {number[]} [highs]
 * @property {(i: number) => string} refOf the trace reference of point i
 * @property {string} [format]
 * @property {boolean} [points] a mark at each point, as for evaluations
 * @property {boolean} [dashed]
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} x what the horizontal axis counts
 * @property {Line[]} lines
 * @property {number} [smoothing] in [0, 1)
 * @property {boolean} [log] a logarithmic vertical axis, where all is positive
 * @property {[number, number]} [range] of the vertical axis
 * @property {[number, number]} [domain] of the horizontal axis
 * @property {number|null} [marked] an x with a vertical line, such as the step under inspection
 *
 * Events: ``read`` and ``open`` (Enter or click), detail {x, index, line}.
 */
import { h, put, svg } from "../dom.js";
import { written } from "../numbers.js";
import { extent, logTicks, smooth, thin, ticks } from "../series.js";
import { number } from "./p-number.js";

const HEIGHT = 236;
const PAD = { left: 58, right: 14, top: 10, bottom: 38 };
const MOST_ROWS = 500; // of the table: every so many points beyond that

export class PCurve extends HTMLElement {
  /** @type {Chart|null} */ #chart = null;
  #at = -1;
  #width = 0;
  #scales = { x: (v) => v, y: (v) => v };
  #plot = svg("svg", { tabindex: "0", role: "application", "aria-roledescription": "chart" });
  #key = h("div", { class: "key" });
  #readout = h("p", { class: "readout", "aria-live": "polite" });
  #table = h("details", { class: "twin" }, h("summary", {}, "The same as a table"));
  #watch = new ResizeObserver(() => this.#width !== this.clientWidth && this.#draw());

  connectedCallback() {
    if (!this.#plot.isConnected) put(this, this.#key, this.#plot, this.#readout, this.#table);
    this.#watch.observe(this);
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("click", () => this.#say("open"));
    this.#plot.addEventListener("keydown", (event) => this.#walk(event));
    this.#table.addEventListener("toggle", () => this.#fillTable());
  }

  disconnectedCallback() {
    this.#watch.disconnect();
  }

  /** Draw, or draw again with more points. @param {Chart} chart */
  show(chart) {
    this.#chart = chart;
    this.#draw();
    if (this.#table.open) this.#fillTable();
    return this;
  }

  /** What the eye would see, in a sentence. */
  summary() {
    return this.#chart.lines
      .filter((line) => line.ys.length)
      .map((line) => {
        const [low, high] = extent(line.ys) ?? [NaN, NaN];
        const say = (value) => written(value, line.format);
        return `${line.name}: ${line.ys.length} points, from ${say(line.ys[0])} to ${say(line.ys.at(-1))}, lowest ${say(low)}, highest ${say(high)}.`;
      })
      .join(" ");
  }

  /** The smoothed values as drawn, line by line; tests read them. */
  smoothed() {
    return this.#chart.lines.map((line) => smooth(line.ys, this.#chart.smoothing ?? 0));
  }

  #draw() {
    const chart = this.#chart;
    this.#width = this.clientWidth;
    if (!chart || !this.#width) return;
    this.#measure();
    const lines = chart.lines.map((line, i) => this.#line(line, i));
    const parts = [this.#axes(), lines, this.#mark(), svg("g", { class: "cross" })];
    this.#plot.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#plot.setAttribute("height", String(HEIGHT));
    this.#plot.setAttribute("aria-label", `${chart.title}. ${this.summary()} Left and right arrows read the points.`);
    put(this.#plot, parts);
    const keys = chart.lines.map((line, i) => h("span", { class: `series-${i % 6}` }, h("i", { class: line.dashed ? "dashed" : "" }), line.name));
    put(this.#key, chart.lines.length > 1 || (chart.smoothing ?? 0) > 0 ? keys : null, (chart.smoothing ?? 0) > 0 ? h("small", {}, "thin: raw; thick: smoothed") : null);
  }

  #measure() {
    const { lines, range, domain, log } = this.#chart;
    const [left, right] = domain ?? extent(lines.flatMap((line) => line.xs)) ?? [0, 1];
    let [low, high] = range ?? extent(lines.flatMap((line) => [...line.ys, ...(line.lows ?? []), ...(line.highs ?? [])])) ?? [0, 1];
    if (low === high) [low, high] = [low - (Math.abs(low) * 0.1 || 0.5), high + (Math.abs(high) * 0.1 || 0.5)];
    const logarithmic = Boolean(log) && low > 0;
    if (!range && !logarithmic) [low, high] = [low - 0.05 * (high - low), high + 0.05 * (high - low)];
    const place = logarithmic ? Math.log : (value) => value;
    const [bottom, top] = [HEIGHT - PAD.bottom, PAD.top];
    const wide = this.#width - PAD.left - PAD.right;
    this.#scales = {
      left, right, low, high, logarithmic,
      x: (value) => PAD.left + (wide * (value - left)) / (right - left || 1),
      y: (value) => bottom - ((bottom - top) * (place(value) - place(low))) / (place(high) - place(low)),
    }; // prettier-ignore
  }

  #axes() {
    const { left, right, low, high, logarithmic, x, y } = this.#scales;
    const across = ticks(left, right, Math.max(2, Math.floor(this.#width / 110)));
    const up = logarithmic ? logTicks(low, high) : ticks(low, high, 5);
    const format = this.#chart.lines[0]?.format;
    return svg(
      "g",
      { class: "axes" },
      up.map((value) => [
        svg("line", { x1: PAD.left, x2: this.#width - PAD.right, y1: y(value), y2: y(value) }),
        svg("text", { class: "tick", x: PAD.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value, format)),
      ]),
      across.map((value) => svg("text", { class: "tick", x: x(value), y: HEIGHT - 21, "text-anchor": this.#width - x(value) < 24 ? "end" : "middle" }, short(value))),
      svg("text", { class: "axis", x: this.#width - PAD.right, y: HEIGHT - 5, "text-anchor": "end" }, this.#chart.x),
    );
  }

  #line(line, place) {
    const { x, y } = this.#scales;
    const smoothing = this.#chart.smoothing ?? 0;
    const columns = Math.max(60, this.#width - PAD.left - PAD.right);
    const path = (ys) => {
      let pen = "M";
      return thin(line.xs, ys, columns).map((i) => {
        if (!Number.isFinite(ys[i]) || (this.#scales.logarithmic && ys[i] <= 0)) return (pen = "M") && "";
        const text = `${pen}${x(line.xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}`;
        pen = "L";
        return text;
      }).join("");
    };
    const group = svg("g", { class: `line series-${place % 6}${line.dashed ? " dashed" : ""}` });
    (line.lows ?? []).forEach((low, i) => {
      if (Number.isFinite(low)) group.append(svg("path", { class: "interval", d: `M${x(line.xs[i])} ${y(low)}V${y(line.highs[i])}` }));
    });
    if (smoothing > 0 && !line.points) group.append(svg("path", { class: "raw", d: path(line.ys) }), svg("path", { class: "smooth", d: path(smooth(line.ys, smoothing)) }));
    else group.append(svg("path", { class: "smooth", d: path(line.ys) }));
    if (line.points || line.ys.length === 1) {
      line.ys.forEach((value, i) => Number.isFinite(value) && group.append(svg("circle", { cx: x(line.xs[i]), cy: y(value), r: 3 })));
    }
    return group;
  }

  #mark() {
    const { marked } = this.#chart;
    if (marked === null || marked === undefined) return null;
    const x = this.#scales.x(marked);
    return svg("line", { class: "marked", x1: x, x2: x, y1: PAD.top, y2: HEIGHT - PAD.bottom });
  }

  /** Read the points out at the i-th x of the longest line. */
  select(index) {
    const longest = this.#longest();
    if (!longest?.xs.length) return;
    this.#at = Math.max(0, Math.min(longest.xs.length - 1, index));
    const at = longest.xs[this.#at];
    const found = this.#chart.lines.map((line) => [line, nearest(line.xs, at)]).filter(([line, i]) => i >= 0 && line.xs[i] === at);
    const { x, y } = this.#scales;
    const dots = found.filter(([line, i]) => Number.isFinite(line.ys[i])).map(([line, i]) => svg("circle", { cx: x(at), cy: y(line.ys[i]), r: 4.5 }));
    const cross = this.#plot.querySelector(".cross");
    if (cross) put(cross, svg("line", { x1: x(at), x2: x(at), y1: PAD.top, y2: HEIGHT - PAD.bottom }), dots);
    const said = found.map(([line, i]) => {
      const value = number(line.ys[i], line.refOf(i), line.format);
      value.tabIndex = -1;
      return [`; ${line.name} `, value];
    });
    put(this.#readout, `${this.#chart.x} `, h("span", { class: "tick" }, written(at)), said);
    this.#say("read");
  }

  #longest() {
    return this.#chart?.lines.reduce((a, b) => (b.xs.length > a.xs.length ? b : a), this.#chart.lines[0]);
  }

  #point(event) {
    const line = this.#longest();
    if (!line?.xs.length) return;
    const { left, right } = this.#scales;
    const box = this.#plot.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (this.#width - PAD.left - PAD.right);
    const index = nearest(line.xs, left + share * (right - left));
    if (index !== this.#at) this.select(index);
  }

  #walk(event) {
    const count = this.#longest()?.xs.length ?? 0;
    const far = Math.max(1, Math.round(count / 20));
    const to = { ArrowLeft: this.#at - 1, ArrowRight: this.#at + 1, PageUp: this.#at - far, PageDown: this.#at + far, Home: 0, End: count - 1 }[event.key];
    if (event.key === "Enter") this.#say("open");
    else if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    else this.select(to);
    event.preventDefault();
  }

  #say(name) {
    const line = this.#longest();
    if (this.#at >= 0) this.dispatchEvent(new CustomEvent(name, { detail: { x: line.xs[this.#at], index: this.#at, line } }));
  }

  #fillTable() {
    this.#table.querySelector(".scroll")?.remove();
    const chart = this.#chart;
    if (!chart || !this.#table.open) return;
    const longest = this.#longest();
    const every = Math.ceil((longest?.xs.length || 1) / MOST_ROWS);
    const rows = (longest?.xs ?? []).map((x, i) => [x, i]).filter(([, i]) => i % every === 0).map(([x]) =>
      h("tr", {}, h("th", { scope: "row", class: "tick" }, written(x)), chart.lines.map((line) => {
        const i = nearest(line.xs, x);
        return i >= 0 && line.xs[i] === x ? h("td", { "data-ref": line.refOf(i) }, written(line.ys[i], line.format)) : h("td", {}, "");
      })),
    );
    const head = h("tr", {}, h("th", { scope: "col" }, chart.x), chart.lines.map((line) => h("th", { scope: "col" }, line.name)));
    const whole = h("table", { class: "tight" }, h("caption", { class: "unseen" }, chart.title), h("thead", {}, head), h("tbody", {}, rows));
    this.#table.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${chart.title} as a table` }, whole));
  }
}

/** The index of the value nearest to x in a rising list, -1 in an empty one. */
export function nearest(xs, x) {
  let [low, high] = [0, xs.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && Math.abs(xs[low - 1] - x) <= Math.abs(xs[low] - x) ? low - 1 : Math.min(low, xs.length - 1);
}

function minus(text) {
  return text.replace("-", "\u2212");
}

function short(value, format) {
  if (format?.startsWith("percent")) return `${minus(String(Number((100 * value).toPrecision(6))))} %`;
  return Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-4) ? value.toExponential(0).replace("e+", "e") : minus(Math.abs(value) >= 1000 ? written(value, "int") : String(Number(value.toPrecision(6))));
}

customElements.define("p-curve", PCurve);
