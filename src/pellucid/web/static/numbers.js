/** Numbers as text: rounded for the eye, exact on demand, bit by bit where the machine's own number matters. */

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/**
 * Write a number. Formats: "int" 10,000; "percent2" 99.62 %; "points2" the same
 * without the sign; "3" three decimals; "MB" of a number of bytes; "time" of seconds; "g4" four significant figures;
 * "auto" whole numbers as they are, others with four significant figures; "exact" every digit.
 * @param {number|null|undefined} value
 * @param {string} [style]
 */
export function written(value, style = "auto") {
  if (value === null || value === undefined) return "none";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "minus infinite";
  if (style === "exact") return minus(String(value));
  if (style === "MB") return minus(GROUPED.format(value / 2 ** 20)) + "\u00a0MB";
  if (style === "time") return duration(value);
  if (style === "int") return minus(GROUPED.format(value));
  if (style.startsWith("percent")) return minus((100 * value).toFixed(Number(style.slice(7) || 1))) + "\u00a0%";
  if (style.startsWith("points")) return minus((100 * value).toFixed(Number(style.slice(6) || 1)));
  if (/^\d+$/.test(style)) return minus(value.toFixed(Number(style)));
  if (style === "auto" && Number.isInteger(value) && Math.abs(value) < 1e9) return minus(GROUPED.format(value));
  return significant(value, style.startsWith("g") ? Number(style.slice(1)) : 4);
}

/** Say how {@link written} rounds. */
export function rounding(style = "auto") {
  if (style === "exact") return "not rounded";
  if (style === "MB") return "shown in units of 1,048,576 bytes";
  if (style === "time") return "shown in seconds, minutes or hours";
  if (style === "int") return "shown as a whole number";
  if (/^(percent|points)/.test(style)) return `times 100, rounded to ${style.replace(/\D/g, "") || 1} decimals`;
  if (/^\d+$/.test(style)) return `rounded to ${style} decimals`;
  return `rounded to ${style.startsWith("g") ? style.slice(1) : 4} significant figures`;
}

/** The bits of a float32, as eight hexadecimal digits. @param {number} value */
export function bits(value) {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return "0x" + view.getUint32(0).toString(16).padStart(8, "0");
}

/** Seconds as a person says them. @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function significant(value, figures) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-4) return minus(value.toExponential(figures - 1).replace("e+", "e"));
  const decimals = Math.max(0, figures - 1 - Math.floor(Math.log10(size)));
  return minus(value.toFixed(decimals));
}

function minus(text) {
  return text.replace("-", "\u2212").replace(/e\u2212/, "e-");
}
