"""Digits: read handwriting. From 28 x 28 pixels to ten class scores, with an MLP or a CNN (MNIST).

``Digits()`` is the default MLP, ``cnn()`` the small strong CNN, ``paper()`` the classic Keras recipe.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import losses
from pellucid.datasets import augment, fashion, mnist
from pellucid.datasets.memory import InMemory
from pellucid.errors import UsageError
from pellucid.media import ImageInput
from pellucid.models.cnn import CNN
from pellucid.models.lenet import LeNet5
from pellucid.models.mlp import MLP, glorot_uniform
from pellucid.models.mnist_example import MnistExample
from pellucid.seeding import Draws
from pellucid.task import Answer, Classifier, Data
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLIT_SEED = 20161122  # which training images validate is a fact of the task, not of a run
LARGEST_LAYER, MOST_LAYERS = 8192, 16
BENDING = {"affine": 0.0, "elastic": 1.0}  # largest move in pixels of a knot of the elastic grid


@dataclass(frozen=True, kw_only=True)
class Digits(Classifier):
    """Read handwritten digits.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "digits"
    takes: ClassVar[ImageInput] = ImageInput(
        into=lambda picture, facts: mnist.from_picture(picture),
        partly=mnist.from_picture,
        switches=mnist.SWITCHES,
    )
    only = {
        **dict.fromkeys(("hidden", "activation", "dropout", "initial"), ("network", ("mlp",))),
        "width": ("network", ("cnn",)),
    }

    dataset: Literal["mnist", "fashion", "tiny"] = "mnist"
    """images to learn from: digits, pieces of clothing, or a few made-up digits for a quick try"""
    validation: int | None = None
    """images cut from the training set for choices; None takes one in twelve (5,000 of 60,000)"""
    network: Literal["mlp", "cnn", "lenet", "example"] = "mlp"
    """mlp: fully connected; cnn: ours; lenet: LeNet-5 (1998); example: PyTorch's basic MNIST example"""
    hidden: tuple[int, ...] = (512, 512)
    """units in each hidden layer of the mlp"""
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"] = "relu"
    """what bends the mlp's hidden layers"""
    dropout: float = 0.0
    """part of the mlp's hidden units that is silent in a training step"""
    initial: Literal["torch", "glorot"] = "torch"
    """first weights of the mlp: torch's, or Keras's (Glorot and Bengio 2010) with zero biases"""
    normalize: Literal["unit", "half", "standard"] = "standard"
    """unit: pixels / 255; half: mean 0.5, deviation 0.5; standard: as measured on the training pixels"""
    width: int = 16
    """feature maps of the cnn's first convolution; the others have twice as many"""
    augment: Literal["none", "shift", "affine", "elastic"] = "shift"
    """what may happen to a training image: a move by one pixel; turned by up to 10 degrees, resized by a
    tenth and moved by 1.5 pixels; all that and bent"""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: a rare class weighs more in the loss, by n / (K n_k)"""
    label_smoothing: float = 0.1
    """part of the target that is spread over all classes"""
    training: Training = field(
        default_factory=lambda: replace(
            recipe(epochs=7, batch_size=512, learning_rate=0.006), precision="auto"
        )
    )

    def __post_init__(self) -> None:
        if not self.hidden or len(self.hidden) > MOST_LAYERS:
            raise UsageError(f"--hidden has {len(self.hidden)} layers; give 1 to {MOST_LAYERS}")
        if not all(1 <= units <= LARGEST_LAYER for units in self.hidden):
            raise UsageError(f"--hidden is {self.hidden}; each layer has 1 to {LARGEST_LAYER} units")
        if not 0 <= self.dropout < 1 or not 0 <= self.label_smoothing < 1:
            raise UsageError("--dropout and --label-smoothing are parts of a whole: at least 0 and below 1")
        if not 1 <= self.width <= 256:
            raise UsageError(f"--width is {self.width}; the cnn's first convolution has 1 to 256 maps")
        if self.validation is not None and self.validation < 1:
            raise UsageError(f"--validation is {self.validation}; at least one image must validate")

    def data(self) -> Data:
        """Read the training images and cut the validation images from them."""
        images, labels = _SOURCES[self.dataset].train()
        count = self.validation or max(1, len(images) // 12)
        if count >= len(images):
            raise UsageError(f"--validation is {count}, but there are only {len(images)} training images")
        shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(SPLIT_SEED))
        whole = InMemory(torch.from_numpy(images), torch.from_numpy(labels).long())
        valid, train = (InMemory(*whole[part.sort().values]) for part in (shuffled[:count], shuffled[count:]))
        facts = _facts(self.dataset, train.tensors[0], train.tensors[1], count)
        return Data(train, valid, self._test, facts)

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Augment while training, then normalise: ``(N, 28, 28)`` uint8 -> ``(N, 1, 28, 28)`` float32."""
        if inputs.ndim != 3 or list(inputs.shape[1:]) != facts["shape"] or inputs.dtype != torch.uint8:
            raise UsageError(
                f"digits: the images are {tuple(inputs.shape)} {inputs.dtype}; expected (N, 28, 28) uint8"
            )
        if draws is not None and self.augment == "shift":
            inputs = augment.shift(inputs, draws.uniform(2, "shift"), 1)
        pixels = inputs.unsqueeze(1).float()
        if draws is not None and self.augment in BENDING:
            elastic = BENDING[self.augment]
            uniform = draws.uniform(augment.numbers_needed(elastic), "affine")
            pixels = augment.affine(pixels, uniform, degrees=10, scale=0.1, shift=1.5, elastic=elastic)
        mean, deviation = self.centre_and_scale(facts)
        pixels.mul_(1 / (255 * deviation))
        return pixels.sub_(mean / deviation) if mean else pixels, targets

    def centre_and_scale(self, facts: dict[str, Any]) -> tuple[float, float]:
        """Return the mean and the deviation that normalisation takes away, for pixels in [0, 1]."""
        return {"unit": (0.0, 1.0), "half": (0.5, 0.5), "standard": (facts["mean"], facts["std"])}[
            self.normalize
        ]

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, 1, 28, 28)`` -> ``(N, K)`` class scores."""
        classes = len(facts["classes"])
        if self.network == "cnn":
            return CNN(self.width, classes=classes)
        if self.network == "lenet":
            return LeNet5(classes=classes)
        if self.network == "example":
            return MnistExample(classes=classes)
        height, width = facts["shape"]
        network = MLP(height * width, self.hidden, classes, self.dropout, self.activation)
        return glorot_uniform(network) if self.initial == "glorot" else network

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the class scores ``(N, K)`` and the classes ``(N,)``."""
        weights = facts["class_weights"] if self.class_weights == "balanced" else None
        return losses.classification(
            outputs, targets, class_weights=weights, label_smoothing=self.label_smoothing
        )

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the image as the network got it, its class scores and its probabilities."""
        from pellucid.plots import scores  # matplotlib is slow to import and only pictures need it

        logits, probabilities = list(answer.logits.values()), list(answer.probabilities.values())
        return scores.bars(list(answer.logits), np.array(logits), np.array(probabilities), image=sample)

    def explain(
        self, network: nn.Module, inputs: Tensor, target: int, facts: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        """Return where the network looked, by four methods: name -> ``(28, 28)``."""
        from pellucid.explain import gradcam, gradients, occlusion  # only those who ask why load them

        black = float(self.prepare(torch.zeros(1, *facts["shape"], dtype=torch.uint8), facts=facts)[0].mean())
        size = tuple(facts["shape"])
        integrated = gradients.integrated_gradients(network, inputs, target, baseline=black)
        maps = {
            "saliency": gradients.saliency(network, inputs, target)[0, 0],
            "integrated gradients": integrated.attributions[0, 0],
            "occlusion": occlusion.occlusion(network, inputs, target, value=black).per_pixel(*size)[0],
        }
        if any(isinstance(module, nn.Conv2d) for module in network.modules()):
            maps["Grad-CAM"] = gradcam.enlarge(gradcam.gradcam(network, inputs, target), size)[0]
        return maps

    def _test(self) -> InMemory:
        images, labels = _SOURCES[self.dataset].test()
        return InMemory(torch.from_numpy(images), torch.from_numpy(labels).long())


def recipe(*, epochs: float, batch_size: int, learning_rate: float) -> Training:
    """Return the way of training that all our settings share; LOG.md tells how it was found."""
    return Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        beta2=0.99,
        weight_decay=0.01,
        schedule="linear",
        warmup=0.2,
        keep="last",
    )


def cnn() -> Digits:
    """Our small CNN: about half a minute on two cores."""
    return Digits(
        network="cnn", augment="affine", training=recipe(epochs=6, batch_size=128, learning_rate=0.01)
    )


def cnn_one_epoch() -> Digits:
    """A wider CNN that sees every image once."""
    return Digits(network="cnn", width=32, training=recipe(epochs=1, batch_size=32, learning_rate=0.004))


def cnn_best() -> Digits:
    """The wider CNN with every augmentation: under four minutes on two cores."""
    training = recipe(epochs=24, batch_size=128, learning_rate=0.01)
    return Digits(network="cnn", width=32, augment="elastic", training=training)


def lenet() -> Digits:
    """LeNet-5 (LeCun et al. 1998) with today's optimiser."""
    return Digits(network="lenet", training=recipe(epochs=10, batch_size=128, learning_rate=0.004))


def example() -> Digits:
    """The network of PyTorch's basic MNIST example with its batch size and Adadelta at rate 1."""
    training = Training(epochs=14, batch_size=64, optimizer="adadelta", learning_rate=1.0, schedule="cosine")
    return Digits(network="example", augment="none", label_smoothing=0.0, training=training)


def paper() -> Digits:
    """Keras's classic mnist_mlp: 784-512-512-10, dropout 0.2, RMSprop 1e-3, 20 epochs; it claims 98.40 %."""
    training = Training(epochs=20, optimizer="rmsprop", learning_rate=1e-3, schedule="constant", keep="last")
    return Digits(
        dropout=0.2,
        initial="glorot",
        normalize="unit",
        augment="none",
        label_smoothing=0.0,
        training=training,
    )


def tiny() -> Digits:
    """A few made-up digits and a small network: seconds, for tests and first tries."""
    training = Training(epochs=4, batch_size=32, learning_rate=0.004, ema=0.9)
    return Digits(dataset="tiny", hidden=(32,), label_smoothing=0.0, training=training)


class _Tiny:
    """The made-up twin of the data, in the same format."""

    CLASSES, LICENCE, SOURCE = mnist.CLASSES, "made here, Apache-2.0", "drawn by mnist.tiny"

    @staticmethod
    def train() -> tuple[np.ndarray, np.ndarray]:
        return mnist.tiny(600, seed=1)

    @staticmethod
    def test() -> tuple[np.ndarray, np.ndarray]:
        return mnist.tiny(200, seed=2)


_SOURCES: dict[str, Any] = {"mnist": mnist, "fashion": fashion, "tiny": _Tiny}


def _facts(dataset: str, images: Tensor, labels: Tensor, validation: int) -> dict[str, Any]:
    source = _SOURCES[dataset]
    counts = torch.bincount(labels, minlength=len(source.CLASSES))
    values = torch.bincount(images.flatten(), minlength=256).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    mean = float((values * levels).sum() / values.sum())
    deviation = float(((values * (levels - mean) ** 2).sum() / values.sum()).sqrt())
    return {
        "classes": list(source.CLASSES),
        "shape": list(images.shape[1:]),
        "mean": round(mean, 6),
        "std": round(deviation, 6),
        "counts": {"train": len(images), "valid": validation, "train per class": counts.tolist()},
        "class_weights": (len(labels) / (len(counts) * counts.clamp(min=1))).tolist(),
        "dataset": dataset,
        "licence": source.LICENCE,
        "source": source.SOURCE,
    }
