/**
 * A sample as a person takes it in, by what its task takes: looked at, read, or listened to. A new kind is a line in
 * KINDS. What is drawn stands on what leads into the network; what is read or heard stands beside it.
 */
import { css } from "./colours.js";
import { h, put } from "./dom.js";
import { failure } from "./problem.js";

const KINDS = {
  image: { noun: "image", show: picture, drawn: true },
  drawing: { noun: "drawing", show: picture, drawn: true },
  text: { noun: "text", show: words },
  sound: { noun: "recording", show: recording },
  game: { noun: "moment", show: frames, drawn: true },
};
const UNKNOWN = { noun: "sample", show: (where, name) => name };
const SETS = { mistakes: "test", train: "training", valid: "validation" };
const HEAD = 44; // bytes of a WAV file before its samples
const MARGIN = "400px"; // before it is in sight
const WAVE = { width: 200, height: 40 };

const kindOf = ({ task }) => KINDS[task.takes] ?? UNKNOWN;

/** What a sample is called. @param {any} context */
export const noun = (context) => kindOf(context).noun;

/** One sample. @param {any} context @param {"mistakes"|"train"|"valid"} of which set @param {number} side in pixels, of a picture */
export function specimen(context, of, index, side) {
  const name = `${SETS[of]} ${noun(context)} ${index}`;
  return kindOf(context).show(context.api.address("runs", context.run.id, of, String(index), "sample"), name, side);
}

/** One test sample, and a button that gives it to the network and goes where that is explained. @param {string} label what became of it */
export function opener(context, index, label, side) {
  const { drawn } = kindOf(context);
  const seen = specimen(context, "mistakes", index, side);
  const name = `test ${noun(context)} ${index}`;
  const open = h("button", { type: "button", class: drawn ? "open" : "quiet small", title: name, "aria-label": `${name}: ${label}; look inside`, onclick: () => inside(context, index, open) }, drawn ? seen : "look inside");
  return drawn ? open : [seen, open];
}

/** One validation sample, and a link to what is to be seen with it. @param {string} href @param {string} label what is special about it */
export function linked(context, index, href, label, side) {
  const { drawn } = kindOf(context);
  const seen = specimen(context, "valid", index, side);
  const link = h("a", { href, "aria-label": label, title: label }, drawn ? seen : "look inside");
  return drawn ? link : [seen, " ", link];
}

async function inside(context, index, button) {
  try {
    const { sample } = await context.api.get(context.api.address("runs", context.run.id, "mistakes", String(index), "kept"));
    location.hash = context.link({ step: "explain", view: null, query: { sample } });
  } catch (error) {
    const said = failure(error);
    button.after(said);
    setTimeout(() => said.remove(), 6000);
  }
}

function picture(where, name, side) {
  return h("img", { src: where, alt: "", width: side, height: side, loading: "lazy" });
}

/** What the network sees of a moment stands side by side, so only the height is known. */
function frames(where, name, side) {
  return h("img", { src: where, alt: "", height: side, loading: "lazy" });
}

function words(where) {
  const place = h("p", { class: "quoted" }, "\u2026");
  soon(place, async (answer) => put(place, await answer.text()), where);
  return place;
}

function recording(where, name) {
  const canvas = h("canvas", { ...WAVE, class: "wave", "aria-hidden": "true" });
  soon(canvas, async (answer) => wave(canvas, new Int16Array(await answer.arrayBuffer(), HEAD)), where);
  return h("div", { class: "heard" }, canvas, h("audio", { controls: true, preload: "none", src: where, "aria-label": name }));
}

/** The largest swing of each stretch, up and down from the middle. */
function wave(canvas, samples) {
  const context = canvas.getContext("2d");
  const { width, height } = WAVE;
  const most = samples.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  context.fillStyle = css("viridis", 0.45);
  for (let x = 0; x < width; x++) {
    const part = samples.subarray(Math.floor((x * samples.length) / width), Math.ceil(((x + 1) * samples.length) / width));
    const high = (part.reduce((a, b) => Math.max(a, Math.abs(b)), 0) / most) * (height - 1);
    context.fillRect(x, (height - high) / 2, 1, Math.max(1, high));
  }
}

/** Fetch what an element shows when it is about to come into sight. */
function soon(element, show, where) {
  const look = async (entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    watcher.disconnect();
    try {
      const answer = await fetch(where);
      if (!answer.ok) throw new Error("This sample cannot be shown.");
      await show(answer);
    } catch (error) {
      element.replaceWith(failure(error));
    }
  };
  const watcher = new IntersectionObserver(look, { rootMargin: MARGIN });
  watcher.observe(element);
}
