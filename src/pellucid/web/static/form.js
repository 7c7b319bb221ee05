/** A form made from the fields of a dataclass, as the server describes them; the same rules as on the command line. */
import { h } from "./dom.js";
import { written } from "./numbers.js";

/**
 * @typedef {{name: string, flag: string, help: string, type: string, choices: any[], default: any, nullable: boolean, group: string}} Field
 */

/** One field with its label and help. @param {Field} field @param {() => void} changed */
export function control(field, changed) {
  const id = `field-${field.name}`;
  const described = { id, name: field.name, "aria-describedby": `${id}-help`, oninput: changed };
  const input = inputOf(field, described);
  const help = h("p", { class: "fine", id: `${id}-help` }, field.help, field.nullable ? " (may be left empty)" : "");
  const label = h("label", { for: id }, field.name.replaceAll("_", " "));
  const error = h("p", { class: "wrong", id: `${id}-wrong`, hidden: true });
  const box = field.type === "bool" ? [h("div", { class: "row" }, input, label)] : [label, input];
  return h("div", { class: "field", "data-field": field.name }, box, error, help);
}

function inputOf(field, described) {
  const shown = field.default === null ? "" : Array.isArray(field.default) ? field.default.join(" ") : String(field.default);
  if (field.choices.length) {
    const empty = field.nullable ? [h("option", { value: "" }, "none")] : [];
    return h("select", described, empty, field.choices.map((one) => h("option", { value: one, selected: one === field.default }, String(one))));
  }
  if (field.type === "bool") return h("input", { ...described, type: "checkbox", checked: field.default });
  const mode = field.type === "int" ? "numeric" : field.type === "float" ? "decimal" : "text";
  return h("input", { ...described, type: "text", inputmode: mode, value: shown, autocomplete: "off", spellcheck: "false" });
}

/** The value that a person gave, as JSON; a text that is no number stays a text, and the server says what is wrong. */
export function valueOf(field, form) {
  const input = form.elements.namedItem(field.name);
  if (field.type === "bool") return input.checked;
  const text = input.value.trim();
  if (text === "" && field.nullable) return null;
  if (field.choices.length) return field.choices.find((one) => String(one) === text) ?? text;
  if (field.type.startsWith("list of ")) {
    const kind = field.type.slice(8);
    return text.split(/[\s,]+/).filter(Boolean).map((word) => plain(kind, word));
  }
  return plain(field.type, text);
}

function plain(kind, text) {
  if (kind !== "int" && kind !== "float") return text;
  const value = Number(text);
  return text === "" || !Number.isFinite(value) ? text : value;
}

/** What differs from the setting. @param {Field[]} fields */
export function changes(fields, form) {
  const found = {};
  for (const field of fields) {
    const value = valueOf(field, form);
    if (JSON.stringify(value) !== JSON.stringify(field.default)) found[field.name] = value;
  }
  return found;
}

/** Mark the field that a refusal names by its flag or its name, and move there. */
export function refuse(form, fields, message) {
  clear(form);
  const named = fields.find((field) => message.includes(field.flag)) ?? fields.find((field) => message.includes(field.name));
  if (!named) return false;
  const box = form.querySelector(`[data-field="${named.name}"]`);
  const input = form.elements.namedItem(named.name);
  const wrong = box.querySelector(".wrong");
  box.closest("details")?.setAttribute("open", "");
  wrong.textContent = message;
  wrong.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", `${wrong.id} field-${named.name}-help`);
  input.focus();
  return true;
}

/** Take the marks of an earlier refusal away. */
export function clear(form) {
  form.querySelectorAll(".wrong").forEach((one) => (one.hidden = true));
  form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
}

/** A field's value as a person reads it. */
export function told(value) {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.map(told).join(", ");
  return typeof value === "number" ? written(value) : String(value);
}
