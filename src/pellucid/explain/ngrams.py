"""Why a network of word filters answered as it did: which n-gram fired which filter and moved which class.

After the maximum over time each filter stands for one n-gram, its strongest, and the class scores are sums
over the filters. So an answer falls apart exactly: score = bias + sum over filters of feature times weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.gradients import integrated_gradients
from pellucid.explain.watching import array, resting
from pellucid.models.textcnn import PAD, FromVectors, TextCNN


@dataclass(frozen=True)
class Fired:
    """One filter and the n-gram that fired it most.

    Attributes:
        width, number: which filter: words under it, and its place among those of that width.
        start: place of the n-gram's first word in the padded input; words before the first or after the last
            are padding.
        value: of the feature after ReLU.
        moved: ``(K,)`` what the feature added to each class score.
    """

    width: int
    number: int
    start: int
    value: float
    moved: np.ndarray


@dataclass(frozen=True)
class Parts:
    """An answer in parts: ``bias`` plus ``moved`` of all ``fired`` are the ``scores``, each ``(K,)``."""

    fired: list[Fired]
    bias: np.ndarray
    scores: np.ndarray

    def by_word(self, words: int, before: int) -> np.ndarray:
        """Share what each n-gram moved among its words: ``(words, K)``; padding takes its share too."""
        total = np.zeros((words, len(self.scores)))
        for each in self.fired:
            for place in range(each.start, each.start + each.width):
                if 0 <= place - before < words:
                    total[place - before] += each.moved / each.width
        return total


def parts(network: nn.Module, inputs: Tensor) -> Parts:
    """Take the answer to one prepared input ``(1, L)`` apart, exactly.

    Raises:
        UsageError: not a network of word filters, or more than one input.
    """
    network = word_filters(network)
    if inputs.ndim != 2 or len(inputs) != 1:
        raise UsageError(f"inputs of shape {tuple(inputs.shape)}; one prepared text, (1, L), is needed")
    with resting(network), torch.no_grad():
        embedded = network.embedded(inputs).transpose(1, 2)  # (1, size, L)
        weight = array(network.scores.weight) * network.keep
        fired, column = [], 0
        for convolution, width in zip(network.convolutions, network.widths, strict=True):
            values, starts = convolution(embedded).relu()[0].max(1)
            for number, (value, start) in enumerate(zip(values.tolist(), starts.tolist(), strict=True)):
                fired.append(Fired(width, number, start, value, value * weight[:, column]))
                column += 1
        return Parts(fired, array(network.scores.bias), array(network(inputs)[0]))


def word_gradients(network: nn.Module, inputs: Tensor, target: int) -> np.ndarray:
    """Return each place's share of a class score by integrated gradients, from no words at all: ``(L,)``.

    The path leads from padding everywhere to the vectors of the words (Sundararajan et al. 2017).
    """
    network = word_filters(network)
    with torch.no_grad():
        vectors = network.embedded(inputs)
    rest = FromVectors(network)
    found = integrated_gradients(rest, vectors, target, baseline=0.0, tolerance=0.05, most_steps=512)
    return found.attributions[0].sum(1)


def nearest(
    network: nn.Module, inputs: Tensor, others: list[Tensor], count: int = 5
) -> list[tuple[int, float]]:
    """Return the places of the ``count`` inputs of most similar features, and the cosines.

    Args:
        others: batches ``(N, L)`` of prepared inputs.
    """
    network = word_filters(network)
    with resting(network), torch.no_grad():
        mine = nn.functional.normalize(network.features(inputs))
        theirs = torch.cat([nn.functional.normalize(network.features(batch)) for batch in others])
        values, places = (theirs @ mine[0]).topk(min(count, len(theirs)))
    return [(int(place), float(value)) for place, value in zip(places, values, strict=True)]


def strongest(network: nn.Module, inputs: list[Tensor], count: int = 8) -> list[dict[str, Any]]:
    """Return, of the filters that move the classes most, the n-grams of many inputs that fire them most.

    Args:
        inputs: batches ``(N, L)`` of prepared inputs.
    Returns:
        a list of {"filter", "width", "moves" (K,), "grams": [((numbers of words), value), ...]}.
    """
    network = word_filters(network)
    found: list[dict[str, Any]] = []
    weight = array(network.scores.weight) * network.keep
    spread = weight.max(0) - weight.min(0)
    with resting(network), torch.no_grad():
        for column in np.argsort(-spread)[:count].tolist():
            which, number = divmod(column, network.convolutions[0].out_channels)
            grams: dict[tuple[int, ...], float] = {}
            width = network.widths[which]
            for batch in inputs:
                vectors = network.embedded(batch).transpose(1, 2)
                kernel, bias = (
                    network.convolutions[which].weight[number],
                    network.convolutions[which].bias[number],
                )
                answers = nn.functional.conv1d(vectors, kernel[None], bias[None])[:, 0]
                values, starts = answers.max(1)
                for row, (value, start) in enumerate(zip(values.tolist(), starts.tolist(), strict=True)):
                    gram = tuple(batch[row, start : start + width].tolist())
                    grams[gram] = max(value, grams.get(gram, 0.0))
            best = sorted(
                ((gram, value) for gram, value in grams.items() if any(gram)), key=lambda pair: -pair[1]
            )
            found.append({"filter": number, "width": width, "moves": weight[:, column], "grams": best[:5]})
    return found


def word_filters(network: nn.Module) -> TextCNN:
    """Return the network if its filters look at words.

    Raises:
        UsageError: it is another network.
    """
    if not isinstance(network, TextCNN):
        raise UsageError(
            f"{type(network).__name__} has no filters over words; n-grams explain a TextCNN only"
        )
    return network


def places_of_words(inputs: Tensor) -> tuple[int, int]:
    """Return where the words of one prepared input begin and end: first place, and one past the last."""
    filled = (inputs[0] != PAD).nonzero()[:, 0]
    return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)
