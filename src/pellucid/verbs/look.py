"""Look: the data of a task as numbers and pictures, before any network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pellucid.datasets import sketchbook
from pellucid.explain import watching
from pellucid.plots import curves, images
from pellucid.task import Data, Task
from pellucid.verbs import listening, sketching, speech, translations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLED = 5000  # training images for histograms
SHEET = 10  # samples of a class on the sheet
MOST_CLASSES = 30  # of more, so many are shown, evenly spread
MOST_NUMBERS = 32  # along a side of an image in colour


def counts(data: Data) -> dict[str, Any]:
    """Return how many samples each split and each class has, and the range of the raw values.

    Recordings are told of by their voices and their loudness instead, translations by their pieces.
    """
    if "pieces" in data.facts:
        return translations.looked(data, 0)
    if "voices" in data.facts:
        return speech.looked(data)
    if "bands" in data.facts:
        return listening.looked(data)
    raw, labels = data.train[torch.arange(len(data.train))]
    _, valid = data.valid[torch.arange(len(data.valid))]
    names = data.facts["classes"]
    values = raw.float()
    return {
        "splits": {"train": len(labels), "valid": len(valid)},
        "classes": {
            name: {"train": int((labels == i).sum()), "valid": int((valid == i).sum())}
            for i, name in enumerate(names)
        },
        "shape": list(raw.shape[1:]),
        "type": str(raw.dtype).removeprefix("torch."),
        "range": [float(values.min()), float(values.max())],
        "mean": float(values.mean()),
        "deviation": float(values.std(correction=0)),
        "share of zeros": float((values == 0).float().mean()),
        "licence": data.facts.get("licence", ""),
        "source": data.facts.get("source", ""),
    }


def pictures(data: Data, index: int) -> Iterator[tuple[str, Figure]]:
    """Draw a sample sheet, one image as numbers, the flattening, and the average image of each class.

    Of a picture in colour the numbers are those of one channel, and the flattening is left out.
    """
    if "pieces" in data.facts:
        yield from translations.pictures(data)
        return
    if "voices" in data.facts:
        yield from speech.look_pictures(data, index)
        return
    if "bands" in data.facts:
        yield from listening.pictures(data, index)
        return
    samples, targets = data.train[torch.arange(len(data.train))]
    if data.facts.get("strokes"):
        yield "strokes", sketching.order(data)
        samples = sketchbook.images(samples, data.facts)
    if "frame" in data.facts:  # of a game: the newest of those that are seen at once
        samples = samples[:, -data.facts["frame"][0] :].amax(1)
    raw, labels, names = samples.numpy(), targets.numpy(), data.facts["classes"]
    shown = np.linspace(0, len(names) - 1, min(len(names), MOST_CLASSES)).round().astype(int)
    chosen = np.concatenate([np.flatnonzero(labels == i)[:SHEET] for i in shown])
    places = np.searchsorted(shown, labels[chosen])
    yield "samples", images.sheet(raw[chosen], places, [names[i] for i in shown], columns=SHEET)
    title = f"Training image {index}, a {names[labels[index]]}, is a grid of numbers"
    yield "numbers", images.numbers(readable(raw[index]), title=title)
    if raw.ndim == 3:
        yield "flattening", images.flattening(raw[index])
    by_class = {names[i]: raw[labels == i] for i in shown if (labels == i).any()}
    yield "averages", images.averages(by_class)


def readable(image: np.ndarray) -> np.ndarray:
    """Return what can be shown as numbers: ``(H, W)`` itself, red values in the middle of ``(H, W, 3)``."""
    if image.ndim == 2:
        return image
    top, left = (max(0, size - MOST_NUMBERS) // 2 for size in image.shape[:2])
    return image[top : top + MOST_NUMBERS, left : left + MOST_NUMBERS, 0]


def normalisations(task: Task, data: Data) -> dict[str, tuple[Task, np.ndarray]]:
    """Return the task under each normalisation with some prepared pixels; {} if it has but one."""
    choices = {field.name: field for field in dataclasses.fields(task)}
    if "normalize" not in choices:
        return {}
    raw, _ = data.train[torch.arange(min(SAMPLED, len(data.train)))]
    found = {}
    for name in ("unit", "half", "standard"):
        changed = dataclasses.replace(task, normalize=name)  # type: ignore[call-arg]
        found[name] = (changed, changed.prepare(raw, facts=data.facts)[0].flatten().numpy())
    return found


def histogram(data: Data, normalised: dict[str, tuple[Task, np.ndarray]]) -> Figure:
    """Draw the distribution of the pixels before and after each normalisation."""
    raw, _ = data.train[torch.arange(min(SAMPLED, len(data.train)))]
    before = {"raw, 0 to 255": raw.flatten().numpy().astype(np.float32)}
    return curves.histograms(before | {name: values for name, (_, values) in normalised.items()})


def first_input(task: Task) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the task's untrained network and the shape of one prepared input."""
    data = task.data()
    inputs, _ = task.prepare(data.train[torch.arange(1)][0], facts=data.facts)
    return watching.written_out(task.model(data.facts)), tuple(inputs.shape[1:])
