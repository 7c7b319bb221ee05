"""The contract, executable: does a task keep what a task promises?

``pellucid check FILE`` runs this on a stranger's task, and our own tests run it on every task.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pellucid import config, engine
from pellucid.errors import UsageError
from pellucid.run import Run
from pellucid.task import Answer, Task

OVERFIT_STEPS = 300


@dataclass(frozen=True)
class Check:
    """One promise, and whether it was kept."""

    promise: str
    kept: bool
    problem: str = ""


def check_task(task: Task) -> Iterator[Check]:
    """Try each promise of the contract on ``task``, best its ``tiny()`` setting: seconds, made-up data."""
    promises: list[Callable[[Task], None]] = [
        fields_survive_json,
        the_test_set_stays_closed,
        the_same_seed_gives_the_same_first_batch,
        preparing_for_use_is_not_random,
        one_batch_can_be_learned,
        an_answer_comes_from_facts_alone,
        saved_and_reopened_gives_equal_outputs,
        interrupted_and_resumed_equals_uninterrupted,
    ]
    for promise in promises:
        name = promise.__name__.replace("_", " ")
        try:
            promise(task)
        except Exception as error:  # a stranger's task may raise anything; all of it is the finding
            yield Check(name, False, f"{type(error).__name__}: {error}")
        else:
            yield Check(name, True)


def tiny_setting(kind: type[Task]) -> Task:
    """Return the compulsory ``tiny()`` setting of a task.

    Raises:
        UsageError: the task's file has none.
    """
    known = config.settings(kind)
    if "tiny" not in known:
        raise UsageError(f"the file of {kind.name} has no function tiny() -> {kind.__name__}; add one")
    return config.setting(kind, "tiny")


def fields_survive_json(task: Task) -> None:
    """The fields are the task: as JSON and back they are equal."""
    text = json.loads(json.dumps(config.to_json(task)))
    _require(
        config.from_json(type(task), text, source="its JSON") == task,
        "the fields change on their way through JSON",
    )


def the_test_set_stays_closed(task: Task) -> None:
    """``data().test`` is a function that ``evaluate`` calls, and facts are JSON with the class names."""
    data = task.data()
    _require(callable(data.test), "data().test must be a function that opens the test set")
    _require(json.loads(json.dumps(data.facts)) == data.facts, "facts are not JSON")
    if task.gives == "classes":
        _require(bool(data.facts.get("classes")), 'facts lack "classes"')


def the_same_seed_gives_the_same_first_batch(task: Task) -> None:
    """Batches are a function of the seed and the step."""
    first, again, other = (_batch(each) for each in (task, task, _with(task, seed=task.training.seed + 1)))
    _require(_equal(first, again), "the same seed gave two different first batches")
    _require(not _equal(first, other), "another seed gave the same first batch")


def preparing_for_use_is_not_random(task: Task) -> None:
    """Without ``draws``, ``prepare`` gives the same twice and leaves its input alone."""
    data = task.data()
    inputs, targets = data.valid[torch.arange(min(4, len(data.valid)))]
    before = inputs.clone()
    first, _ = task.prepare(inputs, targets, facts=data.facts)
    second, _ = task.prepare(inputs, targets, facts=data.facts)
    _require(_equal(first, second), "prepare is random although it got no draws")
    _require(torch.equal(inputs, before), "prepare changes its input in place")


def one_batch_can_be_learned(task: Task) -> None:
    """A network that cannot overfit one batch has a broken loss, model or target."""
    constant = _with(task, schedule="constant", steps=OVERFIT_STEPS, epochs=1.0)
    learner: Any = constant.learner(constant.data())
    batch = next(learner.batches(0))
    first = float(learner.update(batch, 0))
    last = first
    for step in range(1, OVERFIT_STEPS):
        last = float(learner.update(batch, step))
        if last < 0.5 * first:
            return
    _require(
        False, f"{OVERFIT_STEPS} updates on one batch brought its loss from {first:.4f} to {last:.4f} only"
    )


def an_answer_comes_from_facts_alone(task: Task) -> None:
    """``answer`` is an ``Answer`` whose JSON survives, from one output and the facts."""
    data = task.data()
    network = task.model(data.facts).eval()
    inputs, _ = task.prepare(data.valid[torch.arange(1)][0], facts=data.facts)
    with torch.inference_mode():
        answer = task.answer(task.ask(network, inputs, data.facts)[0], data.facts)
    _require(isinstance(answer, Answer), f"answer returned {type(answer).__name__}, expected Answer")
    _require(json.loads(json.dumps(answer.to_json())) == answer.to_json(), "the answer is not JSON")


def saved_and_reopened_gives_equal_outputs(task: Task) -> None:
    """Weights that went through a run give the outputs of the original."""
    data = task.data()
    learner = task.learner(data)
    inputs, _ = task.prepare(data.valid[torch.arange(min(4, len(data.valid)))][0], facts=data.facts)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(
            Path(folder) / "run", task={"task": task.name}, training={}, facts=data.facts, environment={}
        )
        run.save_weights(learner.weights(), step=0, scores=None)
        weights, _ = Run.open(run.path).weights()
    networks = [task.model(data.facts).eval() for _ in range(2)]
    for network, tensors in zip(networks, (learner.weights(), weights), strict=True):
        network.load_state_dict(tensors)
    with torch.inference_mode():
        first, second = (network(inputs) for network in networks)
    _require(_equal(first, second), "the reopened network gives other outputs")


def interrupted_and_resumed_equals_uninterrupted(task: Task) -> None:
    """Stopped half-way, saved, loaded into a new learner and finished: the same weights to the bit."""
    short = _with(task, steps=6, epochs=1.0, evaluate_every=3)
    whole = short.learner(short.data())
    for _ in engine.fit(whole):
        pass
    first = short.learner(short.data())
    for progress in engine.fit(first):
        if progress.step == 3:
            break
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(
            Path(folder) / "run", task={"task": task.name}, training={}, facts={}, environment={}
        )
        run.save_state(first.state_dict(), step=3)
        saved = Run.open(run.path).state()
    second = short.learner(short.data())
    second.load_state_dict(saved.state)  # type: ignore[union-attr]
    for _ in engine.fit(second, start=3):
        pass
    mine, theirs = whole.weights(), second.weights()
    wrong = [name for name in mine if not torch.equal(mine[name], theirs[name])]
    _require(not wrong, f"after a resume these weights differ: {', '.join(wrong)}")


def _with(task: Task, **changes: Any) -> Task:
    return dataclasses.replace(task, training=dataclasses.replace(task.training, **changes))


def _batch(task: Task) -> Any:
    return next(iter(task.learner(task.data()).batches(0)))


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    return all(_equal(a, b) for a, b in zip(first, second, strict=True))


def _require(kept: bool, problem: str) -> None:
    if not kept:
        raise AssertionError(problem)
