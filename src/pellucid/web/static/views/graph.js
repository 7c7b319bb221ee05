/** Look: the network as a graph, drawn from the network itself: shapes, parameters, operations, receptive fields. */
import { decode } from "../api.js";
import { h, put, section, svg } from "../dom.js";
import { number } from "../elements/p-number.js";
import { ask, button, runOf, sized } from "../lens.js";
import { written } from "../numbers.js";
import { failure } from "../problem.js";

const ROW = 56;
const NODE = { width: 190, height: 34 };
const LANE = 206;

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const run = runOf(context);
  const found = await ask(run.id, "graph");
  const { totals } = found;
  const facts = ["parameters", "operations", "bytes"].map((name) => [name, number(totals[name], `${run.id}/anatomy.totals[${name}]`, "int")]);
  const list = h("dl", { class: "facts numbers" }, facts.map(([name, value]) => [h("dt", {}, name === "operations" ? "multiply-adds for one input" : name), h("dd", {}, value)]));
  put(element, h("div", { class: "graph-columns" }, section(found.kind, "The graph is followed on one forward pass, so any network can be drawn: branches, sums and layers that are called twice included.", drawing(found.nodes), list), section("Layer by layer", "The receptive field is the part of the picture that one output can see. \u201cProve it\u201d disturbs the pixels outside of it, and its edges, and watches whether the output changes.", rows(found, run, context))));
}

/** A node stands below all that it takes from, and branches side by side; what skips is a curve beside them. */
function drawing(nodes) {
  const places = placesOf(nodes);
  const edges = nodes.flatMap((node) => node.sources.map((source) => edge(places, source, node.number)));
  const width = Math.max(...edges.map(({ right }) => right), ...places.map(({ lane }) => middle(lane) + NODE.width / 2)) + 10;
  const height = ROW * (1 + Math.max(...places.map(({ row }) => row)));
  const centre = ({ number: n }) => [middle(places[n].lane), top(places[n].row) + NODE.height / 2];
  const boxes = nodes.map((node) => {
    const [x, y] = centre(node);
    const name = node.layer ? `${node.layer}${node.call > 1 ? ` (${node.call})` : ""}` : node.kind;
    return svg("g", {}, svg("rect", { x: x - NODE.width / 2, y: y - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 7, class: node.layer ? "layer" : "function" }), svg("text", { x, y: y - 2, "text-anchor": "middle", class: "name" }, name), svg("text", { x, y: y + 12, "text-anchor": "middle", class: "tick" }, `${node.layer ? node.kind + ", " : ""}${sized(node.shape)}`));
  });
  const words = nodes.filter((node) => node.sources.length).map((node) => `${node.layer ?? node.kind} takes from ${node.sources.map((source) => nodes[source].layer ?? nodes[source].kind).join(" and ")}`);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "graph-plot", "aria-label": `${nodes.length} nodes. ${words.join("; ")}.` }, edges.map(({ path }) => path), boxes);
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the graph" }, picture);
}

/** The row and the lane of each node: below its lowest source and in line with its leftmost, where there is room. */
function placesOf(nodes) {
  const places = [];
  for (const { sources } of nodes) {
    const row = 1 + Math.max(-1, ...sources.map((source) => places[source].row));
    let lane = sources.length ? Math.min(...sources.map((source) => places[source].lane)) : 0;
    if (isTaken(places, row, lane)) lane = 0;
    while (isTaken(places, row, lane)) lane++;
    places.push({ row, lane });
  }
  return places;
}

function isTaken(places, row, lane) {
  return places.some((place) => place.row === row && place.lane === lane);
}

function middle(lane) {
  return 10 + lane * LANE + NODE.width / 2;
}

function top(row) {
  return 5 + row * ROW;
}

/** An edge goes down a lane that is free on its way, its source's or its target's, or beside all that stands there. */
function edge(places, source, target) {
  const [from, to] = [places[source], places[target]];
  const between = places.filter(({ row }) => from.row < row && row < to.row);
  const free = [from.lane, to.lane].find((lane) => !between.some((place) => place.lane === lane));
  const beside = middle(Math.max(...between.map(({ lane }) => lane))) + NODE.width / 2 + Math.min(44, 8 + between.length * 5);
  const way = free === undefined ? beside : middle(free);
  const [x1, x2, y1, y2] = [middle(from.lane), middle(to.lane), top(from.row) + NODE.height, top(to.row)];
  const gap = ROW - NODE.height; // between two rows, where it changes lanes
  const change = (x, y, into) => `C${x} ${y + gap / 2} ${into} ${y + gap / 2} ${into} ${y + gap}`;
  const far = to.row - from.row > 1;
  const d = `M${x1} ${y1}${far ? change(x1, y1, way) : ""}V${y2 - gap}${change(far ? way : x1, y2 - gap, x2)}`;
  return { right: way, path: svg("path", { d, class: free === undefined ? "edge skip" : "edge" }) };
}

function rows(found, run, context) {
  const head = ["layer", "gives", "parameters", "multiply-adds", "sees", "proof"];
  const calls = found.nodes.filter((node) => node.facts);
  const body = calls.map((node) => {
    const { facts } = node;
    const of = (name) => number(facts[name], `${run.id}/anatomy.describe[${node.layer},${name}]`, "int");
    const sees = facts.receptive_field ? h("span", {}, facts.receptive_field.join(" \u00d7 ")) : "";
    const said = h("div", { class: "fine", "aria-live": "polite" });
    const prove = facts.receptive_field ? button("Prove it", () => proof(said, run, context, node), { class: "quiet small", "aria-label": `prove the receptive field of ${node.layer}` }) : null;
    const line = h("small", {}, h("br"), h("code", {}, found.lines[node.layer] ?? ""));
    const row = h("tr", {}, h("th", { scope: "row" }, node.layer, " ", h("small", {}, node.kind), line), h("td", { class: "tick" }, sized(facts.output_shape)), h("td", {}, of("parameters")), h("td", {}, of("operations")), h("td", { class: "tick" }, sees), h("td", {}, prove));
    return [row, h("tr", { class: "proof" }, h("td", { colspan: "6", class: "text" }, said))];
  });
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the layers" }, h("table", {}, h("caption", { class: "unseen" }, "layers"), h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, body)));
}

/** Disturb pixels at the middle of the layer's output and say what changed. */
async function proof(said, run, context, node) {
  put(said, "disturbing pixels ...");
  const extent = node.shape.slice(1);
  const where = extent.length === 2 ? { row: Math.floor(extent[0] / 2), column: Math.floor(extent[1] / 2) } : {};
  try {
    const found = await ask(run.id, "touches", { sample: context.sample ?? "valid:0", layer: node.layer, ...where });
    const { values, shape } = decode(found.mask);
    const canvas = h("canvas", { width: shape[1], height: shape[0], role: "img", class: "sample", "aria-label": `the pixels that matter: ${values.reduce((a, b) => a + b, 0)} of ${values.length}` });
    const image = new ImageData(shape[1], shape[0]);
    values.forEach((value, i) => image.data.set([...(value ? [240, 166, 101] : [30, 40, 60]), 255], 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
    const place = extent.length === 2 ? `position ${where.row}, ${where.column}` : "every unit";
    const [down, across] = found.promised;
    put(said, canvas, found.agrees ? h("b", {}, "\u2713 it holds: ") : h("b", {}, "it does not hold exactly: "), `${place} depends on rows ${down.join(" to ")} and columns ${across.join(" to ")}; replacing all pixels outside changes it by ${written(found.outside)}.`);
  } catch (error) {
    put(said, failure(error));
  }
}
