/** One tab stop for many things: the arrow keys walk among them, Home and End jump. */

/**
 * @param {HTMLElement} container
 * @param {string} selector of the things within
 */
export function roving(container, selector) {
  const all = () => /** @type {HTMLElement[]} */ ([...container.querySelectorAll(selector)]);
  all().forEach((item, i) => (item.tabIndex = i === 0 ? 0 : -1));
  container.addEventListener("focusin", (event) => {
    const here = event.target.closest(selector);
    if (here) all().forEach((item) => (item.tabIndex = item === here ? 0 : -1));
  });
  container.addEventListener("keydown", (event) => {
    const here = event.target.closest(selector);
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = target(all(), here, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function target(items, here, key) {
  const at = items.indexOf(here);
  if (key === "ArrowRight") return items[at + 1];
  if (key === "ArrowLeft") return items[at - 1];
  if (key === "Home") return items[0];
  if (key === "End") return items.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const box = here.getBoundingClientRect();
  const rows = items
    .map((item) => ({ item, box: item.getBoundingClientRect() }))
    .filter((one) => (key === "ArrowDown" ? one.box.top >= box.bottom - 2 : one.box.bottom <= box.top + 2));
  const distance = (one) => 4 * Math.abs(one.box.top - box.top) + Math.abs(one.box.left - box.left);
  return rows.sort((a, b) => distance(a) - distance(b))[0]?.item;
}
