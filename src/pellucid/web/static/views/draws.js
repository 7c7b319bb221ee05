/** The draw of one sample: 256 probabilities as bars, their running sum, and the uniform number that falls on one. */
import { h, put, svg } from "../dom.js";
import { number } from "../elements/p-number.js";
import { written } from "../numbers.js";

const CODES = 256;

/**
 * @typedef {{values: ArrayLike<number>, refOf: (code: number) => string}} Row
 * @param {Row} amplitudes what each code stands for
 * @returns {{node: HTMLElement, show: (draw: {chances: Row, sums: Row, code: number, reached: number|null}) => void}}
 */
export function draws(amplitudes) {
  const bars = svg("path", { class: "chances" });
  const hit = svg("path", { class: "hit" });
  const stairs = svg("path", { class: "sums" });
  const fell = svg("path", { class: "fell" });
  const cursor = [0, 1].map(() => svg("path", { class: "cursor-line" }));
  const picture = (name, ...parts) => svg("svg", { class: name, viewBox: `0 0 ${CODES} 1`, preserveAspectRatio: "none", "aria-hidden": "true" }, parts);
  const most = h("span", { class: "tick" });
  const stage = h(
    "div",
    { class: "draws", tabindex: "0", role: "application", "aria-roledescription": "chart" },
    h("p", { class: "fine" }, "probability of each code, up to ", most),
    picture("above", cursor[0], bars, hit),
    h("p", { class: "fine" }, "running sum, from 0 to 1, and where the uniform number meets it"),
    picture("below", cursor[1], stairs, fell),
    h("p", { class: "codes tick", "aria-hidden": "true" }, [0, 64, 128, 192, 255].map((code) => h("span", {}, code))),
  );
  const readout = h("p", { class: "readout", "aria-live": "polite" });
  const twin = h("details", { class: "twin" }, h("summary", {}, "The 256 probabilities as a table"));
  let now = null;
  let at = 0;
  twin.addEventListener("toggle", () => fill());
  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    read(Math.floor(((event.clientX - box.left) / box.width) * CODES));
  });
  stage.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 16, PageDown: at + 16, Home: 0, End: CODES - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    read(to);
  });

  /** Read a code out. */
  function read(code) {
    if (!now) return;
    at = Math.max(0, Math.min(CODES - 1, code));
    for (const line of cursor) line.setAttribute("d", `M${at + 0.5} 0V1`);
    const { chances, sums } = now;
    const [chance, sum] = [number(chances.values[at], chances.refOf(at), "percent2"), number(sums.values[at], sums.refOf(at), "g4")];
    chance.tabIndex = sum.tabIndex = -1;
    put(readout, `code ${at} (amplitude ${written(amplitudes.values[at], "g3")}): probability `, chance, ", running sum ", sum, at === now.code ? "; this one was drawn" : "");
  }

  function show(draw) {
    now = draw;
    const { chances, sums, code, reached } = draw;
    const top = Math.max(...chances.values) || 1;
    const bar = (k) => `M${k + 0.5} 1V${(1 - chances.values[k] / top).toFixed(4)}`;
    bars.setAttribute("d", Array.from({ length: CODES }, (_, k) => (chances.values[k] ? bar(k) : "")).join(""));
    hit.setAttribute("d", bar(code));
    stairs.setAttribute("d", "M0 1" + Array.from({ length: CODES }, (_, k) => `V${(1 - sums.values[k]).toFixed(4)}H${k + 1}`).join(""));
    fell.setAttribute("d", reached === null ? "" : `M0 ${(1 - reached).toFixed(4)}H${code + 0.5}V1`);
    most.textContent = written(top, "percent1");
    const near = Array.from({ length: CODES }, (_, k) => k).sort((a, b) => chances.values[b] - chances.values[a]).slice(0, 3); // prettier-ignore
    stage.setAttribute("aria-label", `256 probabilities. Drawn: code ${code}, ${written(chances.values[code], "percent2")}. Most probable: ${near.map((k) => `code ${k}, ${written(chances.values[k], "percent2")}`).join("; ")}. Arrow keys read the codes.`);
    read(code);
    fill();
  }

  function fill() {
    if (!twin.open || !now) return;
    const { chances, sums, code } = now;
    const rows = Array.from({ length: CODES }, (_, k) => h("tr", { class: k === code ? "marked" : "" }, h("th", { scope: "row" }, k), h("td", { "data-ref": amplitudes.refOf(k) }, written(amplitudes.values[k], "g3")), h("td", { "data-ref": chances.refOf(k) }, written(chances.values[k], "g4")), h("td", { "data-ref": sums.refOf(k) }, written(sums.values[k], "g4"))));
    const head = h("tr", {}, ["code", "amplitude", "probability", "running sum"].map((name) => h("th", { scope: "col" }, name)));
    const old = twin.querySelector(".scroll");
    const top = old?.scrollTop ?? 0;
    old?.remove();
    const box = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the 256 probabilities" }, h("table", { class: "tight" }, h("thead", {}, head), h("tbody", {}, rows)));
    twin.append(box);
    box.scrollTop = top;
  }
  return { node: h("div", {}, stage, readout, twin), show };
}
