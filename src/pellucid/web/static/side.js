/** The list on the left: every task, and under the chosen one its runs. */
import { number } from "./elements/p-number.js";
import { h, put } from "./dom.js";
import { format } from "./router.js";

const MARKS = { running: "\u25b6", paused: "\u2016", finished: "", stopped: "\u25a0", damaged: "!" };

/**
 * @param {HTMLElement} side
 * @param {{tasks: any[], runs: any[]}} known
 * @param {import("./router.js").Place} place
 */
export function drawSide(side, known, place) {
  const focused = document.activeElement?.dataset?.key;
  const names = known.tasks.map(({ name }) => name);
  const lost = known.runs.filter(({ task }) => !names.includes(task));
  put(side, h("h2", {}, "Tasks"), h("ul", { class: "tasks" }, known.tasks.map((task) => item(task, known.runs, place))), lost.length ? without(lost) : null);
  side.querySelector(`[data-key="${focused}"]`)?.focus();
}

/** Runs that stand under no task: no task can be read, or this studio does not have it. */
function without(runs) {
  const said = ({ task, status, message }) => message ?? (task ? `its task ${task} is not one of this studio's; start it with --task FILE.py` : status);
  const items = runs.map((run) => h("li", {}, h("span", { class: "name" }, run.id), h("small", {}, said(run))));
  return [h("h2", {}, "Runs without a task"), h("ul", { class: "runs strays" }, items)];
}

function item(task, runs, place) {
  const on = task.name === place.task;
  const link = h("a", { href: format({ task: task.name, step: on ? place.step : "look", run: null }), "aria-current": on ? "true" : null, "data-key": `task-${task.name}`, title: task.summary }, task.name);
  if (!on) return h("li", {}, link);
  const mine = runs.filter((run) => run.task === task.name);
  const order = (run) => (run.status === "running" ? "3" : run.released ? "1" : "2") + run.created;
  mine.sort((a, b) => order(b).localeCompare(order(a)));
  const empty = h("p", { class: "fine" }, "No runs yet.");
  const begin = h("a", { class: "new", href: format({ task: task.name, step: "train", view: "start" }), "data-key": "new-run" }, "Train a network");
  return h("li", {}, link, mine.length ? h("ul", { class: "runs" }, mine.map((run) => runItem(run, place))) : empty, begin);
}

function runItem(run, place) {
  const on = run.id === place.run;
  const step = place.step && place.step !== "look" ? place.step : run.status === "finished" ? "test" : "train";
  const view = place.step === step ? place.view : step === "train" ? "watch" : null;
  const state = run.released ? "released" : run.status;
  const name = run.released ? run.id.replace(/^zoo\./, "") : run.id;
  return h(
    "li",
    {},
    h("a", { href: format({ ...place, run: run.id, step, view, query: {} }), "aria-current": on ? "true" : null, "data-key": `run-${run.id}`, title: run.message },
      h("span", { class: "name" }, name),
      h("small", {}, MARKS[run.status] ? h("span", { "aria-hidden": "true" }, MARKS[run.status] + " ") : null, state, run.network ? ` \u00b7 ${run.network}` : ""),
    ),
    figure(run),
  ); // prettier-ignore
}

/** How far it is, or how good. */
function figure(run) {
  if (run.status === "running" && run.steps) {
    return h("progress", { max: run.steps, value: run.step, "aria-label": `${run.id}: steps done` });
  }
  const accuracy = run.scores?.accuracy;
  if (!accuracy) return null;
  const ref = (path) => `${run.id}/scores.json[evaluate,${path}]`;
  const old = run.outdated === null ? null : [h("br"), "step ", number(run.outdated, ref("step"), "int")];
  return h("small", { class: "numbers" }, number(accuracy.value, ref("scores,accuracy,value"), "percent2"), old);
}
