"""How well classes are told apart: accuracy, confusion, scores of each class, the worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import DataError
from pellucid.metrics.score import Score, array, wilson

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TOLERANCE = 1e-3  # how far from one a sum of float16 or float32 probabilities may be
TINY = 1e-300  # a probability of zero costs 690.8 instead of infinity


def accuracy(outputs: ArrayLike, targets: ArrayLike) -> Score:
    """Return the share of samples whose largest output is the target's; equal outputs: the first counts.

    Args:
        outputs: ``(N, K)`` logits or probabilities.
        targets: ``(N,)`` integers in [0, K - 1].
    """
    return top_k(outputs, targets, 1)


def top_k(outputs: ArrayLike, targets: ArrayLike, k: int) -> Score:
    """Return the share of samples whose target is among the ``k`` largest of ``(N, K)`` outputs."""
    scores, labels = checked(outputs, targets)
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise DataError(f"top_k: k is {k}, expected 1 to {classes}, the number of classes")
    own = scores[np.arange(len(labels)), labels][:, None]
    before = (scores == own) & (np.arange(classes) < labels[:, None])  # equal, but listed first
    ranks = ((scores > own) | before).sum(axis=1)
    return wilson(int((ranks < k).sum()), len(labels))


def confusion(outputs: ArrayLike, targets: ArrayLike) -> Integers:
    """Return ``(K, K)`` counts: rows are the true classes, columns the predicted ones."""
    scores, labels = checked(outputs, targets)
    classes = scores.shape[1]
    cells = labels * classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True)
class ClassScore:
    """How well one class is found: precision and recall with intervals, F1, and its number of samples."""

    precision: Score
    recall: Score
    f1: float
    support: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values, scores as ``{"value", "low", "high", "n"}``."""
        precision, recall = self.precision.to_json(), self.recall.to_json()
        return {"precision": precision, "recall": recall, "f1": self.f1, "support": self.support}


def per_class(matrix: ArrayLike) -> list[ClassScore]:
    """Return precision, recall, F1 and support of each class of a confusion matrix.

    A class that was never predicted (or never occurs) has a precision (recall) of 0 from ``n = 0``, with
    the interval 0 to 1: nothing is known about it.
    """
    counts = array(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise DataError(f"per_class: expected a square matrix of counts, got shape {counts.shape}")
    hits, predicted, true = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    return [class_score(int(h), int(p), int(t)) for h, p, t in zip(hits, predicted, true, strict=True)]


def class_score(hits: int, predicted: int, support: int) -> ClassScore:
    """Return one class's scores from its counts of hits, predictions and true samples."""
    unknown = Score(0.0, 0.0, 1.0, 0)
    precision = wilson(hits, predicted) if predicted else unknown
    recall = wilson(hits, support) if support else unknown
    f1 = 2 * hits / (predicted + support) if predicted + support else 0.0
    return ClassScore(precision, recall, f1, support)


def cross_entropy(logits: ArrayLike, targets: ArrayLike) -> Score:
    """Return the mean of -log softmax(logits)[target] in nats, without an interval."""
    scores, labels = checked(logits, targets)
    loss = -log_softmax(scores)[np.arange(len(labels)), labels]
    return Score(float(loss.mean()), None, None, len(labels))


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithm of softmax over the last axis; safe for logits of any size."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def worst(probabilities: ArrayLike, targets: ArrayLike, count: int) -> Integers:
    """Return the indices of the ``count`` worst mistakes, the surest wrong answer first.

    Only wrong answers are listed, so there may be fewer; equal losses keep their order.
    """
    shares, labels = checked_probabilities(probabilities, targets)
    if count < 0:
        raise DataError(f"worst: count is {count}, expected 0 or more")
    loss = -np.log(np.maximum(shares[np.arange(len(labels)), labels], TINY))
    wrong = np.flatnonzero(shares.argmax(axis=1) != labels)
    return wrong[np.argsort(-loss[wrong], kind="stable")][:count].astype(np.int64)


def checked(outputs: ArrayLike, targets: ArrayLike) -> tuple[Floats, Integers]:
    """Return ``(N, K)`` float64 outputs and ``(N,)`` int64 targets that fit each other, or a DataError."""
    scores, labels = array(outputs), array(targets)
    if scores.ndim != 2 or scores.size == 0:
        raise DataError(f"outputs: shape is {scores.shape}, expected (N, K): a row of K scores per sample")
    if labels.shape != scores.shape[:1]:
        raise DataError(f"targets: shape is {labels.shape}, expected ({len(scores)},): one class per sample")
    if labels.dtype.kind not in "iu":
        raise DataError(f"targets: type is {labels.dtype}, expected integers: the number of each true class")
    if scores.dtype.kind not in "fiu" or not np.isfinite(scores).all():
        raise DataError("outputs: a score is NaN, infinite or not a real number; has the training diverged?")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        found = labels.min() if labels.min() < 0 else labels.max()
        raise DataError(f"targets: there is a label {found}, the outputs know 0 to {scores.shape[1] - 1}")
    return scores.astype(np.float64), labels.astype(np.int64)


def checked_probabilities(probabilities: ArrayLike, targets: ArrayLike) -> tuple[Floats, Integers]:
    """Return what ``checked`` does, for rows that are in [0, 1] and sum to one."""
    shares, labels = checked(probabilities, targets)
    if shares.min() < 0 or shares.max() > 1 + TOLERANCE or abs(shares.sum(axis=1) - 1).max() > TOLERANCE:
        raise DataError("probabilities: a row is not in [0, 1] or does not sum to 1; apply softmax to logits")
    return shares, labels
