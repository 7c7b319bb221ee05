/**
 * <p-number>: a number on the page that knows where it comes from. ``data-ref`` names the tensor (or document) and
 * the index; pointing at it or focusing it shows the exact value. Within a table only one number is a tab stop, and
 * the arrow keys walk from one to the next.
 */
import { h, put } from "../dom.js";
import { bits, rounding, written } from "../numbers.js";

const GROUP = "table, dl, .numbers, section";

export class PNumber extends HTMLElement {
  /** @type {number|null} */ #value = null;
  #format = "auto";
  #dtype = "float64";

  /**
   * @param {number|null} value
   * @param {string} ref such as "RUN/scores.json[scores,accuracy,value]"
   */
  show(value, ref, { format = this.#format, dtype = this.#dtype } = {}) {
    this.#value = value;
    this.#format = format;
    this.#dtype = dtype;
    this.dataset.ref = ref;
    this.textContent = written(value, format);
    return this;
  }

  get value() {
    return this.#value;
  }

  connectedCallback() {
    if (!this.hasAttribute("tabindex")) this.tabIndex = this.#first() ? 0 : -1;
    this.setAttribute("role", "note"); // so that a screen reader says it when it is focused
  }

  /** What the card says. */
  story() {
    const dtype = this.#dtype;
    const value = dtype === "float32" && Number.isFinite(this.#value) ? Math.fround(this.#value) : this.#value;
    const rows = [
      ["exactly", value === null ? "none" : written(value, "exact")],
      ["kind", dtype === "float32" ? `float32, bits ${bits(value)}` : dtype],
      ["on screen", rounding(this.#format)],
      ["from", this.dataset.ref],
    ];
    return h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
  }

  #first() {
    const group = this.closest(GROUP);
    return !group?.querySelector('p-number[tabindex="0"]');
  }
}

/** Make one. */
export function number(value, ref, format = "auto", dtype = "float64") {
  return new PNumber().show(value, ref, { format, dtype });
}

/** A score with its interval and its n, each traceable. @param {{value, low, high, n}} score */
export function score(entry, ref, format = "percent2") {
  const at = (name, style = format) => number(entry[name], `${ref}[${name}]`, style);
  const interval = entry.low === null || entry.low === undefined ? [] : [at("low", format.replace("percent", "points")), " to ", at("high", format.replace("percent", "points")), ", "];
  return h("span", { class: "score" }, h("b", {}, at("value")), h("small", {}, " (", interval, "n = ", at("n", "int"), ")"));
}

const card = h("div", { class: "card", role: "tooltip", hidden: true });
let shownFor = null;
let leaving = 0;

function open(target) {
  clearTimeout(leaving);
  if (shownFor === target) return;
  shownFor = target;
  put(card, target.story());
  if (!card.isConnected) document.body.append(card);
  card.hidden = false;
  const box = target.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - size.width - 8));
  const below = box.bottom + 6 + size.height < innerHeight;
  card.style.setProperty("left", `${left + scrollX}px`);
  card.style.setProperty("top", `${(below ? box.bottom + 6 : box.top - 6 - size.height) + scrollY}px`);
}

function close(delay = 120) {
  clearTimeout(leaving);
  leaving = setTimeout(() => {
    card.hidden = true;
    shownFor = null;
  }, delay);
}

function walk(event) {
  const here = event.target;
  if (!(here instanceof PNumber)) return;
  if (event.key === "Escape") return close(0);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...(here.closest(GROUP)?.querySelectorAll("p-number") ?? [])];
  const next = all[all.indexOf(here) + step];
  if (!next) return;
  event.preventDefault();
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

document.addEventListener("focusin", (event) => (event.target instanceof PNumber ? open(event.target) : close(0)));
document.addEventListener("pointerover", (event) => {
  const target = event.target instanceof Element ? event.target.closest("p-number") : null;
  if (target instanceof PNumber) open(target);
  else if (card.contains(event.target)) clearTimeout(leaving);
  else if (shownFor && document.activeElement !== shownFor) close();
});
document.addEventListener("keydown", walk);
customElements.define("p-number", PNumber);
