"""The learning-rate range test (Smith 2017, Cyclical learning rates, section 3.3)."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from pellucid import engine
from pellucid.errors import NonFinite, UsageError
from pellucid.plots.curves import smooth
from pellucid.task import Task

SMOOTHING = 0.8
EXPLODED = 4.0  # times the lowest smoothed loss


@dataclass(frozen=True)
class RangeTest:
    """Losses while the learning rate grows; ``suggestion`` is where the loss falls most steeply."""

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float


def range_test(task: Task, *, highest: float, steps: int) -> RangeTest:
    """Train while the rate grows a million-fold to ``highest``, by equal factors, until the loss explodes.

    Raises:
        UsageError: too few steps, or the loss exploded before anything could be seen.
    """
    if steps < 20:
        raise UsageError(f"the range test got {steps} steps; it needs at least 20")
    training = dataclasses.replace(
        task.training, steps=steps, learning_rate=highest, schedule="exponential", evaluate_every=steps
    )
    rates, losses = [], []
    seeking = dataclasses.replace(task, training=training)
    try:
        for progress in engine.fit(seeking.learner(seeking.data())):
            rates.append(progress.learning_rate)
            losses.append(float(progress.loss))
            curve = smooth(np.array(losses), SMOOTHING)
            if curve[-1] > EXPLODED * curve.min():
                break
    except NonFinite:
        pass  # the rate that breaks the training ends the test
    if len(rates) < 10:
        raise UsageError(f"the loss exploded at once; try a --highest below {highest:g}")
    return RangeTest(np.array(rates), np.array(losses), _steepest(rates, losses))


def _steepest(rates: list[float], losses: list[float]) -> float:
    curve = smooth(np.array(losses), SMOOTHING)
    lowest = max(2, int(curve.argmin()))
    slopes = np.gradient(curve, np.log(rates))[1:lowest]
    return float(f"{math.exp(np.log(rates)[1 + int(slopes.argmin())]):.1e}")
