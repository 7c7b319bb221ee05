/** Look: how many, of what kind, from where; samples by class. */
import { h, put } from "../dom.js";

export default {
  id: "data",
  title: "Data",
  lead: "What the network will learn from, before there is any network.",
  step: "look",
  for: () => true,
  async mount(element, { task, api }) {
    const look = await api.look(task.name);
    put(element, h("pre", {}, JSON.stringify(look, null, 1)));
  },
};
