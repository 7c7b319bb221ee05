/** Use: play the game of a seed, hand it to the network, take it over again, and see what it brings alone. */
import { address, get, post } from "../api.js";
import { h, put, section } from "../dom.js";
import { number } from "../elements/p-number.js";
import { button, choice } from "../lens.js";
import { failure } from "../problem.js";

const KEYS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", " ": "fire" };
const RATES = [["2", "2"], ["5", "5"], ["15", "15, as Atari is played"], ["60", "60"]]; // prettier-ignore
const RATE = { large: "15", small: "5" }; // steps a second where nothing is chosen
const LARGE = 100; // pixels: an Atari screen is larger, the others are not

/** Draw the view. @returns what takes it away again */
export function mount(element, context) {
  const seed = h("input", { type: "number", id: "match-seed", min: 0, step: 1, value: context.state.seed ?? 7, required: true });
  const place = h("div", {});
  let leave = () => {};
  const begin = async () => {
    leave();
    context.setState({ seed: seed.value });
    try {
      const found = await post(address("runs", context.run.id, "match"), { seed: Number(seed.value) });
      leave = play(place, context, found, Number(seed.value));
    } catch (error) {
      put(place, failure(error));
    }
  };
  const form = h("form", { class: "row", onsubmit: (event) => (event.preventDefault(), begin()) }, h("label", { for: "match-seed" }, "The seed of a game"), seed, h("button", { type: "submit" }, "Begin"));
  const lead = "All chance in a game comes from its seed, so you and the network can play the same one.";
  const keys = h("p", { class: "fine" }, "The arrow keys and the space bar play, or the buttons; N hands over to the network, any key of yours takes over again; P stops the clock.");
  put(element, section("One game, two players", lead, form, keys, place));
  return () => leave();
}

/** One match. @returns what ends it */
function play(place, context, { match, actions, moment }, seed) {
  const held = new Set();
  let mine = true;
  let running = false;
  let looping = false; // it may still sleep when the clock was stopped and goes on
  let over = false;
  let left = false;
  let now = moment;
  const counts = { you: 0, network: 0 };
  const where = address("runs", context.run.id, "match", match);
  const ref = (path) => `${context.run.id}/match(${seed})[${now.step},${path}]`;

  const image = h("img", { class: "screen", alt: "" });
  const says = h("p", { role: "status" });
  const worth = h("table", { class: "worth" });
  const clock = button("Stop", () => pause(running), { class: "quiet" });
  const hand = button("Let the network play", () => turn(!mine), { class: "quiet" });
  const touch = actions.map((name, action) => {
    const node = button(name.toLowerCase(), () => {}, { class: "quiet" });
    const press = () => (take(), held.add(action));
    node.addEventListener("pointerdown", press);
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) node.addEventListener(end, () => held.delete(action));
    node.addEventListener("click", (event) => event.detail === 0 && (take(), once(action))); // by the keyboard
    return node;
  });
  const stage = h("div", { class: "stage", tabindex: "0", role: "application", "aria-label": "The game. Arrow keys and space bar play, N hands over to the network, P stops the clock." }, image);
  stage.addEventListener("keydown", (event) => key(event, true));
  stage.addEventListener("keyup", (event) => key(event, false));
  stage.addEventListener("blur", () => held.clear());
  put(place, h("div", { class: "match" }, stage, h("div", {}, says, h("p", { class: "row" }, hand, clock, choice("steps a second", [["", "usual"], ...RATES], context.state.rate ?? "", (rate) => context.setState({ rate }))), h("p", { class: "row", "aria-label": "the actions" }, touch), worth)));
  stage.focus();
  image.addEventListener("load", () => stage.style.setProperty("--ratio", String(image.naturalWidth / image.naturalHeight)), { once: true });
  draw();
  const usual = () => (image.naturalHeight > LARGE ? RATE.large : RATE.small);
  const rate = () => Number(context.state.rate || usual());

  function key(event, down) {
    const name = KEYS[event.key];
    if (name) {
      event.preventDefault();
      if (!down) return held.delete(name);
      held.add(name);
      take();
      return;
    }
    if (!down || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "n") turn(false);
    if (event.key === "p") pause(running);
  }
  function take() {
    turn(true);
    pause(false);
  }
  function turn(yes) {
    mine = yes;
    put(hand, mine ? "Let the network play" : "Take over");
    if (!mine) pause(false);
  }
  function pause(yes) {
    put(clock, yes ? "Go on" : "Stop");
    running = !yes && !over;
    if (running && !looping) go();
  }
  let waiting = null; // an action that was chosen once, by the keyboard on a button
  function once(action) {
    waiting = action;
  }
  async function go() {
    looping = true;
    await steps();
    looping = false;
    if (over) await ended();
  }
  async function steps() {
    while (running && !over && !left) {
      const began = performance.now();
      const action = mine ? (waiting ?? wanted(held, actions)) : null;
      waiting = null;
      try {
        const found = await post(where, { actions: [action] });
        if (left) return;
        now = found.moments[0];
        counts[mine ? "you" : "network"] += 1;
        over = now.over;
        draw();
      } catch (error) {
        pause(true);
        put(says, failure(error));
        return;
      }
      await new Promise((wake) => setTimeout(wake, Math.max(0, 1000 / rate() - (performance.now() - began))));
    }
  }
  function draw() {
    image.src = `data:image/png;base64,${now.screen}`;
    const least = Math.min(...now.values);
    const span = Math.max(...now.values) - least || 1;
    const rows = actions.map((name, i) => {
      const bar = h("span", { class: "bar", style: { "--share": `${(100 * (now.values[i] - least)) / span}%` } });
      return h("tr", { class: now.done === i ? "done" : "" }, h("th", { scope: "row" }, name.toLowerCase()), h("td", {}, number(now.values[i], ref(`values,${i}`), "2")), h("td", { "aria-hidden": "true" }, bar));
    });
    put(worth, h("caption", {}, `What the network thinks each action is worth. It would do: ${actions[now.action].toLowerCase()}.`), h("tbody", {}, rows));
    put(says, "Score ", number(now.score, ref("score"), "auto"), " after ", number(now.step, ref("step"), "int"), " steps. ", over ? "" : running ? (mine ? "You play." : "The network plays.") : "Begin with any key of the game.");
  }
  async function ended() {
    put(says, "The game is over. Asking what the network brings alone ...");
    try {
      const alone = await get(`${where}/alone`);
      const who = counts.network ? (counts.you ? "You and the network together" : "The network, watched,") : "You";
      put(says, `The game is over. ${who} brought `, number(now.score, ref("score"), "auto"), " in ", number(now.step, ref("step"), "int"), " steps; the network alone, from the same seed, ", number(alone.score, `${context.run.id}/match(${seed})/alone[score]`, "auto"), " in ", number(alone.steps, `${context.run.id}/match(${seed})/alone[steps]`, "int"), ".");
    } catch (error) {
      put(says, failure(error));
    }
  }
  return () => {
    left = true;
    running = false;
  };
}

/**
 * The number of the action that the held keys and buttons mean.
 * @param {Set<string|number>} held
 * @param {string[]} actions
 */
export function wanted(held, actions) {
  const pressed = [...held].find((each) => typeof each === "number");
  if (pressed !== undefined) return pressed;
  const names = actions.map((name) => name.toUpperCase());
  const up = held.has("up") ? "UP" : held.has("down") ? "DOWN" : "";
  const side = held.has("left") ? "LEFT" : held.has("right") ? "RIGHT" : "";
  const fire = held.has("fire") ? "FIRE" : "";
  for (const name of [up + side + fire, up + side, side + fire, up + fire, side, up, fire, "NOOP", "STAY"]) {
    const place = name ? names.indexOf(name) : -1;
    if (place >= 0) return place;
  }
  return 0;
}
