/** Which input is looked at: a validation sample by its number, or a drawing of one's own. It is kept in the address. */
import { h, put } from "./dom.js";
import { button } from "./lens.js";

/**
 * @param {any} context of the view
 * @param {(sample: string) => any} onchange
 */
export function sampler(context, onchange) {
  const { takes } = context.task;
  let sample = context.sample ?? "valid:0";
  const input = h("input", { type: "number", min: 0, step: 1, class: "short", "aria-label": "number of the validation sample" });
  const own = h("span", { class: "own" });
  input.addEventListener("change", () => input.value !== "" && go(Math.max(0, Math.floor(Number(input.value)))));
  const number = () => (sample.startsWith("valid:") ? Number(sample.slice(6)) : 0);
  const go = (index) => choose(`valid:${Math.max(0, index)}`);
  const node = h(
    "div",
    { class: "row sampler" },
    h("label", {}, "validation sample", input),
    button("previous", () => go(number() - 1), { class: "quiet small" }),
    button("next", () => go(number() + 1), { class: "quiet small" }),
    button("any", () => go(Math.floor(Math.random() * 1000)), { class: "quiet small" }),
    h("a", { href: context.link({ step: "use", view: takes === "image" ? "draw" : "use" }), class: "fine" }, ["image", "drawing"].includes(takes) ? "draw your own" : "give your own"),
    own,
  );
  say();

  function choose(next) {
    sample = next;
    context.setState({ sample });
    say();
    onchange(sample);
  }
  function say() {
    const mine = !sample.startsWith("valid:");
    input.value = mine ? "" : String(number());
    put(own, mine ? h("b", {}, "looking at your own input") : null);
  }
  return {
    node,
    get sample() {
      return sample;
    },
    /** Say what the sample is, such as "a 7". */
    tell: (text) => put(own, text),
    choose,
  };
}
