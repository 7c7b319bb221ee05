"""One input through the whole network and back, as data: every number is the tensor's number.

The network is copied, so the one that is given stays as it is; dropout is off and normalisations use their
stored statistics, as when the network answers.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid import optimizers
from pellucid.errors import UsageError
from pellucid.explain.passes import Chain, Visit, chain, forward, is_plain, plain_gradients

Array = NDArray[np.floating]

SHARPNESS = (0.25, 0.5, 1.0, 2.0, 4.0)  # what the scores are multiplied by: below 1 less sure, above 1 surer
CURVE = 100  # points on the curve of -log p
LARGEST = 5  # weights named in every layer


@dataclass(frozen=True)
class Weight:
    """One weight: where it stands in its tensor, its gradient, and what the step made of it."""

    index: tuple[int, ...]
    value: float
    gradient: float
    after: float


@dataclass(frozen=True)
class Parameter:
    """One parameter tensor of a layer, such as ``hidden1.weight``.

    ``largest`` names the weights of greatest gradient, greatest first.
    """

    name: str
    value: Array
    gradient: Array
    gradient_norm: float
    change_norm: float
    largest: tuple[Weight, ...]


@dataclass(frozen=True)
class Layer:
    """What one layer did: forward, then backward. Arrays are without the batch axis.

    ``clipped`` counts what a ReLU set to zero (inputs below 0) and is None elsewhere. ``gradient`` is that of
    the loss by what came out. ``chain`` takes the greatest gradient among the weights apart.
    """

    name: str
    kind: str
    before: Array
    after: Array
    minimum: float
    mean: float
    maximum: float
    clipped: int | None
    gradient: Array
    gradient_norm: float
    parameters: tuple[Parameter, ...]
    chain: Chain | None


@dataclass(frozen=True)
class Softmax:
    """Softmax term by term, each ``(K,)``: the score, minus the largest, its exponential, over their sum."""

    logits: Array
    largest: float
    shifted: Array
    exponentials: Array
    total: float
    probabilities: Array


@dataclass(frozen=True)
class Sharpened:
    """The loss if all scores were ``factor`` times as large."""

    factor: float
    probability: float
    loss: float


@dataclass(frozen=True)
class Loss:
    """-log p of the true class, in nats, and what it would be were the network more or less sure.

    ``curve_losses`` is -log of ``curve_probabilities``, both ``(CURVE,)``. ``gradient`` is by the scores:
    softmax minus one at the true class, ``(K,)``.
    """

    target: int
    probability: float
    value: float
    gradient: Array
    curve_probabilities: Array
    curve_losses: Array
    sharpened: tuple[Sharpened, ...]


@dataclass(frozen=True)
class Step:
    """One step of the optimiser on this one input, and what it changed."""

    optimizer: str
    learning_rate: float
    gradient_norm: float
    change_norm: float
    loss_before: float
    loss_after: float
    probabilities_after: Array


@dataclass(frozen=True)
class Plain:
    """How far our own plain backward pass is from autograd: largest difference over largest gradient.

    Both computed in float64 from the same input and weights.
    """

    largest: float
    by_parameter: dict[str, float]


@dataclass(frozen=True)
class Walk:
    """The whole way. ``plain`` is None unless the network is a plain multilayer perceptron."""

    classes: tuple[str, ...]
    inputs: Array
    inputs_gradient: Array
    layers: tuple[Layer, ...]
    softmax: Softmax
    loss: Loss
    step: Step
    plain: Plain | None

    def to_json(self, *, limit: int = 4096) -> dict[str, Any]:
        """Return everything as JSON; an array of more than ``limit`` numbers becomes its shape and range."""
        return _json(self, limit)


def walk(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int,
    *,
    classes: Sequence[str],
    optimizer: str = "sgd",
    learning_rate: float | None = None,
) -> Walk:
    """Take one prepared input through ``model``, back again, and one step of ``optimizer`` further.

    Args:
        model: any module that maps ``inputs`` to ``(1, K)`` scores. It is left as it is.
        inputs: ``(1, ...)``, as ``task.prepare`` gives them, e.g. ``(1, 1, 28, 28)``.
        target: the true class, in [0, K - 1].
        classes: K names.
        learning_rate: the optimiser's default unless given.
    Raises:
        UsageError: more than one input, a target that is no class, an unknown optimiser, or a step so large
            that the loss is no number any more.
        NonFinite: a layer gave NaN or infinity; the message names the first.
    """
    _check(inputs, target, classes)
    with torch.inference_mode(False), torch.enable_grad():
        model = copy.deepcopy(model).eval().requires_grad_(True)
        model.zero_grad()
        entry = inputs.detach().clone().requires_grad_(True)
        visits, logits = forward(model, entry)
        _check_scores(logits, classes)
        value = _cross_entropy(logits, target)
        plain = _plain(model, entry, target) if is_plain(visits, entry, logits) else None
        value.backward()
        held = {
            id(p): _Held(p.detach().clone(), p.grad.clone()) for p in model.parameters() if p.grad is not None
        }
        step = _step(model, entry, value, target, optimizer=optimizer, learning_rate=learning_rate)
    return Walk(
        classes=tuple(classes),
        inputs=_array(entry[0]),
        inputs_gradient=_array(entry.grad[0]),  # type: ignore[index]
        layers=tuple(_layer(visit, visits, held) for visit in visits),
        softmax=softmax(logits[0]),
        loss=cross_entropy(logits, target),
        step=step,
        plain=plain,
    )


def _check(inputs: torch.Tensor, target: int, classes: Sequence[str]) -> None:
    if inputs.shape[0] != 1:
        raise UsageError(f"A walk takes one input, this is a batch of {inputs.shape[0]}; pass inputs[:1].")
    if not 0 <= target < len(classes):
        raise UsageError(
            f"The true class is {target}; expected 0 to {len(classes) - 1} ({', '.join(classes)})."
        )


def _check_scores(logits: torch.Tensor, classes: Sequence[str]) -> None:
    if logits.shape != (1, len(classes)):
        shape = tuple(logits.shape)
        raise UsageError(
            f"The network gives scores of shape {shape}; expected (1, {len(classes)}), a class each."
        )


@dataclass(frozen=True)
class _Held:
    """A parameter and its gradient as they were before the step."""

    value: torch.Tensor
    gradient: torch.Tensor


def _step(
    model: nn.Module,
    entry: torch.Tensor,
    loss: torch.Tensor,
    target: int,
    *,
    optimizer: str,
    learning_rate: float | None,
) -> Step:
    """Let the optimiser take its step on the copy, and look at the same input again."""
    before = [p.detach().clone() for p in model.parameters()]
    gradient_norm = _norm([p.grad for p in model.parameters() if p.grad is not None])
    built = optimizers.build(optimizer, model, learning_rate=learning_rate)
    optimizers.step(built)
    with torch.no_grad():
        logits = model(entry)
    rate, loss_after = built.param_groups[0]["lr"], float(_cross_entropy(logits, target))
    if not math.isfinite(loss_after):
        raise UsageError(
            f"one step with learning rate {rate:g} throws the loss to {loss_after}; "
            "give a smaller --learning-rate"
        )
    return Step(
        optimizer=optimizer,
        learning_rate=rate,
        gradient_norm=gradient_norm,
        change_norm=_norm([p.detach() - old for p, old in zip(model.parameters(), before, strict=True)]),
        loss_before=float(loss.detach()),
        loss_after=loss_after,
        probabilities_after=_array(logits[0].softmax(-1)),
    )


def _layer(visit: Visit, visits: list[Visit], held: dict[int, _Held]) -> Layer:
    module, after = visit.module, visit.after.detach()
    gradient = torch.zeros_like(after) if visit.after.grad is None else visit.after.grad
    owned = {name: p for name, p in module.named_parameters(recurse=False) if id(p) in held}
    parameters = tuple(
        _parameter(f"{visit.name}.{name}", held[id(p)], p.detach()) for name, p in owned.items()
    )
    once = (
        sum(other.module is module for other in visits) == 1
    )  # else the gradient is a sum over all its calls
    weights = [p for p in parameters if p.name == f"{visit.name}.weight" and once]
    return Layer(
        name=visit.name,
        kind=type(module).__name__,
        before=_array(visit.before[0]),
        after=_array(after[0]),
        minimum=float(after.min()),
        mean=float(after.mean()),
        maximum=float(after.max()),
        clipped=int((visit.before.detach() < 0).sum()) if isinstance(module, nn.ReLU) else None,
        gradient=_array(gradient[0]),
        gradient_norm=_norm([gradient]),
        parameters=parameters,
        chain=chain(module, visit.before, gradient, weights[0].largest[0].index) if weights else None,
    )


def _parameter(name: str, held: _Held, after: torch.Tensor) -> Parameter:
    flat = held.gradient.abs().flatten().topk(min(LARGEST, held.gradient.numel())).indices.tolist()
    places = [tuple(map(int, np.unravel_index(each, tuple(after.shape)))) for each in flat]
    return Parameter(
        name=name,
        value=_array(held.value),
        gradient=_array(held.gradient),
        gradient_norm=_norm([held.gradient]),
        change_norm=_norm([after - held.value]),
        largest=tuple(
            Weight(place, float(held.value[place]), float(held.gradient[place]), float(after[place]))
            for place in places
        ),
    )


def softmax(logits: torch.Tensor) -> Softmax:
    """Return softmax term by term, of scores ``(K,)``."""
    shifted = logits.detach() - logits.detach().max()
    exponentials = shifted.exp()
    return Softmax(
        logits=_array(logits),
        largest=float(logits.detach().max()),
        shifted=_array(shifted),
        exponentials=_array(exponentials),
        total=float(exponentials.sum()),
        probabilities=_array(exponentials / exponentials.sum()),
    )


def cross_entropy(logits: torch.Tensor, target: int) -> Loss:
    """Return the loss of scores ``(1, K)`` against the true class, with its curve and its gradient."""
    logits = logits.detach()
    certain = torch.zeros_like(logits)
    certain[0, target] = 1
    curve = np.linspace(1 / CURVE, 1, CURVE)
    return Loss(
        target=target,
        probability=float(logits.softmax(-1)[0, target]),
        value=float(_cross_entropy(logits, target)),
        gradient=_array((logits.softmax(-1) - certain)[0]),
        curve_probabilities=curve,
        curve_losses=-np.log(curve),
        sharpened=tuple(
            Sharpened(
                factor,
                float((logits * factor).softmax(-1)[0, target]),
                float(_cross_entropy(logits * factor, target)),
            )
            for factor in SHARPNESS
        ),
    )


def _plain(model: nn.Module, entry: torch.Tensor, target: int) -> Plain:
    """Go forward and back by hand and by autograd, both in float64: rounding could hide an error."""
    model, entry = copy.deepcopy(model).double(), entry.detach().double()
    visits, logits = forward(model, entry)
    _cross_entropy(logits, target).backward()
    ours = plain_gradients([visit.module for visit in visits], _array(entry), target)
    found = {}
    for visit, gradients in zip(visits, ours, strict=True):
        for name, parameter in visit.module.named_parameters(recurse=False):
            theirs = _array(parameter.grad)  # type: ignore[arg-type]
            scale = np.abs(theirs).max() or 1.0
            found[f"{visit.name}.{name}"] = float(np.abs(gradients[name] - theirs).max() / scale)
    return Plain(largest=max(found.values(), default=0.0), by_parameter=found)


def _cross_entropy(logits: torch.Tensor, target: int) -> torch.Tensor:
    return nn.functional.cross_entropy(logits, torch.tensor([target], device=logits.device))


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    return float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors])))


def _array(tensor: torch.Tensor) -> Array:
    """A copy as numpy: what happens to the tensor later does not reach it."""
    return tensor.detach().cpu().numpy().copy()


def _json(value: Any, limit: int) -> Any:
    if isinstance(value, np.ndarray):
        if value.size <= limit:
            return value.tolist()
        summary = {"minimum": float(value.min()), "mean": float(value.mean()), "maximum": float(value.max())}
        return {"shape": list(value.shape), **summary}
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name), limit) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _json(held, limit) for key, held in value.items()}
    if isinstance(value, tuple):
        return [_json(held, limit) for held in value]
    return value
