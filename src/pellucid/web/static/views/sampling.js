/** Explain: a word drawn sample by sample: the waveform so far, the softmax, and the number that chose the next code. */
import { decode } from "../api.js";
import { h, put, section, table } from "../dom.js";
import "../elements/p-curve.js";
import { number } from "../elements/p-number.js";
import { ask, button, choice, latest, slider } from "../lens.js";
import { failure } from "../problem.js";
import { draws } from "./draws.js";
import { softmaxOf } from "./next.js";

const CHUNK = 32; // softmaxes of one question
const MOST_CHUNKS = 8; // kept
const NEAR = 60; // samples of the close-up
const PAST = 8; // samples of the table
const RATES = [["2", "2"], ["10", "10"], ["50", "50"], ["200", "200"]]; // prettier-ignore
const FRAMES = 20; // pictures a second at most; faster play leaves some out
const SETTLED = 250; // milliseconds without a change, after which the address says where we are

/** Draw the view. @returns what takes it away again */
export async function mount(element, context) {
  const voices = await ask(context.run.id, "voices");
  const place = h("div", {});
  let leave = () => {};
  const begin = latest(async () => {
    leave();
    put(place, h("p", { class: "waiting" }, "Drawing one sample after another\u2026"));
    try {
      const asked = wish(context, voices);
      leave = watch(place, context, asked, await ask(context.run.id, "utterance", asked));
    } catch (error) {
      put(place, failure(error));
    }
  });
  put(element, form(context, voices, () => (context.setState({ t: null }), begin())), place);
  await begin();
  return () => leave();
}

/** What the address asks for, with what it leaves open. */
function wish({ state }, voices) {
  const voice = state.voice in voices.vocabulary ? state.voice : (voices.speak[0] ?? Object.keys(voices.sing)[0]);
  const sings = voice in voices.sing;
  const say = state.say ?? (sings ? "C3:0.5" : voices.vocabulary[voice][0]);
  return { [sings ? "melody" : "text"]: say, voice, temperature: state.temperature ?? 1, nucleus: state.nucleus ?? 1, seed: state.seed ?? 0 };
}

/** What is to be drawn: who, what, and how. */
function form(context, voices, begin) {
  const now = wish(context, voices);
  const names = Object.keys(voices.vocabulary);
  const number_ = (name, value, how) => h("label", { class: "choose" }, h("span", {}, name), h("input", { type: "number", class: "short", name, value, required: true, ...how }));
  const said = h("span", {});
  const what = (voice, say) => {
    const words = voices.vocabulary[voice].map((word) => h("option", { value: word, selected: word === say }, word));
    const sung = h("input", { name: "say", value: say ?? "C3:0.5", class: "note", autocomplete: "off" });
    put(said, h("label", { class: "choose" }, h("span", {}, voice in voices.sing ? "note and beats" : "word"), voice in voices.sing ? sung : h("select", { name: "say" }, words)));
  };
  const voice = h("select", { name: "voice", onchange: () => what(voice.value, null) }, names.map((name) => h("option", { value: name, selected: name === now.voice }, name)));
  what(now.voice, now.melody ?? now.text);
  const fields = [h("label", { class: "choose" }, h("span", {}, "voice"), voice), said, number_("temperature", now.temperature, { min: 0, max: 10, step: 0.05 }), number_("nucleus", now.nucleus, { min: 0.01, max: 1, step: 0.01 }), number_("seed", now.seed, { min: 0, step: 1 })];
  const node = h("form", { class: "row controls", onsubmit: (event) => (event.preventDefault(), context.setState(Object.fromEntries(new FormData(node))), begin()) }, fields, h("button", { type: "submit" }, "Draw it"));
  const help = "The temperature divides the scores before softmax: below 1 the draw is safer, above 1 wilder, at 0 the most probable code is taken. The nucleus leaves only the most probable codes that together reach it. The seed gives the uniform numbers.";
  return section("What is drawn", help, node);
}

/** One utterance. @returns what ends it */
function watch(place, context, asked, found) {
  const { codes, uniform, samples, amplitudes } = Object.fromEntries(["codes", "uniform", "samples", "amplitudes"].map((name) => [name, decode(found[name])]));
  const last = codes.values.length - 1;
  const loud = Math.max(...samples.values.map(Math.abs)) || 1;
  const clamp = (at) => Math.max(0, Math.min(last, Math.round(Number(at)) || 0));
  const chunks = new Map(); // what the server gave, by the number of the chunk
  let now = clamp(context.state.t ?? Math.min(last, Math.floor(last / 3)));
  let playing = 0; // counts, so that an old loop knows that it is one
  let settling = 0;

  const whole = h("p-curve");
  const near = h("p-curve");
  const chart = draws({ values: amplitudes.values, refOf: (k) => `${amplitudes.ref}[${k}]` });
  const story = h("p", { class: "numbers said-draw", role: "status" });
  const past = h("div", {});
  const trouble = h("div", {});
  const play = button("Play", () => (playing ? stop() : start()), { class: "" });
  const where = slider("sample", { min: 0, max: last, step: 1, value: now, format: (at) => `${at} of ${last}`, oninput: go });
  const jump = h("input", { type: "number", class: "short", min: 0, max: last, step: 1, value: now, "aria-label": "jump to sample" });
  jump.addEventListener("change", () => go(jump.value));
  const controls = h("div", { class: "row controls" }, play, button("Step back", () => go(now - 1)), button("Step forward", () => go(now + 1)), choice("samples a second", RATES, context.state.rate ?? "10", (rate) => context.setState({ rate })), h("label", { class: "choose" }, h("span", {}, "jump to"), jump));
  const bytes = Uint8Array.from(atob(found.wav), (letter) => letter.charCodeAt(0));
  const player = h("audio", { controls: true, src: URL.createObjectURL(new Blob([bytes], { type: "audio/wav" })), "aria-label": `${found.voice}: ${found.name}` });
  const inside = h("a", { href: context.link({ view: "kernel", query: { sample: found.sample } }) }, "Walk through the layers with this");
  near.addEventListener("open", ({ detail }) => go(detail.x));
  whole.addEventListener("open", ({ detail }) => go(detail.x));
  const one = "Step by step, or by playing: each sample is drawn from the softmax that the samples before it led to. The slider takes the arrow keys.";
  const chance = "The network gives each of 256 codes a probability. Lined up, they fill the way from 0 to 1. A uniform number between 0 and 1 falls somewhere on it: that is the code that is drawn. What is probable covers much of the way and is hit often.";
  const past_ = "Nothing to the right of the mark exists yet when this sample is drawn. On a curve the arrow keys read the samples, Enter or a click goes to one.";
  const scores = h("div", {});
  const steps = h("details", { class: "twin" }, h("summary", {}, "From the scores to these probabilities"), scores);
  const explain = latest(async () => {
    if (!steps.open) return;
    try {
      put(scores, ...softmaxOf(await ask(context.run.id, "next", { sample: found.sample, place: now, temperature: Number(asked.temperature) || 1 }), "code"));
    } catch (error) {
      put(scores, failure(error));
    }
  });
  steps.addEventListener("toggle", explain);
  const drawn = section("The softmax and the draw", chance, chart.node, steps, h("h3", {}, "A few samples before"), past);
  const before = section("The waveform so far", past_, whole, h("h3", {}, `The last ${NEAR} samples`), near);
  const heard = section("As a whole", null, player, h("p", {}, inside));
  put(place, section(`${found.voice}: ${found.name}`, one, controls, where.node, story, trouble), h("div", { class: "columns" }, drawn, before), heard);
  go(now);

  /** The softmaxes of a chunk, asked for once. */
  function chunk(i) {
    if (!chunks.has(i)) {
      const coming = ask(context.run.id, "softmaxes", { ...asked, start: i * CHUNK, count: CHUNK }).then(
        (got) => Object.fromEntries(["probabilities", "cumulated", "bits"].map((name) => [name, decode(got[name])])),
        (error) => (chunks.delete(i), Promise.reject(error)),
      );
      chunks.set(i, coming);
      if (chunks.size > MOST_CHUNKS) chunks.delete(chunks.keys().next().value);
    }
    return chunks.get(i);
  }

  async function go(at) {
    now = clamp(at);
    where.set(now);
    jump.value = String(now);
    const mine = now;
    try {
      const got = await chunk(Math.floor(mine / CHUNK));
      if (mine === now) draw(got, mine % CHUNK);
      put(trouble);
    } catch (error) {
      stop();
      put(trouble, failure(error));
    }
    clearTimeout(settling);
    explain();
    if (!playing) settling = setTimeout(() => place.isConnected && context.setState({ t: now }), SETTLED);
  }

  function draw(got, row) {
    const { probabilities, cumulated, bits } = got;
    const code = codes.values[now];
    const from = row * 256;
    const cut = (block) => ({ values: block.values.subarray(from, from + 256), refOf: (k) => `${block.ref}[${now},${k}]` });
    const [chances, sums] = [cut(probabilities), cut(cumulated)];
    const left = sums.values[255]; // 1, or what the nucleus left
    const drawn = asked.temperature > 0;
    const u = () => number(uniform.values[now], `${uniform.ref}[${now}]`, "g4");
    const sum = (k) => (k < 0 ? "0" : number(sums.values[k], sums.refOf(k), "g4"));
    const fell = left > 0.999999 ? [u(), " falls on code "] : [u(), " times ", number(left, sums.refOf(255), "g4"), ", what the nucleus left, falls on code "];
    put(
      story,
      "Sample ", h("b", {}, number(now, `${codes.ref}[${now}]: its place`, "int")), " of ", h("span", { class: "tick" }, last + 1), `, at ${(now / found.rate_hz).toFixed(4)} s: `,
      drawn ? ["the uniform number ", fell] : ["at temperature 0 no number is drawn; the most probable is taken, code "],
      h("b", {}, number(code, `${codes.ref}[${now}]`, "int")),
      drawn ? [", because the codes below it sum up to ", sum(code - 1), ", and with it to ", sum(code), ". "] : ". ",
      "Its probability was ", number(chances.values[code], chances.refOf(code), "percent2"), "; it stands for the amplitude ", number(samples.values[now], `${samples.ref}[${now}]`, "g3", "float32"),
      ". The softmax has ", number(bits.values[row], `${bits.ref}[${now}]`, "g3"), " bits of uncertainty; 8 would be no idea at all.",
    ); // prettier-ignore
    chart.show({ chances, sums, code, reached: drawn ? uniform.values[now] * left : null });
    curves();
    const rows = Array.from({ length: Math.min(PAST, now + 1) }, (_, i) => now - i).map((t) => [String(t), number(codes.values[t], `${codes.ref}[${t}]`, "int"), number(samples.values[t], `${samples.ref}[${t}]`, "g3", "float32"), number(uniform.values[t], `${uniform.ref}[${t}]`, "g4")]);
    put(past, table(`the last ${rows.length} samples, the newest first`, ["sample", "code", "amplitude", "uniform number"], rows, { quiet: true }));
  }

  function curves() {
    const line = (from, points) => ({ name: "amplitude", xs: Array.from({ length: now - from + 1 }, (_, i) => from + i), ys: Array.from(samples.values.subarray(from, now + 1)), refOf: (i) => `${samples.ref}[${from + i}]`, format: "g3", points });
    whole.show({ title: `${found.voice}: ${found.name}, ${now + 1} of ${last + 1} samples`, x: "sample", lines: [line(0, false)], range: [-loud, loud], domain: [0, last], marked: now });
    const from = Math.max(0, now - NEAR + 1);
    near.show({ title: "the newest samples", x: "sample", lines: [line(from, true)], range: [-loud, loud], domain: [from, Math.max(from + NEAR - 1, now)], marked: now });
  }

  async function start() {
    const mine = (playing = performance.now());
    play.textContent = "Pause";
    story.setAttribute("aria-live", "off"); // or it would never stop talking
    if (now === last) now = -1;
    while (playing === mine && place.isConnected && now < last) {
      const began = performance.now();
      const rate = Number(context.state.rate ?? 10);
      const stride = Math.max(1, Math.round(rate / FRAMES));
      await go(now + stride);
      chunk(Math.min(Math.floor(last / CHUNK), Math.floor(now / CHUNK) + 1)).catch(() => {}); // at hand when it is its turn
      await new Promise((wake) => setTimeout(wake, Math.max(0, (1000 * stride) / rate - (performance.now() - began))));
    }
    if (playing === mine) stop();
  }
  function stop() {
    if (!playing) return;
    playing = 0;
    play.textContent = "Play";
    story.removeAttribute("aria-live");
    if (place.isConnected) context.setState({ t: now });
  }
  return () => {
    playing = 0;
    clearTimeout(settling);
    URL.revokeObjectURL(player.src);
  };
}
