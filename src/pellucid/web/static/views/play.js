/** Use: six words to draw against the clock, while the network says what it sees. What it says is from its scores. */
import { address, decode, post } from "../api.js";
import { h, put, section } from "../dom.js";
import "../elements/p-bars.js";
import "../elements/p-pad.js";
import { ask, button, choice, latest } from "../lens.js";
import { failure } from "../problem.js";
import "../trace.js";
import { hear, talks, voice } from "../voice.js";
import { ideas, named } from "../words.js";
import { results } from "./results.js";

const BETWEEN = 250; // milliseconds from one guess to the next
const TICK = 100; // milliseconds between two looks at the clock
const PEN = 6;
const WARNED = 5; // seconds before the end
const LEAST_INK = 30; // pixels of the sheet: what is less may be anything
const CARELESS = 500; // milliseconds after a card appears, in which a click was meant for the sheet that stood there
const TIMES = [["", "20 seconds"], ["60", "one minute"], ["0", "as long as I like"]]; // prettier-ignore

/** @typedef {{word: string, threshold: number, won: boolean, seconds: number, strokes: any[], said: {seconds: number, text: string}[], last: any}} Round */

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const rules = await ask(context.run.id, "game");
  const game = { element, context, rules, over: false, end: () => {} };
  welcome(game);
  return () => {
    game.over = true;
    game.end();
    hear("");
  };
}

function welcome(game) {
  const { context, rules } = game;
  const known = rules.classes.length;
  const many = chosen(game).length;
  const begin = button("Play", () => play(game), { class: "" });
  const limit = choice("for each drawing", TIMES, context.state.seconds ?? "", (seconds) => context.setState({ seconds }));
  const aloud = talks() ? h("label", {}, h("input", { type: "checkbox", checked: voice.on, onchange: (event) => (voice.on = event.target.checked) }), "say the guesses aloud") : null;
  put(
    game.element,
    section(
      "Can it guess what you draw?",
      "A round is won when the network's probability of your word passes the word's own mark: one that half of the validation drawings of that word reach, so a network that is often unsure can be played with as well.",
      h("p", {}, `${many} words, one after the other. Draw with a mouse, a finger, a pen or the keyboard; no letters, please. The network knows ${known} words and tells you its ideas, whenever it has a new one.`),
      h("p", { class: "row" }, limit, aloud),
      h("p", { class: "start" }, begin),
      h("p", { class: "fine" }, "On the drawing: the arrow keys move the pen, the space bar puts it down and lifts it, Backspace takes the last stroke away, Escape clears the sheet."),
    ),
  );
}

/** All rounds, and what came of them. */
async function play(game) {
  const words = chosen(game);
  /** @type {Round[]} */ const rounds = [];
  for (const entry of words) {
    await card(game, entry, rounds, words.length);
    if (game.over) return;
    rounds.push(await round(game, entry));
    if (game.over) return;
  }
  hear(`I knew ${rounds.filter((one) => one.won).length} of ${rounds.length}.`);
  const again = (names) => {
    game.context.setState({ words: names?.join() ?? null });
    play(game);
  };
  results(game, rounds, { again: () => again(null), same: () => again(words.map(({ name }) => name)) });
}

/** The words of the address, or others each time. */
function chosen({ context, rules }) {
  const asked = (context.state.words ?? "").split(",");
  const given = asked.map((name) => rules.words.find((one) => one.name === name)).filter(Boolean);
  if (given.length) return given;
  const bag = [...rules.words];
  return Array.from({ length: rules.rounds }, () => bag.splice(Math.floor(Math.random() * bag.length), 1)[0]);
}

/** What happened before and what comes next, until the player is ready. */
function card(game, entry, rounds, all) {
  const before = rounds.at(-1);
  const limit = seconds(game);
  return new Promise((done) => {
    const since = performance.now();
    const ready = button(before ? "Next drawing" : "Ready", () => (!before || performance.now() - since > CARELESS) && done(null), { class: "", "aria-describedby": "task" });
    game.end = () => done(null);
    put(
      game.element,
      h(
        "section",
        { class: "panel play-card" },
        before ? h("p", { class: before.won ? "won" : "lost", role: "status" }, verdict(before)) : null,
        h("div", { id: "task" }, h("p", { class: "fine" }, `Drawing ${rounds.length + 1} of ${all}`), h("h2", {}, "Draw ", h("b", {}, entry.name)), h("p", {}, limit ? `in less than ${limit} seconds` : "and take your time")),
        h("p", {}, ready),
      ),
    );
    ready.focus();
  });
}

function verdict(round) {
  if (round.won) return `\u2713 It knew your ${round.word} after ${round.seconds.toFixed(1)} seconds.`;
  return round.strokes.length ? `\u2717 It did not see ${named(round.word)}.` : `\u2717 Nothing was drawn for ${named(round.word)}.`;
}

const seconds = ({ context, rules }) => (context.state.seconds === undefined ? rules.seconds : Math.max(0, Number(context.state.seconds) || 0));

/** One round. @returns {Promise<Round>} */
function round(game, { name, threshold }) {
  const { context } = game;
  const limit = seconds(game);
  /** @type {Round} */ const found = { word: name, threshold, won: false, seconds: 0, strokes: [], said: [], last: null };
  const known = new Set(); // what it has said in this round
  const clock = stopwatch();
  return new Promise((done) => {
    const pad = h("p-pad", { class: "large" });
    Object.assign(pad, { width: PEN, sharpness: 2 });
    const left = h("p", { class: "left", role: "timer" });
    const bar = h("progress", { max: limit || 1, value: limit || 1, "aria-hidden": "true", hidden: !limit });
    const line = h("p", { class: "said play-line", "aria-live": "polite" }, "\u2026");
    const warning = h("p", { class: "unseen", role: "status" });
    const bars = h("p-bars");
    const trouble = h("div", {});
    let ended = false; // nothing more can be drawn
    let finished = false; // nothing more is taken

    const look = latest(async () => {
      if (ended || !enough(pad.strokes)) return;
      const began = performance.now();
      await guess();
      await new Promise((next) => setTimeout(next, Math.max(0, BETWEEN - (performance.now() - began))));
    });
    async function guess() {
      const strokes = pad.strokes;
      try {
        const answer = await post(address("runs", context.run.id, "guess"), { strokes });
        put(trouble);
        if (!finished && !pad.blank) take(answer, strokes); // else it was wiped, or given up, meanwhile
      } catch (error) {
        if (error.status !== 503) put(trouble, failure(error)); // too much at once: the next stroke asks again
      }
    }
    function take(answer, strokes) {
      if (found.won || !answer.probabilities) return;
      const { values, ref } = decode(answer.probabilities);
      const at = game.rules.classes.indexOf(name);
      Object.assign(found, { strokes, last: { ...answer, values, ref } });
      found.won = values[at] >= threshold;
      const text = ideas(answer.words, { known, sure: game.rules.sure, word: name, won: found.won });
      if (text) {
        line.textContent = text;
        found.said.push({ seconds: clock.seconds(), text });
        hear(text);
      }
      show(bars, answer.words, { name, index: at, value: values[at], threshold }, ref);
      if (found.won) end();
    }
    function tick() {
      const rest = limit - clock.seconds();
      left.textContent = limit ? `${Math.max(0, Math.ceil(rest))} s left` : `${Math.floor(clock.seconds())} s`;
      bar.value = Math.max(0, rest);
      if (!limit) return;
      if (rest <= WARNED && !warning.textContent) warning.textContent = `${WARNED} seconds left`;
      if (rest <= 0) late();
    }
    /** Time is up: what is on the sheet is looked at once more. */
    async function late() {
      if (ended) return;
      ended = pad.locked = true;
      stop();
      if (enough(pad.strokes)) await guess();
      finish();
    }
    function end() {
      if (ended) return;
      ended = pad.locked = true;
      stop();
      setTimeout(finish, found.won ? 700 : 0); // long enough to see the last word
    }
    function stop() {
      found.seconds = Math.min(clock.seconds(), limit || Infinity);
      found.strokes = pad.strokes;
      clearInterval(ticking);
      clock.stop();
    }
    const finish = () => ((finished = true), done(found));

    const ticking = setInterval(tick, TICK);
    game.end = () => (stop(), finish());
    pad.addEventListener("drawn", () => !ended && (pad.blank ? erased() : look()));
    function erased() {
      found.last = null;
      known.clear(); // another drawing may be the same again
      line.textContent = "\u2026";
      bars.hidden = true;
    }
    const tools = h("div", { class: "row" }, button("Undo", () => pad.undo()), button("Clear", () => pad.clear()), button("Skip", () => end()));
    const head = h("div", { class: "play-head" }, h("h2", {}, "Draw ", h("b", {}, name)), left);
    const stage = h("section", { class: "panel play-round" }, head, bar, warning, h("div", { class: "play-columns" }, line, h("div", { class: "play-pad" }, pad, tools), h("div", { class: "play-bars" }, bars, trouble)));
    put(game.element, stage);
    bars.hidden = true;
    tick();
    pad.focus({ preventScroll: true });
    stage.scrollIntoView({ block: "nearest" });
  });
}

/** The first guesses, and the asked word with the mark that it must pass. */
function show(bars, words, asked, ref) {
  const others = words.filter((one) => one.name !== asked.name).slice(0, 2);
  const rows = [asked, ...others].map(({ name, index, value }) => ({ name, value, ref: `${ref}[${index}]`, mark: name === asked.name, low: name === asked.name ? asked.threshold : null, high: name === asked.name ? asked.threshold : null }));
  bars.hidden = false;
  bars.show(rows, { title: "how sure it is; the stroke in the first bar is the mark to pass", most: 1, format: "percent1", dtype: "float32" });
}

/** Whether there is something to guess: a line, or more than one mark. @param {[number[], number[]][]} strokes */
function enough(strokes) {
  const length = strokes.reduce((sum, [x, y]) => sum + x.reduce((a, _, i) => a + (i ? Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) : 0), 0), 0);
  return strokes.length > 2 || length >= LEAST_INK;
}

/** Time that stands still while the page is hidden. */
function stopwatch() {
  let passed = 0;
  let since = performance.now();
  const now = () => passed + (since === null ? 0 : performance.now() - since);
  const watch = () => {
    passed = now();
    since = document.hidden ? null : performance.now();
  };
  document.addEventListener("visibilitychange", watch);
  return { seconds: () => now() / 1000, stop: () => document.removeEventListener("visibilitychange", watch) };
}
