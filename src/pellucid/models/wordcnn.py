"""A small CNN over log-mel spectrograms: four blocks of one 3 x 3 convolution, then the mean over time.

Ours, of the kind of Sainath and Parada 2015 (Convolutional Neural Networks for Small-footprint Keyword
Spotting), with batch normalisation; the frequency axis is kept to the end, because a band is not a place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class WordCNN(nn.Sequential):
    """``(N, 1, bands, frames)`` to ``(N, classes)`` logits.

    Args:
        bands: of the spectrogram, at least 8.
        widths: feature maps of the blocks; each halves bands and frames, the last only the bands' rest.
        classes: how many scores come out.
        dropout: part of the pooled features that is silent in a training step.
    """

    def __init__(self, bands: int, widths: Sequence[int], classes: int, dropout: float = 0.0):
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = 1
        for number, width in enumerate(widths, 1):
            blocks[f"conv{number}"] = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
            blocks[f"norm{number}"] = nn.BatchNorm2d(width)
            blocks[f"relu{number}"] = nn.ReLU()
            if number < len(widths):
                blocks[f"pool{number}"] = nn.MaxPool2d(2)
            inputs = width
        height = bands // 2 ** (len(widths) - 1)
        blocks["mean"] = MeanOverTime()
        blocks["flatten"] = nn.Flatten()
        blocks["dropout"] = nn.Dropout(dropout)
        blocks["scores"] = nn.Linear(inputs * height, classes)
        super().__init__(blocks)


class MeanOverTime(nn.Module):
    """``(N, C, H, W)`` to ``(N, C, H)``: the mean of each row."""

    def forward(self, x: Tensor) -> Tensor:
        """Average over the frames."""
        return torch.mean(x, 3)
