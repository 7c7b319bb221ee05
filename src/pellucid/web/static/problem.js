/** What went wrong, said to a person: the sentence, what to do, and the number that the server's log knows. */
import { h } from "./dom.js";

/** @param {Error & {code?: string, requestId?: string}} error @param {(() => void)|null} [again] */
export function failure(error, again = null) {
  const detail = error.requestId ? h("p", { class: "fine" }, `${error.code}, request `, h("code", {}, error.requestId)) : null;
  return h(
    "div",
    { class: "panel alarm", role: "alert" },
    h("p", {}, error.message || String(error)),
    detail,
    again ? h("button", { type: "button", onclick: again }, "Try again") : null,
  );
}
