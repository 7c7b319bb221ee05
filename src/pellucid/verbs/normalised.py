"""What a network makes of pictures that are normalised in another way than those it was trained on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pellucid import media
from pellucid.errors import UsageError
from pellucid.verbs.trained import Ready

BATCH = 250


def centre_and_scale(ready: Ready) -> tuple[float, float]:
    """Return the mean and the deviation that ``prepare`` takes away, for pixels in [0, 1].

    They are read off what it makes of black, grey and white pictures: off their lightest value, for around
    a picture there may be a margin of black.

    Raises:
        UsageError: its inputs are not of one channel of bytes, or it does something else to them.
    """
    grid = media.grid_of(ready.task.takes, ready.facts)
    if grid is None:
        raise UsageError("only pictures of one channel are normalised; this network takes something else")
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8)
    pictures = levels.view(-1, 1, 1).expand(-1, *grid).clone()
    prepared = ready.task.prepare(pictures, facts=ready.facts)[0].double()
    black, grey, white = prepared.flatten(1).amax(1).tolist()
    spread = white - black
    even = float(prepared[0].max() - prepared[0].min()) < 1e-6
    if not even or spread <= 0 or abs(grey - black - 0.2 * spread) > 1e-5 * spread:
        raise UsageError("this task prepares its pictures in another way than by a mean and a deviation")
    return -black / spread + 0.0, 1 / spread


def known(ready: Ready) -> dict[str, tuple[float, float]]:
    """Return the normalisations by name: mean and deviation of pixels in [0, 1]."""
    found = {"as in training": centre_and_scale(ready), "0 to 1": (0.0, 1.0), "-1 to 1": (0.5, 0.5)}
    if {"mean", "std"} <= set(ready.facts):
        mean, deviation = ready.facts["mean"], ready.facts["std"]
        if isinstance(mean, float) and isinstance(deviation, float):
            found["mean 0, deviation 1"] = (mean, deviation)
    return found


def scores(
    ready: Ready, raw: Tensor, targets: Tensor, mean: float, deviation: float
) -> dict[str, dict[str, Any]]:
    """Return the task's metrics for pictures that come as ``(pixel / 255 - mean) / deviation``.

    Args:
        raw: ``(N, ...)`` uint8.
        targets: ``(N,)``.
        deviation: > 0.
    """
    own_mean, own_deviation = centre_and_scale(ready)
    outputs = []
    with torch.inference_mode():
        for part in raw.split(BATCH):
            inputs, _ = ready.task.prepare(part, facts=ready.facts)
            if (mean, deviation) != (own_mean, own_deviation):  # exactly as in training where it is the same
                inputs = (inputs * own_deviation + (own_mean - mean)) / deviation
            outputs.append(ready.network(inputs))
        found = ready.task.metrics(torch.cat(outputs), targets, ready.facts)
    return {name: score.to_json() for name, score in found.items()}
