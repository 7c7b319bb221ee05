"""Scores of whole episodes: their mean with an interval, and what a human is worth on the same scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.errors import DataError
from pellucid.metrics.score import Score

BOOTSTRAPS = 10_000


@dataclass(frozen=True)
class Points(Score):
    """A mean of points, which are no share of anything."""

    def __str__(self) -> str:
        """Return '18.90 (18.31 to 19.42, n = 30)'."""
        if self.low is None or self.high is None:
            return f"{self.value:.2f} (n = {self.n:,})"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}, n = {self.n:,})"


def mean_return(scores: Sequence[float], *, interval: bool = True) -> Points:
    """Return the mean of the episodes' scores, with the 95 % interval of the percentile bootstrap.

    Scores of games are skewed and have ties, so no bell is assumed (Efron 1979; as Agarwal et al. 2021,
    arXiv:2108.13264, ask for). The draws are always the same. One episode has no interval.

    Raises:
        DataError: there is no score, or one that is not finite.
    """
    values = np.asarray(scores, float)
    if not len(values) or not np.isfinite(values).all():
        raise DataError(f"mean_return: expected finite scores, at least one; got {list(scores)[:10]}")
    if not interval or len(values) < 2:
        return Points(float(values.mean()), None, None, len(values))
    chance = np.random.default_rng(0)
    means = values[chance.integers(len(values), size=(BOOTSTRAPS, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Points(float(values.mean()), float(low), float(high), len(values))


def deviation(scores: Sequence[float]) -> float:
    """Return the standard deviation of the episodes' scores as a sample; 0 of a single one."""
    return float(np.std(np.asarray(scores, float), ddof=1)) if len(scores) > 1 else 0.0
