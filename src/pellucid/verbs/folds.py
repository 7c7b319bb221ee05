"""Cross-validation: as many networks as there are folds, each tested on the fold that it never saw."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import metrics
from pellucid.errors import RunError, UsageError
from pellucid.learners import outputs_of
from pellucid.run import Run
from pellucid.task import Task
from pellucid.verbs.train import resume, train
from pellucid.verbs.trained import Trained, copy_of, is_released, open_trained, restored


@dataclass(frozen=True)
class Fold:
    """One network of a cross-validation and what it said of its test fold.

    Attributes:
        number: of the fold.
        run: the directory of the network.
        logits, targets: ``(N, K)`` and ``(N,)`` of the test fold.
    """

    number: int
    run: Path
    logits: np.ndarray
    targets: np.ndarray

    @property
    def accuracy(self) -> metrics.Score:
        """Share of right answers in this fold."""
        return metrics.accuracy(self.logits, self.targets)


def cross_validate(trained: Trained, count: int) -> Iterator[Fold]:
    """Train and test one network a fold, in ``RUN-folds/fold-N``; yield each as it is tested.

    Those of a released network lie in ``runs/``.

    The given run stands for its own fold. Runs that are there already are used, unfinished ones resumed, so
    a cross-validation that was interrupted goes on where it stood.

    Raises:
        UsageError: the data have a test set of their own, or ``count`` is not what the run was trained with.
        RunError: a fold's directory holds a run with other settings.
    """
    task = trained.task
    if "fold" not in trained.facts:
        raise UsageError(
            f"{trained.run.path}: the data have a test set of their own, there is nothing to fold"
        )
    if trained.facts["folds"] != count:
        raise UsageError(
            f"--folds is {count}, but the run was trained on {trained.facts['folds']} folds; "
            f"train with --folds {count}"
        )
    for number in range(count):
        wanted = dataclasses.replace(task, fold=number)  # type: ignore[call-arg]
        path = _place(trained, number)
        _finish(wanted, path)
        network = open_trained(path, type(task))
        logits, targets = outputs_of(network.network, network.task, network.data().test(), network.facts)
        yield Fold(number, path, logits.numpy(), targets.numpy())


def summary(folds: Sequence[Fold]) -> dict[str, Any]:
    """Return the mean over the folds, as the paper has it, its deviation, and the score of all texts."""
    shares = [fold.accuracy.value for fold in folds]
    logits, targets = (
        np.concatenate([getattr(fold, name) for fold in folds]) for name in ("logits", "targets")
    )
    return {
        "scores": {"accuracy": metrics.accuracy(logits, targets).to_json()},
        "mean": statistics.fmean(shares),
        "deviation": statistics.stdev(shares) if len(shares) > 1 else 0.0,
        "folds": [
            {"fold": fold.number, "run": str(fold.run), "accuracy": fold.accuracy.to_json()} for fold in folds
        ],
        "n": len(targets),
    }


def _place(trained: Trained, number: int) -> Path:
    path = trained.run.path
    if trained.facts["fold"] == number:
        return path
    beside = copy_of(path) if is_released(path) else path if path.name else path.resolve()  # "." has no name
    return beside.with_name(f"{beside.name}-folds") / f"fold-{number}"


def _finish(task: Task, path: Path) -> None:
    """Train to the end what is not there or not finished."""
    if not path.exists():
        for _ in train(task, path):
            pass
        return
    run = Run.open(path)
    if restored(run, type(task)) != task:
        raise RunError(f"{path} is a run with other settings than this fold's; move it away")
    if not run.finished:
        for _ in resume(path, type(task)):
            pass
