/** Train: choose a setting, change what you like, start. */
import { copyable } from "../copy.js";
import { h, put, section } from "../dom.js";
import { changes, clear, control, refuse } from "../form.js";
import { latest } from "../lens.js";
import { failure } from "../problem.js";
import { format } from "../router.js";

const FIRST = ["network", "epochs", "learning_rate", "optimizer", "batch_size", "seed"]; // what a beginner changes
const DEFAULT = "What trains well on two cores.";

export default {
  id: "start",
  title: "Start",
  lead: "Choose a setting and start. Training goes on by itself, even when this page or the studio is closed.",
  step: "train",
  async mount(element, context) {
    const chosen = context.task.settings.includes(context.state.setting) ? context.state.setting : context.task.settings[0];
    const place = h("div", {});
    put(element, settings(context, chosen, (name) => (context.setState({ setting: name }), draw(place, context, name))), place);
    await draw(place, context, chosen);
  },
};

function settings({ task }, chosen, choose) {
  const item = (name) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "setting", value: name, checked: name === chosen, onchange: () => choose(name) }), h("span", {}, h("b", {}, name.replaceAll("_", " ")), h("small", {}, task.about?.[name] || (name === "default" ? DEFAULT : ""))));
  return h("fieldset", { class: "panel choices" }, h("legend", { class: "unseen" }, "Setting"), h("h2", {}, "Setting"), h("div", { class: "options" }, task.settings.map(item)));
}

async function draw(place, context, setting) {
  const { task, api } = context;
  const late = () => place.dataset.setting !== setting; // another one was chosen while this one was asked for
  place.dataset.setting = setting;
  let fields;
  try {
    ({ fields } = await api.form(task.name, setting));
    if (late()) return;
  } catch (error) {
    if (late()) return;
    return put(place, failure(error, () => draw(place, context, setting)));
  }
  const line = h("div", {});
  const problem = h("div", {});
  const changed = latest(async () => {
    try {
      put(line, copyable((await api.command(task.name, setting, changes(fields, form))).command));
    } catch (error) {
      put(line, h("p", { class: "fine" }, error.message));
    }
  });
  const button = h("button", { type: "submit" }, "Start training");
  const form = h("form", { novalidate: true, onsubmit: begin }, parts(fields, changed), section("The same in a terminal", null, line), problem, h("p", { class: "start" }, button));

  async function begin(event) {
    event.preventDefault();
    clear(form);
    put(problem);
    button.disabled = true;
    try {
      const { id } = await api.start(task.name, setting, changes(fields, form));
      await context.refresh();
      location.hash = format({ task: task.name, run: id, step: "train", view: "watch" });
    } catch (error) {
      if (!refuse(form, fields, error.message)) put(problem, failure(error));
    } finally {
      button.disabled = false;
    }
  }
  put(place, form);
  await changed();
}

function parts(fields, changed) {
  const first = FIRST.map((name) => fields.find((field) => field.name === name)).filter(Boolean);
  const groups = [...new Set(fields.map((field) => field.group))];
  const names = { task: "More about the task and its network", training: "More about the training" };
  const rest = groups.map((group) => [names[group] ?? group, fields.filter((field) => field.group === group && !first.includes(field))]).filter(([, found]) => found.length);
  return [
    section("What most people change", "Every field is also a flag of the command line, with the same name and the same rules.", h("div", { class: "fields" }, first.map((field) => control(field, changed)))),
    rest.map(([name, found]) => h("details", { class: "panel more" }, h("summary", {}, name), h("div", { class: "fields" }, found.map((field) => control(field, changed))))),
  ];
}
