/**
 * All views, in the order in which they stand as tabs within their step; offered.js says when there is one.
 *
 * @typedef {object} View
 * @property {string} id in the hash
 * @property {string} title
 * @property {string} [lead] one sentence under the title
 * @property {"look"|"train"|"test"|"explain"|"use"} step
 * @property {(element: HTMLElement, context: any) => any} mount returns (a promise of) what takes it away again
 */
import { draw, flatten, gradient, graph, kernel, layers, match, next, pixels, play, race, sampling, softmax, why } from "./insides.js";
import calibration from "./views/calibration.js";
import compare from "./views/compare.js";
import confusion from "./views/confusion.js";
import damaged from "./views/damaged.js";
import data from "./views/data.js";
import mistakes from "./views/mistakes.js";
import robustness from "./views/robustness.js";
import scores from "./views/scores.js";
import start from "./views/start.js";
import use from "./views/use.js";
import watch from "./views/watch.js";

/** @type {View[]} */
export const views = [
  // look
  data,
  pixels,
  flatten,
  graph,
  // train
  ...damaged,
  start,
  watch,
  gradient,
  race,
  // test
  scores,
  confusion,
  mistakes,
  calibration,
  robustness,
  compare,
  // explain
  sampling,
  layers,
  kernel,
  softmax,
  next,
  why,
  // use
  play,
  match,
  draw,
  use,
];
