/** Train: the cockpit. Everything comes from the run's files, so a training of a terminal shows as well. */
import { h, put, section } from "../dom.js";
import "../elements/p-curve.js";
import { number, score } from "../elements/p-number.js";
import { addProgress, addSpeed, emptyLog, rewind, secondsPerStep } from "../follow.js";
import { told } from "../form.js";
import { duration } from "../numbers.js";
import { failure } from "../problem.js";
import { momentPanel } from "./moment.js";
import { vitalsPanel } from "./vitals.js";

const REDRAW_MS = 200; // at most so often: watching must not slow the training
const LOOK_MS = 10_000; // as well: between two looks into a network that trains
const SMOOTHING = 0.6;
const SHARES = /accuracy|recall|precision|f1|share|auc|top/i;

export default {
  id: "watch",
  title: "Watch",
  lead: "The loss should fall, the validation score should rise.",
  step: "train",
  mount(element, context) {
    const cockpit = new Cockpit(element, context);
    return () => cockpit.leave();
  },
};

class Cockpit {
  constructor(element, context) {
    this.context = context;
    this.run = context.run;
    this.log = emptyLog();
    this.charts = new Map();
    this.drawn = 0;
    this.parts = Object.fromEntries(["head", "alarm", "figures", "scores", "line", "moment", "layers", "settings"].map((name) => [name, h("div", { class: `cockpit-${name}` })]));
    this.values = {};
    this.notes = {}; // beside the values, by the same names
    this.loss = h("p-curve");
    this.rate = h("p-curve");
    put(element, this.parts.alarm, h("section", { class: "panel" }, this.parts.head, this.parts.figures), this.lossPanel(), this.parts.line, this.parts.moment, this.parts.scores, this.parts.layers, this.parts.settings);
    this.moment = momentPanel(context);
    this.vitals = vitalsPanel();
    put(this.parts.moment, this.moment.node);
    put(this.parts.layers, this.vitals.node);
    put(this.parts.settings, settings(this.run));
    this.parts.scores.classList.add("columns");
    this.parts.scores.append(section("Learning rate", "How far each update goes. It usually rises at first and falls towards the end.", this.rate));
    this.head();
    this.stop = context.api.events(this.run.id, {
      progress: (line, id) => (addProgress(this.log, line, id), this.later()),
      rewound: ({ lines }) => (rewind(this.log, lines), this.later()),
      speed: (line) => (addSpeed(this.log, line), this.later()),
      status: (status) => this.status(status),
      connected: (yes) => yes || this.later(),
    });
    this.draw();
  }

  leave() {
    this.stop();
    clearTimeout(this.timer);
  }

  ref(i, name) {
    return `${this.run.id}/progress.jsonl[${this.log.lines[i]},${name}]`;
  }

  later() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.draw();
    }, Math.max(0, REDRAW_MS - (performance.now() - this.drawn)));
  }

  status(status) {
    const stands = ({ status, jobs }) => `${status} ${jobs?.train?.state}`;
    const before = stands(this.run);
    this.run = { ...this.run, ...status };
    if (before !== stands(this.run) || (status.task && !this.run.training)) {
      this.head();
      this.context.refresh().catch(() => {});
      this.learn().catch(() => {});
    }
    this.later();
  }

  /** A training that just starts has no directory yet; ask again what it is once it has. */
  async learn() {
    this.run = { ...this.run, ...(await this.context.api.run(this.run.id)) };
    put(this.parts.settings, settings(this.run));
    this.later();
  }

  head() {
    const { run } = this;
    const words = { running: "Training", paused: "Paused", finished: "Finished", stopped: "Stopped" };
    const act = (verb, text, quiet) => h("button", { type: "button", class: quiet ? "quiet" : "", onclick: (event) => this.act(verb, event.target) }, text);
    const buttons = {
      running: [act("stop", "Pause", true)],
      paused: run.released ? [] : [act("resume", "Resume")],
      stopped: run.released || !run.training ? [] : [act("resume", "Resume")],
    }[run.status];
    const next = run.status === "finished" ? h("a", { class: "button", href: this.context.link({ step: "test", view: null }) }, "Test it") : null;
    this.bar = h("progress", { max: run.steps || 1, value: run.step || 0, "aria-label": "steps done" });
    const ended = { paused: "Its state is saved; it goes on exactly where it was.", stopped: "It ended before anything was saved." }[run.status];
    const failed = ended && run.jobs?.train?.state === "failed";
    const note = ended && !failed ? h("span", { class: "fine" }, ended) : null;
    put(this.parts.alarm, failed ? h("p", { class: "alarm", role: "alert" }, run.jobs.train.message) : null);
    this.problem = h("div", {});
    put(this.parts.head, h("div", { class: "row" }, h("div", { role: "status" }, h("h2", {}, words[run.status] ?? run.status)), this.bar, buttons, next, note), this.problem);
  }

  async act(verb, button) {
    button.disabled = true;
    button.textContent = verb === "stop" ? "Saving its state ..." : "Starting ...";
    put(this.problem);
    try {
      await this.context.api.act(this.run.id, verb);
    } catch (error) {
      this.head();
      put(this.problem, failure(error));
    }
  }

  lossPanel() {
    const { state, setState } = this.context;
    const smoothing = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: state.smoothing ?? SMOOTHING, id: "smoothing", oninput: (event) => (setState({ smoothing: event.target.value }), (said.textContent = event.target.value), this.draw()) });
    const said = h("output", { class: "tick", for: "smoothing" }, smoothing.value);
    const log = h("input", { type: "checkbox", checked: state.log === "1", onchange: (event) => (setState({ log: event.target.checked ? "1" : null }), this.draw()) });
    this.controls = { smoothing, log };
    const row = h("div", { class: "row" }, h("label", {}, "smoothing", smoothing, said), h("label", {}, log, "logarithmic"));
    return section("Loss", "How wrong the network is on the samples of each step. The thin line is what was measured; the thick one is its moving average, corrected so that it starts unbiased. Dots are the loss on the validation samples.", row, this.loss);
  }

  draw() {
    const { log, run } = this;
    this.drawn = performance.now();
    const at = Number(this.context.state.at) || null;
    const line = { name: "training loss", xs: log.steps, ys: log.losses, refOf: (i) => this.ref(i, "loss"), format: "g4" };
    const chart = { x: "step", domain: log.steps.length ? [0, Math.max(run.steps ?? 0, log.steps.at(-1))] : [0, run.steps || 1], marked: at };
    const validation = log.evaluations.some(({ scores }) => scores.loss) ? [this.scoreLine("loss", "validation loss")] : [];
    this.loss.show({ ...chart, title: "Training loss", lines: [line, ...validation], smoothing: Number(this.controls.smoothing.value), log: this.controls.log.checked });
    this.rate.show({ ...chart, title: "Learning rate", lines: [{ name: "learning rate", xs: log.steps, ys: log.rates, refOf: (i) => this.ref(i, "learning_rate"), format: "g3" }] });
    this.drawScores(chart);
    this.timeline(at);
    this.figures();
    this.vitals.show(log, chart, (id, path) => `${run.id}/progress.jsonl[${id},${path}]`, this.slider ? Number(this.slider.value) : log.evaluations.length - 1);
    this.look();
    this.bar.max = run.steps || 1;
    this.bar.value = log.steps.at(-1) ?? run.step ?? 0;
  }

  scoreLine(name, title = name) {
    const found = this.log.evaluations.filter(({ scores }) => scores[name]);
    const column = (key) => found.map(({ scores }) => scores[name][key] ?? NaN);
    const refOf = (i) => `${this.run.id}/progress.jsonl[${found[i].line},scores,${name},value]`;
    return { name: title, xs: found.map(({ step }) => step), ys: column("value"), lows: column("low"), highs: column("high"), refOf, format: SHARES.test(name) ? "percent2" : "g4", points: true };
  }

  drawScores(chart) {
    const names = [...new Set(this.log.evaluations.flatMap(({ scores }) => Object.keys(scores)))].filter((name) => name !== "loss");
    for (const name of names) {
      if (!this.charts.has(name)) {
        const curve = h("p-curve");
        this.charts.set(name, curve);
        this.parts.scores.lastElementChild.before(section(`Validation ${name}`, "Measured on samples that do not train. The bars are 95 % intervals.", curve));
      }
      this.charts.get(name).show({ ...chart, title: `Validation ${name}`, lines: [this.scoreLine(name)] });
    }
  }

  timeline(at) {
    const found = this.log.evaluations;
    if (found.length < 2) return;
    if (!this.slider) {
      this.said = h("p", { "aria-live": "polite", class: "numbers" });
      this.slider = h("input", { type: "range", min: 0, step: 1, id: "timeline", oninput: () => this.scrub(Number(this.slider.value)) });
      put(this.parts.line, section("Time line", "Go back through the evaluations: the line in each chart moves along.", h("label", { class: "whole" }, h("span", { class: "unseen" }, "evaluation"), this.slider), this.said));
    }
    this.slider.max = String(found.length - 1);
    const index = at === null ? found.length - 1 : Math.max(0, found.findLastIndex(({ step }) => step <= at));
    if (String(index) !== this.slider.value || !this.said.childElementCount) this.say(index);
    this.slider.value = String(index);
  }

  /** Show the network of the moment; a training that goes on keeps more of them. */
  look() {
    const chosen = this.log.evaluations[this.slider ? Number(this.slider.value) : this.log.evaluations.length - 1];
    if (!chosen || this.run.released) return;
    const fresh = chosen.step > (this.run.snapshots?.at(-1) ?? 0) && chosen.step !== this.asked;
    if (!fresh) return this.moment.show(this.run, chosen.step);
    const early = this.run.status === "running" && performance.now() - (this.looked ?? -Infinity) < LOOK_MS;
    if (early) return;
    [this.asked, this.looked] = [chosen.step, performance.now()];
    this.learn().catch(() => {});
  }

  scrub(index) {
    const last = index === this.log.evaluations.length - 1;
    this.context.setState({ at: last ? null : this.log.evaluations[index].step });
    this.say(index);
    this.draw();
  }

  say(index) {
    const one = this.log.evaluations[index];
    const base = `${this.run.id}/progress.jsonl[${one.line}`;
    const told = Object.entries(one.scores).map(([name, entry]) => h("span", {}, `${name} `, score(entry, `${base},scores,${name}]`, SHARES.test(name) ? "percent2" : "g4")));
    this.slider.setAttribute("aria-valuetext", `step ${one.step}`);
    put(this.said, "After step ", number(one.step, `${base},step]`, "int"), h("span", { class: "row" }, told));
  }

  figures() {
    const { log, run } = this;
    const last = log.steps.length - 1;
    if (last < 0 && run.status === "running") return put(this.parts.figures, h("p", { class: "waiting" }, "Waiting for the first steps ..."));
    if (last < 0) return put(this.parts.figures, h("p", { class: "fine" }, run.released ? "A released model comes without the log of its training." : "No step was made."));
    const pace = secondsPerStep(log);
    const speed = `${run.id}/speed.jsonl[seconds]`;
    const left = run.steps && pace && run.status === "running" ? (run.steps - log.steps[last]) * pace : null;
    this.figure("step", log.steps[last], this.ref(last, "step"), "int", run.steps ? ["of ", number(run.steps, `${run.id}/training.json[steps]`, "int")] : null);
    this.figure("epoch", log.epochs[last], this.ref(last, "epoch"), "2");
    this.figure("loss", log.losses[last], this.ref(last, "loss"), "g4");
    this.figure("learning rate", log.rates[last], this.ref(last, "learning_rate"), "g3");
    this.figure("ms a step", pace === null ? null : 1000 * pace, speed, "g3");
    this.figure("samples/s", pace === null ? null : (run.training?.batch_size ?? NaN) / pace, speed, "int");
    const held = log.times.at(-1)?.memory;
    if (held) this.figure("memory", held, `${run.id}/speed.jsonl[memory]`, "MB");
    put((this.values.left ??= this.parts.figures.appendChild(h("p", { class: "fine tick left" }))), left === null ? "" : `about ${duration(left)} left`);
  }

  figure(name, value, ref, format, note = null) {
    if (!this.values[name]) {
      this.values[name] = number(value, ref, format);
      this.notes[name] = h("small");
      if (!this.parts.figures.querySelector(".figures")) put(this.parts.figures, h("div", { class: "figures" }));
      this.parts.figures.querySelector(".figures").append(h("div", { class: "figure" }, h("span", { class: "name" }, name), h("span", { class: "score" }, h("b", {}, this.values[name]), " ", this.notes[name])));
    }
    const known = this.notes[name].textContent;
    if (h("small", {}, note).textContent !== known) put(this.notes[name], note);
    this.values[name].show(value, ref, { format });
  }
}

function settings(run) {
  const rows = Object.entries({ ...run.fields, ...run.training }).filter(([, value]) => value === null || typeof value !== "object" || Array.isArray(value));
  const list = h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", { "data-ref": `${run.id}/${name in (run.training ?? {}) ? "training" : "task"}.json[${name}]` }, told(value))]));
  return h("details", { class: "panel more" }, h("summary", {}, "All settings of this run"), list);
}
