/**
 * From a number on the page back to the tensor: Enter or a click on a number of a network opens a card with every
 * decimal, the bits, the tensor, the layer, and the command that prints the same in a terminal.
 */
import { address, get } from "./api.js";
import { copyable } from "./copy.js";
import { h, put } from "./dom.js";
import { failure } from "./problem.js";

const OF_A_TENSOR = /^[\w.~-]+@[0-9a-f]{8}\//;
let card = null;

/** Open the card of a reference. @param {string} ref */
export async function trace(ref) {
  if (!OF_A_TENSOR.test(ref)) return;
  const body = h("div", {}, h("p", { class: "waiting" }, "computing it anew ..."));
  card?.remove();
  const close = h("button", { type: "button", class: "quiet small", onclick: () => card.close() }, "close");
  card = h("dialog", { class: "trace", "aria-label": "where this number comes from" }, h("div", { class: "heading" }, h("h2", {}, "Where this number comes from"), close), body);
  card.addEventListener("close", () => card.remove());
  document.body.append(card);
  card.showModal();
  try {
    put(body, story(await get(address("trace"), { ref })));
  } catch (error) {
    put(body, failure(error));
  }
}

function story(found) {
  const rows = [
    ["exactly", found.exact ?? "a whole tensor"],
    ["bits", found.bits ?? ""],
    ["tensor", `${found.dtype}, ${found.shape.length ? found.shape.join(" \u00d7 ") : "one number"}`],
    ["SHA-256", found.sha256],
    ["layer", found.module],
    ["defined in", found.line],
    ["reference", found.ref],
  ];
  const facts = h("dl", { class: "facts" }, rows.filter(([, text]) => text).map(([name, text]) => [h("dt", {}, name), h("dd", {}, h("code", {}, text))]));
  return [facts, h("p", { class: "fine" }, "The same from a terminal:"), copyable(found.command)];
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.target instanceof HTMLElement) || event.target.localName !== "p-number") return;
  event.preventDefault(); // or the same key would press the button that the card puts the focus on
  trace(event.target.dataset.ref ?? "");
});
document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target.closest("p-number, td[data-ref]") : null;
  if (target) trace(/** @type {HTMLElement} */ (target).dataset.ref ?? "");
});
