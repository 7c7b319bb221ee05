/** A run that cannot be opened: what is wrong with it, in each step that would show it. */
import { h, put } from "../dom.js";

const STEPS = ["train", "test", "explain", "use"];

export default STEPS.map((step) => ({
  id: "damaged",
  title: "Damaged",
  step,
  mount: (element, { run }) => put(element, h("p", { class: "alarm", role: "alert" }, run.message)),
}));
