/** Building nodes without a template language: a tag, its attributes, its children. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an HTML element. Attributes: "on..." adds a listener, ".name" sets a property, "style" takes an object,
 * true and false are present and absent.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...any} children nodes, texts, lists of them; null and false are left out
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element; see {@link h}. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Replace all children of a node. */
export function put(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** A table with a head row and rows of cells; a cell is a text, a node, or a list of them. The first cell names the row. */
export function table(caption, head, rows, { quiet = false } = {}) {
  const cell = (content, place) =>
    place === 0 ? h("th", { scope: "row" }, content) : h("td", {}, content);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: quiet ? "unseen" : "" }, caption),
      h("thead", {}, h("tr", {}, head.map((name) => (name === "" ? h("td") : h("th", { scope: "col" }, name))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map(cell)))),
    ),
  );
}

/** A section with a heading and, where something needs explaining, a question mark that opens it. */
export function section(title, help, ...children) {
  const heading = h("div", { class: "heading" }, h("h2", {}, title), help ? h("p-help", { label: title }, help) : null);
  return h("section", { class: "panel" }, heading, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...flat(children));
  return node;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function set(node, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name.startsWith(".")) node[name.slice(1)] = value;
  else if (name === "style") {
    // through the object model: the page's security policy refuses style attributes
    for (const [property, text] of Object.entries(value)) node.style.setProperty(property, String(text));
  } else node.setAttribute(name, value === true ? "" : String(value));
}
