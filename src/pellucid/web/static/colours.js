/** Colour scales that every eye can order: viridis for amounts, blue to orange for signs, grey for pixels. */

const VIRIDIS =
  "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725";
const BLUE_ORANGE = "0b3c6f 1d5d9b 4686bf 7fb0d8 bcd6ea f5f5f2 f8d3ae f0a665 d97a2b b3560f 7d3a06";
const GREY = "000000 ffffff";
const INK = "ffffff 000000";

const SCALES = Object.fromEntries(
  Object.entries({ viridis: VIRIDIS, diverging: BLUE_ORANGE, grey: GREY, ink: INK }).map(([name, text]) => [
    name,
    text.split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16))),
  ]),
);

/**
 * The colour at a place of a scale, as [red, green, blue] in 0 to 255.
 * @param {"viridis"|"diverging"|"grey"|"ink"} scale
 * @param {number} place in [0, 1]; what lies outside is clamped; not-a-number is grey-pink
 */
export function colour(scale, place) {
  if (Number.isNaN(place)) return [200, 120, 160];
  const stops = SCALES[scale];
  const at = Math.min(1, Math.max(0, place)) * (stops.length - 1);
  const left = Math.min(stops.length - 2, Math.floor(at));
  return stops[left].map((value, i) => Math.round(value + (stops[left + 1][i] - value) * (at - left)));
}

/** The same as a CSS colour. */
export function css(scale, place) {
  return `rgb(${colour(scale, place).join(" ")})`;
}

/** Black or white, whichever is read better on this colour (WCAG relative luminance). */
export function ink([red, green, blue]) {
  const linear = [red, green, blue].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

/** The range that a scale should span: symmetric about zero for signs, as given otherwise. */
export function span(scale, low, high) {
  if (scale !== "diverging") return low === high ? [low, low + 1] : [low, high];
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return [-most, most];
}
