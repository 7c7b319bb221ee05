/** What all views of the step Test share: the scores of a run, and a button that makes them where they are not of its weights. */
import { h, put } from "../dom.js";
import { number } from "../elements/p-number.js";
import { failure } from "../problem.js";
import { noun } from "../specimen.js";

const SECONDS = 1.5; // between looks whether an evaluation is done

/**
 * Load scores.json and draw, and offer to test where it is not of the weights that the run has.
 * @param {HTMLElement} element
 * @param {any} context
 * @param {(scores: any, ref: (path: string) => string) => any} draw
 * @returns {Promise<() => void>}
 */
export async function withScores(element, context, draw) {
  const { run, api } = context;
  let stopped = false;
  const stop = () => (stopped = true);
  const ref = (path) => `${run.id}/scores.json[evaluate,${path}]`;
  const scores = await found(context);
  const old = scores && run.outdated !== null;
  if (scores && !old) {
    await draw(scores, ref);
    return stop;
  }
  const begin = h("button", { type: "button", onclick: () => test() }, old ? "Test again" : "Test it now");
  const why = old ? ["These scores are of the weights of step ", number(run.outdated, ref("step"), "int"), ". The network learned on since, and has others now."] : "This network has not been tested yet.";
  const when = run.status === "running" ? "It is still training. Test it when it is done." : null;
  const offer = h("div", { class: "panel empty" }, h("p", {}, why, " ", when), old ? null : h("p", {}, `The test ${noun(context)}s took part in no choice. They are opened once, here.`), begin);
  try {
    if (old) await draw(scores, ref);
  } catch (error) {
    put(element, failure(error));
  }
  element.prepend(offer);

  async function test({ begun = false } = {}) {
    begin.disabled = true;
    begin.textContent = "Testing ...";
    try {
      if (!begun) await api.act(run.id, "evaluate");
      if (!(await done(context, run.id, "evaluate", () => stopped))) return;
      context.refresh().catch(() => {});
      await draw(await found(context), ref);
    } catch (error) {
      put(element, failure(error, () => test()));
    }
  }
  if (run.jobs?.evaluate?.state === "running") test({ begun: true }); // another page began it
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
