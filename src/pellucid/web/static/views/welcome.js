/** The first page: what this is, and the tasks to begin with. */
import { h, put } from "../dom.js";
import { format } from "../router.js";

const STEPS = [
  ["Look", "at the data, as pictures and as numbers"],
  ["Train", "a network, and watch it learn"],
  ["Test", "it on what it never saw, and see its mistakes"],
  ["Explain", "what happens inside, layer by layer"],
  ["Use", "it on a picture of your own"],
];

export default {
  id: "welcome",
  title: "Welcome",
  step: null,
  mount(element, { tasks, runs }) {
    put(
      element,
      h("h1", { class: "hero" }, "Networks you can see through"),
      h("p", { class: "lead" }, "Choose a task. Everything stays on this computer."),
      h("ul", { class: "cards" }, tasks.map((task) => card(task, runs))),
      h("h2", {}, "The way"),
      h("ol", { class: "way" }, STEPS.map(([name, what]) => h("li", {}, h("b", {}, name), " ", what))),
    );
  },
};

function card(task, runs) {
  const ready = runs.find((run) => run.task === task.name && run.released);
  const links = [
    h("a", { class: "button", href: format({ task: task.name, step: "look" }) }, "Look at the data"),
    ready ? h("a", { href: format({ task: task.name, run: ready.id, step: "use" }) }, "Try a trained network") : null,
  ];
  return h("li", { class: "panel" }, h("h2", {}, task.name), h("p", {}, task.summary), h("p", { class: "row" }, links));
}
