"""What a network that writes chose from at each place: pieces of a translation, codes of a sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.datasets import subwords
from pellucid.errors import UsageError
from pellucid.models.convs2s import END, UNKNOWN
from pellucid.verbs.trained import Ready


@dataclass(frozen=True)
class Choices:
    """The scores at every place, each after what stands before it.

    Attributes:
        scores: ``(T, K)``, before softmax.
        came: ``(T,)``, what stands at each place.
        name: of one of the ``K``.
    """

    scores: Tensor
    came: list[int]
    name: Callable[[int], str]


def choices(ready: Ready, sample: np.ndarray) -> Choices:
    """Return the choices of a network along its own translation of a sample, or along a sample of sound.

    Raises:
        UsageError: it writes no sequence.
    """
    task = ready.task
    if task.gives not in CAME:
        raise UsageError(f"{task.name} gives {task.gives}, which are not chosen one after the other")
    raw = torch.from_numpy(np.array(sample))[None]
    with torch.no_grad():
        inputs, came, name = CAME[task.gives](ready, raw)
        scores = ready.network(inputs)[0]
    return Choices(scores[: len(came)], came, name)


def _pieces(ready: Ready, raw: Tensor) -> tuple[Tensor, list[int], Callable[[int], str]]:
    task, facts = ready.task, ready.facts
    (found,) = task.ask(ready.network, task.prepare(raw, facts=facts)[0], facts)
    written = [*found.hypotheses[0].pieces, END]
    inputs, _ = task.prepare(raw, torch.tensor([written]), facts=facts)
    came = [piece if piece < len(facts["pieces"]) else UNKNOWN for piece in written]
    return inputs, came, subwords.of(facts).piece


def _codes(ready: Ready, raw: Tensor) -> tuple[Tensor, list[int], Callable[[int], str]]:
    inputs, codes = ready.task.prepare(raw, facts=ready.facts)
    assert codes is not None  # they do not depend on targets
    return inputs, codes[0][codes[0] >= 0].tolist(), str


CAME: dict[str, Callable[[Ready, Tensor], tuple[Tensor, list[int], Any]]] = {"text": _pieces, "sound": _codes}
