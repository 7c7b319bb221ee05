/** The mathematics of curves: smoothing without bias, ranges, round ticks, and thinning for the screen. */

/**
 * Smooth a series with an exponential moving average that starts unbiased: each average is divided by the weight
 * that it has seen so far (as Adam does; Kingma and Ba 2015, section 3), so a constant stays that constant at
 * every weight. Values that are not numbers are skipped and stay in the result as they are.
 * @param {ArrayLike<number>} values
 * @param {number} weight in [0, 1): 0 smooths nothing
 * @returns {number[]}
 */
export function smooth(values, weight) {
  let average = NaN;
  let seen = 0; // the weight of all that was seen, 1 - weight^n
  return Array.from(values, (value) => {
    if (!Number.isFinite(value)) return value;
    seen = 1 - (1 - seen) * weight;
    // the same average as sum / seen, written so that a constant is not rounded
    average = Number.isNaN(average) ? value : average + ((1 - weight) / seen) * (value - average);
    return average;
  });
}

/** The smallest and largest finite value, or null. @param {Iterable<number>} values */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? null : [low, high];
}

/** Round numbers from low to high, about ``count`` of them. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 2.5, 5, 10].find((step) => step * power >= rough * 0.999) * power;
  const first = Math.ceil(low / unit - 1e-9);
  const found = [];
  for (let k = first; k * unit <= high + unit * 1e-9; k++) found.push(Number((k * unit).toPrecision(12)));
  return found;
}

/** Powers of ten (and 2, 5 where there are few) within a positive range. */
export function logTicks(low, high) {
  const found = [];
  const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const value = Number((step * 10 ** power).toPrecision(12));
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found.length ? found : [low, high];
}

/**
 * Choose which points to draw: of each column of the screen the first, lowest, highest and last, so no peak is lost.
 * @returns {number[]} indices, rising
 */
export function thin(xs, ys, columns) {
  if (ys.length <= 4 * columns) return Array.from(ys, (_, i) => i);
  const chosen = new Set();
  const size = ys.length / columns;
  for (let column = 0; column < columns; column++) {
    const from = Math.floor(column * size);
    const to = Math.min(ys.length, Math.floor((column + 1) * size));
    let least = from;
    let most = from;
    for (let i = from; i < to; i++) {
      if (ys[i] < ys[least] || Number.isNaN(ys[least])) least = i;
      if (ys[i] > ys[most] || Number.isNaN(ys[most])) most = i;
    }
    [from, least, most, to - 1].forEach((i) => chosen.add(i));
  }
  return [...chosen].sort((a, b) => a - b);
}
