/** Explain: one output of a convolution or a linear layer, taken apart: the window, the products, the sum. */
import { decode } from "../api.js";
import { css, ink, colour } from "../colours.js";
import { h, put, section } from "../dom.js";
import "../elements/p-grid.js";
import { Lines } from "./lines.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, plane, planes, sized, still, unravel } from "../lens.js";
import { written } from "../numbers.js";
import { extent } from "../series.js";
import { sampler } from "../sampler.js";
import { trace } from "../trace.js";

const MOST_TERMS = 12; // of a sum over very many products
const PAUSE = 140; // milliseconds on one position

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const view = new Walk(context);
  put(element, view.node);
  await view.sample.load();
  return () => view.stop();
}

class Walk {
  constructor(context) {
    this.context = context;
    this.state = { layer: context.state.layer ?? null, channel: Number(context.state.unit ?? 0), from: null, position: (context.state.position ?? "").split(",").filter(Boolean).map(Number) };
    this.sample = sampler(context, () => this.show());
    this.into = h("p-grid");
    this.out = h("p-grid");
    this.controls = h("div", { class: "row controls" });
    this.sum = h("div", { class: "kernel-sum" });
    this.play = button("Slide", () => (this.timer ? this.stop() : this.slide()));
    this.fetch = this.sample.guarded(() => this.apart());
    this.turn = this.sample.guarded((name) => this.choose(name));
    this.out.addEventListener("cell", ({ detail }) => this.go(detail));
    this.out.addEventListener("open", ({ detail }) => trace(this.after.refOf(detail.row, detail.column)));
    this.into.addEventListener("open", ({ detail }) => trace(this.before.refOf(detail.row, detail.column)));
    const help = "The window covers a few inputs. Each is multiplied with the weight on top of it; all products are added, and the bias to them. That is one number of the output. Then the window moves on.";
    this.lines = new Lines((t) => this.move(t), (ref) => trace(ref));
    this.grids = h("div", { class: "gallery kernel-grids" }, h("figure", {}, this.into, (this.intoSays = h("figcaption"))), h("figure", {}, this.out, (this.outSays = h("figcaption"))));
    this.node = h("div", {}, this.sample.node, section("Where the window is", help, this.controls, this.grids, this.lines.node), section("What it computes there", "The products are exact: a product of two float32 fits into a float64. Their sum is rounded once. The layer itself adds in float32 in an order of its own, so its last digit may differ.", this.sum));
  }

  async show() {
    const { sample } = this.sample;
    const found = await ask(this.context.run.id, "layers", { sample });
    this.layers = found.layers.filter((layer) => layer.channels && layer.call === 1);
    if (!this.layers.length) return put(this.node, h("p", { class: "panel" }, "This network has no layer that is a weighted sum."));
    const layer = this.layers.find((one) => one.name === this.state.layer) ?? this.layers[0];
    await this.choose(layer.name);
  }

  async choose(name) {
    this.stop();
    const run = this.context.run.id;
    const { sample } = this.sample;
    this.layer = this.layers.find((one) => one.name === name);
    if (this.state.layer !== name) Object.assign(this.state, { layer: name, channel: 0, from: null, position: [] });
    this.linear = this.layer.kind === "Linear" && this.layer.shape.length === 1;
    this.overTime = !this.linear && this.layer.shape.length === 2;
    this.grids.hidden = this.overTime;
    this.lines.node.hidden = !this.overTime;
    if (this.overTime) return this.along();
    const [before, after] = await Promise.all(["before", "after"].map((kind) => ask(run, "tensor", { sample, node: `${kind}:${name}` })));
    this.blocks = { before: decode(before), after: decode(after) };
    this.axes = this.linear ? 0 : this.blocks.after.shape.length - 1;
    this.state.channel = Math.min(this.state.channel, this.blocks.after.shape[0] - 1);
    const extent_ = this.blocks.after.shape.slice(1);
    const { position } = this.state;
    if (position.length !== this.axes || !position.every((at, i) => at < extent_[i])) this.state.position = this.strongest(extent_);
    this.draw();
    await this.fetch();
  }

  /** A layer over time: one line goes in, one comes out. */
  async along() {
    const { state, layer } = this;
    const [outputs, length] = layer.channels === "first" ? layer.shape : [...layer.shape].reverse();
    Object.assign(this, { axes: 1, extent: [length], known: new Map() });
    state.channel = Math.min(state.channel, outputs - 1);
    this.steer(outputs);
    if (state.position.length !== 1 || state.position[0] >= length) {
      const { values } = await this.line("after", state.channel);
      state.position = [values.indexOf(Math.max(...values))];
    }
    await this.fetch();
  }

  /** One channel over time, asked for once. */
  async line(side, channel) {
    const key = `${side} ${channel}`;
    if (!this.known.has(key)) this.known.set(key, decode(await ask(this.context.run.id, "line", { sample: this.sample.sample, layer: this.layer.name, side, channel })));
    return this.known.get(key);
  }

  /** Draw the stretch of time that the window is in. */
  async drawLines(found) {
    const { channel, from, position } = this.state;
    const [before, after] = await Promise.all([this.line("before", from), this.line("after", channel)]);
    this.lines.show({ name: this.layer.name, before, after, found, channel, from, at: position[0] });
  }

  move(t) {
    this.state.position = [Math.max(0, Math.min(this.extent[0] - 1, t))];
    this.fetch();
  }

  /** Where this output map is largest: there is something to see. */
  strongest(extent_) {
    const size = extent_.reduce((a, b) => a * b, 1);
    const mine = Array.from(this.blocks.after.values.slice(this.state.channel * size, (this.state.channel + 1) * size));
    return unravel(mine.indexOf(Math.max(...mine)), extent_);
  }

  /** The matrices: of a convolution one map, of a linear layer the vectors. */
  draw() {
    const { before, after } = this.blocks;
    const { channel, from } = this.state;
    const flat = this.linear;
    this.before = plane(before, flat ? 0 : (from ?? 0));
    this.after = plane(after, flat ? 0 : channel);
    const signs = (values) => ((extent(values) ?? [0])[0] < 0 ? "diverging" : "viridis");
    const scale = this.layer.name === this.layers[0].name && this.axes === 2 ? "grey" : signs(this.before.values);
    this.into.show({ ...this.before, title: `what goes into ${this.layer.name}`, scale, format: "g4", cell: 11 });
    this.out.show({ ...this.after, title: `what comes out of ${this.layer.name}`, scale: signs(this.after.values), format: "g4", cell: 20 });
    put(this.intoSays, "input", planes(before.shape) > 1 && !flat ? `, map ${from ?? 0} of ${before.shape[0]}` : "", h("span", { class: "tick" }, ` (${sized(before.shape)})`));
    put(this.outSays, "output", !flat ? `, map ${channel} of ${after.shape[0]}` : "", ` (${sized(after.shape)}). Arrow keys move the window.`);
    this.steer(after.shape[0]);
  }

  /** The choices of a layer and of one of its outputs. */
  steer(outputs) {
    const options = this.layers.map((layer) => [layer.name, `${layer.name}: ${layer.kind}`]);
    const channels = Array.from({ length: outputs }, (_, i) => [i, String(i)]);
    const pick = (value) => ((this.state.channel = Number(value)), this.overTime || this.draw(), this.fetch());
    put(this.controls, choice("layer", options, this.layer.name, this.turn), choice(this.linear ? "unit" : "output map", channels, this.state.channel, pick), this.linear ? null : this.play);
  }

  go({ row, column, index }) {
    const { state } = this;
    if (this.linear) state.channel = index;
    else state.position = [row, column];
    this.fetch();
  }

  async apart() {
    const { layer, channel, position } = this.state;
    const at = position.join(",");
    const found = await ask(this.context.run.id, "kernel", { sample: this.sample.sample, layer, channel, position: at });
    this.context.setState({ layer, unit: channel, position: at });
    if (!this.linear && !this.summed(found)) this.heaviest(found);
    if (this.overTime) await this.drawLines(found);
    else this.mark(found);
    put(this.sum, this.linear ? terms(found) : this.windows(found), total(found));
  }

  /** Whether the chosen input map is among those that this output adds up: of a grouped convolution each has its own. */
  summed({ first, products }) {
    const { from } = this.state;
    return from !== null && from >= first && from < first + products.shape[0];
  }

  /** Show the input map that adds most. */
  heaviest(found) {
    const sums = sumsOf(decode(found.products));
    const most = sums.reduce((best, sum, i) => (Math.abs(sum) > Math.abs(sums[best]) ? i : best), 0);
    this.state.from = most + found.first;
    if (!this.overTime) this.draw();
  }

  mark(found) {
    const { position } = this.state;
    if (this.linear) return this.out.mark([]);
    const places = found.places.flat(this.axes - 1);
    const spots = places.filter((_, i) => found.inside.flat(Infinity)[i]);
    this.into.mark(spots.map(([row, column]) => ({ row, column, rows: 1, columns: 1, kind: "tap" })));
    const [row, column] = position;
    this.out.mark([{ row, column, rows: 1, columns: 1 }]);
  }

  /** Values, weights and products of one input map; the others as one sum each. */
  windows(found) {
    const [values, kernel, products] = ["values", "kernel", "products"].map((name) => decode(found[name]));
    const maps = products.shape[0];
    const size = products.values.length / maps;
    const sums = sumsOf(products);
    const mine = this.state.from - found.first;
    const cut = (block) => ({ ...block, values: block.values.slice(mine * size, (mine + 1) * size) });
    const line = h("div", { class: "kernel-line numbers" }, matrix("inputs in the window", cut(values), mine, found), h("span", { class: "sign" }, "\u00d7"), matrix("weights", cut(kernel), mine), h("span", { class: "sign" }, "="), matrix("products", cut(products), mine));
    if (maps === 1) return line;
    const order = sums.map((_, i) => i).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
    const pick = choice("input map", order.map((i) => [i + found.first, `${i + found.first}: adds ${sums[i].toFixed(3)}`]), this.state.from, (value) => ((this.state.from = Number(value)), this.overTime || this.draw(), this.fetch()));
    return [h("p", { class: "row" }, pick, h("span", { class: "fine" }, `This output adds up windows of ${maps} input maps; the largest sums stand first.`)), line];
  }

  slide() {
    if (still()) return this.step();
    this.play.textContent = "Stop";
    this.timer = setInterval(() => (this.node.isConnected ? this.step() : this.stop()), PAUSE);
  }

  step() {
    const shape = this.overTime ? this.extent : this.blocks.after.shape.slice(1);
    const flat = this.state.position.reduce((sum, at, i) => sum * shape[i] + at, 0);
    this.state.position = unravel((flat + 1) % shape.reduce((a, b) => a * b, 1), shape);
    this.fetch();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "Slide";
  }
}

/** What each input map adds. */
function sumsOf({ values, shape }) {
  const size = values.length / shape[0];
  return Array.from({ length: shape[0] }, (_, c) => values.slice(c * size, (c + 1) * size).reduce((a, b) => a + b, 0));
}

/** A small matrix written out, each number on its colour; over time, ``found`` says at which moments its columns are. */
function matrix(name, block, channel, found = null) {
  const kernel = block.shape.slice(1);
  const [rows, columns] = kernel.length === 1 ? [1, kernel[0]] : kernel.slice(-2);
  const most = Math.max(...block.values.map(Math.abs)) || 1;
  const here = found ? found.inside.flat(Infinity) : null;
  const times = found && kernel.length === 1 ? h("thead", {}, h("tr", {}, found.places.map(([t]) => h("th", { scope: "col" }, `at ${written(t, "int")}`)))) : null;
  const cell = (r, c) => {
    const i = r * columns + c;
    const value = block.values[i];
    const shade = 0.5 + value / most / 2;
    const outside = here && !here[i];
    const at = kernel.length === 1 ? `${channel},${c}` : `${channel},${r},${c}`;
    const style = outside ? {} : { background: css("diverging", shade), color: ink(colour("diverging", shade)) };
    return h("td", { class: outside ? "padding" : "", style, title: outside ? "padding: zero" : null }, number(value, `${block.ref}[${at}]`, "3", block.dtype));
  };
  const body = Array.from({ length: rows }, (_, r) => h("tr", {}, Array.from({ length: columns }, (_, c) => cell(r, c))));
  return h("div", { class: "scroll" }, h("table", { class: "kernel" }, h("caption", {}, name), times, h("tbody", {}, body)));
}

/** The largest products of a long sum, and what the others add. */
function terms(found) {
  const [values, kernel, products] = ["values", "kernel", "products"].map((name) => decode(found[name]));
  const order = Array.from(products.values, (_, i) => i).sort((a, b) => Math.abs(products.values[b]) - Math.abs(products.values[a]));
  const shown = order.slice(0, MOST_TERMS);
  const rest = order.slice(MOST_TERMS).reduce((sum, i) => sum + products.values[i], 0);
  const rows = shown.map((i) => h("tr", {}, h("th", { scope: "row" }, i), [values, kernel, products].map((block) => h("td", {}, number(block.values[i], `${block.ref}[${i}]`, "g4", block.dtype)))));
  const last = h("tr", {}, h("th", { scope: "row" }, `the other ${order.length - shown.length}`), h("td"), h("td"), h("td", {}, number(rest, `sum of the others of ${products.ref}`, "g4")));
  const head = h("tr", {}, ["input", "value", "weight", "product"].map((text) => h("th", { scope: "col" }, text)));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the largest products" }, h("table", {}, h("caption", {}, "the largest products"), h("thead", {}, head), h("tbody", {}, rows, order.length > shown.length ? last : null)));
}

function total(found) {
  const products = decode(found.products);
  const sum = decode(found.sum);
  const bias = found.bias ? decode(found.bias) : null;
  const { channel } = found;
  const alone = sum.values[0] - (bias ? bias.values[channel] : 0);
  const count = `sum of ${products.values.length} products`;
  const apart = found.apart < 0.75 ? "the same to the last digit" : `${found.apart.toFixed(1)} units in the last place apart`;
  return h(
    "p",
    { class: "numbers total" },
    `${count} = `,
    number(alone, `sum(${products.ref})`, "g7"),
    bias ? [" ; + bias ", number(bias.values[channel], `${bias.ref}[${channel}]`, "g5", "float32"), " = ", number(sum.values[0], sum.ref, "g7")] : " (this layer has no bias)",
    h("br"),
    "the layer itself gave ",
    h("b", {}, number(found.output.value, found.output.ref, "g7", "float32")),
    h("small", {}, ` (float32; ${apart})`),
  );
}
