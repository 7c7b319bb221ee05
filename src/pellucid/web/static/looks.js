/** A translation: what else the search found, and where the decoder looked in the source for each piece that it wrote. */
import { h, table } from "./dom.js";
import { number } from "./elements/p-number.js";

/** @param {{source: string[], pieces: string[], attention: number[][], hypotheses: any[]}} answer @param {any} found */
export function looks({ source, pieces, attention, hypotheses }, found) {
  const ref = (path) => `answer(${found.sample}).${path}`;
  const others = hypotheses.map(({ text, score }, i) => [text || "(nothing)", number(score, ref(`hypotheses[${i}].score`), "2")]);
  const plain = (piece) => piece.replace("\u2581", "\u00a0");
  const cell = (share, row, column) => {
    const shade = { "--share": `${Math.round(100 * share)}%` };
    return h("span", { class: "look", style: shade, title: `${plain(pieces[row])} from ${plain(source[column])}: ${(100 * share).toFixed(1)} %` }, Math.round(100 * share) || "");
  };
  const rows = pieces.map((piece, row) => [plain(piece), ...attention[row].map((share, column) => cell(share, row, column))]);
  return [
    table("What the search found, by log-probability a piece", ["translation", "score"], others),
    attention.length ? table("Where it looked while it wrote each piece, in percent (mean of the layers)", ["", ...source.map(plain)], rows) : null,
  ];
}
