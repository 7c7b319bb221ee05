"""What a network makes of pictures that are normalised in another way than those it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pellucid import media
from pellucid.errors import UsageError
from pellucid.verbs.trained import Ready

BATCH = 250


def centre_and_scale(ready: Ready) -> tuple[list[float], list[float]]:
    """Return the means and the deviations that ``prepare`` takes away, one a channel, for pixels in [0, 1].

    They are read off what it makes of black, grey and white pictures, and of those that are white in one
    channel: off their lightest value, for around a picture there may be a margin of black.

    Raises:
        UsageError: its inputs are no pictures of bytes, or it does something else to them.
    """
    shape = media.grid_of(ready.task.takes, ready.facts)
    if shape is None:
        raise UsageError("only pictures are normalised; this network takes something else")
    channels = 1 if len(shape) == 2 else shape[2]
    tones = torch.tensor([0, 51, 255], dtype=torch.uint8)[:, None].expand(-1, channels)
    pure = 255 * torch.eye(channels, dtype=torch.uint8)
    pictures = torch.cat([tones, pure])[:, None, None].expand(-1, *shape[:2], -1).reshape(-1, *shape)
    prepared = ready.task.prepare(pictures, facts=ready.facts)[0].double()
    lightest = prepared.flatten(2).amax(2)  # (3 + C, C) where channel c is made of channel c alone
    if lightest.shape[1] != channels or not _even(prepared[0]) or not _straight(lightest):
        raise UsageError("this task prepares its pictures in another way than by a mean and a deviation")
    black, white = lightest[0], lightest[2]
    spread = white - black
    return (-black / spread + 0.0).tolist(), (1 / spread).tolist()


def _even(black: Tensor) -> bool:
    return float((black.flatten(1).amax(1) - black.flatten(1).amin(1)).max()) < 1e-6


def _straight(lightest: Tensor) -> bool:
    """Say whether grey lies between black and white where it should, and no channel is mixed with another."""
    black, grey, white, pure = *lightest[:3], lightest[3:]
    spread = white - black
    expected = torch.cat([(black + 0.2 * spread)[None], black + torch.diag(spread)])
    wrong = (torch.cat([grey[None], pure]) - expected).abs()
    return bool((spread > 0).all() and (wrong <= 1e-5 * spread).all())


def known(ready: Ready) -> dict[str, tuple[list[float], list[float]]]:
    """Return the normalisations by name: mean and deviation of each channel, of pixels in [0, 1]."""
    own = centre_and_scale(ready)
    channels = len(own[0])
    half = [0.5] * channels
    found = {"as in training": own, "0 to 1": ([0.0] * channels, [1.0] * channels), "-1 to 1": (half, half)}
    if {"mean", "std"} <= set(ready.facts):
        mean, deviation = ready.facts["mean"], ready.facts["std"]
        if isinstance(mean, float) and isinstance(deviation, float):
            found["mean 0, deviation 1"] = ([mean], [deviation])
    return found


def scores(
    ready: Ready, raw: Tensor, targets: Tensor, mean: Sequence[float], deviation: Sequence[float]
) -> dict[str, dict[str, Any]]:
    """Return the task's metrics for pictures that come as ``(pixel / 255 - mean) / deviation``.

    Args:
        raw: ``(N, ...)`` uint8.
        targets: ``(N,)``.
        mean: of each channel.
        deviation: of each channel, > 0.
    Raises:
        UsageError: another number of channels.
    """
    own = centre_and_scale(ready)
    if not len(mean) == len(deviation) == len(own[0]):
        raise UsageError(f"{len(mean)} means and {len(deviation)} deviations for {len(own[0])} channels")
    same = own == (list(mean), list(deviation))  # exactly as in training then
    own_mean, own_deviation, new_mean, new_deviation = (
        torch.tensor(each, dtype=torch.float64).view(-1, 1, 1) for each in (*own, mean, deviation)
    )
    scale, shift = own_deviation / new_deviation, (own_mean - new_mean) / new_deviation
    outputs = []
    with torch.inference_mode():
        for part in raw.split(BATCH):
            inputs, _ = ready.task.prepare(part, facts=ready.facts)
            if not same:
                inputs = inputs * scale.to(inputs.dtype) + shift.to(inputs.dtype)
            outputs.append(ready.network(inputs))
        found = ready.task.metrics(torch.cat(outputs), targets, ready.facts)
    return {name: score.to_json() for name, score in found.items()}
