"""Train: a task becomes a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from pellucid import config, device, engine
from pellucid.engine import Learner
from pellucid.errors import NonFinite
from pellucid.processes import any_of, rank, world
from pellucid.run import Progress, Run
from pellucid.snapshots import is_kept
from pellucid.task import Task
from pellucid.verbs.trained import STARTED, check_unchanged, restored, started

LOG_EVERY = 10  # steps between lines of progress.jsonl; every evaluation has a line as well
MOST_LOGGED = 100_000  # lines but for those: what is read whole, again and again, stays small


def train(task: Task, path: str | Path) -> Iterator[Progress]:
    """Train ``task`` into a new run directory, yielding ``Progress`` after every step.

    Closing the generator early (``break`` inside ``contextlib.closing``) saves where it stands.

    Raises:
        UsageError: the directory holds something already.
        NonFinite: the training diverged; the last good state is in the run.
    """
    with device.denormals_flushed():
        data = task.data()
        learner = task.learner(data)
        run = None
        if rank() == 0:
            run = Run.create(
                path,
                task=described(task),
                training=config.to_json(task.training),
                facts=data.facts,
                environment={**device.environment(), "processes": world(), STARTED: started(Path(path))},
            )
        with run.held() if run else nullcontext():
            yield from _steps(task, learner, run, start=0, records=[])


def resume(path: str | Path, kind: type[Task] | None = None) -> Iterator[Progress]:
    """Go on with an interrupted run from its newest good state; the end is the same to the byte.

    Raises:
        RunError: the run cannot be read, the data are not those it was started with, or another process
            trains it.
    """
    run = Run.open(path)
    if run.finished:
        return  # there is nothing to do, and nothing is written
    task = restored(run, kind)
    with device.denormals_flushed(), run.held() if rank() == 0 else nullcontext():
        yield from _resumed(task, run)


def _resumed(task: Task, run: Run) -> Iterator[Progress]:
    data = task.data()
    check_unchanged(run, data, advice="start a new run")
    learner = task.learner(data)
    saved = run.state()
    if saved is not None:
        learner.load_state_dict(saved.state)
    start = saved.step if saved else 0
    if rank() == 0:
        run.rewind(start)
    any_of(False)  # the others wait here until the log is rewound
    records = Run.open(run.path).progress()
    yield from _steps(task, learner, run if rank() == 0 else None, start=start, records=records)


def with_own_rates(task: Task, optimizer: str | None) -> Task:
    """Forget the rates that a setting found for one optimiser when another is asked for."""
    if optimizer in (None, task.training.optimizer):
        return task
    forgotten: Any = dict.fromkeys(("learning_rate", "weight_decay", "beta2", "momentum", "rho"))
    training = replace(task.training, **forgotten)
    return replace(task, training=training)


def described(task: Task) -> dict[str, Any]:
    """Return what ``task.json`` holds: the task's name and its fields but for the training."""
    fields = config.to_json(task)
    del fields["training"]
    return {"task": task.name, **fields}


def _steps(
    task: Task, learner: Learner, run: Run | None, *, start: int, records: list[dict[str, Any]]
) -> Iterator[Progress]:
    evaluations = [record for record in records if record.get("scores")]
    progress, saving = None, 0.0
    try:
        for progress in until_exhausted(task, learner, start, evaluations):
            if run is not None and is_logged(progress):
                run.log(progress, {"saving": saving, "memory": device.memory()})
            if run is not None and progress.scores is not None:
                began = perf_counter()
                _keep(task, learner, run, evaluations)
                saving += perf_counter() - began
            yield progress
    except GeneratorExit:
        if run is not None and progress is not None and progress.scores is None:
            _save_state(learner, run, progress.step)
        raise
    if run is not None:
        run.finish()


def is_logged(progress: Progress) -> bool:
    """Say whether a step has a line in the log: every tenth, of long trainings fewer, and each evaluation."""
    every = LOG_EVERY * max(1, -(-progress.steps // (LOG_EVERY * MOST_LOGGED)))
    return progress.scores is not None or progress.step % every == 0


def until_exhausted(
    task: Task, learner: Learner, start: int, evaluations: list[dict[str, Any]]
) -> Iterator[Progress]:
    """Yield progress, adding to ``evaluations``, until there is nothing more to hope for.

    Raises:
        NonFinite: the training diverged.
    """
    if _exhausted(task, evaluations):
        return  # it was killed between its last step and the word that it is finished
    for progress in engine.fit(learner, start=start):
        if progress.scores is not None:
            evaluations.append(progress.to_json())
        yield progress
        if progress.scores is not None and _exhausted(task, evaluations):
            return


def _exhausted(task: Task, evaluations: list[dict[str, Any]]) -> bool:
    """Say whether the patience is at its end, or the learning rate of the plateau schedule."""
    annealed = task.training.schedule == "plateau" and engine.annealed(evaluations)
    return annealed or engine.exhausted(evaluations, task.goal, task.training.patience)


def _keep(task: Task, learner: Learner, run: Run, evaluations: list[dict[str, Any]]) -> None:
    """Save the weights if they are the ones to keep, then all that a resumed training needs."""
    step, scores = evaluations[-1]["step"], evaluations[-1]["scores"]
    if task.training.keep == "last" or engine.best(evaluations, task.goal) == step:
        weights = learner.weights()
        _require_finite(weights, step)
        run.save_weights(weights, step=step, scores=scores)
    _snapshot(task, learner, run, step, scores)
    _save_state(learner, run, step)


def _snapshot(task: Task, learner: Learner, run: Run, step: int, scores: dict[str, Any]) -> None:
    """Keep the weights of this evaluation, if those of the whole training may be kept."""
    if not task.training.snapshots:
        return
    weights, clock = learner.weights(), learner.clock
    size = sum(tensor.nbytes for tensor in weights.values())
    most = task.training.snapshots * 2**20
    if is_kept(step, steps=clock.steps, every=clock.evaluate_every, size=size, most=most):
        _require_finite(weights, step)
        run.snapshots.save(weights, step=step, scores=scores)


def _save_state(learner: Learner, run: Run, step: int) -> None:
    state = learner.state_dict()
    _require_finite(state, step)
    run.save_state(state, step=step)


def _require_finite(part: Any, step: int, name: str = "") -> None:
    if isinstance(part, dict):
        for key, inner in part.items():
            _require_finite(inner, step, f"{name}/{key}" if name else str(key))
    elif isinstance(part, Tensor) and not bool(torch.isfinite(part).all()):
        raise NonFinite(
            f"step {step}: {name} is not finite; it is not saved, and the last good state is kept"
        )
