/** Look: how a picture, or a stack of feature maps, becomes one long vector, row by row. */
import { colour } from "../colours.js";
import { h, put, section } from "../dom.js";
import "../elements/p-grid.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, plane, planes, runOf, sized, slider, still, unravel } from "../lens.js";
import { extent } from "../series.js";
import { decode } from "../api.js";
import { sampler } from "../sampler.js";
import { trace } from "../trace.js";

const SECONDS = 6; // of the whole animation

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const run = runOf(context);
  const stage = flattening();
  let layers = null;
  const pick = h("span");
  const sample = sampler(context, show, { beside: pick });
  put(element, sample.node, stage.node);
  async function show() {
    const found = await ask(run.id, "layers", { sample: sample.sample });
    layers = { input: found.input };
    for (const layer of found.layers) if (layer.shape.length === 3 && layer.after.data) layers[layer.name] = layer.after;
    const chosen = layers[context.state.tensor] ? context.state.tensor : "input";
    const names = Object.entries(layers).map(([name, block]) => [name, `${name} (${sized(block.shape)})`]);
    put(pick, choice("tensor", names, chosen, (name) => (context.setState({ tensor: name }), stage.show(layers[name]))));
    stage.show(layers[chosen]);
  }
  await sample.load();
  return () => stage.stop();
}

function flattening() {
  const grid = h("p-grid");
  const strip = h("canvas", { height: 1, role: "img", class: "vector" });
  const mark = h("span", { class: "here", "aria-hidden": "true" });
  const said = h("p", { class: "readout mapping", "aria-live": "polite" });
  const seek = slider("numbers laid out", { min: 0, max: 1, step: 1, value: 0, format: (v) => String(v), oninput: (v) => (stop(), to(v)) });
  const play = button("Play", () => (timer ? stop() : start()));
  const row = button("One row on", () => (stop(), to(Math.min(size, (Math.floor(at / columns) + 1) * columns))));
  const channelOf = h("span");
  let [block, size, columns, shape, at, timer, channel] = [null, 0, 1, [], 0, 0, 0];

  grid.addEventListener("cell", ({ detail }) => tell(channel * shape[1] * shape[2] + detail.index));
  grid.addEventListener("open", ({ detail }) => trace(`${block.ref}[${channel},${detail.row},${detail.column}]`));
  strip.addEventListener("click", (event) => {
    const box = strip.getBoundingClientRect();
    jump(Math.min(size - 1, Math.floor(((event.clientX - box.left) / box.width) * size)));
  });

  function show(next) {
    stop();
    block = decode(next);
    shape = block.shape.length === 2 ? [1, ...block.shape] : block.shape;
    [size, columns] = [block.values.length, shape[2]];
    seek.input.max = String(size);
    put(channelOf, planes(block.shape) > 1 ? choice("map", Array.from({ length: shape[0] }, (_, i) => [i, `${i} of ${shape[0]}`]), 0, (value) => look(Number(value))) : null);
    look(0);
    to(still() ? size : 0);
    jump(0);
  }
  function look(next) {
    channel = next;
    grid.show({ ...plane(block, channel), title: `map ${channel}, row by row`, scale: "viridis", range: extent(block.values), format: "g4", dtype: "float32", cell: 36 });
    to(at);
  }
  function jump(index) {
    const [c, r, k] = unravel(index, shape);
    if (c !== channel) look(c);
    grid.select(r, k, { quiet: true });
    tell(index);
  }
  function tell(index) {
    const [c, r, k] = unravel(index, shape);
    const [, rows] = shape;
    const rule = shape[0] > 1 ? `(${c} \u00d7 ${rows} + ${r}) \u00d7 ${columns} + ${k}` : `${r} \u00d7 ${columns} + ${k}`;
    put(said, shape[0] > 1 ? `map ${c}, ` : "", `row ${r}, column ${k} stands at place ${rule} = `, h("b", { class: "tick" }, String(index)), ` of ${size}: `, number(block.values[index], `${block.ref}[${c},${r},${k}]`, "g4", "float32"));
    mark.style.setProperty("left", `${(100 * (index + 0.5)) / size}%`);
  }
  /** Lay the first ``count`` numbers out in the vector. */
  function to(count) {
    at = count;
    seek.set(count);
    const [low, high] = extent(block.values);
    strip.width = size;
    const image = new ImageData(size, 1);
    for (let i = 0; i < count; i++) image.data.set([...colour("viridis", (block.values[i] - low) / (high - low)), 255], 4 * i);
    strip.getContext("2d").putImageData(image, 0, 0);
    strip.setAttribute("aria-label", `the vector: ${count} of ${size} numbers laid out`);
    const gone = Math.min(shape[1], Math.max(0, Math.floor((count - channel * shape[1] * columns) / columns)));
    grid.mark(gone > 0 ? [{ row: 0, column: 0, rows: gone, columns, kind: "gone" }] : []);
  }
  function start() {
    if (at >= size) to(0);
    if (still()) return to(size); // no motion for those who do not want any
    play.textContent = "Pause";
    const began = performance.now() - (at / size) * SECONDS * 1000;
    const step = (now) => {
      const rows = Math.floor(((now - began) / 1000 / SECONDS) * (size / columns));
      const next = Math.min(size, rows * columns);
      if (next !== at) to(next);
      const c = Math.min(shape[0] - 1, Math.floor(next / (shape[1] * columns)));
      if (c !== channel) look(c);
      timer = next >= size ? stop() : requestAnimationFrame(step);
    };
    timer = requestAnimationFrame(step);
  }
  function stop() {
    cancelAnimationFrame(timer);
    play.textContent = "Play";
    return (timer = 0);
  }
  const help = "The vector holds the first row, then the second, and so on; of several maps the whole first map, then the second. Nothing is lost, but neighbours above and below are far apart now: that is why convolutions come before flattening.";
  const controls = h("div", { class: "row controls" }, play, row, channelOf, seek.node);
  return { node: section("Row by row", help, controls, grid, h("div", { class: "vector-of" }, strip, mark), said), show, stop };
}
