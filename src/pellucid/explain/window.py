"""One number of a weighted sum taken apart: which inputs met which weights, the products, the sum.

For convolutions of any dimension, transposed ones included, and for linear layers; over time, ``(N, T, C)``,
a linear layer is a convolution with one tap. A layer that computes its sums in another way may say which
convolution it is, see ``models.convolution``. The inputs that met tap t of the kernel for output position p
stand at ``p * stride - padding + t * dilation``; of a transposed convolution at the i with
``i * stride - padding + t * dilation = p``, if there is one (Dumoulin and Visin 2016, "A guide to convolution
arithmetic", sections 2 and 4).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.watching import array
from pellucid.models.convolution import convolution

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
WALKED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)


@dataclass(frozen=True)
class Window:
    """What one output of a layer is made of.

    ``values``, ``weights`` and ``products`` are ``(C, *kernel)`` (``(I,)`` of a linear layer). ``products``
    are float64, in which a product of two float32 is exact. ``places`` ``(*kernel, axes)`` says where in the
    input each tap looks; ``inside`` ``(*kernel)`` is false where that is padding, whose value is 0.
    ``first`` is the input channel that ``values[0]`` comes from. ``total`` is the sum of the products and
    the bias without any rounding but the last, in float64; ``output`` is what the layer itself gave, and
    ``index`` where that stands in its output, without the batch.
    """

    values: np.ndarray
    weights: np.ndarray
    products: np.ndarray
    places: np.ndarray
    inside: np.ndarray
    first: int
    bias: float
    total: float
    output: float
    index: tuple[int, ...]

    @property
    def apart(self) -> float:
        """How far the layer's own sum is from ``total``, in units in the last place of ``output``."""
        output = np.float32(self.output)
        return float(abs(np.float64(output) - self.total) / np.spacing(np.abs(output)))


def window(module: nn.Module, inputs: Tensor, channel: int, position: tuple[int, ...] = ()) -> Window:
    """Take one output of ``module`` apart.

    Args:
        inputs: what went into it, a batch of one.
        channel: of the output.
        position: in the output map, a number an axis; empty for a linear layer.
    Raises:
        UsageError: a layer that is no weighted sum, or an output that it does not have.
    """
    summed, seen = as_sum(module, inputs)
    after = gives(module, inputs)
    _check(after.shape, channel, position)
    weights, first = _kernel(summed, channel)
    places, inside = _places(summed, tuple(seen.shape[2:]), position)
    spots = np.where(inside[..., None], places, 0)
    there = array(seen[0, first : first + len(weights)])
    values = np.where(inside, there[(slice(None), *np.moveaxis(spots, -1, 0))], 0).astype(there.dtype)
    products = values.astype(np.float64) * weights.astype(np.float64)
    bias = 0.0 if summed.bias is None else float(summed.bias.detach()[channel])
    return Window(
        values=values,
        weights=weights,
        products=products,
        places=places,
        inside=inside,
        first=first,
        bias=bias,
        total=math.fsum([*products.ravel().tolist(), bias]),
        output=float(after[(channel, *position)]),
        index=(channel, *position) if channels_first(module, inputs) else (*position, channel),
    )


def as_sum(module: nn.Module, inputs: Tensor) -> tuple[Any, Tensor]:
    """Return a layer as one of ``WALKED``, and what that sees: ``(1, C, *extent)``, ``(1, I)`` if linear.

    Raises:
        UsageError: it is no weighted sum.
    """
    describe = getattr(module, "as_convolution", None)
    if describe is not None:
        return describe(inputs)
    if isinstance(module, nn.Linear) and inputs.ndim == 3:
        return convolution(module.weight[:, :, None], module.bias), inputs.transpose(1, 2)
    if not can_be_walked(module):
        names = ", ".join(each.__name__ for each in WALKED)
        raise UsageError(f"{module} is no weighted sum that can be walked; {names} can, padded with zeros")
    return module, inputs


def can_be_walked(module: nn.Module) -> bool:
    """Say whether a layer is a weighted sum that can be taken apart."""
    plain = isinstance(module, WALKED) and getattr(module, "padding_mode", "zeros") == "zeros"
    return plain or hasattr(module, "as_convolution")


def channels_first(module: nn.Module, inputs: Tensor | np.ndarray) -> bool:
    """Say whether a weighted sum has its channels before time, as torch's convolutions have, or after it."""
    flat = isinstance(module, nn.Linear) and inputs.ndim == 3
    return not flat and not hasattr(module, "as_convolution")


def sees(module: nn.Module, inputs: Tensor) -> np.ndarray:
    """Return what the sums of a layer are made of, channels first: ``(C, *extent)``."""
    return array(as_sum(module, inputs)[1][0])


def gives(module: nn.Module, inputs: Tensor) -> np.ndarray:
    """Return what a layer itself makes of it, channels first: ``(O, *extent)``."""
    with torch.no_grad():
        after = module(inputs)[0]
    return array(after if channels_first(module, inputs) else after.transpose(0, 1))


def reach(module: nn.Module, inputs: Tensor, length: int) -> tuple[int, int]:
    """Return the first and the last moment that the outputs of a layer over time look at.

    What lies before 0, or not before the end of the input, is padding.

    Args:
        length: outputs over time.
    """
    summed, seen = as_sum(module, inputs)
    ends = [_places(summed, tuple(seen.shape[2:]), (at,))[0] for at in (0, length - 1)]
    return int(min(places.min() for places in ends)), int(max(places.max() for places in ends))


def _check(shape: tuple[int, ...], channel: int, position: tuple[int, ...]) -> None:
    spot = (channel, *position)
    if len(spot) != len(shape) or not all(0 <= at < size for at, size in zip(spot, shape, strict=True)):
        raise UsageError(f"the layer gives {shape}; there is no output (channel, position) {spot}")


def _kernel(module: Any, channel: int) -> tuple[np.ndarray, int]:
    """Return the weights ``(C, *kernel)`` that make this output channel, and their first input channel."""
    if isinstance(module, nn.Linear):
        return array(module.weight[channel]), 0
    groups, outs = module.groups, module.out_channels // module.groups
    ins = module.in_channels // groups
    first = channel // outs * ins
    if isinstance(module, TRANSPOSED):
        return array(module.weight[first : first + ins, channel % outs]), first
    return array(module.weight[channel]), first


def _places(module: Any, extent: tuple[int, ...], position: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return where each tap looks, ``(*kernel, axes)``, and whether it is inside the input."""
    if isinstance(module, nn.Linear):
        return np.zeros((0,), np.int64), np.array(True)
    kernel: tuple[int, ...] = module.kernel_size
    places = np.zeros((*kernel, len(kernel)), np.int64)
    inside = np.ones(kernel, bool)
    for tap in itertools.product(*map(range, kernel)):
        for axis, at in enumerate(tap):
            step, left, spread = _geometry(module, axis)
            if isinstance(module, TRANSPOSED):
                place, rest = divmod(position[axis] + left - at * spread, step)
            else:
                place, rest = position[axis] * step - left + at * spread, 0
            places[tap][axis] = place
            inside[tap] &= rest == 0 and 0 <= place < extent[axis]
    return places, inside


def _geometry(module: Any, axis: int) -> tuple[int, int, int]:
    """Return stride, padding before the first input, and dilation on one axis."""
    stride, dilation = module.stride[axis], module.dilation[axis]
    padding, size = module.padding, module.kernel_size[axis]
    if isinstance(padding, str):
        return stride, (size - 1) * dilation // 2 if padding == "same" else 0, dilation
    return stride, padding[axis], dilation
