"""The anatomy of a network: layers, shapes, parameters, multiply-adds, receptive fields; and the proof.

Everything is read off one forward pass of the network as it is, so any ``nn.Module`` will do: branches,
functional calls and reused modules included.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError, near
from pellucid.explain.fields import Field, Tracing
from pellucid.explain.watching import first_tensor, leaves, placed, resting, watched

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layer:
    """One call of one layer, in the order in which they run. Shapes are without the batch.

    ``parameters`` are counted at the first call of a module only; ``operations`` are multiply-adds per input;
    ``receptive_field`` is the pixels (height, width) one output can see, ``stride`` how many pixels the
    view moves from one output to the next, ``start`` the view's first pixel at position 0 (negative: in
    the padding); all three are None for inputs that are no pictures, and a field cut to the image where
    the layer sees all positions.
    """

    name: str
    kind: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    operations: int
    receptive_field: tuple[int, ...] | None
    stride: tuple[float, ...] | None
    start: tuple[float, ...] | None
    dtype: str


@dataclass(frozen=True)
class Totals:
    """Of a whole network: each parameter once, multiply-adds per input, bytes of weights and buffers."""

    parameters: int
    trainable: int
    operations: int
    bytes: int


def describe(
    model: nn.Module, input_shape: tuple[int, ...], *, dtype: torch.dtype = torch.float32
) -> list[Layer]:
    """Return the layers (modules that call no other) of any network in the order in which they run.

    Args:
        input_shape: of one input, without the batch: (C, H, W).
        dtype: of the input; integers for a network that begins with an embedding.
    Raises:
        UsageError: the network cannot take an input of this shape.
    """
    return [layer for layer, _ in _trace(model, _blank(model, input_shape, dtype))]


def totals(model: nn.Module, input_shape: tuple[int, ...], *, dtype: torch.dtype = torch.float32) -> Totals:
    """Return the totals of a network, parameters and operations outside its layers included."""
    inputs = _blank(model, input_shape, dtype)
    with _traced(model, inputs) as tracing:
        model(inputs)
    weights = list(model.parameters())
    return Totals(
        parameters=sum(each.numel() for each in weights),
        trainable=sum(each.numel() for each in weights if each.requires_grad),
        operations=tracing.operations,
        bytes=sum(each.numel() * each.element_size() for each in [*weights, *model.buffers()]),
    )


@dataclass(frozen=True)
class Touched:
    """What one position of a layer really depends on, beside what its receptive field promises.

    ``mask`` (H, W): the pixels whose gradient is not zero. ``seen`` is the mask's hull and ``promised`` the
    receptive field cut to the image, both as ((first row, last row), (first column, last column)).
    ``outside`` is the largest change of the position when every pixel outside ``promised`` is replaced:
    exactly 0, or the promise is broken. ``edges``: does replacing only this edge of ``promised`` change it?
    """

    mask: np.ndarray
    seen: Box | None
    promised: Box
    outside: float
    edges: dict[str, bool]

    @property
    def agrees(self) -> bool:
        """Nothing outside the promised field matters, and each of its edges does."""
        return self.outside == 0 and self.seen == self.promised and all(self.edges.values())


@torch.inference_mode(False)
def touches(
    model: nn.Module,
    inputs: Tensor,
    layer: str,
    position: tuple[int, ...] = (),
    *,
    trials: int = 32,
    seed: int = 0,
) -> Touched:
    """Prove a receptive field on the network itself, by gradient and by perturbation, in double precision.

    A maximum looks at one winner and a ReLU may be shut, so many random inputs around the given ones are
    tried and their findings united.

    Args:
        inputs: ``(N, C, H, W)``; the random inputs have their mean and deviation.
        layer: name of a layer as ``describe`` gives it.
        position: (row, column) in the layer's output; empty for a layer that has no positions any more.
        trials: how many random inputs.
    Raises:
        UsageError: no such layer, or no such position in it.
    """
    inputs = placed(model, inputs)
    field = _field_of(model, inputs[:1], layer)
    promised = _promised(field, position, tuple(inputs.shape[2:]), layer)
    double = copy.deepcopy(model).double()
    samples, others = _samples(inputs.double(), trials, seed)
    where = (slice(None), slice(None), *position)
    mask = _gradient_mask(double, samples, layer, where)
    inside = torch.zeros(inputs.shape[2:], dtype=torch.bool, device=inputs.device)
    inside[tuple(slice(first, last + 1) for first, last in promised)] = True
    before = _at(double, samples, layer, where)

    def change(replaced: Tensor) -> float:
        after = _at(double, torch.where(replaced, others, samples), layer, where)
        return float((after - before).detach().abs().max())

    edges = {name: change(edge) > 0 for name, edge in _edges(promised, inside)}
    return Touched(mask.cpu().numpy(), _hull(mask), promised, change(~inside), edges)


def _trace(model: nn.Module, inputs: Tensor) -> list[tuple[Layer, Field | None]]:
    """Run the network once and return every leaf's row with the field of its output."""
    rows: list[tuple[Layer, Field | None]] = []
    counted: set[nn.Module] = set()
    entered: list[tuple[tuple[int, ...], int]] = []
    with ExitStack() as stack:
        tracing = stack.enter_context(_traced(model, inputs))

        def enter(_module: nn.Module, arguments: tuple, named: dict[str, object]) -> None:
            given = first_tensor((*arguments, *named.values()))
            entered.append((tuple(given.shape[1:]), tracing.operations))

        def leave(module: nn.Module, _arguments: tuple, output: object) -> None:
            shape, operations = entered.pop()
            after = first_tensor(output)
            own = 0 if module in counted else sum(each.numel() for each in module.parameters())
            counted.add(module)
            field = tracing.field(after) if inputs.is_floating_point() else None
            rows.append(
                (
                    _row(names[module], module, shape, after, own, tracing.operations - operations, field),
                    field,
                )
            )

        names = {module: name for name, module in leaves(model).items()}
        for module in names:
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(leave).remove)
        model(inputs)
    return rows


@contextmanager
def _traced(model: nn.Module, inputs: Tensor) -> Iterator[Tracing]:
    """Rest the model and follow one forward pass; a shape that does not fit is a ``UsageError``."""
    with resting(model), torch.no_grad(), Tracing(inputs) as tracing:
        try:
            yield tracing
        except UsageError:
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            shape = tuple(inputs.shape[1:])
            raise UsageError(f"this network cannot take an input of shape {shape}: {error}") from error


def _row(
    name: str,
    module: nn.Module,
    shape: tuple,
    after: Tensor,
    parameters: int,
    operations: int,
    field: Field | None,
) -> Layer:
    axes = field.axes if field is not None and field.axes else None
    return Layer(
        name=name,
        kind=type(module).__name__,
        input_shape=shape,
        output_shape=tuple(after.shape[1:]),
        parameters=parameters,
        operations=operations,
        receptive_field=tuple(math.floor(axis.size) for axis in axes) if axes else None,
        stride=tuple(float(axis.jump) for axis in axes) if axes else None,
        start=tuple(float(axis.start) for axis in axes) if axes else None,
        dtype=str(after.dtype).removeprefix("torch."),
    )


def _blank(model: nn.Module, input_shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    # numbers of words: 0 is padding, which a network may leave out
    make = torch.zeros if dtype.is_floating_point else torch.ones
    return placed(model, make(1, *input_shape, dtype=dtype))


def _field_of(model: nn.Module, inputs: Tensor, layer: str) -> Field:
    fields = {row.name: field for row, field in _trace(model, inputs)}
    found = fields.get(layer)
    if found is None:
        raise UsageError(
            f"no layer {layer!r} sees pixels; the layers are {', '.join(fields)}.{near(layer, fields)}"
        )
    return found


def _promised(field: Field, position: tuple[int, ...], image: tuple[int, ...], layer: str) -> Box:
    """Return the receptive field at ``position``, cut to the image."""
    extent = () if field.flat else field.extent
    if len(position) != len(extent) or not all(0 <= p < n for p, n in zip(position, extent, strict=True)):
        raise UsageError(f"layer {layer!r} has positions {extent}, not {position}")
    spots = zip(field.axes, position or (0,) * len(image), image, strict=True)
    if field.flat:
        field = field.hull(image)
        spots = zip(field.axes, (0,) * len(image), image, strict=True)
    cut = [(axis.interval(p), length) for axis, p, length in spots]
    return tuple((max(first, 0), min(last, length - 1)) for (first, last), length in cut)


def _samples(inputs: Tensor, trials: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return ``trials`` random inputs like the given ones (which come first), and as many others."""
    generator = torch.Generator().manual_seed(seed)
    spread = float(inputs.std()) if inputs.numel() > 1 else 0.0
    shape = (2, trials, *inputs.shape[1:])
    noise = torch.randn(shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
    samples, others = float(inputs.mean()) + (2 * spread or 1.0) * noise
    samples = torch.cat([inputs[:trials], samples[min(len(inputs), trials) :]])
    return samples, others


def _gradient_mask(model: nn.Module, samples: Tensor, layer: str, where: tuple) -> Tensor:
    """Return ``(H, W)`` booleans: where the gradient of the position is not zero, in any trial or channel."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = samples.clone().requires_grad_()
        value = _at(model, leaf, layer, where)
        weights = torch.linspace(1, 2, value[0].numel(), dtype=value.dtype, device=value.device)
        (gradient,) = torch.autograd.grad((value.flatten(1) * weights).sum(), leaf)
    return (gradient != 0).flatten(0, 1).any(0)


def _at(model: nn.Module, inputs: Tensor, layer: str, where: tuple) -> Tensor:
    """Return what ``layer`` gives at one position: ``(N, channels)``."""
    with watched(model, [layer]) as seen:
        model(inputs)
    after = seen[-1].after
    return after[where] if after.ndim > 2 else after


def _edges(box: Box, inside: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the first and last line of the box on every axis as masks."""
    for axis, sides in enumerate((("top", "bottom"), ("left", "right"))[-len(box) :]):
        for side, line in zip(sides, box[axis], strict=True):
            mask = torch.zeros_like(inside)
            mask.select(axis, line).copy_(inside.select(axis, line))
            yield side, mask


def _hull(mask: Tensor) -> Box | None:
    spots = mask.nonzero()
    if not len(spots):
        return None
    return tuple(zip(spots.amin(0).tolist(), spots.amax(0).tolist(), strict=True))
