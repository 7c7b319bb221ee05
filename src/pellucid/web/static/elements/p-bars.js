/**
 * <p-bars>: named amounts as bars with their numbers. It is a table, so it needs no twin.
 *
 * @typedef {{name: string, value: number, ref: string, low?: number|null, high?: number|null, mark?: boolean, note?: any}} Bar
 */
import { h, put } from "../dom.js";
import { PNumber, number } from "./p-number.js";

export class PBars extends HTMLElement {
  /** @type {Map<string, {row: HTMLElement, fill: HTMLElement, value: PNumber}>} */ #rows = new Map();

  /**
   * Draw bars, or move those that stand already.
   * @param {Bar[]} bars
   * @param {{title: string, most?: number, format?: string, dtype?: string}} how ``most`` is the full length; for
   *   bars with both signs, zero is in the middle.
   */
  show(bars, { title, most, format = "percent1", dtype = "float64" }) {
    const full = most ?? (Math.max(...bars.map((bar) => Math.abs(bar.high ?? bar.value))) || 1);
    const signed = bars.some((bar) => bar.value < 0);
    const names = bars.map((bar) => bar.name).join("\n");
    if (names !== this.dataset.names) {
      this.dataset.names = names;
      this.#build(bars, title, format, dtype);
    }
    this.querySelector("caption").textContent = title;
    for (const bar of bars) this.#move(bar, full, signed, format, dtype);
    return this;
  }

  #build(bars, title, format, dtype) {
    this.#rows.clear();
    const rows = bars.map((bar) => {
      const fill = h("span", { class: "fill" });
      const value = number(bar.value, bar.ref, format, dtype);
      const track = h("span", { class: "track", "aria-hidden": "true" }, fill);
      const row = h("tr", {}, h("th", { scope: "row" }, h("span", { class: "name" }, bar.name)), h("td", { class: "wide" }, track), h("td", {}, value, bar.note ?? null));
      this.#rows.set(bar.name, { row, fill, value });
      return row;
    });
    put(this, h("table", { class: "bars" }, h("caption", {}, title), h("tbody", {}, rows)));
  }

  #move(bar, full, signed, format, dtype) {
    const { row, fill, value } = this.#rows.get(bar.name);
    value.show(bar.value, bar.ref, { format, dtype });
    row.classList.toggle("marked", Boolean(bar.mark));
    const share = Math.min(1, Math.abs(bar.value) / full);
    const half = signed ? 0.5 : 1;
    const left = signed ? (bar.value < 0 ? 0.5 - share / 2 : 0.5) : 0;
    fill.style.setProperty("left", `${100 * left}%`);
    fill.style.setProperty("width", `${100 * share * half}%`);
    fill.classList.toggle("negative", bar.value < 0);
    fill.parentNode.querySelector(".whisker")?.remove();
    if (bar.low !== null && bar.low !== undefined && !signed) {
      const whisker = h("span", { class: "whisker", style: { left: `${(100 * bar.low) / full}%`, width: `${(100 * (bar.high - bar.low)) / full}%` } });
      fill.parentNode.append(whisker);
    }
  }
}

customElements.define("p-bars", PBars);
