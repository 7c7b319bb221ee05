"""Occlusion: cover a window, ask again, see how much less sure it is (Zeiler and Fergus 2014)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.watching import Target, array, placed, probabilities_of, resting, targets


@dataclass(frozen=True)
class Occluded:
    """``drop`` ``(N, rows, columns)``: by how much covering the window lowers the target's probability.

    ``tops`` ``(rows,)`` and ``lefts`` ``(columns,)`` are the windows' first pixel rows and columns;
    ``probability`` ``(N,)`` is that of the uncovered input.
    """

    drop: np.ndarray
    tops: np.ndarray
    lefts: np.ndarray
    window: int
    probability: np.ndarray

    def per_pixel(self, height: int, width: int) -> np.ndarray:
        """Return ``(N, height, width)``: the mean drop of the windows over each pixel, 0 if none."""
        total = np.zeros((len(self.drop), height, width))
        covers = np.zeros((height, width))
        for row, top in enumerate(self.tops):
            for column, left in enumerate(self.lefts):
                here = np.s_[..., top : top + self.window, left : left + self.window]
                total[here] += self.drop[:, row, column, None, None]
                covers[here] += 1
        return (total / np.maximum(covers, 1)).astype(np.float32)


def occlusion(
    model: nn.Module, inputs: Tensor, target: Target, *, value: float, window: int = 5, stride: int = 2
) -> Occluded:
    """Return the drop of the target's probability for every position of a square window.

    Args:
        inputs: ``(N, C, H, W)`` prepared inputs.
        target: one class for all, or ``(N,)`` classes.
        value: what the window is filled with (black, after normalisation).
        window: side of the window in pixels, 1 to min(H, W).
        stride: pixels from one window to the next; a last one flush with the border is added if needed.
    Raises:
        UsageError: inputs that are no pictures, a window that does not fit, or no such class.
    """
    inputs = placed(model, inputs)
    if inputs.ndim != 4:
        raise UsageError(f"inputs of shape {tuple(inputs.shape)}; occlusion needs pictures (N, C, H, W)")
    height, width = inputs.shape[2:]
    if not 1 <= window <= min(height, width) or stride < 1:
        raise UsageError(f"window {window} with stride {stride} on {height} x {width} pixels does not fit")
    with resting(model), torch.no_grad():
        classes = targets(model(inputs), target)
    tops, lefts = _starts(height, window, stride), _starts(width, window, stride)
    covered = (
        _covers(tops, height, window)[:, None, :, None] & _covers(lefts, width, window)[None, :, None, :]
    )
    covered = covered.flatten(0, 1).to(inputs.device)  # (windows, H, W)
    sure = probabilities_of(model, inputs, classes)
    drops = [
        before - probabilities_of(model, torch.where(covered[:, None], value, one[None]), int(label))
        for one, before, label in zip(inputs, sure, classes, strict=True)
    ]
    drop = torch.stack(drops).view(len(inputs), len(tops), len(lefts))
    return Occluded(array(drop), np.array(tops), np.array(lefts), window, array(sure))


def _starts(length: int, window: int, stride: int) -> list[int]:
    starts = list(range(0, length - window + 1, stride))
    return starts if starts[-1] == length - window else [*starts, length - window]


def _covers(starts: list[int], length: int, window: int) -> Tensor:
    """Return ``(starts, length)`` booleans: does the window that begins there cover this pixel?"""
    offset = torch.arange(length)[None] - torch.tensor(starts)[:, None]
    return (offset >= 0) & (offset < window)
