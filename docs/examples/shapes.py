"""Shapes: circles, squares and triangles, drawn here. A whole task in one file; docs/task.md explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from pellucid import Answer, Data, ImageInput, Score, Task, Training, metrics
from pellucid.plots import scores

CLASSES = ("circle", "square", "triangle")
SIDE = 24


def draw(count: int, seed: int) -> TensorDataset:
    """Draw ``count`` shapes, white on black: ``(N, 24, 24)`` uint8 and classes ``(N,)`` int64."""
    random = np.random.default_rng(seed)
    labels = random.integers(len(CLASSES), size=count)
    images = [draw_one(int(label), random) for label in labels]
    return TensorDataset(torch.from_numpy(np.stack(images)), torch.from_numpy(labels))


def draw_one(label: int, random: np.random.Generator) -> np.ndarray:
    """Draw one shape of random size, place, turn and brightness, with a little noise."""
    corners = (40, 4, 3)[label]  # a polygon of forty corners is a circle to the eye
    angles = random.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
    radius, centre = random.uniform(5, 9), random.uniform(10, 14, size=2)
    points = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    image = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(image).polygon([tuple(p) for p in points.tolist()], fill=int(random.integers(120, 256)))
    noisy = np.asarray(image) + random.normal(0, 12, (SIDE, SIDE))
    return noisy.clip(0, 255).astype(np.uint8)


def from_picture(picture: np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Turn a picture of your own into what the data hold; the last stage is what ``prepare`` gets."""
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    small = np.asarray(Image.fromarray(grey).resize((SIDE, SIDE)))
    return {"picture": picture, "grey": grey, "24 x 24": small}


@dataclass(frozen=True, kw_only=True)
class Shapes(Task):
    """Tell circles, squares and triangles apart."""

    name: ClassVar[str] = "shapes"
    takes: ClassVar[ImageInput] = ImageInput(into=from_picture)

    maps: int = 6
    """feature maps of the first convolution; the second has twice as many"""
    images: int = 3000
    """training images to draw"""
    training: Training = field(default_factory=lambda: Training(epochs=8, batch_size=64, learning_rate=0.01))

    def data(self) -> Data:
        """Draw the material; the test set is drawn when ``evaluate`` opens it."""
        train = draw(self.images, seed=1)
        facts = {
            "classes": list(CLASSES),
            "shape": [SIDE, SIDE],
            "licence": "made here, Apache-2.0",
            "source": "drawn by docs/examples/shapes.py",
        }
        return Data(train, draw(self.images // 5, seed=2), lambda: draw(self.images // 3, seed=3), facts)

    def prepare(self, inputs, targets=None, *, facts, draws=None):
        """``(N, 24, 24)`` uint8 -> ``(N, 1, 24, 24)`` float32; flipped at random while training."""
        pixels = inputs.unsqueeze(1).float() / 255
        if draws is not None:
            flip = torch.as_tensor(draws.uniform(1, "flip")) < 0.5
            pixels = torch.where(flip[:, :, None, None], pixels.flip(-1), pixels)
        return pixels, targets

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network; a layer with a readable name is a layer with a readable picture."""
        network = nn.Sequential()
        network.add_module("conv1", nn.Conv2d(1, self.maps, 5))  # (N, 1, 24, 24) -> (N, C, 20, 20)
        network.add_module("relu1", nn.ReLU())
        network.add_module("pool1", nn.MaxPool2d(2))
        network.add_module("conv2", nn.Conv2d(self.maps, 2 * self.maps, 3))  # -> (N, 2C, 8, 8)
        network.add_module("relu2", nn.ReLU())
        network.add_module("pool2", nn.MaxPool2d(2))
        network.add_module("flatten", nn.Flatten())
        network.add_module("scores", nn.Linear(2 * self.maps * 16, len(facts["classes"])))
        return network

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy."""
        return functional.cross_entropy(outputs, targets)

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Return the accuracy with its interval."""
        return {"accuracy": metrics.accuracy(outputs.numpy(), targets.numpy())}

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Name the class with the largest score."""
        names, probabilities = facts["classes"], output.double().softmax(0)
        return Answer(
            text=names[int(output.argmax())],
            probabilities=dict(zip(names, probabilities.tolist(), strict=True)),
            logits=dict(zip(names, output.tolist(), strict=True)),
        )

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the image beside its class scores and probabilities."""
        logits, probabilities = list(answer.logits.values()), list(answer.probabilities.values())
        return scores.bars(list(answer.logits), np.array(logits), np.array(probabilities), image=sample)


def tiny() -> Shapes:
    """A few images and a short training: the compulsory setting, for tests and first tries."""
    return Shapes(maps=4, images=240, training=Training(epochs=3, batch_size=32, learning_rate=0.01))
