/** A layer over time: the stretch of its input in which the taps look, the padding beside it, and its output. */
import { h, put } from "../dom.js";
import "../elements/p-curve.js";
import { decode } from "../api.js";

const LEAST = 48; // moments of a stretch
const MARGIN = 8; // moments beside the taps
const DOTTED = 80; // moments up to which each is a dot

export class Lines {
  /** @param {(t: number) => void} go to a moment of the output @param {(ref: string) => void} open a number */
  constructor(go, open) {
    this.into = h("p-curve", { class: "taps" });
    this.out = h("p-curve");
    this.from = this.to = 0;
    this.name = null;
    this.at = 0;
    this.node = h("div", { class: "over-time" }, h("figure", {}, this.into, (this.intoSays = h("figcaption"))), h("figure", {}, this.out, (this.outSays = h("figcaption"))));
    this.into.addEventListener("open", ({ detail }) => open(detail.line.refOf(detail.index)));
    this.out.addEventListener("open", ({ detail }) => go(detail.x));
    const key = (event) => {
      const far = Math.round((this.to - this.from) / 4);
      const to = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, PageUp: this.at - far, PageDown: this.at + far, Home: 0, End: Infinity }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey || !event.target.closest("svg")) return;
      event.preventDefault();
      event.stopPropagation(); // the curve itself would only read a number out
      go(to);
    };
    this.out.addEventListener("keydown", key, { capture: true });
  }

  /** Draw the stretch that the taps are in; it stays where it is as long as they are. */
  show({ name, before, after, found, channel, from, at }) {
    const taps = found.places.map(([t]) => t);
    const same = after.values.length > before.values.length / 2; // one output for each input: one axis for both
    this.at = at;
    const [first, last] = found.reach;
    const ends = [Math.min(0, first), Math.max(before.values.length - 1, last)];
    this.#scroll(name, Math.min(...taps, same ? at : Infinity), Math.max(...taps, same ? at : -Infinity), ends);
    const values = decode(found.values);
    const [maps, width] = [values.shape[0], taps.length];
    const mine = Math.max(0, Math.min(maps - 1, from - found.first));
    const [low, high] = [this.from, this.to];
    const met = { name: "what the taps see", xs: taps, ys: Array.from(values.values.slice(mine * width, (mine + 1) * width)), refOf: (i) => `${values.ref}[${mine},${i}]`, format: "g4", points: true };
    const left = padding(Math.max(low, first), -1, "padding before: zeros");
    const right = padding(before.values.length, Math.min(high, last), "padding after: zeros");
    const lines = [stretch(`input map ${from}`, before, low, high), met, left, right].filter(Boolean);
    this.into.show({ title: `what goes into ${name}, map ${from}, moments ${low} to ${high}`, x: "moment", lines, domain: [low, high], marked: same ? at : null });
    const half = Math.round((high - low) / 2);
    const [start, end] = same ? [low, high] : [at - half, at + half];
    this.out.show({ title: `what comes out of ${name}, map ${channel}`, x: "moment", lines: [stretch(`output map ${channel}`, after, start, end)], domain: [start, end], marked: at });
    const apart = width > 1 ? `, ${taps[1] - taps[0]} apart` : "";
    put(this.intoSays, `Input map ${from} of ${maps}, ${before.values.length} moments long: ${width} ${width > 1 ? "taps" : "tap"}${apart}.`);
    put(this.outSays, `Output map ${channel} at moment ${at} of ${after.values.length}. Left and right move the window, a click goes there.`);
  }

  /** Show the moments from first to last with some room, where there is any. */
  #scroll(name, first, last, [start, end]) {
    const key = `${name} ${start} ${end}`;
    if (key === this.name && first >= this.from && last <= this.to) return;
    const room = Math.max(MARGIN, Math.ceil((LEAST - (last - first)) / 2));
    Object.assign(this, { name: key, from: Math.max(start, first - room), to: Math.min(end, last + room) });
  }
}

/** A part of a line, where there is one. */
function stretch(name, { values, ref }, low, high) {
  const start = Math.max(0, low);
  const xs = Array.from({ length: Math.max(0, Math.min(values.length - 1, high) - start + 1) }, (_, i) => start + i);
  return { name, xs, ys: xs.map((t) => values[t]), refOf: (i) => ref.replace("{}", String(xs[i])), format: "g4", points: high - low <= DOTTED };
}

/** The zeros beside the input. */
function padding(low, high, name) {
  if (high < low) return null;
  const xs = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  return { name, xs, ys: xs.map(() => 0), refOf: (i) => `padding at ${xs[i]}`, format: "g4", dashed: true };
}
