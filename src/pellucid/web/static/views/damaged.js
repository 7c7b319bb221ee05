/** A run that cannot be opened: what is wrong with it, in each step that would show it. */
import { h, put } from "../dom.js";

const STEPS = ["train", "test", "explain", "use"];

export default STEPS.map((step) => ({
  id: "damaged",
  title: "Damaged",
  lead: "This run cannot be opened. Copy it whole from where it was made, or train again.",
  step,
  mount: (element, { run }) => put(element, h("p", { class: "alarm", role: "alert" }, run.message)),
}));
