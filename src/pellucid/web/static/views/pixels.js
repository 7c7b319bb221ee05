/** Look: a picture is a grid of numbers; what normalisation does to them, and to a network that learned another one. */
import { decode } from "../api.js";
import { css } from "../colours.js";
import { h, put, section, svg } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, latest, plane, runOf, slider } from "../lens.js";
import { written } from "../numbers.js";
import { channelNames, looksOf, paintPixels } from "../paint.js";
import { failure } from "../problem.js";
import { sampler } from "../sampler.js";
import { trace } from "../trace.js";
import { named } from "../words.js";

const SHOWN = { raw: "raw, 0 to 255", unit: "divided by 255", input: "normalised, as the network gets it" };
const BINS = 64;
const BOX = { width: 420, height: 130, bottom: 22 };

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const run = runOf(context);
  const state = { shown: context.state.shown ?? "raw", channel: Number(context.state.channel) || 0, found: null, mean: [0], deviation: [1] };
  const grid = h("p-grid");
  const whole = h("canvas", { class: "sample", role: "img", "aria-label": "the picture in its colours" });
  const channels = h("span");
  const four = h("dl", { class: "facts numbers four", "aria-live": "polite" });
  const normal = normalisation(run, state, () => describe(state, grid, four));
  const sample = sampler(context, show);
  const kind = choice("show", Object.entries(SHOWN), state.shown, (value) => {
    state.shown = value;
    context.setState({ shown: value === "raw" ? null : value });
    again();
  });
  function again() {
    draw(state, grid);
    grid.select(state.cell.row, state.cell.column);
  }
  function turn(channel) {
    state.channel = Number(channel);
    context.setState({ channel: state.channel || null });
    again();
    normal.show();
  }
  grid.addEventListener("cell", ({ detail }) => describe(state, grid, four, detail));
  grid.addEventListener("open", ({ detail }) => trace(refAt(state, detail)));
  const picture = section("The picture", "Each cell is one pixel: 0 is black, 255 is white; in colour there is such a grid for each channel. Some tasks also put a margin around the picture or make its lines wider; what the network gets shows it. Press Enter on a cell to see its float and its bits.", h("div", { class: "row controls" }, kind, channels), whole, grid, four);
  put(element, sample.node, h("div", { class: "columns" }, picture, normal.node));

  async function show() {
    state.found = await ask(run.id, "pixels", { sample: sample.sample });
    const { true: truth, classes, mean } = state.found;
    sample.tell(truth === null ? "" : named(classes[truth] ?? String(truth)));
    state.raw = decode(state.found.raw);
    state.input = decode(state.found.input);
    state.channel = Math.min(state.channel, mean.length - 1);
    put(channels, mean.length > 1 ? choice("channel", channelNames(mean.length).map((name, i) => [i, name]), state.channel, turn) : null);
    whole.hidden = mean.length === 1;
    Object.assign(whole, { width: state.raw.shape[1], height: state.raw.shape[0] });
    paintPixels(whole, looksOf(state.raw));
    draw(state, grid);
    grid.select(whole.height >> 1, whole.width >> 1);
    normal.start(state.found);
  }
  await sample.load();
}

/** The chosen channel of the picture, (H, W) or (H, W, C), and of what the network gets, (C, H, W). */
function chosen({ raw, input, channel }) {
  const [rows, columns, channels = 1] = raw.shape;
  const at = channels > 1 ? `,${channel}` : "";
  const values = raw.values.filter((_, i) => i % channels === channel);
  return { raw: { ...raw, values, rows, columns, refOf: (r, c) => `${raw.ref}[${r},${c}${at}]` }, input: plane(input, channel) };
}

function draw(state, grid) {
  const { shown } = state;
  const { raw, input } = chosen(state);
  const title = `the picture, ${SHOWN[shown]}`;
  if (shown === "raw") grid.show({ ...raw, title, scale: "grey", range: [0, 255], format: "int" });
  else if (shown === "unit") grid.show({ ...raw, title, values: Array.from(raw.values, (value) => value / 255), scale: "grey", range: [0, 1], format: "g4", refOf: (r, c) => `${raw.refOf(r, c)} / 255` });
  else grid.show({ ...input, title, scale: "viridis", format: "g4" });
}

function refAt(state, { row, column }) {
  return chosen(state)[state.shown === "input" ? "input" : "raw"].refOf(row, column);
}

/** The cell in numbers: row, column, raw, normalised as in training, and as the sliders say. */
function describe(state, grid, four, cell = state.cell) {
  if (!cell || !state.raw) return;
  state.cell = cell;
  const { channel } = state;
  const { raw, input } = chosen(state);
  const [rawAt, inputAt] = places(raw, input, state.shown, cell);
  const [mean, deviation, newMean, newDeviation] = [state.found, state].flatMap((one) => [one.mean[channel], one.deviation[channel]]);
  const given = input.values[inputAt.index];
  const slid = (given * deviation + mean - newMean) / newDeviation;
  const inputRef = input.refOf(inputAt.row, inputAt.column);
  const pairs = [
    ["row, column", h("span", { class: "tick" }, `${cell.row}, ${cell.column}`)],
    ["raw", rawAt ? number(raw.values[rawAt.index], raw.refOf(rawAt.row, rawAt.column), "int", "uint8") : "none: the margin"],
    ["as the network gets it", number(given, inputRef, "g6", "float32")],
    ["as the sliders say", number(slid, `(${inputRef} \u00d7 ${deviation} + ${mean} - ${newMean}) / ${newDeviation}`, "g6")],
    ["place in the flat vector", h("span", { class: "tick" }, place(inputAt, input, channel, state.found.mean.length))],
  ];
  if (rawAt && state.found.mean.length > 1) pairs.splice(2, 0, ["raw, of every channel", everyChannel(state.raw, rawAt)]);
  put(four, pairs.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** The channels of a picture lie one after another. */
function place({ row, column, index }, { rows, columns }, channel, channels) {
  const line = channels > 1 ? `(${channel} \u00d7 ${rows} + ${row})` : row;
  return `${line} \u00d7 ${columns} + ${column} = ${channel * rows * columns + index}`;
}

function everyChannel({ values, shape, ref }, { row, column, index }) {
  const names = channelNames(shape[2]);
  return names.map((name, i) => [i ? ", " : "", `${name} `, number(values[index * names.length + i], `${ref}[${row},${column},${i}]`, "int", "uint8")]);
}

/** Where a shown cell stands in the raw picture, nowhere in a margin, and in what the network gets. */
function places(raw, input, shown, { row, column }) {
  const margin = [(input.rows - raw.rows) / 2, (input.columns - raw.columns) / 2];
  const inner = shown === "input" ? [row - margin[0], column - margin[1]] : [row, column];
  const at = (block, r, c) => (r >= 0 && c >= 0 && r < block.rows && c < block.columns ? { row: r, column: c, index: r * block.columns + c } : null);
  return [at(raw, ...inner), at(input, inner[0] + margin[0], inner[1] + margin[1])];
}

/** Sliders, histogram, and the accuracy that falls when pictures come otherwise than in training. */
function normalisation(run, state, changed) {
  const chart = svg("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", class: "histogram" });
  const table = h("details", { class: "twin" }, h("summary", {}, "The same as a table"));
  table.addEventListener("toggle", () => state.found && histogram(chart, table, state));
  const score = h("div", { class: "figure", "aria-live": "polite" });
  const presets = h("div", { class: "row presets" });
  const mean = slider("mean", { min: -0.5, max: 1, step: 0.01, value: 0, format: (v) => v.toFixed(2), oninput: (v) => move({ mean: state.mean.with(state.channel, v) }) });
  const deviation = slider("deviation", { min: 0.05, max: 2, step: 0.01, value: 1, format: (v) => v.toFixed(2), oninput: (v) => move({ deviation: state.deviation.with(state.channel, v) }) });
  const test = latest(async () => {
    const given = { mean: state.mean.join(), deviation: state.deviation.join() };
    const found = await ask(run.id, "normalised", given).catch((error) => error);
    if (found instanceof Error) return put(score, failure(error));
    const { value, low, high, n } = found.accuracy ?? Object.values(found)[0];
    const ref = (name) => `${run.id}/valid:0-${n - 1}/accuracy:${given.mean}:${given.deviation}[${name}]`;
    const interval = low === null ? null : h("span", { class: "interval" }, number(low, ref("low"), "percent1"), " to ", number(high, ref("high"), "percent1"), ", n = ", number(n, ref("n"), "int"));
    put(score, h("span", { class: "name" }, "accuracy on validation pictures that come like this"), h("span", { class: "score" }, h("b", {}, number(value, ref("value"), "percent1"))), interval);
  });
  function move(partial, { exactly = false } = {}) {
    Object.assign(state, partial);
    if (exactly) show();
    else histogram(chart, table, state);
    changed();
    test();
  }
  function show() {
    mean.set(state.mean[state.channel]);
    deviation.set(state.deviation[state.channel]);
    histogram(chart, table, state);
  }
  function start(found) {
    put(presets, Object.entries(found.normalisations).map(([name, [centre, scale]]) => button(name, () => move({ mean: centre, deviation: scale }, { exactly: true }), { class: "quiet small" })));
    move({ mean: found.mean, deviation: found.deviation }, { exactly: true });
  }
  const help = "Normalising takes the mean away and divides by the deviation, so that numbers of all pictures lie around 0. A network must get its pictures as in training: move a slider and its accuracy falls, although you still see the same picture.";
  return { node: section("Normalisation", help, presets, mean.node, deviation.node, chart, table, score), start, show };
}

/** How often each value occurs after (value / 255 - mean) / deviation, over training pictures. */
function histogram(chart, table, state) {
  if (!state.found.histogram) return put(chart);
  const [counts, mean, deviation] = [state.found.histogram, state.mean, state.deviation].map((each) => each[state.channel]);
  const low = Math.min(0, (0 - mean) / deviation, -1);
  const high = Math.max(1, (1 - mean) / deviation);
  const bins = new Array(BINS).fill(0);
  counts.forEach((count, level) => {
    const place = ((level / 255 - mean) / deviation - low) / (high - low);
    bins[Math.min(BINS - 1, Math.floor(place * BINS))] += count;
  });
  const total = bins.reduce((a, b) => a + b, 0);
  const most = Math.log1p(Math.max(...bins));
  const floor = BOX.height - BOX.bottom;
  const across = (value) => ((value - low) / (high - low)) * BOX.width;
  const wide = BOX.width / BINS;
  put(
    chart,
    bins.map((count, i) => svg("rect", { x: i * wide, width: wide - 1, y: floor - (floor * Math.log1p(count)) / most, height: (floor * Math.log1p(count)) / most, fill: css("viridis", 0.45) })),
    [low, 0, 1, high].filter((v, i, all) => all.indexOf(v) === i).map((value) => svg("text", { class: "tick", x: Math.min(BOX.width - 22, Math.max(14, across(value))), y: BOX.height - 6, "text-anchor": "middle" }, value.toFixed(1))),
    svg("line", { x1: across(0), x2: across(0), y1: 0, y2: floor, class: "zero" }),
  );
  const black = counts[0] / total;
  chart.setAttribute("aria-label", `Histogram of the pixels of ${state.found.images} training pictures after this normalisation, counts on a logarithmic scale: from ${written((0 - mean) / deviation, "g3")} for black (${written(black, "percent1")} of all pixels) to ${written((1 - mean) / deviation, "g3")} for white.`);
  const rows = bins.map((count, i) => h("tr", {}, h("th", { scope: "row", class: "tick" }, (low + ((high - low) * i) / BINS).toFixed(2)), h("td", { class: "tick" }, written(count, "int"))));
  table.querySelector(".scroll")?.remove();
  if (table.open) table.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "histogram as a table" }, h("table", { class: "tight" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "from"), h("th", { scope: "col" }, "pixels"))), h("tbody", {}, rows))));
}
