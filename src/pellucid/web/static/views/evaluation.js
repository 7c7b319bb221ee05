/** What all views of the step Test share: the scores of a run, or a button that makes them. */
import { h, put } from "../dom.js";
import { failure } from "../problem.js";
import { noun } from "../specimen.js";

const SECONDS = 1.5; // between looks whether an evaluation is done

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
  const ref = (path) => `${context.run.id}/scores.json[evaluate,${path}]`;
  const scores = await found(context);
  if (scores) {
    await draw(scores, ref);
    return stop;
  }
  const begin = h("button", { type: "button", onclick: () => test() }, "Test it now");
  const why = context.run.status === "running" ? "This network is still training. Test it when it is done." : "This network has not been tested yet.";
  put(element, h("div", { class: "panel empty" }, h("p", {}, why), h("p", {}, `The test ${noun(context)}s took part in no choice. They are opened once, here.`), begin));

  async function test({ begun = false } = {}) {
    begin.disabled = true;
    begin.textContent = "Testing ...";
    try {
      if (!begun) await context.api.act(context.run.id, "evaluate");
      if (await done(context, context.run.id, "evaluate", () => stopped)) await draw(await found(context), ref);
    } catch (error) {
      put(element, failure(error, () => test()));
    }
  }
  if (context.run.jobs?.evaluate?.state === "running") test({ begun: true }); // another page began it
  return stop;
}

/**
 * Wait for a job on a run.
 * @returns {Promise<boolean>} false where the page was left meanwhile
 */
export async function done({ api }, id, kind, stopped) {
  for (;;) {
    await new Promise((wake) => setTimeout(wake, 1000 * SECONDS));
    if (stopped()) return false;
    const job = (await api.run(id)).jobs?.[kind];
    if (job?.state === "failed") throw new Error(job.message ?? "It failed without saying why.");
    if (job?.state === "done") return true;
  }
}

async function found({ api, run }) {
  return (await api.scores(run.id)).evaluate ?? null;
}
