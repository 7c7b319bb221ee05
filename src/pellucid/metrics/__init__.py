"""Scores that say how sure they are.

Everything takes numpy arrays or torch tensors and computes in float64. Targets are ``(N,)`` integers in
[0, K - 1]; a NaN, a wrong shape or a label outside the classes is a ``DataError`` (a ``ValueError``).
"""

from pellucid.metrics.classes import ClassScore, accuracy, confusion, cross_entropy, per_class, top_k, worst
from pellucid.metrics.labels import doubtful
from pellucid.metrics.reliability import (
    Calibration,
    answered_from,
    calibration,
    fit_temperature,
    sure_above,
)
from pellucid.metrics.returns import Points, deviation, mean_return
from pellucid.metrics.score import Comparison, Score, Spread, mcnemar, spread, wilson

__all__ = [
    "Calibration",
    "ClassScore",
    "Comparison",
    "Points",
    "Score",
    "Spread",
    "accuracy",
    "answered_from",
    "calibration",
    "confusion",
    "cross_entropy",
    "deviation",
    "doubtful",
    "fit_temperature",
    "mcnemar",
    "mean_return",
    "per_class",
    "spread",
    "sure_above",
    "top_k",
    "wilson",
    "worst",
]
