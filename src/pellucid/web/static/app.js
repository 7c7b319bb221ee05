/** The frame: tasks and runs on the left, the steps above, one view in the middle. What is shown is in the hash. */
import { address, api, get, keepToken } from "./api.js";
import { h, put } from "./dom.js";
import "./elements/p-help.js";
import { failure } from "./problem.js";
import { STEPS, carried, format, parse, rewrite } from "./router.js";
import { latest } from "./lens.js";
import { momentBar, momentOf } from "./moments.js";
import { offered } from "./offered.js";
import { drawSide } from "./side.js";
import welcome from "./views/welcome.js";

const NAMES = { look: "Look", train: "Train", test: "Test", explain: "Explain", use: "Use" };
const RUN_STEPS = ["test", "explain", "use"]; // steps that look at a trained network
const SECONDS = { busy: 3, idle: 12, away: 1.5 }; // between looks at the list of runs

const part = Object.fromEntries(["side", "steps", "tabs", "main", "notice", "where", "menu", "skip"].map((id) => [id, document.getElementById(id)]));
const known = { tasks: [], runs: [] };
keepToken();
let place = parse(location.hash);
let leave = () => {}; // disposes of the view that stands
let turn = 0; // counts renderings, so that a slow one does not overwrite a newer
let away = false;

async function start() {
  addEventListener("hashchange", () => format(parse(location.hash)) !== format(place) && show());
  addEventListener("pellucid:away", () => gone());
  addEventListener("pellucid:back", () => returned());
  part.menu.addEventListener("click", () => toggleSide());
  part.skip.addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the page's address
    part.main.focus();
  });
  try {
    [known.tasks, known.runs] = await Promise.all([api.tasks(), api.runs()]);
  } catch (error) {
    put(part.main, failure(error, () => location.reload()));
    return;
  }
  await show();
  all().catch(() => {}); // at hand before somebody chooses a task
  watch();
}

/** All views; the first page stands before they are loaded. */
async function all() {
  return (await import("./views.js")).views;
}

/** Draw what the hash says; the page is busy until its view stands. */
async function show() {
  const mine = ++turn;
  part.main.setAttribute("aria-busy", "true");
  await draw(mine);
  if (mine === turn) part.main.setAttribute("aria-busy", "false");
}

async function draw(mine) {
  place = complete(parse(location.hash));
  rewrite(place);
  toggleSide(false);
  const task = known.tasks.find((one) => one.name === place.task) ?? null;
  const held = document.activeElement;
  let run = null;
  if (task && place.run) {
    try {
      run = await api.run(place.run);
    } catch (error) {
      if (mine !== turn) return;
      settle(failure(error, () => show()), task, null);
      return refocus(held);
    }
  }
  const views = task ? await all() : [];
  if (mine !== turn) return;
  const fitting = views.filter((view) => view.step === place.step && task && offered(view.id, { task, run, runs: known.runs }));
  const view = task ? (fitting.find((one) => one.id === place.view) ?? fitting[0]) : welcome;
  if (task && view) {
    place.view = view.id;
    rewrite(place);
  }
  const article = h("article", { class: `view view-${view?.id ?? "none"}` });
  settle(article, task, run, fitting, view);
  if (task) put(article, h("h1", { tabindex: "-1" }, view?.title ?? NAMES[place.step]), view?.lead ? h("p", { class: "lead" }, view.lead) : null);
  refocus(held);
  if (!view) return article.append(nothing(task, run));
  const room = h("div", { class: "room" });
  if (run && view.step === "explain") article.append(momentBar(run, place.query.at, latest((step) => go(step))) ?? "");
  article.append(room);
  await mount(mine, view, room, task, run);

  /** To another moment of the training: the bar stays, so that it can be dragged. */
  async function go(step) {
    if (mine !== turn) return;
    leave();
    leave = () => {};
    put(room);
    context(task, run).setState({ at: step });
    await mount(mine, view, room, task, run);
  }
}

/** Put the focus back on what had it, or on the heading where that is gone. @param {Element|null} held */
function refocus(held) {
  document.querySelector(`[data-key="${held?.dataset?.key}"]`)?.focus();
  if (held !== document.body && document.activeElement === document.body) (part.main.querySelector("h1[tabindex]") ?? part.main).focus();
}

async function mount(mine, view, room, task, run) {
  try {
    const looked = view.step === "explain" ? momentOf(run, place.query.at) : run;
    const made = await view.mount(room, context(task, looked));
    const dispose = typeof made === "function" ? made : () => {};
    if (mine === turn) leave = dispose;
    else dispose();
  } catch (error) {
    if (mine === turn) put(room, failure(error, () => show()));
    if (!(error instanceof api.ApiError)) console.error(error);
  }
}

/** Fill in what a short address leaves open. */
function complete(wanted) {
  if (!wanted.task) return { ...wanted, run: null, step: null, view: null };
  const step = wanted.step ?? "look";
  const run = wanted.run ?? (RUN_STEPS.includes(step) ? best(wanted.task) : null);
  return { ...wanted, step, run };
}

/** The run that a person most likely means: their newest finished one, or else the released one. */
function best(task) {
  const mine = known.runs.filter((run) => run.task === task);
  const newest = mine.filter((run) => !run.released && run.status === "finished").sort((a, b) => String(b.created).localeCompare(String(a.created)))[0];
  return (newest ?? mine.find((run) => run.released) ?? mine[0])?.id ?? null;
}

/** Everything a view gets. */
function context(task, run) {
  return {
    task,
    run,
    place,
    tasks: known.tasks,
    runs: known.runs,
    api,
    get sample() {
      return place.query.sample ?? null;
    },
    get state() {
      return { ...place.query };
    },
    /** Change the state in the hash without mounting the view again; null takes a name away. */
    setState(partial) {
      place.query = Object.fromEntries(Object.entries({ ...place.query, ...partial }).filter(([, value]) => value !== null && value !== undefined && value !== ""));
      rewrite(place);
      drawTop(task, run);
    },
    /** The address of another place, kept where nothing else is said. */
    link: (partial) => format({ ...place, query: carried(place.query), ...partial }),
    refresh,
  };
}

function settle(content, task, run, fitting = [], view = null) {
  leave();
  leave = () => {};
  put(part.main, content);
  document.title = [view?.title, run?.id ?? task?.name, "Pellucid studio"].filter(Boolean).join(" - ");
  drawSide(part.side, known, place);
  drawTop(task, run, fitting, view);
}

let tabs = [];
let current = null;
function drawTop(task, run, fitting = tabs, view = current) {
  [tabs, current] = [fitting, view];
  const query = carried(place.query);
  put(part.where, task ? [h("a", { href: format({ task: task.name, step: "look", run: place.run }) }, task.name), run ? [h("span", { "aria-hidden": "true" }, " / "), h("b", {}, run.id)] : null] : null);
  part.steps.hidden = !task;
  part.tabs.hidden = !task || fitting.length < 2;
  if (!task) return;
  const link = (name, target, on, key) => h("a", { href: format({ ...place, query, ...target }), "aria-current": on ? "page" : null, "data-key": key }, name);
  put(part.steps, h("ol", {}, STEPS.map((step) => h("li", {}, link(NAMES[step], { step, view: null }, step === place.step, `step-${step}`)))));
  put(part.tabs, h("ul", {}, fitting.map((one) => h("li", {}, link(one.title, { view: one.id }, one === view, `view-${one.id}`)))));
}

function nothing(task, run) {
  const to = format({ task: task.name, step: "train", run: null });
  const why = run ? "This run has nothing to show in this step." : `There is no trained network for ${task.name} yet.`;
  return h("div", { class: "panel empty" }, h("p", {}, why), h("p", {}, h("a", { class: "button", href: to }, "Train one")));
}

/** Look at the list of runs now and then, so that a training started in a terminal appears here too. */
function watch() {
  const busy = known.runs.some((run) => run.status === "running");
  setTimeout(async () => {
    if (!document.hidden && !away) await refresh().catch(() => {});
    watch();
  }, 1000 * (busy ? SECONDS.busy : SECONDS.idle));
}

async function refresh() {
  const runs = await api.runs();
  const changed = JSON.stringify(runs) !== JSON.stringify(known.runs);
  known.runs.splice(0, known.runs.length, ...runs);
  if (changed) drawSide(part.side, known, place);
}

function gone() {
  if (away) return;
  away = true;
  put(part.notice, h("p", { class: "alarm" }, "The studio's server does not answer. Trainings go on without it. Start it again with ", h("code", {}, "pellucid studio"), "; this page waits for it."));
  const ask = () => setTimeout(() => get(address("health")).catch(() => away && ask()), 1000 * SECONDS.away);
  ask();
}

async function returned() {
  if (!away) return;
  away = false;
  put(part.notice);
  await refresh();
  await show();
}

function toggleSide(open = part.menu.getAttribute("aria-expanded") !== "true") {
  part.menu.setAttribute("aria-expanded", String(open));
  document.body.classList.toggle("side-open", open);
}

start();
