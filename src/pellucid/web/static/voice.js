/** The browser's own voice, for those who want to hear what the network sees. Nothing is sent anywhere. */

/** Off until somebody asks for it. */
export const voice = { on: false };

/** Whether this browser can speak. */
export const talks = () => "speechSynthesis" in globalThis;

/** Say a sentence instead of what is being said; nothing, to be silent. @param {string} text */
export function hear(text) {
  if (!talks()) return;
  speechSynthesis.cancel();
  if (!voice.on || !text) return;
  const sentence = new SpeechSynthesisUtterance(text);
  sentence.lang = "en";
  speechSynthesis.speak(sentence);
}
