/** The moments of a training that were kept: which there are, which one an address means, and a slider through them. */
import { h } from "./dom.js";

/** The kept moment that stands nearest before a step, or the first. @param {number[]} steps @returns {number|null} */
export function nearest(steps, at) {
  if (!steps?.length) return null;
  return steps.findLast((step) => step <= at) ?? steps[0];
}

/** A run as it was at the step of the address; as it is, where none is said. */
export function momentOf(run, at) {
  const step = at && run ? nearest(run.snapshots, Number(at)) : null;
  return step === null ? run : { ...run, id: `${run.id}~${step}` };
}

/**
 * A slider through the moments of a run and, at its end, the weights that it kept.
 * @param {any} run @param {string|undefined} at @param {(step: number|null) => any} onchange
 */
export function momentBar(run, at, onchange) {
  const steps = run.snapshots ?? [];
  if (steps.length < 2) return null;
  const chosen = at ? steps.indexOf(nearest(steps, Number(at))) : steps.length;
  const said = h("output", { class: "tick" });
  const input = h("input", { type: "range", min: 0, max: steps.length, step: 1, value: chosen, "data-key": "moment", "aria-label": "moment of the training" });
  const say = () => {
    const step = steps[Number(input.value)];
    said.textContent = step === undefined ? "the weights that the run kept" : `after step ${step}`;
    input.setAttribute("aria-valuetext", said.textContent);
    return step ?? null;
  };
  input.addEventListener("input", () => onchange(say()));
  say();
  return h("label", { class: "moment-bar row" }, "moment of the training", input, said);
}
