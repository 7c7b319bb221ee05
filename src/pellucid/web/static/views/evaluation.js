/** What all views of the step Test share: the scores of a run, or a button that makes them. */
import { h, put } from "../dom.js";
import { failure } from "../problem.js";

const SECONDS = 1.5; // between looks whether an evaluation is done

/** Which runs the step Test can be asked about. */
export const testable = ({ run }) => Boolean(run) && run.status !== "damaged";

/**
 * Load scores.json and draw, or offer to test.
 * @param {HTMLElement} element
 * @param {any} context
 * @param {(scores: any, ref: (path: string) => string) => any} draw
 * @returns {Promise<() => void>}
 */
export async function withScores(element, context, draw) {
  let stopped = false;
  const stop = () => (stopped = true);
  const ref = (path) => `${context.run.id}/scores.json[${path}]`;
  const scores = await found(context);
  if (scores) {
    await draw(scores, ref);
    return stop;
  }
  const begin = h("button", { type: "button", onclick: () => test() }, "Test it now");
  const why = context.run.status === "running" ? "This network is still training. Test it when it is done." : "This network has not been tested yet.";
  put(element, h("div", { class: "panel empty" }, h("p", {}, why), h("p", {}, "The test images took part in no choice. They are opened once, here."), begin));

  async function test() {
    begin.disabled = true;
    begin.textContent = "Testing ...";
    try {
      await context.api.act(context.run.id, "evaluate");
      for (let scores = null; !stopped; scores = await found(context)) {
        if (scores) return draw(scores, ref);
        await new Promise((done) => setTimeout(done, 1000 * SECONDS));
      }
    } catch (error) {
      put(element, failure(error, test));
    }
  }
  return stop;
}

/** The address of one test image. */
export function imageOf(context, index) {
  return context.api.address("runs", context.run.id, "mistakes", `${index}.png`);
}

async function found(context) {
  try {
    return await context.api.scores(context.run.id);
  } catch (error) {
    if (error.status === 404 || error.code === "scores") return null;
    throw error;
  }
}
