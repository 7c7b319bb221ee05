/** The end of a game: the drawings, what the network thought of each, and the closest ones that it learned from. */
import { address, decode, post } from "../api.js";
import { h, put, section, svg } from "../dom.js";
import { number } from "../elements/p-number.js";
import "../elements/p-bars.js";
import { button } from "../lens.js";
import { failure } from "../problem.js";
import { named } from "../words.js";

const MARGIN = 12; // units around a drawing
const SHOWN = 5; // guesses

/**
 * @param {any} game
 * @param {import("./play.js").Round[]} rounds
 * @param {{again: () => void, same: () => void}} then
 */
export function results(game, rounds, { again, same }) {
  const won = rounds.filter((round) => round.won).length;
  const opened = h("div", { class: "opened", "aria-live": "polite" });
  const cards = rounds.map((round) => h("li", {}, thumb(round, () => open(round))));
  const title = h("h2", { tabindex: "-1" }, won === rounds.length ? `It knew all ${won} of your drawings` : `It knew ${won} of your ${rounds.length} drawings`);
  const draw = button("Play again", again, { class: "" });
  const save = h("a", { class: "button quiet", download: "drawings.ndjson", href: file(rounds) }, "Save the drawings");
  put(
    game.element,
    h(
      "section",
      { class: "panel" },
      h("div", { class: "heading" }, title),
      h("p", {}, "Choose a drawing to see what it thought, and which drawings made it think so."),
      h("ul", { class: "drawings" }, cards),
      opened,
      h("p", { class: "row" }, draw, button("The same words again", same), save),
    ),
  );
  title.focus();

  function open(round) {
    for (const card of cards) card.firstChild.setAttribute("aria-pressed", String(card === cards[rounds.indexOf(round)]));
    put(opened, story(game, round));
  }
}

function thumb(round, onclick) {
  const word = h("b", {}, round.word);
  const outcome = h("span", { class: round.won ? "won" : "lost" }, round.won ? `\u2713 after ${round.seconds.toFixed(1)} s` : "\u2717 not seen");
  return h("button", { type: "button", class: "quiet drawing", "aria-pressed": "false", onclick }, picture(round.strokes, ""), word, outcome);
}

/** What the network made of one drawing. */
function story(game, round) {
  if (!round.last) return section(round.word, null, h("p", {}, "Nothing was drawn, so there was no guess."));
  const { words, values, ref } = round.last;
  const at = game.rules.classes.indexOf(round.word);
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a]);
  const shown = [...new Set([...order.slice(0, SHOWN), at])];
  const bars = h("p-bars");
  bars.show(shown.map((i) => ({ name: game.rules.classes[i], value: values[i], ref: `${ref}[${i}]`, mark: i === at })), { title: "what it thought in the end", most: 1, format: "percent1", dtype: "float32" });
  const passed = h("p", {}, `The mark for ${named(round.word)} is `, number(round.threshold, `${game.context.run.id}/scores.json[evaluate,thresholds,${round.word}]`, "percent1"), ".");
  const said = round.said.map(({ seconds, text }) => h("li", {}, h("span", { class: "fine" }, `${seconds.toFixed(1)} s`), " ", text));
  const other = words.find(({ name }) => name !== round.word)?.name;
  const closest = h("div", {}, h("p", { class: "waiting" }, "looking through the drawings that it learned from ..."));
  compare(game, round, other, closest);
  const inside = h("p", { class: "row" }, h("a", { href: game.context.link({ step: "explain", view: "layers", query: { sample: round.last.sample } }) }, "Look inside with this drawing"));
  return h(
    "section",
    { "aria-label": `your ${round.word}` },
    h("div", { class: "columns" }, h("div", {}, h("h3", {}, `Your ${round.word}`), h("div", { class: "mine" }, picture(round.strokes, `your drawing of ${named(round.word)}`)), inside), h("div", {}, bars, passed, said.length ? h("ol", { class: "heard" }, said) : h("p", { class: "fine" }, "It had no idea that it was sure enough of to say."))),
    closest,
  ); // prettier-ignore
}

/** Beside the drawing: those of its word, and those of what it was taken for or nearly was. */
async function compare(game, round, other, place) {
  const { context } = game;
  const words = [round.word, other].filter(Boolean);
  try {
    const found = await post(address("runs", context.run.id, "closest"), { strokes: round.strokes, words });
    if (found.missing !== null) return put(place, h("p", { class: "fine" }, `The drawings that it learned from are not on this computer, so the closest ones cannot be shown: ${found.missing}`));
    put(place, words.map((word) => [h("h3", {}, `The closest drawings of ${named(word)} that it learned from`), gallery(found.drawings[word], word)]));
  } catch (error) {
    put(place, failure(error));
  }
}

function gallery({ images, numbers, likeness }, word) {
  const { values, shape, ref } = decode(images);
  const [count, rows, columns] = shape;
  const one = (i) => values.subarray(i * rows * columns, (i + 1) * rows * columns);
  return h("ul", { class: "drawings closest" }, Array.from({ length: count }, (_, i) => h("li", {}, h("figure", {}, bitmap(one(i), rows, columns, `${word}, training drawing ${numbers[i]}`), h("figcaption", {}, "alike: ", number(likeness[i], `${ref}[${i}] cosine`, "2"))))));
}

/** Ink as the data hold it, in black on white as on the pad. */
function bitmap(values, rows, columns, name) {
  const canvas = h("canvas", { width: columns, height: rows, role: "img", "aria-label": name });
  const image = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) image.data.set([255 - values[i], 255 - values[i], 255 - values[i], 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Strokes as a picture, centred. A name makes it an image of its own; without one it only decorates. */
function picture(strokes, name) {
  const [xs, ys] = [0, 1].map((axis) => strokes.flatMap((stroke) => stroke[axis]));
  const box = xs.length ? [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] : [0, 0, 1, 1];
  const side = Math.max(box[2] - box[0], box[3] - box[1], 40) + 2 * MARGIN;
  const from = [(box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2];
  const lines = strokes.map(([x, y]) => svg("path", { d: `M${x[0]} ${y[0]}` + x.map((_, i) => `L${x[i]} ${y[i]}`).join("") }));
  const label = name ? { role: "img", "aria-label": name } : { "aria-hidden": "true" };
  return svg("svg", { viewBox: `${from[0]} ${from[1]} ${side} ${side}`, class: "strokes", ...label }, lines);
}

/** The drawings as lines of ndjson, as Quick, Draw! has them: to train with, or to look at again. */
function file(rounds) {
  const lines = rounds.filter(({ strokes }) => strokes.length).map(({ word, won, strokes }) => JSON.stringify({ word, recognized: won, drawing: strokes }));
  return `data:application/x-ndjson,${encodeURIComponent(lines.join("\n") + "\n")}`;
}
