"""The one loop. It counts steps and says when to evaluate; what a step does is the learner's business.

The loop is a generator: an observer is a ``for`` loop around it, and stopping is ``break``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from pellucid import schedules
from pellucid.errors import NonFinite, UsageError
from pellucid.metrics import Score
from pellucid.run import Progress
from pellucid.training import Clock


class Learner(Protocol):
    """How one batch changes the weights; all that the loop knows of a training."""

    clock: Clock

    def batches(self, start: int) -> Iterator[Any]:
        """Yield the batch of step ``start``, ``start + 1`` and so on without end."""

    def update(self, batch: Any, step: int) -> Tensor:
        """Change the weights by one batch and return its loss, a scalar."""

    def evaluate(self) -> dict[str, Score]:
        """Score the weights on the validation set."""

    def learning_rate(self, step: int) -> float:
        """Return the learning rate that ``step`` uses."""

    def weights(self) -> dict[str, Tensor]:
        """Return what is used afterwards: the averaged weights where there is an average."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed training needs, as nested dicts of tensors and JSON values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` returned."""


@runtime_checkable
class Watchable(Protocol):
    """A learner that can also tell how each layer fares."""

    def vitals(self) -> dict[str, dict[str, float]]:
        """Return numbers of each layer by name, after an evaluation."""


def fit(learner: Learner, *, start: int = 0) -> Iterator[Progress]:
    """Train from step ``start`` to the end of the learner's clock, yielding ``Progress`` after every step.

    Raises:
        NonFinite: a loss, gradient or score is NaN or infinite; raised in the step where it happens, before
            the weights change.
    """
    clock, began, evaluating = learner.clock, perf_counter(), 0.0
    for step, batch in zip(range(start, clock.steps), learner.batches(start), strict=False):
        loss = learner.update(batch, step)
        done = step + 1
        due = done % clock.evaluate_every == 0 or done == clock.steps
        paused = perf_counter()
        scores = _evaluate(learner, done, loss) if due else None
        evaluating += perf_counter() - paused
        yield Progress(
            step=done,
            steps=clock.steps,
            epoch=done / clock.epoch_steps,
            loss=loss,
            learning_rate=learner.learning_rate(step),
            scores={name: score.to_json() for name, score in scores.items()} if scores else None,
            seconds=perf_counter() - began,
            evaluating=evaluating,
            layers=learner.vitals() if scores and isinstance(learner, Watchable) else None,
        )


def _evaluate(learner: Learner, step: int, loss: Tensor) -> dict[str, Score]:
    try:
        scores = learner.evaluate()
        bad = [
            f"the validation score {name} is {s.value}"
            for name, s in scores.items()
            if not math.isfinite(s.value)
        ]
        if bad:
            raise NonFinite(bad[0])
    except NonFinite as error:
        text = f"step {step}: the loss is {float(loss):g} and {error}; nothing of this evaluation is kept"
        raise NonFinite(text) from None
    return scores


def best(records: Sequence[dict[str, Any]], goal: str) -> int | None:
    """Return the step of a log's best evaluation, the earliest among equals; None before the first.

    Args:
        records: lines of ``progress.jsonl``.
        goal: the score's name; "-" in front means that smaller is better.
    Raises:
        UsageError: the evaluations have no such score.
    """
    name, sign = goal.removeprefix("-"), -1 if goal.startswith("-") else 1
    evaluated = [record for record in records if record.get("scores")]
    if not evaluated:
        return None
    if name not in evaluated[0]["scores"]:
        raise UsageError(f'the goal is "{name}", but the metrics are {", ".join(evaluated[0]["scores"])}')
    return max(evaluated, key=lambda record: sign * record["scores"][name]["value"])["step"]


def annealed(records: Sequence[dict[str, Any]]) -> bool:
    """Say whether the plateau schedule has brought the learning rate below the least one."""
    evaluated = [record for record in records if record.get("scores")]
    factor = schedules.plateau([record["scores"]["loss"]["value"] for record in evaluated])
    return factor < 1 and evaluated[0]["learning_rate"] * factor < schedules.LEAST_RATE


def exhausted(records: Sequence[dict[str, Any]], goal: str, patience: int | None) -> bool:
    """Say whether the last ``patience`` evaluations brought nothing better (early stopping)."""
    at = best(records, goal)
    if patience is None or at is None:
        return False
    return sum(1 for record in records if record.get("scores") and record["step"] > at) >= patience
