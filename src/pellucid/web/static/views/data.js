/** Look: how many, of what kind, from where; samples of each class; what the server has drawn. */
import { decode } from "../api.js";
import { h, put, section, table } from "../dom.js";
import "../elements/p-bars.js";
import { number } from "../elements/p-number.js";
import { roving } from "../roving.js";

const LOOKED_AT = 256; // validation samples that the sheet is chosen from
const EACH = { least: 5, most: 18, wide: 48, rest: 90 }; // of a class; CSS pixels of one and of what stands around them
const KNOWN = ["splits", "classes", "pictures", "source", "licence", "shape"];
const HEARD = 6; // validation recordings that can be played
const PERCENT = /share/;

export default {
  id: "data",
  title: "Data",
  lead: "What the network will learn from, before there is any network.",
  step: "look",
  async mount(element, context) {
    const look = await context.api.look(context);
    const ref = (path) => `${(context.run ?? { id: context.task.name }).id}/look[${path}]`;
    const sheet = h("div", {});
    const pictures = h("div", {});
    put(element, h("div", { class: "columns" }, facts(look, ref), look.classes ? classes(look, ref) : null), sheet, pictures);
    const shown = context.task.takes === "image" && look.classes && (await samples(sheet, context).catch(() => false));
    put(pictures, listen(look, context), drawn(look, context, shown ? ["samples"] : []));
  },
};

function facts(look, ref) {
  const parts = look.splits ?? {};
  const all = Object.values(parts).reduce((a, b) => a + b, 0);
  const rows = Object.entries(parts).map(([name, count]) => [SPLITS[name] ?? name, number(count, ref(`splits,${name}`), "int"), number(count / all, ref(`splits,${name}`) + " / sum", "percent1")]);
  const help = "The weights are fitted to the training samples. Choices are made on the validation samples. The test samples are not opened here: they are for one honest score at the end.";
  const others = Object.entries(look).filter(([name, value]) => !KNOWN.includes(name) && value !== null && value !== "");
  const list = h("dl", { class: "facts" },
    look.shape ? [h("dt", {}, "one sample"), h("dd", {}, between(look.shape.map((side, i) => number(side, ref(`shape,${i}`), "int")), " \u00d7 "), " ", look.type ?? "")] : null,
    others.filter(([name]) => name !== "type").map(([name, value]) => [h("dt", {}, name), h("dd", {}, told(value, ref(name), name))]),
    look.source ? [h("dt", {}, "source"), h("dd", {}, look.source)] : null,
    look.licence ? [h("dt", {}, "licence"), h("dd", {}, look.licence)] : null,
  ); // prettier-ignore
  return section("What there is", help, rows.length ? table("Samples in each part", ["part", "samples", "share"], rows, { quiet: true }) : null, h("div", { class: "gap" }), list);
}

const SPLITS = { train: "training", valid: "validation", test: "test" };

function told(value, ref, name) {
  if (typeof value === "number") return number(value, ref, PERCENT.test(name) ? "percent1" : "auto");
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return between(value.map((one, i) => number(one, `${ref}[${i}]`)), " to ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function between(nodes, text) {
  return nodes.flatMap((node, i) => (i ? [text, node] : [node]));
}

function classes(look, ref) {
  const bars = Object.entries(look.classes).map(([name, counts]) => ({ name, value: counts.train ?? counts, ref: ref(`classes,${name},train`) }));
  const chart = h("p-bars");
  chart.show(bars, { title: "training samples", format: "int", dtype: "int64" });
  return section("Classes", "If one class is much rarer than the others, the network sees it less and accuracy hides how badly it does there.", chart);
}

async function samples(place, context) {
  const { api, link } = context;
  const found = await api.samples(context, { split: "valid", start: 0, count: LOOKED_AT });
  const { values, shape } = decode(found.inputs);
  const labels = decode(found.targets).values;
  if (shape.length !== 3 || labels.length !== shape[0]) return false; // not one grey image and one class each
  const names = found.classes;
  const count = Math.max(EACH.least, Math.min(EACH.most, Math.floor((place.clientWidth - EACH.rest) / EACH.wide)));
  const rows = names.map((name, k) => {
    const members = Array.from(labels, Number).flatMap((label, i) => (label === k ? [i] : [])).slice(0, count);
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, h("span", { class: "strip-of" }, members.map((i) => picture(values, shape, i, name, link)))));
  });
  const sheet = h("table", { class: "sheet" }, h("caption", { class: "unseen" }, "Validation samples of each class"), h("tbody", {}, rows));
  roving(sheet, "a");
  place.className = "panel";
  put(place, ...section("Samples of each class", "All from the validation part. Open one to see its pixels as numbers.", sheet).childNodes);
  return true;
}

function picture(values, [, height, width], i, name, link) {
  const canvas = h("canvas", { width, height, class: "sample", role: "img", "aria-label": `a ${name}, valid:${i}` });
  const image = canvas.getContext("2d").createImageData(width, height);
  const size = height * width;
  for (let p = 0; p < size; p++) {
    const v = 255 - values[i * size + p]; // ink on paper, as people write
    image.data.set([v, v, v, 255], 4 * p);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return h("a", { href: link({ step: "look", view: "pixels", query: { sample: `valid:${i}` } }) }, canvas);
}

/** Players for some validation recordings, where samples are sounds. */
function listen(look, context) {
  const { task, api } = context;
  if (!["sound", "script"].includes(task.takes)) return null;
  const count = Math.min(HEARD, look.splits?.valid ?? 0);
  const every = Math.max(1, Math.floor((look.splits?.valid ?? 0) / Math.max(1, count)));
  const one = (i) => h("audio", { controls: true, preload: "none", src: api.data(context, "samples", `${i * every}.wav`), "aria-label": `validation recording ${i * every}` });
  return section("Listen", "Recordings of the validation part.", h("div", { class: "gallery" }, Array.from({ length: count }, (_, i) => one(i))));
}

function drawn(look, context, without) {
  const { task, api } = context;
  const names = (look.pictures ?? []).filter((one) => !without.includes(one));
  if (!names.length) return null;
  const figure = (name) => h("figure", {}, h("img", { src: api.data(context, "look", `${name}.png`), alt: `${name} of ${task.name}`, loading: "lazy" }), h("figcaption", {}, name));
  return section("Pictures", "The same pictures that pellucid look draws.", h("div", { class: "gallery" }, names.map(figure)));
}
