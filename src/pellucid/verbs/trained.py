"""A trained network, opened for use: the run, its task, its facts and the network with its weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pellucid import config, tasks
from pellucid.device import without_memory
from pellucid.errors import RunError, UsageError, near
from pellucid.run import Run
from pellucid.snapshots import file_of
from pellucid.task import Data, Task
from pellucid.zoo import released, short_names, whole_name

RUNS = Path("runs")
WEIGHTS = "weights.safetensors"
STARTED = "started in"  # in environment.json: where the command was given
DESCRIBING = {"licence", "source"}  # facts that may be worded anew
MOMENT = "~"  # between a run's identifier and a step


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A network that can be asked.

    Attributes:
        task: with the hyperparameters of the training.
        facts: what the data taught; the data themselves are not needed.
        network: in evaluation mode, on the CPU.
    """

    task: Task
    facts: dict[str, Any]
    network: nn.Module


@dataclass(frozen=True, kw_only=True)
class Trained(Ready):
    """A network with the run it was read from; a released model is a run too.

    Attributes:
        step: of the training, whose weights these are.
    """

    run: Run
    step: int

    def data(self) -> Data:
        """Return the data of its training.

        Raises:
            RunError: they are others now, so that what it was trained on might be among what it is tested on.
        """
        data = self.task.data()
        check_unchanged(self.run, data, self.task.lasting, advice="put the old data back, or train anew")
        return data


def open_trained(
    reference: str | Path, kind: type[Task] | None = None, *, step: int | None = None
) -> Trained:
    """Open a run directory, or a released model by name: "digits" or "digits/mlp".

    Args:
        kind: the task's class, for a task that is not one of ours.
        step: of one of the run's snapshots, instead of the weights that it kept.
    Raises:
        UsageError: nothing has this name.
        RunError: the run cannot be read, or its weights do not fit its task.
    """
    run = Run.open(locate(reference))
    task = restored(run, kind)
    weights, saved = run.weights() if step is None else run.snapshots.read(step)
    facts = run.facts
    if "sure_above" in (saved["scores"] or {}):  # chosen on validation, and needed to answer
        facts = {**facts, "sure_above": saved["scores"]["sure_above"]["value"]}
    try:
        with without_memory():
            mine = task.model(run.facts).state_dict()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise RunError(
            f"{run.path}: no network can be built from its task.json and facts.json ({what})"
        ) from None
    wrong = [
        f"{name} is {_shape(weights.get(name))}, expected {_shape(mine.get(name))}"
        for name in sorted({*mine, *weights})
        if _shape(weights.get(name)) != _shape(mine.get(name))
    ]
    if wrong:
        raise RunError(f"{run.path}: the weights do not fit the network of task.json: {wrong[0]}")
    broken = [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise RunError(f"{run.path}: the weights {broken[0]} hold NaN or infinity; train again")
    network = task.model(run.facts)
    network.load_state_dict({name: tensor.to(mine[name].dtype) for name, tensor in weights.items()})
    network.eval().requires_grad_(False)
    return Trained(run=run, step=saved["step"], task=task, facts=facts, network=network)


def check_unchanged(run: Run, data: Data, names: Collection[str] = (), *, advice: str) -> None:
    """Hold what data say of themselves against what they said when a run was started.

    Args:
        names: of the facts to compare; none, all but how they are described.
    Raises:
        RunError: they differ.
    """
    names = names or run.facts.keys() - DESCRIBING
    changed = sorted(name for name in names if data.facts.get(name) != run.facts.get(name))
    if changed:
        raise RunError(
            f"{run.path}: the data changed since the run was started ({', '.join(changed)}); {advice}"
        )


def moment_of(identifier: str) -> tuple[str, int | None]:
    """Return the run and the step of "digits-cnn-1~1200"; None where no step is said.

    Raises:
        UsageError: what stands for the step is no number.
    """
    run, mark, step = identifier.partition(MOMENT)
    if mark and not (step.isascii() and step.isdecimal() and len(step) <= 12):
        raise UsageError(f'"{identifier[:80]}": expected RUN{MOMENT}STEP, such as digits-cnn-1{MOMENT}1200')
    return run, int(step) if mark else None


def weights_at(run: Path, step: int | None) -> Path:
    """Return the file of a run's weights, or of those at a step."""
    return run / WEIGHTS if step is None else file_of(run, step)


def next_run(task: Task) -> Path:
    """Return the first free ``runs/TASK-NETWORK-N``."""
    name = f"{task.name}-{getattr(task, 'network', '')}".rstrip("-")
    number = 1
    while (RUNS / f"{name}-{number}").exists():
        number += 1
    return RUNS / f"{name}-{number}"


def locate(reference: str | Path) -> Path:
    """Return the directory that a run's path or a released model's name stands for.

    Raises:
        UsageError: there is neither such a directory nor such a released model.
    """
    path = Path(reference)
    if path.is_dir():
        return path
    known = released()
    name = whole_name(str(reference))
    if name in known:
        return known[name]
    if path.is_file():
        raise UsageError(f"{reference} is a file; give the run's directory, such as {path.parent}")
    names = [*short_names(), *known]
    names += [str(found.parent) for found in sorted(RUNS.glob("*/task.json"))]
    raise UsageError(
        f'"{reference}" is neither a run directory nor a released model '
        f"({', '.join(known) or 'none is installed'}).{near(str(reference), names)} "
        "See what there is with: pellucid list; train one with: pellucid train digits"
    )


def is_released(path: Path) -> bool:
    """Say whether a run's directory is a released model, which stays as it was released."""
    return path.resolve() in {known.resolve() for known in released().values()}


def copied(trained: Trained) -> Trained:
    """Return a released model from its copy in ``runs/``, which is made if need be and can take a report.

    Raises:
        UsageError: something else lies where the copy would be.
    """
    path = trained.run.path
    copy = copy_of(path)
    require_copy(path, copy)
    return replace(trained, run=Run.open(copy))


def require_copy(path: Path, copy: Path) -> None:
    """Copy a released model, or see that it was copied as it is here now.

    Raises:
        UsageError: something else lies where the copy would be, such as that of an earlier version.
    """
    if not copy.exists():
        shutil.copytree(path, copy)
    if (copy / WEIGHTS).read_bytes() != (path / WEIGHTS).read_bytes():
        raise UsageError(f"{copy} is not a copy of {path}, which may be of another version; move it away")


def copy_of(path: Path) -> Path:
    """Return where the copy of a released model lies."""
    return RUNS / f"released-{path.parent.name}-{path.name}"


def restored(run: Run, kind: type[Task] | None = None) -> Task:
    """Build the task of a run from its JSON; a task that is not one of ours needs its class.

    Raises:
        RunError: the run names no task that is known here, or its fields are wrong.
    """
    name = run.task.get("task")
    if kind is None:
        if name not in tasks.TASKS:
            raise RunError(
                f"{run.path}: the task {name!r} is not one of ours; name its file with --task FILE.py"
            )
        kind = tasks.find(name)
    if kind.name != name:
        raise RunError(f'{run.path}: the run belongs to the task "{name}", not to "{kind.name}"')
    fields = kind.earlier | {key: value for key, value in run.task.items() if key != "task"}
    task = config.from_json(kind, {**fields, "training": run.training}, source=f"{run.path}/task.json")
    return _seen_from_here(task, run)


def started(path: Path) -> str:
    """Return where we are as seen from a run's directory: ``../..``, which holds when both are moved."""
    return _relative(Path.cwd(), path.resolve())


def _seen_from_here(task: Task, run: Run) -> Task:
    """Turn the paths that a task was given where its training started into such as lead there from here."""
    start = run.environment.get(STARTED)
    if not isinstance(start, str) or (place := (run.path.resolve() / start).resolve()) == Path.cwd():
        return task
    found: dict[str, Any] = {}
    for name, is_path in task.paths.items():
        given = getattr(task, name)
        if given and is_path(given) and not Path(given).is_absolute() and (place / given).exists():
            found[name] = _relative(place / given, Path.cwd())
    return replace(task, **found)


def _relative(path: Path, start: Path) -> str:
    try:
        return os.path.relpath(path, start)
    except ValueError:  # on another drive
        return str(path)


def _shape(tensor: Any) -> Any:
    return None if tensor is None else tuple(tensor.shape)
