/** Use: draw a digit and watch the answer change with every stroke, and every step from the pen to the network. */
import { address, decode, get, post } from "../api.js";
import { h, put, section } from "../dom.js";
import "../elements/p-bars.js";
import "../elements/p-pad.js";
import { anyUnseen, ask, button, latest, slider } from "../lens.js";
import { failure } from "../problem.js";
import "../trace.js";

const STAGES = {
  grey: "in grey, as the pad gives it",
  flattened: "the ink stands out from the paper",
  ink: "only the digit, cropped",
  box: "at most 20 pixels long",
  sample: "in 28 \u00d7 28, its weight in the middle: what the network gets",
};
const PENS = { min: 6, max: 40, step: 1, value: 20 };

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const { switches } = await ask(context.run.id, "pad");
  const { facts } = await get(address("runs", context.run.id));
  draw(element, context, switches, facts.classes ?? []);
}

function draw(element, context, switches, classes) {
  const pad = h("p-pad");
  const bars = h("p-bars");
  const said = h("p", { class: "said", "aria-live": "polite" });
  const time = h("p", { class: "fine" });
  const stages = h("ul", { class: "gallery pad-stages" });
  const more = h("p", { class: "row" });
  const without = new Set();
  const grids = new Map();
  let shown = null; // the answer whose stages are on the page, or soon will be

  const read = latest(async () => {
    if (pad.blank) return blank();
    const began = performance.now();
    try {
      const query = without.size ? `?without=${[...without].join(",")}` : "";
      show(await post(address("runs", context.run.id, "pad") + query, await pad.blob()));
      requestAnimationFrame(() => {
        const taken = performance.now() - began;
        (pad.times ??= []).push(taken); // a test reads them
        time.textContent = `from the pen to the bars: ${taken.toFixed(0)} ms`;
        const found = shown;
        if (found) setTimeout(() => shown === found && drawStages(found)); // the bars first
      });
    } catch (error) {
      put(said, failure(error));
    }
  });
  function show(found) {
    if (!found.answer || pad.blank) return blank(found.why);
    put(said, found.answer.text);
    drawBars(found);
    shown = found;
    pad.sample = found.sample;
    put(more, h("a", { class: "button quiet", href: context.link({ step: "explain", view: "layers", query: { sample: found.sample } }) }, "Look inside with this drawing"), button("Save the drawing", () => save(pad)));
  }
  function drawStages(found) {
    found.stages.forEach((stage) => drawStage(stage, stages, grids));
    for (const [name, { item }] of grids) item.hidden = !found.stages.some((stage) => stage.name === name);
  }
  function blank(why) {
    shown = null;
    put(said, "\u2026");
    time.textContent = why && why !== "the pad is blank" ? why : "Nothing is drawn, so there is no guess.";
    bars.show(classes.map((name, i) => ({ name, value: 0, ref: `blank[${i}]` })), { title: "no guess", most: 1 });
    bars.toggleAttribute("data-blank", true);
    for (const { item } of grids.values()) item.hidden = true;
    put(more);
  }
  function drawBars(found) {
    const block = decode(found.probabilities);
    const most = block.values.reduce((a, b) => Math.max(a, b));
    bars.toggleAttribute("data-blank", false);
    bars.show(Array.from(block.values, (value, i) => ({ name: classes[i] ?? String(i), value, ref: `${block.ref}[${i}]`, mark: value === most })), { title: "probability of each class", most: 1, format: "percent1", dtype: "float32" });
  }

  pad.addEventListener("drawn", read);
  const pen = slider("pen", { ...PENS, format: (value) => `${value} px`, oninput: (value) => (pad.width = value) });
  const tools = h("div", { class: "row" }, button("Undo", () => pad.undo()), button("Clear", () => pad.clear()), pen.node);
  const copy = context.run.grid && button("Copy a validation picture", () => borrow(context, pad).catch((error) => put(said, failure(error))));
  const checks = Object.entries(switches).map(([name, does]) => h("li", {}, h("label", {}, h("input", { type: "checkbox", checked: true, "data-switch": name, onchange: (event) => (event.target.checked ? without.delete(name) : without.add(name), read()) }), does.split(";")[0]), h("span", { class: "fine" }, does.split(";")[1] ? ` ${does.split(";")[1].trim()}` : "")));
  const answer = section("Its answer", "The bars are softmax probabilities: they add up to one. A network without a class for \u201cnone of these\u201d names one for any scribble.", said, bars, time, more);
  const sheet = section("The pad", "White paper, black ink, 280 \u00d7 280 pixels. What you draw goes through the very function that reads photographs, and then through the preparation of training.", pad, tools, h("p", { class: "row" }, copy));
  const lead = checks.length
    ? "MNIST was made like this in 1994 (LeCun et al. 1998). A digit that is prepared in another way than those of the training looks strange to the network: leave a step out and see."
    : "What was drawn, prepared as the pictures of the training were: one that is prepared in another way looks strange to the network.";
  const way = section("From the pen to the network", lead, stages, checks.length ? h("ul", { class: "switches" }, checks) : null);
  put(element, h("div", { class: "columns pad-columns" }, sheet, answer), way);
  blank();
}

/** One stage as a picture, painted fast: it changes with every stroke. Its numbers stand in the view of pixels. */
function drawStage(stage, stages, grids) {
  const { values, shape, ref } = decode(stage);
  if (shape.length !== 2) return;
  if (!grids.has(stage.name)) {
    const canvas = h("canvas", { role: "img" });
    const item = h("li", {}, h("figure", {}, canvas, h("figcaption", {}, h("b", {}, stage.name), `: ${STAGES[stage.name] ?? ""}`)));
    stages.append(item);
    grids.set(stage.name, { canvas, item });
  }
  const { canvas } = grids.get(stage.name);
  const [rows, columns] = shape;
  const pixels = new Uint32Array(rows * columns);
  for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 | (values[i] * 0x010101); // grey, opaque
  Object.assign(canvas, { width: columns, height: rows });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows), 0, 0);
  canvas.style.setProperty("width", `${Math.round((120 * columns) / Math.max(rows, columns))}px`);
  canvas.setAttribute("aria-label", `${stage.name}: ${rows} by ${columns} pixels`);
  canvas.dataset.ref = ref;
}

async function borrow(context, pad) {
  const found = await context.api.samples(context, { split: "valid", start: await anyUnseen(context), count: 1 });
  const { values, shape } = decode(found.inputs);
  pad.clear();
  pad.place(values, shape[1], shape[2], { x: 40, y: 40, side: 200 });
}

async function save(pad) {
  const url = URL.createObjectURL(await pad.blob());
  h("a", { href: url, download: "drawing.png" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
