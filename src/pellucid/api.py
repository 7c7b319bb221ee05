"""The door for Python: train, evaluate, predict and explain in a line each; results draw themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid import config, tasks
from pellucid.task import Answer, Task
from pellucid.verbs import evaluate as evaluating
from pellucid.verbs import explain as explaining
from pellucid.verbs import predict as predicting
from pellucid.verbs import train as training
from pellucid.verbs.evaluate import Evaluation
from pellucid.verbs.trained import Trained, next_run, open_trained

Network = Trained | str | Path


def setting(task: str, name: str = "default") -> Task:
    """Return a setting of a task, such as ``setting("digits", "cnn")``.

    Raises:
        UsageError: there is no such task or setting.
    """
    return config.setting(tasks.find(task), name)


def train(task: Task | str, path: str | Path | None = None) -> Trained:
    """Train a task to its end and return the network, opened for use.

    Args:
        task: a task, or a task's name for its defaults.
        path: the run's new directory; ``runs/TASK-NETWORK-N`` if not given.
    Raises:
        UsageError: the directory holds something already.
        NonFinite: the training diverged; the last good state is in the run.
    """
    chosen = setting(task) if isinstance(task, str) else task
    place = Path(path) if path is not None else next_run(chosen)
    for _ in training.train(chosen, place):
        pass
    return open_trained(place, type(chosen))


def load(reference: str | Path, kind: type[Task] | None = None) -> Trained:
    """Open a run's directory or a released model by name; ``kind`` is the class of a task of your own."""
    return open_trained(reference, kind)


def evaluate(network: Network) -> Evaluation:
    """Test a network on its test set: scores with intervals, confusion, calibration, mistakes, robustness."""
    return evaluating.evaluate(_opened(network))


def predict(network: Network, source: str | Path | np.ndarray) -> Answer:
    """Answer one input: a file, ``"valid:12"``, or an array of pixels."""
    return predicting.predict(_opened(network), source)


def explain(network: Network, source: str | Path | np.ndarray, target: int | None = None) -> Any:
    """Explain the answer to one input, or another class of it; of a network that plays, one moment."""
    trained = _opened(network)
    if trained.task.gives == "actions":
        from pellucid.verbs import games  # only those who play need it

        return games.explain(trained, games.moment_of(trained, source), target)
    stages, _ = predicting.stages_of(trained, source)
    return explaining.explain(trained, predicting.raw_sample(stages), target)


def _opened(network: Network) -> Trained:
    return network if isinstance(network, Trained) else open_trained(network)
