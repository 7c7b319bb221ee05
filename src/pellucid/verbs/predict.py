"""Predict: an input of your own becomes an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import DataError, UsageError
from pellucid.task import Answer
from pellucid.verbs.trained import Ready

VALID = "valid:"


def predict(ready: Ready, source: str | Path | np.ndarray) -> Answer:
    """Answer one input.

    Args:
        source: a file, ``valid:12`` for a validation sample, or an array as the task's reader takes it.
    Raises:
        DataError: the file cannot be read or nothing is found in it.
    """
    stages, _ = stages_of(ready, source)
    return answer_to(ready, raw_sample(stages))


def answer_to(ready: Ready, sample: np.ndarray) -> Answer:
    """Answer one raw sample, as the data hold it."""
    with torch.inference_mode():
        outputs = ready.task.ask(ready.network, prepared(ready, sample), ready.facts)
        return ready.task.answer(outputs[0], ready.facts)


def answers_to(ready: Ready, samples: Sequence[np.ndarray]) -> list[Answer]:
    """Answer many raw sequences at once; 0 is put after the shorter ones."""
    longest = max(len(sample) for sample in samples)
    whole = np.zeros((len(samples), longest), samples[0].dtype)
    for row, sample in zip(whole, samples, strict=True):
        row[: len(sample)] = sample
    inputs, _ = ready.task.prepare(torch.from_numpy(whole), facts=ready.facts)
    with torch.inference_mode():
        outputs = ready.task.ask(ready.network, inputs, ready.facts)
        return [ready.task.answer(output, ready.facts) for output in outputs]


def prepared(ready: Ready, sample: np.ndarray) -> Tensor:
    """Return a raw sample as the network takes it: a batch of one."""
    inputs, _ = ready.task.prepare(torch.from_numpy(np.array(sample))[None], facts=ready.facts)
    return inputs


def searching(ready: Ready, beam: int | None, penalty: float | None) -> Ready:
    """Return what is ready with another search.

    Raises:
        UsageError: its answers are not searched for, or the numbers are out of range.
    """
    changes = {"beam": beam, "length_penalty": penalty}
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        return ready
    task: Any = ready.task
    if not hasattr(task, "beam"):
        raise UsageError(f"--{next(iter(given)).replace('_', '-')}: {ready.task.name} does not search")
    return replace(ready, task=replace(task, **given))


def stages_of(ready: Ready, source: str | Path | np.ndarray) -> tuple[dict[str, np.ndarray], int | None]:
    """Return the stages of an input, name -> array, the raw sample last, and its class where it is known."""
    if isinstance(source, str) and source.startswith(VALID):
        return _of_data(ready, source.removeprefix(VALID))
    takes = ready.task.takes
    if (
        takes.kind not in ("text", "drawing", "script")
        and isinstance(source, (str, Path))
        and not Path(source).is_file()
    ):
        what = "is a directory" if Path(source).is_dir() else "there is no such file"
        raise DataError(f"{source}: {what}; give a file, or {VALID}12 for a validation sample")
    return takes.read(source, ready.facts), None


def raw_sample(stages: dict[str, np.ndarray]) -> np.ndarray:
    """Return the last stage, which is what the network's ``prepare`` gets."""
    return list(stages.values())[-1]


def _of_data(ready: Ready, number: str) -> tuple[dict[str, np.ndarray], int | None]:
    valid = ready.task.data().valid
    if not number.isdecimal() or int(number) >= len(valid):
        raise UsageError(f"{VALID}{number}: expected {VALID}0 to {VALID}{len(valid) - 1}")
    inputs, targets = valid[torch.tensor([int(number)])]
    known = int(targets[0]) if ready.task.gives == "classes" else None
    return {"sample": inputs[0].numpy()}, known
