"""Networks for drawings: a small convolutional network on bitmaps, and the tutorial's network on strokes.

``SketchCNN`` is ours (LOG.md): pairs of 3 x 3 convolutions between poolings, as in VGG (Simonyan and
Zisserman 2015), batch normalisation, and the mean over the map in place of hidden layers (Lin et al. 2014).
``StrokeNetwork`` follows TensorFlow's tutorial "Recurrent Neural Networks for Drawing Classification" (2017):
three convolutions along the strokes, three bidirectional LSTM layers, the sum over time, class scores.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class SketchCNN(nn.Sequential):
    """``(N, 1, S, S)`` drawings, S at least 8, to ``(N, classes)`` logits.

    The children are ``conv1``, ``norm1``, ``relu1`` and so on to ``relu6``, ``pool2``, ``pool4``, ``mean``,
    ``flatten``, ``dropout``, ``scores``.

    Args:
        width: feature maps of the first convolution; the others have 1.5, 3, 3, 6 and 6 times as many.
        classes: how many scores come out.
        dropout: share of the last features that is silent in a training step.
        stride: pixels from one place of the first convolution to the next. With 2 its kernel is 5 x 5; with
            1 it is 3 x 3, and the maps of the first pair are as large as the drawing.
    Raises:
        ValueError: a width below 2.
    """

    def __init__(self, width: int = 32, classes: int = 10, dropout: float = 0.0, stride: int = 2):
        if width < 2 or classes < 1:
            raise ValueError(f"sketch cnn: width {width}, classes {classes}; expected at least 2 and 1")
        widths = [1, width, 3 * width // 2, 3 * width, 3 * width, 6 * width, 6 * width]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for place, (before, after) in enumerate(pairwise(widths), 1):
            step = stride if place == 1 else 1
            size = 2 * step + 1
            layers[f"conv{place}"] = nn.Conv2d(
                before, after, size, stride=step, padding=size // 2, bias=False
            )
            layers[f"norm{place}"] = nn.BatchNorm2d(after)
            layers[f"relu{place}"] = nn.ReLU()
            if place in (2, 4):  # after each pair: (N, C, S, S) -> (N, C, S / 2, S / 2)
                layers[f"pool{place}"] = nn.MaxPool2d(2)
        layers["mean"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()  # (N, 6 width)
        layers["dropout"] = nn.Dropout(dropout)
        layers["scores"] = nn.Linear(widths[-1], classes)
        super().__init__(layers)


class StrokeNetwork(nn.Module):
    """``(N, T, 4)`` strokes to ``(N, classes)`` logits.

    Of each point the network gets the step right and down from the point before, in boxes of the drawing,
    whether a stroke begins there, and whether there is a point at all (1; 0 is padding, which lies after the
    drawing).

    Args:
        classes: how many scores come out.
        filters, widths: of the convolutions along the points; 48, 64, 96 and 5, 5, 3 in the tutorial.
        nodes: of each direction of each LSTM layer; 128 in the tutorial.
        layers: of the LSTM; 3 in the tutorial.
        dropout: between the LSTM layers; 0.3 in the tutorial.
    """

    def __init__(
        self,
        classes: int,
        *,
        filters: tuple[int, ...] = (48, 64, 96),
        widths: tuple[int, ...] = (5, 5, 3),
        nodes: int = 128,
        layers: int = 3,
        dropout: float = 0.3,
    ):
        super().__init__()
        channels = [3, *filters]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, width, padding=width // 2)
            for before, after, width in zip(channels, filters, widths, strict=False)
        )
        self.lstm = nn.LSTM(
            filters[-1],
            nodes,
            layers,
            batch_first=True,
            bidirectional=True,
            dropout=dropout if layers > 1 else 0,
        )
        self.scores = nn.Linear(2 * nodes, classes)

    def forward(self, strokes: Tensor) -> Tensor:
        """``(N, T, 4)`` -> ``(N, classes)``."""
        real = strokes[..., 3:]  # (N, T, 1)
        features = strokes[..., :3].transpose(1, 2)
        for convolution in self.convolutions:  # no activation in between, as in the tutorial
            features = convolution(features) * real.transpose(1, 2)
        lengths = real.sum((1, 2)).long().clamp(min=1).cpu()
        packed = pack_padded_sequence(
            features.transpose(1, 2), lengths, batch_first=True, enforce_sorted=False
        )
        outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        real = real[:, : outputs.shape[1]]
        return self.scores(torch.sum(outputs * real, 1))
