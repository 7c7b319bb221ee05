/**
 * <p-pad>: a sheet of 280 x 280 pixels to draw on, with a mouse, a finger, a pen or the keyboard. Event ``drawn`` with
 * every change. What is on the sheet is a list of marks (strokes and pasted pictures), so that any can be undone.
 *
 * Keyboard: arrow keys move the pen (with Shift by 1 pixel), the space bar puts it down and lifts it, Backspace undoes,
 * Escape clears.
 */
import { h, put } from "../dom.js";
import { looksOf, paintPixels } from "../paint.js";

export const SIDE = 280;
const STEP = 10; // pixels of an arrow key
const NEAR = 0.75; // pixels: a point that lies nearer to the one before is left out of what is sent
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {{width: number, points: [number, number][]} | {picture: CanvasImageSource, x: number, y: number, side: number}} Mark */

export class PPad extends HTMLElement {
  width = 20; // of the pen
  sharpness = 1; // pixels of the canvas for one of the sheet
  locked = false; // nothing can be drawn meanwhile
  /** @type {Mark[]} */ #marks = [];
  /** @type {{width: number, points: [number, number][]}|null} */ #stroke = null;
  #pen = [SIDE / 2, SIDE / 4];
  #down = false;
  /** @type {number|null} */ #pointer = null; // the one that draws: a second finger does not
  #canvas = h("canvas", { width: SIDE, height: SIDE, tabindex: "0", role: "application", "aria-label": "drawing pad" });
  #cross = h("span", { class: "pen", hidden: true, "aria-hidden": "true" });
  #said = h("p", { class: "readout", "aria-live": "polite" });

  connectedCallback() {
    if (this.#canvas.isConnected) return;
    put(this, h("div", { class: "sheet" }, this.#canvas, this.#cross), this.#said);
    Object.assign(this.#canvas, { width: SIDE * this.sharpness, height: SIDE * this.sharpness });
    this.#redraw();
    this.#canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) this.#canvas.addEventListener(end, (event) => event.pointerId === this.#pointer && this.#end());
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("focus", () => this.#showPen());
    this.#canvas.addEventListener("blur", () => (this.#cross.hidden = true));
  }

  get blank() {
    return this.#marks.length === 0;
  }

  /** What was drawn, as ndjson has it: for each stroke its x and its y. @returns {[number[], number[]][]} */
  get strokes() {
    const drawn = this.#marks.filter((mark) => "points" in mark).map((mark) => thinned(mark.points));
    return drawn.map((points) => [points.map(([x]) => round(x)), points.map(([, y]) => round(y))]);
  }

  /** @param {FocusOptions} [options] */
  focus(options) {
    this.#canvas.focus(options);
  }

  undo() {
    if (this.locked) return;
    this.#marks.pop();
    this.#changed("the last mark is gone");
  }

  clear() {
    this.#marks = [];
    this.#changed("the pad is blank");
  }

  /**
   * Put a picture on the sheet as if it were drawn: white ink on black, as the data hold it, or in colour as it is.
   * @param {ArrayLike<number>} values 0 to 255, row by row, in colour three of a pixel @param {number} rows @param {number} columns
   * @param {{x: number, y: number, side: number}} where its upper left corner and its width on the sheet
   */
  place(values, rows, columns, { x, y, side }) {
    const picture = h("canvas", { width: columns, height: rows });
    const looks = looksOf({ values, shape: [rows, columns, values.length / (rows * columns)] });
    paintPixels(picture, values.length > rows * columns ? looks : (row, column) => looks(row, column).map((value) => 255 - value));
    this.#marks.push({ picture, x, y, side });
    this.#changed("a picture is on the pad");
  }

  /** The sheet as a PNG. @returns {Promise<Blob>} */
  blob() {
    return new Promise((done) => this.#canvas.toBlob((blob) => done(/** @type {Blob} */ (blob)), "image/png"));
  }

  #begin(event) {
    if (event.button || this.locked || this.#pointer !== null) return;
    if (this.#down) this.#lower(false); // the keyboard's pen
    this.#pointer = event.pointerId;
    this.#cross.hidden = true; // it is the keyboard's
    this.#canvas.setPointerCapture(event.pointerId);
    this.#stroke = { width: this.width, points: [this.#at(event)] };
    this.#marks.push(this.#stroke);
    this.#say("");
    this.#changed("");
  }

  #go(event) {
    if (!this.#stroke || event.pointerId !== this.#pointer || this.locked) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#stroke.points.push(this.#at(each));
    this.#changed("");
  }

  #end() {
    this.#pointer = null;
    if (!this.#stroke) return;
    this.#stroke = null;
    this.dispatchEvent(new CustomEvent("drawn", { detail: { up: true } }));
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.locked) return;
    const way = ARROWS[event.key];
    if (way) this.#steer(way, event.shiftKey ? 1 : STEP);
    else if (event.key === " ") this.#lower(!this.#down);
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  #steer([x, y], by) {
    this.#pen = [x * by + this.#pen[0], y * by + this.#pen[1]].map((place) => Math.max(0, Math.min(SIDE, place)));
    this.#showPen();
    if (!this.#down || !this.#stroke) return;
    this.#stroke.points.push([...this.#pen]);
    this.#changed("");
  }

  #lower(down) {
    this.#down = down;
    this.#cross.classList.toggle("down", down);
    if (!down) {
      this.#say("the pen is up");
      return this.#end();
    }
    this.#stroke = { width: this.width, points: [[...this.#pen]] };
    this.#marks.push(this.#stroke);
    this.#changed("the pen is down: arrow keys draw, the space bar lifts it");
  }

  #showPen() {
    this.#cross.hidden = false;
    this.#cross.style.setProperty("left", `${(100 * this.#pen[0]) / SIDE}%`);
    this.#cross.style.setProperty("top", `${(100 * this.#pen[1]) / SIDE}%`);
    if (!this.#down) this.#say("arrow keys move the pen, the space bar puts it down");
  }

  #say(text) {
    this.#said.textContent = text;
  }

  #changed(text) {
    if (text) this.#say(text);
    if (!this.#marks.includes(/** @type {any} */ (this.#stroke))) [this.#stroke, this.#down] = [null, false];
    this.#redraw();
    this.dispatchEvent(new CustomEvent("drawn", { detail: { up: !this.#stroke } }));
  }

  #redraw() {
    const context = this.#canvas.getContext("2d");
    context.setTransform(this.sharpness, 0, 0, this.sharpness, 0, 0);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: "#000", imageSmoothingEnabled: true, imageSmoothingQuality: "high" });
    for (const mark of this.#marks) {
      if ("picture" in mark) {
        context.globalCompositeOperation = "darken"; // the paper of a pasted picture covers nothing
        context.drawImage(mark.picture, mark.x, mark.y, mark.side, mark.side);
        context.globalCompositeOperation = "source-over";
        continue;
      }
      context.lineWidth = mark.width;
      context.beginPath();
      context.moveTo(...mark.points[0]);
      context.lineTo(...mark.points[0]); // a dot
      for (const point of mark.points.slice(1)) context.lineTo(...point);
      context.stroke();
    }
  }
}

/** Without the points that add nothing; the first and the last stay. @param {[number, number][]} points */
function thinned(points) {
  const kept = [points[0]];
  points.forEach((point, i) => {
    const last = i === points.length - 1;
    const away = Math.hypot(point[0] - kept.at(-1)[0], point[1] - kept.at(-1)[1]);
    if (away >= NEAR || (last && away > 0)) kept.push(point);
  });
  return kept;
}

const round = (x) => Math.round(100 * x) / 100;

customElements.define("p-pad", PPad);
