/** A command or a line to copy, with the button that copies it. */
import { h } from "./dom.js";

/** @param {string} text @param {string} [label] what it is, for those who cannot see it */
export function copyable(text, label = "Copy the command") {
  const said = h("span", { role: "status", class: "fine" });
  const button = h("button", { type: "button", class: "quiet small", "aria-label": label, onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code); // no permission: at least it is selected
      said.textContent = "selected; copy it with the keyboard";
    }
    setTimeout(() => (said.textContent = ""), 2500);
  }
  const code = h("code", {}, text);
  return h("div", { class: "command" }, h("pre", { tabindex: "0" }, code), button, said);
}
