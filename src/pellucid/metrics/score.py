"""A number that says how sure it is, and what to do with several of them: compare, spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import DataError


@dataclass(frozen=True)
class Score:
    """One measured number, its 95 % interval and the number of samples behind it.

    ``low`` and ``high`` are None where no interval is known; only proportions have one here, so a score
    with an interval is written in percent.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        """Return '98.62 % (98.37 to 98.83, n = 10,000)', or '0.0456 (n = 10,000)' without an interval."""
        if self.low is None or self.high is None:
            return f"{self.value:.4f} (n = {self.n:,})"
        return f"{100 * self.value:.2f} % ({100 * self.low:.2f} to {100 * self.high:.2f}, n = {self.n:,})"

    def to_json(self) -> dict[str, Any]:
        """Return ``{"value", "low", "high", "n"}``."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Score:
        """Read what ``to_json`` wrote; a missing or extra key is a ``DataError``."""
        if set(data) != {"value", "low", "high", "n"}:
            raise DataError(f"score: has the keys {sorted(data)}, expected value, low, high and n")
        low, high = (None if data[key] is None else float(data[key]) for key in ("low", "high"))
        return cls(float(data["value"]), low, high, int(data["n"]))


def wilson(correct: int, n: int, confidence: float = 0.95) -> Score:
    """Return the proportion ``correct / n`` with the score interval of Wilson 1927.

    It holds its confidence near 0 and 1, where the textbook interval does not (Newcombe 1998, method 3).
    """
    if n < 1 or not 0 <= correct <= n:
        raise DataError(f"wilson: {correct} correct of {n}; expected 0 <= correct <= n and n >= 1")
    if not 0 < confidence < 1:
        raise DataError(f"wilson: confidence is {confidence}, expected a number between 0 and 1")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / n
    centre = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if correct == 0 else (centre - reach) / scale
    high = 1.0 if correct == n else (centre + reach) / scale
    return Score(share, low, high, int(n))


@dataclass(frozen=True)
class Comparison:
    """Two models on the same samples: how often only one of them was right, and McNemar's exact p."""

    only_a: int
    only_b: int
    p: float


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> Comparison:
    """Ask whether two models differ by more than chance: the exact two-sided test of McNemar 1947.

    Args:
        correct_a, correct_b: ``(N,)`` booleans, whether each model was right on each sample.
    """
    a, b = array(correct_a), array(correct_b)
    if a.ndim != 1 or a.shape != b.shape or not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise DataError(f"mcnemar: expected two equal rows of booleans, got shapes {a.shape} and {b.shape}")
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    n, tail, ways = only_a + only_b, 0, 1
    for i in range(min(only_a, only_b) + 1):  # whole numbers: no rounding however large n is
        tail, ways = tail + ways, ways * (n - i) // (i + 1)
    return Comparison(only_a, only_b, min(1.0, 2 * tail / 2**n))


@dataclass(frozen=True)
class Spread:
    """The median and the extremes of one score over several seeds."""

    median: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return ``{"median", "low", "high", "n"}``."""
        return {"median": self.median, "low": self.low, "high": self.high, "n": self.n}


def spread(values: Sequence[float]) -> Spread:
    """Return the median, minimum and maximum of one score over several seeds."""
    numbers = [float(value) for value in values]
    if not numbers or not all(map(math.isfinite, numbers)):
        raise DataError(f"spread: expected at least one finite number, got {numbers}")
    return Spread(median(numbers), min(numbers), max(numbers), len(numbers))


def array(values: Any) -> NDArray[Any]:
    """Return numpy's view of a torch tensor (of any device, with or without gradient) or of anything else."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.double() if values.is_floating_point() else values  # numpy has no bfloat16
        return values.numpy()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"expected an array of numbers, got rows of unequal length ({error})") from error
