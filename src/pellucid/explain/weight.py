"""One weight: the numbers that make its gradient, two proofs of it, and each optimiser's step."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError, near
from pellucid.explain import passes
from pellucid.explain.updates import UPDATES
from pellucid.explain.walk import Layer, Walk
from pellucid.explain.watching import resting
from pellucid.optimizers import DEFAULTS

NUDGE = 1e-6  # of the finite difference, times the weight's size or 1: near the cube root of double precision


@dataclass(frozen=True)
class Move:
    """One first step of one optimiser from a state that is empty; all in float64.

    ``after`` is None for Muon where it does not move this weight itself: it moves the matrices of hidden
    layers and gives all else to AdamW.
    """

    optimizer: str
    learning_rate: float
    after: float | None


@dataclass(frozen=True)
class OneWeight:
    """A weight and its gradient.

    ``value`` and ``gradient`` are the tensors' elements; ``chain`` (None where a layer is neither linear nor
    a convolution) what went in times what came back, whose sum is the gradient; ``difference`` the slope of
    the loss measured by nudging the weight in float64.
    """

    name: str
    index: tuple[int, ...]
    value: float
    gradient: float
    chain: passes.Chain | None
    difference: float
    moves: tuple[Move, ...]


def one_weight(
    model: nn.Module, walk: Walk, name: str, index: tuple[int, ...], *, learning_rate: float | None = None
) -> OneWeight:
    """Take one weight's gradient apart.

    Args:
        model: the network of the walk; it is left as it is.
        walk: of one input through it.
        name: of a parameter, such as "hidden1.weight".
        index: of one of its elements.
        learning_rate: of every optimiser; each one's own default unless given.
    Raises:
        UsageError: no such parameter, or no such element.
    """
    layer, number = _find(walk, name)
    parameter = layer.parameters[number]
    shape = parameter.value.shape
    if len(index) != len(shape) or not all(0 <= at < size for at, size in zip(index, shape, strict=True)):
        raise UsageError(f"{name} has the shape {shape}; there is no element {list(index)}")
    module = dict(model.named_modules())[layer.name]
    once = sum(each.name == layer.name for each in walk.layers) == 1
    parts = None
    if once and name == f"{layer.name}.weight":
        before, upstream = (torch.from_numpy(each)[None] for each in (layer.before, layer.gradient))
        parts = passes.chain(module, before, upstream, index)
    return OneWeight(
        name=name,
        index=index,
        value=float(parameter.value[index]),
        gradient=float(parameter.gradient[index]),
        chain=parts,
        difference=_difference(model, torch.from_numpy(walk.inputs)[None], walk.loss.target, name, index),
        moves=_moves(walk, name, index, learning_rate),
    )


def _find(walk: Walk, name: str) -> tuple[Layer, int]:
    every = {
        parameter.name: (layer, number)
        for layer in walk.layers
        for number, parameter in enumerate(layer.parameters)
    }
    if name not in every:
        known = ", ".join(every) or "none"
        raise UsageError(f'no weights are called "{name}".{near(name, every)} There are: {known}')
    return every[name]


def _difference(model: nn.Module, inputs: Tensor, target: int, name: str, index: tuple[int, ...]) -> float:
    """Return (loss(w + h) - loss(w - h)) / 2h in float64."""
    double = copy.deepcopy(model).double()
    weights = dict(double.named_parameters())[name]
    value = float(weights.detach()[index])
    step = NUDGE * max(abs(value), 1.0)
    found = []
    with resting(double), torch.no_grad():
        for moved in (value + step, value - step):
            weights[index] = moved
            scores = double(inputs.double())
            found.append(float(nn.functional.cross_entropy(scores, torch.tensor([target]))))
    return (found[0] - found[1]) / (2 * step)


def _moves(walk: Walk, name: str, index: tuple[int, ...], rate: float | None) -> tuple[Move, ...]:
    layer, number = _find(walk, name)
    held = layer.parameters[number]
    matrices = [p.name for each in walk.layers for p in each.parameters if p.value.ndim == 2]
    moves = []
    for optimizer, update in UPDATES.items():
        chosen = DEFAULTS[optimizer]["learning_rate"] if rate is None else rate
        whole = optimizer == "muon"
        if whole and (held.value.ndim != 2 or name == matrices[-1]):
            moves.append(Move(optimizer, chosen, None))
            continue
        place = (slice(None),) * held.value.ndim if whole else index
        value, gradient = (
            np.atleast_1d(each[place].astype(np.float64)) for each in (held.value, held.gradient)
        )
        spared = (
            {"weight_decay": 0.0} if optimizer == "adamw" and held.value.ndim < 2 else {}
        )  # as build does
        after = update(value, gradient, {}, 1, learning_rate=chosen, **spared)
        moves.append(Move(optimizer, chosen, float(after[index] if whole else after[0])))
    return tuple(moves)
