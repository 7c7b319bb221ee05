/** The views inside a network. A view's own file is loaded when it is opened, so that the first page waits for none. */

export const pixels = view("pixels", "look", "Pixels", "To the network a picture is a grid of numbers. Point at a cell, or walk with the arrow keys.");
export const flatten = view("flatten", "look", "Flatten", "A layer that weighs all pixels wants one long row of numbers. Here is how the grid becomes one.");
export const graph = view("graph", "look", "Network", "The layers in the order in which they run, read off the network itself: which feeds which, what each costs, how far each sees.");
export const gradient = view("gradient", "train", "One gradient", "Training changes every weight a little. Pick one, and see the numbers that say in which direction.");
export const race = view("race", "train", "Optimiser race", "The same start, the same surface, another rule for the step. Who arrives, and by which way?");
export const layers = view("layers", "explain", "Layers", "What each layer makes of one input, in the order in which they run. Choose a map or a unit to see what excites it.");
export const kernel = view("kernel", "explain", "Kernel walk", "A convolution slides a small window over its input; at each place it multiplies and adds. Walk with it.");
export const sampling = view("sampling", "explain", "Sample by sample", "A network that speaks draws one number after another, thousands a second. Here it does so as slowly as you like.");
export const softmax = view("softmax", "explain", "Softmax and loss", "How scores become probabilities, and probabilities a loss. Move a score and watch.");
export const next = view("next", "explain", "Next piece", "A network that writes chooses one piece after another. Here is what it chose from, at every place.");
export const why = view("why", "explain", "Why", "Where did it look? Four methods, and a test of each: a map that is the same for a network with random weights explains nothing.");
export const play = view("play", "use", "Play", "Draw a word against the clock. The network says what it sees while the ink appears.");
export const match = view("match", "use", "Play it yourself", "The same game from the same seed: play it, hand it to the network at any moment, and take it over again.");
export const draw = view("draw", "use", "Draw", "Draw with a mouse, a finger or the arrow keys. The answer follows every stroke.");

/** @param {"look"|"train"|"test"|"explain"|"use"} step */
function view(id, step, title, lead) {
  return { id, title, lead, step, mount: async (element, context) => (await import(`./views/${id}.js`)).mount(element, context) };
}
