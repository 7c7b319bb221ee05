"""Whether probabilities mean what they say: reliability bins, ECE, and the temperature that mends them.

Source: Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern neural networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import DataError
from pellucid.metrics.classes import Floats, Integers, checked, checked_probabilities, log_softmax
from pellucid.metrics.score import Score, wilson

COLDEST, HOTTEST = 0.05, 20.0  # the temperatures that fit_temperature can return
HALVINGS = 60  # of the interval between them: leaves less than 1e-15


@dataclass(frozen=True)
class Calibration:
    """Samples sorted into bins by the probability of their answer.

    Attributes:
        edges: ``(B + 1,)`` of the bins; a bin holds its upper edge, not its lower one.
        confidence: ``(B,)`` mean probability of the answer in each bin; NaN in an empty one.
        accuracy: ``(B,)`` share of right answers in each bin; NaN in an empty one.
        counts: ``(B,)`` samples in each bin.
        ece: expected calibration error: the mean of ``|accuracy - confidence|``, weighted by the counts.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    counts: Integers
    ece: float

    def to_json(self) -> dict[str, Any]:
        """Return plain lists; what is unknown in an empty bin is None, because JSON has no NaN."""
        return {
            "edges": self.edges.tolist(),
            "confidence": [None if np.isnan(value) else value for value in self.confidence.tolist()],
            "accuracy": [None if np.isnan(value) else value for value in self.accuracy.tolist()],
            "counts": self.counts.tolist(),
            "ece": self.ece,
        }


def calibration(probabilities: ArrayLike, targets: ArrayLike, *, bins: int = 15) -> Calibration:
    """Compare how sure the answers are with how often they are right, in bins of equal width.

    Args:
        probabilities: ``(N, K)`` in [0, 1], each row sums to one.
        targets: ``(N,)`` integers in [0, K - 1].
    """
    shares, labels = checked_probabilities(probabilities, targets)
    if bins < 1:
        raise DataError(f"calibration: bins is {bins}, expected 1 or more")
    sure = shares.max(axis=1)
    right = shares.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.searchsorted(edges[1:-1], sure, side="left")
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(places, weights=sure, minlength=bins) / counts
        hits = np.bincount(places, weights=right, minlength=bins) / counts
    ece = float(np.nansum(abs(hits - confidence) * counts) / len(labels))
    return Calibration(edges, confidence, hits, counts.astype(np.int64), ece)


def sure_above(probabilities: ArrayLike, targets: ArrayLike, wanted: float) -> float:
    """Return the probability from which on answers are right in ``wanted`` of all cases.

    Who answers only when the largest probability is at least this, and says "not sure" otherwise, was right
    that often on these samples (a selective classifier; El-Yaniv and Wiener 2010).

    Args:
        probabilities: ``(N, K)``.
        targets: ``(N,)`` in [0, K - 1].
        wanted: in [0, 1].
    Returns:
        one of the largest probabilities; 0 where all answers together are good enough, 1 where no part is.
    """
    shares, classes = checked_probabilities(probabilities, targets)
    confidence, right = shares.max(1), shares.argmax(1) == classes
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(np.diff(confidence[order]) != 0, True)  # answers that are equally sure stand together
    good = np.flatnonzero((accuracy >= wanted) & last)
    if not len(good):
        return 1.0
    return 0.0 if good[-1] == len(order) - 1 else float(confidence[order][good[-1]])


def answered_from(probabilities: ArrayLike, targets: ArrayLike, thresholds: ArrayLike) -> list[Score | None]:
    """Return the accuracy among the answers whose probability is at least each threshold.

    The ``n`` of a score is how many are answered; None stands where none is.

    Args:
        probabilities: ``(N, K)``.
        targets: ``(N,)`` in [0, K - 1].
        thresholds: ``(T,)``.
    """
    shares, classes = checked_probabilities(probabilities, targets)
    confidence, right = shares.max(1), shares.argmax(1) == classes
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order], np.asarray(thresholds), side="left")
    hits = np.append(np.cumsum(right[order][::-1])[::-1], 0)  # among the answers from each place on
    left = len(order) - first
    return [wilson(int(hits[place]), int(n)) if n else None for place, n in zip(first, left, strict=True)]


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> float:
    """Return the temperature T in [0.05, 20] at which softmax(logits / T) is most likely.

    Use the validation set, never the test set. The loss is convex in 1 / T, so the root of its slope is
    found by halving. Where every answer is right the loss has no minimum, and 1 leaves them as they are.

    Args:
        logits: ``(N, K)``, before softmax.
        targets: ``(N,)`` integers in [0, K - 1].
    """
    scores, labels = checked(logits, targets)
    own = scores[np.arange(len(labels)), labels]
    if (own >= scores.max(axis=1)).all():
        return 1.0

    cold, hot = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (cold + hot) / 2
        shares = np.exp(log_softmax(scores / np.exp(middle)))
        slope = ((shares * scores).sum(axis=1) - own).mean()  # of the loss over 1 / T
        cold, hot = (middle, hot) if slope > 0 else (cold, middle)
    return float(np.exp((cold + hot) / 2))
