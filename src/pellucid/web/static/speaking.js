/** Speaking and hearing in the browser: a form that says or sings, and a recorder whose sound is sent as WAV. */
import { h, put } from "./dom.js";
import { failure } from "./problem.js";

const RATE = 16000; // of what the recorder sends
const LONGEST = 4000; // milliseconds that are recorded
// the network heard sound as it was recorded: what a browser does for telephone calls would be a difference to training
const AS_IT_IS = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A form that says a text or sings a melody with a run, and plays it. @param {any} context */
export function speaker(context) {
  const { api, run } = context;
  const text = h("input", { id: "say-text", value: "seven three", autocomplete: "off" });
  const melody = h("input", { id: "say-melody", value: "C3:1 E3:1 G3:2", autocomplete: "off" });
  const voice = h("select", { id: "say-voice" });
  const temperature = h("input", { id: "say-temperature", type: "number", min: "0", max: "2", step: "0.05", value: "1" });
  const seed = h("input", { id: "say-seed", type: "number", min: "0", step: "1", value: "0" });
  const known = h("p", { class: "fine" });
  const place = h("div", { "aria-live": "polite" });
  const say = h("button", { type: "submit" }, "Say it");
  const sing = h("button", { type: "button", class: "quiet", onclick: () => ask({ melody: melody.value }) }, "Sing it");
  const ask = async (what) => {
    const body = { ...what, temperature: Number(temperature.value), seed: Math.trunc(Number(seed.value)) };
    say.disabled = sing.disabled = true;
    letGo(place);
    put(place, h("p", { class: "fine" }, "Drawing one sample after another\u2026"));
    try {
      put(place, heard(await api.post(api.address("runs", run.id, "say"), body)));
    } catch (error) {
      put(place, failure(error));
    }
    say.disabled = sing.disabled = false;
  };
  const row = (label, input) => h("p", {}, h("label", { for: input.id }, label), " ", input);
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), ask({ text: text.value, voice: voice.value })) },
    row("Say", text), row("Voice", voice), known, row("Temperature", temperature), row("Seed", seed), h("p", {}, say),
    row("Melody", melody), h("p", {}, sing)); // prettier-ignore
  api.get(api.address("runs", run.id, "voices")).then((found) => {
    put(voice, ...found.speak.map((name) => h("option", { value: name }, name)));
    put(known, `It can say: ${(found.vocabulary[found.speak[0]] ?? []).join(", ")}.`);
  }, (error) => put(known, failure(error))); // prettier-ignore
  return [form, place];
}

/** Let go of the sounds that a place has played. */
function letGo(place) {
  for (const { src } of place.querySelectorAll("audio")) URL.revokeObjectURL(src);
}

/** An answer with its player. */
function heard({ answer, wav }) {
  const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
  const player = h("audio", { controls: true, src: URL.createObjectURL(new Blob([bytes], { type: "audio/wav" })), "aria-label": answer.text });
  const parts = answer.parts.map((part) => h("li", {}, `${part.unit}${part.note ? ` (${part.note})` : ""}: from ${part.start.toFixed(2)} s, ${part.seconds.toFixed(2)} s`));
  return h("div", {}, h("p", { class: "said" }, answer.text), player, h("ul", { class: "fine" }, parts));
}

/** A button that records a word and hands it over as a WAV file. @param {(body: Blob) => Promise<void>} ask */
export function recorder(ask) {
  const said = h("p", { class: "fine", role: "status" });
  const button = h("button", { type: "button", onclick: () => record(button, said, ask) }, "Record a word");
  const able = Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);
  if (!able) button.disabled = true;
  if (!able) put(said, "This browser gives no microphone here; choose a file.");
  return h("div", {}, button, said);
}

async function record(button, said, ask) {
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
    const device = new MediaRecorder(stream);
    const parts = [];
    device.ondataavailable = (event) => parts.push(event.data);
    const ended = new Promise((resolve) => (device.onstop = resolve));
    const before = button.onclick;
    button.textContent = "Stop";
    button.onclick = () => device.state === "recording" && device.stop();
    letGo(said);
    put(said, "Speak now.");
    device.start();
    setTimeout(() => device.state === "recording" && device.stop(), LONGEST);
    await ended;
    button.onclick = before;
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await new Blob(parts, { type: device.mimeType }).arrayBuffer());
    const blob = wav(sound.getChannelData(0), sound.sampleRate);
    put(said, h("audio", { controls: true, src: URL.createObjectURL(blob), "aria-label": "what was recorded" }));
    await ask(blob);
  } catch (error) {
    put(said, error?.name === "NotAllowedError" ? "The microphone was not allowed." : failure(error));
  } finally {
    button.textContent = "Record a word";
    for (const track of stream?.getTracks() ?? []) track.stop();
  }
}

/** 16-bit mono WAV of samples in [-1, 1]. */
export function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new Blob([view], { type: "audio/wav" });
}
