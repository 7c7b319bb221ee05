/** <p-help label="Confusion">why and what</p-help>: a question mark that opens a short explanation in place. */
import { h } from "../dom.js";

export class PHelp extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("details")) return;
    const label = `What is this: ${this.getAttribute("label") ?? "help"}`;
    const content = [...this.childNodes];
    const details = h("details", {}, h("summary", { "aria-label": label, title: label }, "?"), h("div", {}, content));
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !details.open) return;
      details.open = false;
      details.querySelector("summary").focus();
    });
    this.append(details);
  }
}

customElements.define("p-help", PHelp);
