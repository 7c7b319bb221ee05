/** How a person gives something, by the kind that a task takes. A new kind is a line in KINDS. */
import { h, put, section } from "./dom.js";
import "./elements/p-pad.js";
import { anyUnseen, button, latest } from "./lens.js";
import { failure } from "./problem.js";
import { recorder } from "./speaking.js";

const PICTURES = ["image/png", "image/jpeg"];
const sound = (ask) => h("div", {}, recorder(ask), file("a recording (WAV or FLAC)", ".wav,.flac")(ask));
const KINDS = { image: picture, drawing, text, sound, game: match };

/** @param {any} context @param {(body: any) => Promise<void>} ask with null, where nothing is given any more */
export function giving(context, ask) {
  const { takes } = context.task;
  const own = KINDS[takes]?.(ask, context);
  const trouble = h("div", {});
  const take = () => anyUnseen(context).then((index) => (put(trouble), ask({ sample: `valid:${index}` })), (error) => put(trouble, failure(error)));
  const known = h("button", { type: "button", class: "quiet", onclick: take }, "Take one that it did not train on");
  const help = "It goes through the very function that prepared the training samples, so nothing differs between training and use.";
  const none = own ? null : h("p", {}, `This task takes ${takes}; give it one with pellucid predict in a terminal.`);
  return section("Give it something", help, own ?? none, h("p", { class: "row" }, known), trouble);
}

function picture(ask) {
  const said = h("p", { class: "fine", role: "status" });
  const give = (given) => {
    if (!given) return;
    if (!PICTURES.includes(given.type)) return put(said, `${given.name || "This"} is not a PNG or JPEG; save it again as one.`);
    put(said, given.name ?? "");
    return ask(given);
  };
  const input = h("input", { type: "file", accept: PICTURES.join(), id: "picture", onchange: () => give(input.files[0]) });
  const zone = h("div", { class: "drop" }, h("label", { for: "picture" }, "A picture: drop it here, paste it, or choose a file"), input, said);
  zone.addEventListener("dragover", (event) => (event.preventDefault(), zone.classList.add("over")));
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    give(event.dataTransfer.files[0]);
  });
  const paste = (event) => {
    if (!zone.isConnected) return removeEventListener("paste", paste);
    const item = [...event.clipboardData.files].find((one) => PICTURES.includes(one.type));
    if (item) give(item);
  };
  addEventListener("paste", paste);
  return zone;
}

/** A sheet to draw on, and a picture of a drawing. A sheet that was cleared takes its answer back. */
function drawing(ask) {
  const pad = h("p-pad");
  Object.assign(pad, { width: 8, sharpness: 2 });
  pad.addEventListener("drawn", latest(() => ask(pad.blank ? null : { strokes: pad.strokes })));
  const tools = h("p", { class: "row" }, button("Undo", () => pad.undo()), button("Clear", () => pad.clear()));
  return [pad, tools, picture(ask)];
}

function text(ask) {
  const area = h("textarea", { id: "given-text", rows: 4 });
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), ask({ text: area.value })) }, h("label", { for: "given-text" }, "A text"), area, h("p", {}, h("button", { type: "submit" }, "Ask")));
  area.addEventListener("keydown", (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && form.requestSubmit());
  return form;
}

/** Watch it play the game of a seed: a film with the worth of each action beside the screen. */
function match(ask, context) {
  const screen = h("div", { class: "fine", "aria-live": "polite" });
  const seed = h("input", { type: "number", id: "given-seed", min: 0, step: 1, value: 7, required: true });
  const watch = () => {
    const film = h("img", { alt: `The network plays the game with seed ${seed.value}; the bars say what it thinks each action is worth.` });
    film.addEventListener("load", () => put(screen, h("figure", {}, film)));
    film.addEventListener("error", () => put(screen, "This game could not be played; pellucid predict in a terminal says why."));
    film.src = context.api.address("runs", context.run.id, "play", `${Number(seed.value)}.gif`);
    put(screen, "It plays \u2026");
  };
  return h("form", { onsubmit: (event) => (event.preventDefault(), watch()) }, h("label", { for: "given-seed" }, "The seed of a game"), seed, h("p", {}, h("button", { type: "submit" }, "Watch it play")), screen);
}

function file(what, accept) {
  return (ask) => {
    const input = h("input", { type: "file", accept, id: "given-file", onchange: () => input.files[0] && ask(input.files[0]) });
    return h("div", { class: "drop" }, h("label", { for: "given-file" }, `Choose ${what}`), input);
  };
}
