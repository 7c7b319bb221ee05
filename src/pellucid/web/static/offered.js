/**
 * When there is a view: what a task takes and gives decides, and what its run is; no task is named here.
 *
 * @typedef {{task: {takes: string, gives: string}, run: any, runs: any[]}} What
 * @typedef {(what: What) => boolean} Rule
 */
import { runOf } from "./lens.js";

/** @type {Rule} */
const damaged = ({ run }) => run?.status === "damaged";
/** @type {Rule} */
const opens = (what) => Boolean(what.run) && !damaged(what);
/** Its answer is a score for each class, of which softmax makes probabilities. @type {Rule} */
const classes = ({ task }) => task.gives === "classes";
/** A sample is a grid of bytes, or one for each colour. @type {Rule} */
const grid = ({ run }) => Boolean(run?.grid);
/** The network sees drawings as pixels, and not as strokes. @type {Rule} */
const bitmaps = (what) => takes("drawing")(what) && what.run?.network === "cnn";
/** @returns {Rule} */
const takes = (kind) => ({ task }) => task.takes === kind;
/** @param {Rule[]} rules @returns {Rule} */
const all = (...rules) => (what) => rules.every((rule) => rule(what));
/** @param {Rule[]} rules @returns {Rule} */
const any = (...rules) => (what) => rules.some((rule) => rule(what));
/** The rules hold for the chosen run, or else for the one that is meant. @param {Rule[]} rules @returns {Rule} */
const meant = (...rules) => (what) => all(opens, ...rules)({ ...what, run: runOf(what) });

/** @type {Record<string, Rule>} a view that is not here is always there */
const OFFERED = {
  pixels: meant(grid),
  flatten: meant(takes("image")),
  graph: meant(),
  damaged,
  start: (what) => !damaged(what),
  watch: opens,
  gradient: meant(classes),
  scores: opens,
  confusion: all(opens, classes),
  mistakes: all(opens, classes),
  calibration: all(opens, classes),
  robustness: all(opens, classes, any(takes("image"), grid)),
  compare: all(opens, classes),
  sampling: all(opens, takes("script")),
  layers: opens,
  kernel: opens,
  softmax: all(opens, classes),
  next: all(opens, takes("text"), ({ task }) => task.gives === "text"),
  why: all(opens, classes, any(takes("image"), bitmaps)),
  play: all(opens, takes("drawing")),
  match: all(opens, takes("game")),
  draw: all(opens, takes("image")),
  use: opens,
};

/** Whether a view has something to show. @param {string} view @param {What} what */
export const offered = (view, what) => OFFERED[view]?.(what) ?? true;
