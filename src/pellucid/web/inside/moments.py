"""A network at one moment of its training: its filters, its weights in numbers, and what it confused then.

A moment is a run's identifier and a step, ``digits-cnn-1~1200``, wherever a network is looked into; the run
alone means the weights that it kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from torch import Tensor

from pellucid import metrics
from pellucid.learners import outputs_of
from pellucid.web.inside.scenes import Looking
from pellucid.web.library import Library, Opened

MOST_TESTED = 1000  # validation samples of a moment
MOST_CLASSES = 20  # of a confusion matrix that is sent
MOST_FILTERS = 24

router = APIRouter(prefix="/api/v1", tags=["inside"])


class First:
    """The first samples of a split, as a split."""

    def __init__(self, split: Any, count: int):
        self.split, self.count = split, min(count, len(split))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Tensor) -> Any:
        return self.split[indices]


@router.get("/runs/{run}/moment")
def moment(run: str, look: Looking) -> dict[str, Any]:
    """Return filters, a summary of each layer's weights, and what the first validation samples became."""
    with look.turn():
        opened = look.library.open(run)
        return look.excited.get((opened.id, opened.sha8, "moment"), lambda: told(opened, look.library))


def told(opened: Opened, library: Library) -> dict[str, Any]:
    """Return what there is to see of a network without an input."""
    weights = opened.trained.network.state_dict()
    return {
        "filters": filters(opened, weights),
        "weights": [
            {
                "name": name,
                "shape": list(tensor.shape),
                "mean": float(tensor.double().mean()),
                "deviation": float(tensor.double().std(correction=0)),
                "largest": float(tensor.double().abs().max()),
                "ref": f"{opened.id}@{opened.sha8}/valid:0/weight:{name}",
            }
            for name, tensor in weights.items()
            if tensor.ndim > 1
        ],
        "validation": confused(opened, library),
    }


def filters(opened: Opened, weights: dict[str, Tensor]) -> dict[str, Any] | None:
    """Return what the first weights look for, if it can be drawn as pictures; None otherwise.

    They are pictures if each is a window of one channel, or weighs every pixel of a picture.
    """
    first = next(((name, tensor) for name, tensor in weights.items() if tensor.ndim > 1), None)
    side = tuple(opened.trained.facts.get("shape", ()))
    if first is None:
        return None
    name, tensor = first
    block = opened.block(tensor[:MOST_FILTERS].float().numpy(), "valid:0", f"weight:{name}")
    if tensor.ndim == 4 and tensor.shape[1] == 1:
        return {"weights": block, "rows": tensor.shape[2], "columns": tensor.shape[3], "of": len(tensor)}
    if tensor.ndim == 2 and len(side) == 2 and tensor.shape[1] == side[0] * side[1]:
        return {"weights": block, "rows": side[0], "columns": side[1], "of": len(tensor)}
    return None


def confused(opened: Opened, library: Library) -> dict[str, Any] | None:
    """Return the confusion matrix of the first validation samples; None for a task without classes."""
    ready = opened.trained
    if ready.task.gives != "classes":
        return None
    part = First(library.data(ready.task).valid, MOST_TESTED)
    outputs, targets = outputs_of(ready.network, ready.task, part, ready.facts)
    matrix = np.asarray(metrics.confusion(outputs.numpy(), targets.numpy()))
    names = ready.facts["classes"]
    return {
        "n": len(part),
        "accuracy": metrics.accuracy(outputs.numpy(), targets.numpy()).to_json(),
        "classes": names,
        "confusion": matrix.tolist() if len(names) <= MOST_CLASSES else None,
        "ref": f"{opened.id}@{opened.sha8}/confusion of valid:0 to valid:{len(part) - 1}",
    }
