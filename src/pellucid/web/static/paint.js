/** Pictures from blocks of numbers, pixel by pixel. */

/**
 * Paint all of a canvas.
 * @param {HTMLCanvasElement} canvas @param {(row: number, column: number) => number[]} at red, green and blue, 0 to 255
 */
export function paintPixels(canvas, at) {
  const { width, height } = canvas;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...at(Math.floor(i / width), i % width), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** How a block of pixels looks: grey for (H, W) and (H, W, 1), in colour for (H, W, 3) and (H, W, 4). @param {number} top what is white */
export function looksOf({ values, shape }, top = 255) {
  const [, columns, channels = 1] = shape;
  const parts = channels > 2 ? [0, 1, 2] : [0, 0, 0];
  return (row, column) => parts.map((k) => (255 * values[(row * columns + column) * channels + k]) / top);
}

/** What the channels of a picture are called. @param {number} count */
export const channelNames = (count) => (count === 3 ? ["red", "green", "blue"] : Array.from({ length: count }, (_, i) => String(i)));
