/** The moments of a training that were kept: which there are, which one an address means, and a slider through them. */
import { h } from "./dom.js";

/** The kept moment that stands nearest before a step, or the first. @param {number[]} steps @returns {number|null} */
export function nearest(steps, at) {
  if (!steps?.length) return null;
  return steps.findLast((step) => step <= at) ?? steps[0];
}

/** A run as it was at the step of the address; as it is, where none is said. */
export function momentOf(run, at) {
  const step = meant(run?.snapshots, at);
  return step === null ? run : { ...run, id: `${run.id}~${step}` };
}

/** The kept moment of an address; none where it says no number. */
const meant = (steps, at) => (at && Number.isFinite(Number(at)) ? nearest(steps, Number(at)) : null);

/**
 * A slider through the moments of a run and, at its end, the weights that it kept.
 * @param {any} run @param {string|undefined} at @param {(step: number|null) => any} onchange
 */
export function momentBar(run, at, onchange) {
  const steps = run.snapshots ?? [];
  if (steps.length < 2) return null;
  const step = meant(steps, at);
  const chosen = step === null ? steps.length : steps.indexOf(step);
  const said = h("output", { class: "tick" });
  const input = h("input", { type: "range", min: 0, max: steps.length, step: 1, value: chosen, "data-key": "moment", "aria-label": "moment of the training" });
  const say = () => {
    const here = steps[Number(input.value)];
    said.textContent = here === undefined ? "the weights that the run kept" : `after step ${here}`;
    input.setAttribute("aria-valuetext", said.textContent);
    return here ?? null;
  };
  input.addEventListener("input", () => onchange(say()));
  say();
  return h("label", { class: "moment-bar row" }, "moment of the training", input, said);
}
