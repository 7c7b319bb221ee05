"""Sketches: guess what somebody draws, from pixels with a CNN or pen strokes with an LSTM (Quick, Draw!).

``Sketches()`` learns 15 classes of bitmaps, ``fifteen()`` the same at leisure, ``all_classes()`` the 345
classes, ``paper()`` is the stroke network of TensorFlow's tutorial.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from pellucid import losses, metrics
from pellucid.datasets import augment, doodle, sketchbook
from pellucid.datasets.sketchbook import Book, DrawingInput
from pellucid.errors import UsageError
from pellucid.models.sketch import SketchCNN, StrokeNetwork
from pellucid.seeding import Draws
from pellucid.task import Answer, Classifier, Data
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLIT_SEED = 20161122  # which drawings validate is a fact of the task, not of a run
SIDE = 32  # pixels of what the CNN sees
MOVES = {"degrees": 15, "scale": 0.15, "shift": 2, "shear": 0.15, "aspect": 0.1}
ELASTIC = 0.8  # pixels that a knot of the elastic grid moves
LEAST_INK = 0.3  # share of a training drawing's strokes that is shown at least
WIDER = 0.75  # pixels that a rendered training line is wider at most
HELD = 16  # one drawing in so many of each class validates
MEASURED = 1000  # rendered drawings from which mean and deviation are taken
SHOWN = 10  # guesses on the picture of an answer
UNIT = doodle.Form(side=1, longer=1.0, line=0.0)  # for the stroke network: a drawing's box
GUESSES = 3  # a drawing is often two things, so the first three guesses are scored as well


@dataclass(frozen=True, kw_only=True)
class Sketches(Classifier):
    """Guess what is drawn.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "sketches"
    takes: ClassVar[DrawingInput] = DrawingInput()

    dataset: Literal["fifteen", "all", "strokes", "tiny"] = "fifteen"
    """fifteen: Google's bitmaps of 15 classes; all: 80 thin bitmaps of each of 345 classes; strokes: pen
    strokes of 345 classes; tiny: a few made-up drawings for a quick try"""
    paths = {"folder": bool}
    only = {
        **dict.fromkeys(("width", "stride"), ("network", ("cnn",))),
        "nodes": ("network", ("strokes",)),
    }

    folder: str = ""
    """drawings of your own: a folder with, for each class, a sub-folder of pictures or an .ndjson, .npy or
    .bin file"""
    network: Literal["cnn", "strokes"] = "cnn"
    """cnn: convolutions over pixels; strokes: convolutions along the strokes and an LSTM"""
    width: int = 16
    """feature maps of the cnn's first convolution; the last ones have six times as many"""
    stride: Literal[1, 2] = 2
    """pixels from one place of the cnn's first convolution to the next; 1 sees more and is slower"""
    nodes: int = 128
    """of each direction in each LSTM layer of the stroke network"""
    dropout: float = 0.0
    """part of the last features, or of what goes between LSTM layers, that is silent in a training step"""
    augment: bool = True
    """turn, resize, move, slant, bend, mirror and thicken the training drawings"""
    mirror: bool = True
    """half of the training drawings are turned left to right"""
    thicken: float = 0.6
    """how much wider the lines of training images may become, 0 to 1 pixel on each side"""
    partial: float = 0.15
    """share of the training drawings that are shown unfinished"""
    label_smoothing: float = 0.1
    """part of the target that is spread over all classes"""
    training: Training = field(default_factory=lambda: recipe(epochs=14, ema=0.995))

    def __post_init__(self) -> None:
        for name in ("dropout", "label_smoothing", "thicken", "partial"):
            if not 0 <= getattr(self, name) <= 1 or (name[0] in "dl" and getattr(self, name) == 1):
                raise UsageError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}; it is a part of a whole, 0 to 1"
                )
        if not 2 <= self.width <= 256 or not 1 <= self.nodes <= 1024:
            raise UsageError(f"--width is {self.width} and --nodes {self.nodes}; give 2 to 256 and 1 to 1024")

    def data(self) -> Data:
        """Read the training drawings and cut one in sixteen of each class for choices."""
        book = self._book("train")
        held = held_out(book.labels, len(book.classes))
        train, valid = (TensorDataset(book.samples[part], book.labels[part]) for part in (~held, held))
        return Data(train, valid, self._test, self._facts(book, train, len(valid)))

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Augment while training, then render what is strokes and normalise, or take the steps of the pen.

        Args:
            inputs: ``(N, S, S)`` uint8 images or ``(N, P, 3)`` float32 strokes; the cnn takes either,
                whatever it was trained with.
        Returns:
            ``(N, 1, 32, 32)`` float32 for the cnn, ``(N, P, 4)`` for the stroke network.
        """
        strokes = inputs.dtype == torch.float32
        expected = (
            inputs.shape[2:] == (3,) if strokes else list(inputs.shape[1:]) == [facts["form"]["side"]] * 2
        )
        if inputs.ndim != 3 or not expected or not (strokes or inputs.dtype == torch.uint8):
            side = facts["form"]["side"]
            raise UsageError(
                f"sketches: the drawings are {tuple(inputs.shape)} {inputs.dtype}; expected "
                f"(N, {side}, {side}) uint8 images or (N, P, 3) float32 strokes"
            )
        draws = draws if self.augment else None
        if self.network == "strokes":
            return self._steps(inputs, draws), targets
        pixels = self._rendered(inputs, facts, draws) if strokes else self._pixels(inputs, facts, draws)
        if not facts["strokes"]:  # trained on images, whose lines grow by half of this on average
            random = draws is not None and not strokes
            wider = draws.uniform(1, "line") if random else torch.full((len(inputs), 1), 0.5)  # type: ignore[union-attr]
            pixels = augment.thicken(pixels, wider, self.thicken)
        deviation = 255 * facts["std"]
        return pixels.mul_(1 / deviation).sub_(facts["mean"] / facts["std"]), targets

    def _pixels(self, images: Tensor, facts: dict[str, Any], draws: Draws | None) -> Tensor:
        """Return images as ``(N, 1, 32, 32)`` float32 in [0, 255], augmented where there are draws."""
        pixels = functional.pad(images.unsqueeze(1).float(), [(SIDE - images.shape[-1]) // 2] * 4)
        if draws is None:
            return pixels
        if self.mirror:
            pixels = augment.mirror(pixels, draws.uniform(1, "mirror"))
        longer = facts["form"]["longer"]
        pixels = augment.conceal(pixels, draws.uniform(3, "partial"), chance=self.partial, longer=longer)
        uniform = draws.uniform(augment.numbers_needed(ELASTIC), "affine")
        return augment.affine(pixels, uniform, **MOVES, elastic=ELASTIC)

    def _rendered(self, points: Tensor, facts: dict[str, Any], draws: Draws | None) -> Tensor:
        """Return strokes as ``(N, 1, 32, 32)`` float32 in [0, 255], augmented before they are rendered."""
        form = doodle.Form(**facts["form"])
        line, matrices = None, None
        if draws is not None:
            points, matrices = self._moved(points, draws)
            line = form.line + WIDER * draws.uniform(1, "line")[:, 0]
        pixels = doodle.render_batch(points, form, line, matrices).unsqueeze(1).float()
        return functional.pad(pixels, [(SIDE - form.side) // 2] * 4)

    def _steps(self, points: Tensor, draws: Draws | None) -> Tensor:
        """Return strokes as the stroke network takes them, ``(N, P, 4)``."""
        matrices = None
        if draws is not None:
            points, matrices = self._moved(points, draws)
        return doodle.steps(doodle.placed(points, UNIT, matrices))

    def _moved(self, points: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the part of the strokes that is shown, and the matrices that move it."""
        whether, share = draws.uniform(2, "partial").unbind(1)
        share = torch.where(whether < self.partial, LEAST_INK + (1 - LEAST_INK) * share, torch.ones(()))
        uniform = 2 * draws.uniform(augment.AFFINE_NUMBERS, "affine") - 1
        matrices = augment.affine_matrices(uniform, torch.Size((SIDE, SIDE)), **MOVES)
        if self.mirror:
            matrices[draws.uniform(1, "mirror")[:, 0] < 0.5, :, 0] *= -1
        return doodle.first(points, share), matrices

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, 1, 32, 32)``, or ``(N, P, 4)``, -> ``(N, K)`` class scores."""
        classes = len(facts["classes"])
        if self.network == "strokes":
            return StrokeNetwork(classes, nodes=self.nodes, dropout=self.dropout)
        return SketchCNN(self.width, classes, self.dropout, self.stride)

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the class scores ``(N, K)`` and the classes ``(N,)``."""
        return losses.classification(outputs, targets, label_smoothing=self.label_smoothing)

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, metrics.Score]:
        """Return how often the first guess and one of the first three is right, and mean cross-entropy."""
        logits, classes = outputs.numpy(), targets.numpy()
        return {
            "accuracy": metrics.accuracy(logits, classes),
            "top3": metrics.top_k(logits, classes, min(GUESSES, logits.shape[1])),
            "loss": metrics.cross_entropy(logits, classes),
        }

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the drawing as the network got it, and the scores and probabilities of its first guesses."""
        from pellucid.plots import scores  # matplotlib is slow to import and only pictures need it

        image = sketchbook.images(torch.from_numpy(np.array(sample))[None], facts)[0].numpy()
        first = sorted(answer.logits, key=lambda name: -answer.logits[name])[:SHOWN]
        logits, shares = ([each[name] for name in first] for each in (answer.logits, answer.probabilities))
        return scores.bars(first, np.array(logits), np.array(shares), image=image)

    def explain(
        self, network: nn.Module, inputs: Tensor, target: int, facts: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        """Return where the network looked: name -> ``(S, S)``, S the side of the drawing's image.

        The CNN is asked by four methods, the stroke network by leaving out one stroke after the other.
        """
        if self.network == "strokes":
            return {"strokes": strokes_left_out(network, inputs, target, doodle.Form(**facts["form"]))}
        from pellucid.explain import gradcam, gradients, occlusion  # only those who ask why load them

        side = facts["form"]["side"]
        blank = torch.zeros(1, side, side, dtype=torch.uint8)
        black = float(self.prepare(blank, facts=facts)[0].mean())
        integrated = gradients.integrated_gradients(network, inputs, target, baseline=black)
        occluded = occlusion.occlusion(network, inputs, target, value=black)
        maps = {
            "saliency": gradients.saliency(network, inputs, target)[0, 0],
            "integrated gradients": integrated.attributions[0, 0],
            "occlusion": occluded.per_pixel(SIDE, SIDE)[0],
            "Grad-CAM": gradcam.enlarge(gradcam.gradcam(network, inputs, target), (SIDE, SIDE))[0],
        }
        edge = (SIDE - side) // 2
        return {name: each[edge : SIDE - edge, edge : SIDE - edge] for name, each in maps.items()}

    def growing(self) -> Book | None:
        """Return strokes of drawings that training never saw, to test parts of them; None without any."""
        return sketchbook.growing(self.dataset, self.folder, self._book("train"))

    def _book(self, split: str) -> Book:
        if self.dataset == "tiny" and not self.folder and self.network != "strokes":
            return sketchbook.tiny_drawn(split)
        book = sketchbook.read(self.dataset, self.folder, split)
        return sketchbook.needs_strokes(book) if self.network == "strokes" else book

    def _test(self) -> TensorDataset:
        book = self._book("test")
        return TensorDataset(book.samples, book.labels)

    def _facts(self, book: Book, train: TensorDataset, valid: int) -> dict[str, Any]:
        samples, labels = train.tensors
        rows = samples if not book.strokes else doodle.render_batch(samples[:MEASURED], book.form)
        share = torch.bincount(rows.flatten().long(), minlength=256).double() / rows.numel()
        levels = torch.arange(256, dtype=torch.float64) / 255
        mean = float(share @ levels)
        counts = torch.bincount(labels, minlength=len(book.classes)).tolist()
        return {
            "classes": list(book.classes),
            "shape": list(samples.shape[1:]),
            "strokes": book.strokes,
            "reads": "strokes" if self.network == "strokes" else "pixels",
            "form": book.form.to_json(),
            "mean": round(mean, 6),
            "std": round(float((share @ (levels - mean) ** 2).sqrt()), 6),
            "counts": {"train": len(samples), "valid": valid, "train per class": counts},
            "dataset": "folder" if self.folder else self.dataset,
            "licence": book.licence,
            "source": book.source,
        }


def strokes_left_out(network: nn.Module, inputs: Tensor, target: int, form: doodle.Form) -> np.ndarray:
    """Return ``(S, S)``: each stroke drawn as strongly as it spoke for the class.

    Args:
        inputs: ``(1, P, 4)`` steps of the pen.
    """
    pen = inputs[0, inputs[0, :, 3] > 0]
    points = torch.cat([pen[:, :2].cumsum(0), pen[:, 2:3]], 1)
    drawing = doodle.unpack(points.numpy())
    without = [drawing[:place] + drawing[place + 1 :] or drawing for place in range(len(drawing))]
    with torch.inference_mode():
        every = doodle.steps(doodle.pack([drawing, *without]))
        shares = network(every).softmax(1)[:, target]
    starts, ends = doodle.segments(doodle.placed(points[None], form))
    number = points[:, 2].cumsum(0).long() - 1
    total = np.zeros((form.side, form.side))
    for place in range(len(drawing)):
        chosen = number == place
        width = torch.tensor([form.line])
        image = doodle.ink(starts[:, chosen], ends[:, chosen], width, side=form.side)[0].numpy() / 255
        total += image * float(shares[0] - shares[1 + place])
    return total


def held_out(labels: Tensor, classes: int) -> Tensor:
    """Say of each of the ``(N,)`` labels whether it validates: one in sixteen of each class, at least one."""
    order = torch.from_numpy(np.random.default_rng(SPLIT_SEED).permutation(len(labels)))
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(classes):
        members = order[labels[order] == label]
        held[members[: max(1, len(members) // HELD)]] = True
    return held


def recipe(*, epochs: float, ema: float = 0.999) -> Training:
    """AdamW with one cycle of the learning rate, and the moving average of the weights."""
    return Training(
        epochs=epochs,
        batch_size=128,
        learning_rate=0.005,
        weight_decay=0.05,
        ema=ema,
        keep="last",
        precision="auto",
    )


def fifteen() -> Sketches:
    """The 15 classes of bitmaps, every pixel looked at: half an hour on one core."""
    return Sketches(width=24, stride=1, dropout=0.2, training=recipe(epochs=50, ema=0.998))


def all_classes() -> Sketches:
    """The 345 classes with 80 drawings each: about fifty minutes on one core."""
    return Sketches(dataset="all", width=32, dropout=0.1, training=recipe(epochs=40))


def strokes() -> Sketches:
    """The tutorial's stroke network with our schedule, for the few drawings that the pack has."""
    training = replace(recipe(epochs=20, ema=0.99), learning_rate=0.002, clip=1.0, precision="fp32")
    return Sketches(dataset="strokes", network="strokes", dropout=0.3, training=training)


def paper() -> Sketches:
    """TensorFlow's drawing tutorial: batch 8, Adam at 1e-4, gradients clipped at 9, for a million steps.

    Its data are 10,000 drawings of each of the 345 classes (about 70 % right); ``--data`` takes them.
    """
    training = Training(
        epochs=20, batch_size=8, optimizer="adam", learning_rate=1e-4, schedule="constant", clip=9.0
    )
    return Sketches(
        dataset="strokes",
        network="strokes",
        dropout=0.3,
        augment=False,
        label_smoothing=0.0,
        training=training,
    )


def tiny() -> Sketches:
    """A few made-up drawings and a small network: seconds, for tests and first tries."""
    training = replace(recipe(epochs=6, ema=0.9), batch_size=32, precision="fp32")
    return Sketches(dataset="tiny", width=4, nodes=16, label_smoothing=0.0, training=training)
