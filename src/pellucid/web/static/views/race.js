/** Train: optimisers race downhill on a surface; the paths are those of the toolkit's own updates, as numbers. */
import { address, decode, get } from "../api.js";
import { colour } from "../colours.js";
import { h, put, section, svg } from "../dom.js";
import { number } from "../elements/p-number.js";
import { button, choice, latest, runOf, slider, still } from "../lens.js";
import { written } from "../numbers.js";
import { failure } from "../problem.js";

const SAID = { valley: "a long narrow valley", saddle: "a saddle: flat, one way up, one way down", bowl: "a round bowl whose gradient is shaken, as by small batches", beale: "Beale\u2019s function: flat valleys between steep corners" };
const COLOURS = ["#1763a6", "#b6560a", "#5b6f00", "#8a3f9b", "#0b7a72", "#5d6a70", "#c2185b", "#00838f", "#6d4c41", "#3949ab"];
const DASHES = ["", "7 3", "2 3", "10 3 2 3", "", "5 5", "1 2", "12 4", "3 2", "8 2 2 2"];
const SIDE = 480;
const SECONDS = 6;
const OWN = "own"; // the loss of a trained network
const OWN_STEPS = 50; // each is a pass there and back through the network
const FIRST = ["sgd", "momentum", "rmsprop", "adam"];
const MARKS = 5; // numbered marks on a path

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const view = new Race(context, await get(address("surfaces")));
  put(element, view.node);
  await view.run();
  return () => view.stop();
}

class Race {
  constructor(context, surfaces) {
    this.context = context;
    this.surfaces = Object.fromEntries(surfaces.map((one) => [one.name, one]));
    this.of = runOf(context);
    if (this.of) this.surfaces[OWN] = { name: OWN, learning_rates: Object.fromEntries(Object.keys(surfaces[0].learning_rates).map((name) => [name, ""])) };
    const { surface, who, rates, start, steps, seed } = context.state;
    this.state = { surface: this.surfaces[surface] ? surface : "beale", who: new Set((who ?? FIRST.join()).split(",")), rates: Object.fromEntries((rates ?? "").split(",").filter(Boolean).map((one) => one.split(":"))), start: start ?? "", steps: Number(steps ?? (surface === OWN ? OWN_STEPS : 150)), seed: Number(seed ?? 0) };
    this.plot = h("div", { class: "race-plot" });
    this.table = h("div");
    this.about = h("div", { "aria-live": "polite" });
    this.controls = h("div", { class: "row controls" });
    this.racers = h("fieldset", { class: "racers" });
    this.time = slider("step", { min: 0, max: this.state.steps, step: 1, value: 0, format: String, oninput: (at) => (this.stop(), this.at(at)) });
    this.play = button("Start", () => (this.timer ? this.stop() : this.start()));
    this.run = latest(() => this.fetch());
    const foot = h("div", { class: "row" }, this.play, button("One step", () => (this.stop(), this.at(Math.min(this.step + 1, this.state.steps)))), this.time.node, button("Download the numbers", () => this.download()));
    const help = "The paths are computed by the very equations that pellucid.explain.updates writes out, and which the tests hold against torch.optim step for step. Click the surface, or write two numbers, to start elsewhere. The rates are each optimiser\u2019s own for this surface; change them and see who flies off.";
    this.node = h("div", {}, this.controls, h("div", { class: "columns race-columns" }, section("The race", help, this.about, this.plot, foot), section("Who runs", null, this.racers, this.table)));
  }

  async fetch() {
    const { surface, who, rates, start, steps, seed } = this.state;
    const own = this.surfaces[surface].learning_rates;
    const given = Object.keys(own).filter((name) => who.has(name)).map((name) => `${name}=${rates[name] ?? own[name]}`.replace(/=$/, "")).join() || "sgd";
    this.context.setState({ surface, who: [...who].join(), rates: Object.entries(rates).filter(([, rate]) => rate !== "").map((pair) => pair.join(":")).join(), start, steps, seed });
    if (surface === OWN) put(this.about, h("p", { class: "waiting" }, `computing the loss of ${this.of.id} on a plane through its weights ...`));
    try {
      this.found = surface === OWN ? await get(address("runs", this.of.id, "race"), { rates: given, start, steps }) : await get(address("race"), { surface, rates: given, start, steps, seed });
    } catch (error) {
      put(this.about, failure(error));
      if (!this.controls.childElementCount) this.choose();
      return;
    }
    if (surface === OWN) this.surfaces[OWN].learning_rates = this.found.learning_rates;
    put(this.about, surface === OWN ? this.plane() : null);
    this.paths = this.found.paths.map((path) => ({ ...path, points: decode(path.points), losses: decode(path.losses) }));
    this.time.input.max = String(steps);
    this.draw();
    this.choose();
    this.at(still() ? steps : 0);
    if (!still() && !this.started) this.start();
    this.started = true;
  }

  /** What the plane is that the network's loss is drawn on. */
  plane() {
    const { share, samples, heights } = this.found;
    const way = share === null ? "No snapshots of its training are here, so the plane holds two random directions, filter by filter as long as its own weights (Li et al. 2018)." : ["The plane holds the two directions in which its training moved most: ", number(share, `${heights.ref}[share]`, "percent1"), " of its way. The white line is that way."];
    return h("p", { class: "fine" }, `The loss of ${this.of.id} on ${samples} training samples. `, way, " The star is where it ended.");
  }

  choose() {
    const own = this.surfaces[this.state.surface].learning_rates;
    const set = (name, value) => ((this.state[name] = value), this.run());
    const turn = (name) => {
      const steps = name === OWN ? OWN_STEPS : Math.max(150, this.state.steps);
      Object.assign(this.state, { rates: {}, start: "", steps });
      this.racers.dataset.of = "";
      set("surface", name);
    };
    const named = (name) => (name === OWN ? `the loss of ${this.of.id}` : (SAID[name] ?? name));
    const fields = () => [...this.controls.querySelectorAll("select, input")];
    const held = fields().indexOf(document.activeElement); // the fields are made anew
    put(
      this.controls,
      choice("surface", Object.keys(this.surfaces).map((name) => [name, named(name)]), this.state.surface, turn),
      choice("steps", this.state.surface === OWN ? [25, OWN_STEPS, 100, 150] : [50, 150, 300, 1000], this.state.steps, (value) => set("steps", Number(value))),
      h("label", {}, "seed", h("input", { type: "number", min: 0, value: this.state.seed, class: "short", onchange: (event) => set("seed", Number(event.target.value)) })),
      h("span", {}, "start at"),
      ["x", "y"].map((name, i) => this.startField(name, i)),
    );
    fields()[held]?.focus();
    if (this.racers.dataset.of === this.state.surface) return;
    this.racers.dataset.of = this.state.surface;
    const rows = Object.entries(own).map(([name, rate], i) => {
      const box = h("input", { type: "checkbox", checked: this.state.who.has(name), onchange: () => (box.checked ? this.state.who.add(name) : this.state.who.delete(name), this.run()) });
      const pace = h("input", { type: "number", min: 0, step: "any", value: this.state.rates[name] ?? rate, class: "short", "aria-label": `learning rate of ${name}`, onchange: () => ((this.state.rates[name] = pace.value), this.run()) });
      return h("li", {}, h("label", {}, box, key(i), name), pace);
    });
    put(this.racers, h("legend", {}, "and with which learning rate"), h("ul", {}, rows));
  }

  place([x, y]) {
    const [left, right, bottom, top] = this.found.box;
    return [((x - left) / (right - left)) * SIDE, SIDE - ((y - bottom) / (top - bottom)) * SIDE];
  }

  draw() {
    const canvas = heights(this.found);
    const names = Object.keys(this.surfaces[this.state.surface].learning_rates);
    this.lines = this.paths.map((path) => ({ path, colour: COLOURS[names.indexOf(path.name)], dash: DASHES[names.indexOf(path.name)], line: svg("path", { class: "way" }), halo: svg("path", { class: "halo" }), dot: svg("circle", { r: 6 }), marks: svg("g") }));
    const minima = this.found.minima.map((point) => { const [x, y] = this.place(point); return svg("text", { x, y: y + 7, "text-anchor": "middle", class: "minimum" }, "\u2605"); }); // prettier-ignore
    const drawn = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" }, this.training(), minima, this.lines.map((each) => {
      for (const part of [each.line, each.dot]) part.style.setProperty("--path", each.colour);
      each.line.setAttribute("stroke-dasharray", each.dash);
      return [each.halo, each.line, each.marks, each.dot];
    }));
    drawn.addEventListener("click", (event) => this.startClicked(event, drawn));
    this.drawn = drawn;
    put(this.plot, canvas, drawn);
  }

  /** The way that the training itself went, where it is known. */
  training() {
    const { values, shape } = this.found.training ? decode(this.found.training) : { values: [], shape: [0] };
    if (!shape[0]) return null;
    const points = Array.from({ length: shape[0] }, (_, i) => this.place([values[2 * i], values[2 * i + 1]]));
    const text = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    return svg("g", { class: "training-way" }, svg("path", { d: text }), points.map(([cx, cy]) => svg("circle", { cx, cy, r: 3 })));
  }

  /** One number of the place where they start. */
  startField(name, i) {
    const start = this.found?.start ?? [0, 0];
    const field = h("input", { type: "number", step: "any", value: start[i], class: "short", onchange: () => field.value !== "" && this.startAt(start.with(i, Number(field.value))) });
    return h("label", {}, name, field);
  }

  startClicked(event, drawn) {
    const box = drawn.getBoundingClientRect();
    const [left, right, bottom, top] = this.found.box;
    const x = left + ((event.clientX - box.left) / box.width) * (right - left);
    const y = top - ((event.clientY - box.top) / box.height) * (top - bottom);
    this.startAt([x, y].map((value) => Number(value.toFixed(3))));
  }

  startAt(start) {
    this.state.start = start.join();
    this.started = false;
    this.stop();
    this.run();
  }

  /** Show the race at a step. */
  at(step) {
    this.step = step;
    this.time.set(step);
    for (const each of this.lines) {
      const { values } = each.path.points;
      const points = Array.from({ length: step + 1 }, (_, i) => [values[2 * i], values[2 * i + 1]]).filter((point) => point.every((v) => Number.isFinite(v) && Math.abs(v) < 1e5)).map((point) => this.place(point));
      const text = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
      each.line.setAttribute("d", text);
      each.halo.setAttribute("d", text);
      const [x, y] = points.at(-1) ?? [0, 0];
      each.dot.setAttribute("cx", String(x));
      each.dot.setAttribute("cy", String(y));
      const every = Math.ceil(this.state.steps / MARKS);
      put(each.marks, still() ? points.map((point, i) => [point, i]).filter(([, i]) => i && i % every === 0).map(([[px, py], i]) => svg("text", { x: px + 5, y: py - 5, class: "mark-step tick" }, i)) : null);
    }
    const rows = this.lines.map(({ path }) => {
      const value = (block, i, ref) => number(block.values[i], `${block.ref}[${ref}]`, "g4");
      return h("tr", {}, h("th", { scope: "row" }, path.name), h("td", {}, value(path.points, 2 * step, `${step},0`)), h("td", {}, value(path.points, 2 * step + 1, `${step},1`)), h("td", {}, value(path.losses, step, step)));
    });
    put(this.table, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "where they are" }, h("table", { class: "tight standing" }, h("caption", {}, `after ${step} steps`), h("thead", {}, h("tr", {}, ["optimiser", "x", "y", "height"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows))));
    const height = ({ losses }) => losses.values[step];
    const [best] = this.paths.filter((path) => Number.isFinite(height(path))).sort((a, b) => height(a) - height(b));
    const lowest = best ? `${best.name} is lowest, at height ${written(height(best), "g4")}` : "all have flown off";
    this.drawn.setAttribute("aria-label", `${SAID[this.state.surface] ?? "the loss of a network"}; after ${step} steps ${lowest}. The table has every place.`);
  }

  start() {
    if (this.step >= this.state.steps) this.at(0);
    if (still()) return this.at(this.state.steps);
    this.play.textContent = "Pause";
    const from = this.step;
    const began = performance.now();
    const tick = (now) => {
      const next = Math.min(this.state.steps, from + Math.floor(((now - began) / 1000 / SECONDS) * this.state.steps));
      if (next !== this.step) this.at(next);
      if (next >= this.state.steps || !this.node.isConnected) return this.stop();
      this.timer = requestAnimationFrame(tick);
    };
    this.timer = requestAnimationFrame(tick);
  }

  stop() {
    cancelAnimationFrame(this.timer);
    this.timer = 0;
    this.play.textContent = "Start";
  }

  /** The paths as CSV, every digit. */
  download() {
    const lines = ["optimiser,learning_rate,step,x,y,height"];
    for (const { name, learning_rate, points, losses } of this.paths) {
      for (let i = 0; i < losses.values.length; i++) lines.push([name, learning_rate, i, points.values[2 * i], points.values[2 * i + 1], losses.values[i]].join());
    }
    const url = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    h("a", { href: url, download: `race-${this.state.surface}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

/** The surface from above: dark is low, on a logarithmic scale. */
function heights({ heights: block }) {
  const { values, shape } = decode(block);
  const [rows, columns] = shape;
  const low = Math.min(...values);
  const logs = Array.from(values, (value) => Math.log1p(value - low));
  const most = Math.max(...logs);
  const canvas = h("canvas", { width: columns, height: rows, "aria-hidden": "true" });
  const image = new ImageData(columns, rows);
  logs.forEach((value, i) => {
    const [r, c] = [rows - 1 - Math.floor(i / columns), i % columns];
    const band = Math.floor((value / most) * 14) / 14; // bands are contours
    image.data.set([...colour("viridis", band).map((part) => 255 - 0.45 * (255 - part)), 255], 4 * (r * columns + c));
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The line of a racer in the list. */
function key(i) {
  const line = svg("line", { x1: 0, x2: 26, y1: 6, y2: 6, "stroke-width": 3, "stroke-dasharray": DASHES[i] });
  line.style.setProperty("stroke", COLOURS[i]);
  return svg("svg", { width: 26, height: 12, "aria-hidden": "true" }, line);
}
