/** Use: the same network from a terminal, a program, another runtime. */
import { copyable } from "../copy.js";
import { h, put, section } from "../dom.js";
import { failure } from "../problem.js";
import { done } from "./evaluation.js";

const FILES = [
  ["report", "report.html", "Report", "one page that needs nothing else; testing writes it"],
  ["onnx", "model.onnx", "ONNX file", "for any ONNX runtime, checked against the original"],
  ["weights", "weights.zip", "Weights and settings", "safetensors and JSON; unpacked, a folder that is a run"],
  ["card", "card", "Model card", "data, licence, command, scores, limits"],
];
const BODIES = {
  image: "-H 'Content-Type: image/png' --data-binary @photo.png",
  text: `-H 'Content-Type: application/json' -d '{"text": "a text"}'`,
};

/** @param {any} context */
export function takeaway(context) {
  const { run, task, api } = context;
  const downloads = h("dl", { class: "facts downloads" });
  draw();
  return h("div", { class: "columns" }, section("From elsewhere", "The studio's own requests work from any program on this computer.", lines(context)), section("Take it with you", null, downloads, h("h3", {}, "The unpacked weights in Python"), copyable(run.commands.unpacked, "Copy the Python lines for the weights")));

  function draw(found = run) {
    const files = (file) => api.address("runs", found.id, file);
    const has = { ...found.has, card: Boolean(found.card) };
    put(downloads, FILES.map(([key, file, name, what]) => [h("dt", {}, has[key] ? h("a", { href: files(file), download: `${run.id}-${file === "card" ? "README.md" : file}` }, name) : missing(key, name)), h("dd", {}, what)]));
  }

  function missing(key, name) {
    if (key !== "onnx") return `${name}: not there`;
    const button = h("button", { type: "button", class: "quiet small", onclick: () => make(button) }, `Make the ${name}`);
    return button;
  }

  async function make(button) {
    button.disabled = true;
    button.textContent = "Exporting and checking ...";
    try {
      const { id } = await api.act(run.id, "export"); // of a released model: of its copy among the runs
      if (await done(context, id, "export", () => !downloads.isConnected)) draw(await api.run(id));
    } catch (error) {
      button.replaceWith(failure(error));
    }
  }

  function lines() {
    const where = new URL(api.address("runs", run.id, "predict"), document.baseURI).href;
    const body = BODIES[task.takes] ?? `-H 'Content-Type: application/json' -d '{"sample": "valid:0"}'`;
    return [
      h("h3", {}, "curl"),
      copyable(`curl -H "Authorization: Bearer $TOKEN" ${body} ${where}`, "Copy the curl line"),
      h("p", { class: "fine" }, "TOKEN is what stands after #token= in the address that the studio printed when it started."),
      h("h3", {}, "Terminal"),
      copyable(run.commands.predict),
      h("h3", {}, "Python"),
      copyable(run.commands.python, "Copy the Python lines"),
    ];
  }
}
