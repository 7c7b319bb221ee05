"""Sketches: guess what somebody draws, from pixels with a CNN or from pen strokes with an LSTM (Quick, Draw!).

``Sketches()`` and ``fifteen()`` learn 15 classes of bitmaps, ``all_classes()`` the 345 classes, ``paper()`` is
the stroke network of TensorFlow's tutorial.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from pellucid import metrics
from pellucid.datasets import augment, doodle, quickdraw
from pellucid.errors import UsageError
from pellucid.media import ImageInput
from pellucid.models.sketch import SketchCNN
from pellucid.seeding import Draws
from pellucid.task import Answer, Data, Task
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLIT_SEED = 20161122  # which drawings validate is a fact of the task, not of a run
SIDE = 32  # pixels of what the CNN sees
ELASTIC = 0.8  # pixels that a knot of the elastic grid moves
FORMS = {"fifteen": doodle.GOOGLE, "all": doodle.THIN}
HELD = 16  # one drawing in so many of each class validates
GUESSES = 3  # a drawing is often two things, so the first three guesses are scored as well


@dataclass(frozen=True, kw_only=True)
class Sketches(Task):
    """Guess what is drawn.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "sketches"
    takes: ClassVar[ImageInput] = ImageInput(into=lambda picture, facts: {"sample": picture})

    dataset: Literal["fifteen", "all", "strokes", "tiny"] = "fifteen"
    """fifteen: Google's bitmaps of 15 classes; all: 80 thin bitmaps of each of 345 classes; strokes: pen
    strokes of 345 classes; tiny: a few made-up drawings for a quick try"""
    folder: str = ""
    """drawings of your own: a folder with a sub-folder of pictures, or an .ndjson, .npy or .bin file, a class"""
    network: Literal["cnn", "strokes"] = "cnn"
    """cnn: convolutions over pixels; strokes: convolutions along the strokes and an LSTM"""
    width: int = 16
    """feature maps of the cnn's first convolution; the last ones have six times as many"""
    dropout: float = 0.0
    """part of the last features that is silent in a training step"""
    augment: bool = True
    """turn, resize, move, slant, bend, mirror and thicken the training drawings"""
    mirror: bool = True
    """half of the training drawings are turned left to right"""
    thicken: float = 0.6
    """how much wider lines may become, 0 to 1 pixel on each side"""
    partial: float = 0.15
    """share of the training drawings that are shown unfinished"""
    label_smoothing: float = 0.1
    """part of the target that is spread over all classes"""
    training: Training = field(default_factory=lambda: recipe(epochs=20))

    def __post_init__(self) -> None:
        for name in ("dropout", "label_smoothing", "thicken", "partial"):
            if not 0 <= getattr(self, name) <= 1 or (name[0] in "dl" and getattr(self, name) == 1):
                raise UsageError(
                    f"--{name.replace('_', '-')} is {getattr(self, name)}; it is a part of a whole, 0 to 1"
                )
        if not 2 <= self.width <= 256:
            raise UsageError(f"--width is {self.width}; the cnn's first convolution has 2 to 256 maps")

    def data(self) -> Data:
        """Read the training drawings and cut one in sixteen of each class for choices."""
        images, labels, classes = quickdraw.bitmaps(self.dataset, "train")
        held = held_out(labels, len(classes))
        whole = TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
        train, valid = (TensorDataset(*whole[torch.from_numpy(part)]) for part in (~held, held))
        facts = self._facts(train, len(valid), classes)
        return Data(train, valid, self._test, facts)

    def _test(self) -> TensorDataset:
        images, labels, _ = quickdraw.bitmaps(self.dataset, "test")
        return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))

    def _facts(self, train: TensorDataset, valid: int, classes: tuple[str, ...]) -> dict[str, Any]:
        images, labels = train.tensors
        share = torch.bincount(images.flatten().long(), minlength=256).double() / images.numel()
        levels = torch.arange(256, dtype=torch.float64) / 255
        mean = float(share @ levels)
        return {
            "classes": list(classes),
            "shape": list(images.shape[1:]),
            "mean": round(mean, 6),
            "std": round(float((share @ (levels - mean) ** 2).sqrt()), 6),
            "form": FORMS[self.dataset].to_json(),
            "counts": {
                "train": len(images),
                "valid": valid,
                "train per class": torch.bincount(labels, minlength=len(classes)).tolist(),
            },
            "dataset": self.dataset,
            "licence": quickdraw.LICENCE,
            "source": quickdraw.SOURCE,
        }

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Augment while training, then normalise: ``(N, S, S)`` uint8 -> ``(N, 1, 32, 32)`` float32."""
        if inputs.ndim != 3 or list(inputs.shape[1:]) != facts["shape"] or inputs.dtype != torch.uint8:
            raise UsageError(
                f"sketches: the drawings are {tuple(inputs.shape)} {inputs.dtype}; expected "
                f"(N, {', '.join(map(str, facts['shape']))}) uint8"
            )
        pixels = functional.pad(inputs.unsqueeze(1).float(), [(SIDE - inputs.shape[-1]) // 2] * 4)
        wider = torch.full((len(inputs), 1), 0.5)
        if draws is not None and self.augment:
            pixels, wider = self._augmented(pixels, facts, draws), draws.uniform(1, "line")
        pixels = augment.thicken(pixels, wider, self.thicken)
        deviation = 255 * facts["std"]
        return pixels.mul_(1 / deviation).sub_(facts["mean"] / facts["std"]), targets

    def _augmented(self, pixels: Tensor, facts: dict[str, Any], draws: Draws) -> Tensor:
        if self.mirror:
            pixels = augment.mirror(pixels, draws.uniform(1, "mirror"))
        longer = facts["form"]["longer"]
        pixels = augment.conceal(pixels, draws.uniform(3, "partial"), chance=self.partial, longer=longer)
        uniform = draws.uniform(augment.numbers_needed(ELASTIC), "affine")
        return augment.affine(
            pixels, uniform, degrees=15, scale=0.15, shift=2, shear=0.15, aspect=0.1, elastic=ELASTIC
        )

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, 1, 32, 32)`` -> ``(N, K)`` class scores."""
        return SketchCNN(self.width, len(facts["classes"]), self.dropout)

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the class scores ``(N, K)`` and the classes ``(N,)``."""
        return functional.cross_entropy(outputs, targets, label_smoothing=self.label_smoothing)

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, metrics.Score]:
        """Return how often the first guess and one of the first three is right, and mean cross-entropy."""
        logits, classes = outputs.numpy(), targets.numpy()
        return {
            "accuracy": metrics.accuracy(logits, classes),
            "top3": metrics.top_k(logits, classes, min(GUESSES, logits.shape[1])),
            "loss": metrics.cross_entropy(logits, classes),
        }

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Name the class with the largest score."""
        names, probabilities = facts["classes"], output.double().softmax(0)
        return Answer(
            text=names[int(output.argmax())],
            probabilities=dict(zip(names, probabilities.tolist(), strict=True)),
            logits=dict(zip(names, output.tolist(), strict=True)),
        )

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the drawing as the network got it, its class scores and its probabilities."""
        from pellucid.plots import scores  # matplotlib is slow to import and only pictures need it

        logits, probabilities = list(answer.logits.values()), list(answer.probabilities.values())
        return scores.bars(list(answer.logits), np.array(logits), np.array(probabilities), image=sample)


def held_out(labels: np.ndarray, classes: int) -> np.ndarray:
    """Say of each of the ``(N,)`` labels whether it validates: one in sixteen of each class, at least one."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    held = np.zeros(len(labels), bool)
    for label in range(classes):
        members = order[labels[order] == label]
        held[members[: max(1, len(members) // HELD)]] = True
    return held


def recipe(*, epochs: float, precision: Literal["fp32", "bf16"] = "fp32") -> Training:
    """AdamW with one cycle of the learning rate, and the moving average of the weights."""
    return Training(
        epochs=epochs,
        batch_size=128,
        learning_rate=0.005,
        weight_decay=0.05,
        ema=0.999,
        keep="last",
        precision=precision,
    )


def fifteen() -> Sketches:
    """The 15 classes of bitmaps: about three minutes on two cores."""
    return Sketches()


def all_classes() -> Sketches:
    """The 345 classes with 80 drawings each: about 20 minutes on one core."""
    return Sketches(dataset="all", width=32, dropout=0.1, training=recipe(epochs=40, precision="bf16"))
