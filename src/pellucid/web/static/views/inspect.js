/** From a test image to the inside of the network: its pixels are given to the network again, and kept as a sample. */
import { put } from "../dom.js";
import { failure } from "../problem.js";
import { imageOf } from "./evaluation.js";

/** Give one test image to the network and go where it is explained. */
export async function inside(context, index, button) {
  try {
    const pixels = await greys(imageOf(context, index));
    const { sample } = await context.api.predict(context.run.id, { pixels });
    location.hash = context.link({ step: "explain", view: null, query: { sample } });
  } catch (error) {
    const said = failure(error);
    button.after(said);
    setTimeout(() => said.remove(), 6000);
    put(button, ...button.childNodes);
  }
}

/** The pixels of a grey PNG, row by row, 0 to 255. */
export async function greys(where) {
  const answer = await fetch(where);
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return Array.from({ length: bitmap.height }, (_, r) => Array.from({ length: bitmap.width }, (_, c) => data[4 * (r * bitmap.width + c)]));
}
