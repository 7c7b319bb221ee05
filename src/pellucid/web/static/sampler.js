/**
 * Which input is looked at: a validation sample by its number, or one of a person's own. It is kept in the address.
 * What cannot be shown is said under it, so that another one can be chosen.
 */
import { h, put } from "./dom.js";
import { ask, button, latest, runOf } from "./lens.js";
import { failure } from "./problem.js";

/**
 * @param {any} context of the view
 * @param {() => any} show asks for the sample and draws what is to be seen of it
 * @param {{onchange?: () => any, beside?: any}} [more] what another sample makes void, and what stands in the same row
 */
export function sampler(context, show, { onchange = () => {}, beside = null } = {}) {
  const { takes } = context.task;
  let sample = context.sample ?? "valid:0";
  let count = Infinity;
  const input = h("input", { type: "number", min: 0, step: 1, class: "short", "aria-label": "number of the validation sample" });
  const own = h("span", { class: "own" });
  const wrong = h("div");
  input.addEventListener("change", () => input.value !== "" && go(Math.floor(Number(input.value))));
  const number = () => (sample.startsWith("valid:") ? Number(sample.slice(6)) : 0);
  const go = (index) => counted.then(() => choose(`valid:${Math.max(0, Math.min(count - 1, index))}`));
  const any = button("any", () => go(Math.floor(Math.random() * count)), { class: "quiet small", disabled: true });
  const row = h(
    "div",
    { class: "row" },
    h("label", {}, "validation sample", input),
    button("previous", () => go(number() - 1), { class: "quiet small" }),
    button("next", () => go(number() + 1), { class: "quiet small" }),
    any,
    h("a", { href: context.link({ step: "use", view: takes === "image" ? "draw" : "use" }), class: "fine" }, ["image", "drawing"].includes(takes) ? "draw your own" : "give your own"),
    own,
    beside,
  );
  const load = guarded(show);
  tell("");
  /** How many there are; nothing is chosen before that is known. */
  const counted = ask(runOf(context).id, "valid").then(({ samples }) => {
    [count, input.max, any.disabled] = [samples, String(samples - 1), false];
  }, () => {}); // what is wrong with the data, the view says

  function choose(next) {
    sample = next;
    context.setState({ sample });
    tell("");
    onchange();
    load();
  }
  /** Work that is done one at a time, and whose failure is said here. */
  function guarded(work) {
    const call = latest(async (...given) => {
      put(wrong);
      try {
        await work(...given);
      } catch (error) {
        put(wrong, failure(error, () => call(...given)));
        if (!error.requestId) console.error(error); // not what the server refused: a fault of the page
      }
    });
    return call;
  }
  /** Say what the sample is, such as "a 7". */
  function tell(text) {
    const mine = !sample.startsWith("valid:");
    input.value = mine ? "" : String(number());
    put(own, mine ? h("b", {}, "looking at your own input") : text);
  }
  return {
    node: h("div", { class: "sampler" }, row, wrong),
    get sample() {
      return sample;
    },
    tell,
    load,
    guarded,
  };
}
