"""One number of a weighted sum taken apart: which inputs met which weights, the products, the sum.

For convolutions of any dimension, transposed ones included, and for linear layers. The inputs that met tap
t of the kernel for output position p stand at ``p * stride - padding + t * dilation``; of a transposed
convolution at the i with ``i * stride - padding + t * dilation = p``, if there is one (Dumoulin and Visin
2016, "A guide to convolution arithmetic", sections 2 and 4).
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

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
WALKED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)


@dataclass(frozen=True)
class Window:
    """What one output of a layer is made of.

    ``values``, ``weights`` and ``products`` are ``(C, *kernel)`` (``(I,)`` of a linear layer). ``products``
    are float64, in which a product of two float32 is exact. ``places`` ``(*kernel, axes)`` says where in the
    input each tap looks; ``inside`` ``(*kernel)`` is false where that is padding, whose value is 0.
    ``first`` is the input channel that ``values[0]`` comes from. ``total`` is the sum of the products and
    the bias without any rounding but the last, in float64; ``output`` is what the layer itself gave.
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

    @property
    def apart(self) -> float:
        """How far the layer's own sum is from ``total``, in units in the last place of ``output``."""
        output = np.float32(self.output)
        return float(abs(np.float64(output) - self.total) / np.spacing(np.abs(output)))


def window(module: nn.Module, inputs: Tensor, channel: int, position: tuple[int, ...] = ()) -> Window:
    """Take one output of ``module`` apart.

    Args:
        inputs: ``(1, C, ...)`` what went into it; ``(1, I)`` for a linear layer.
        channel: of the output.
        position: in the output map, a number an axis; empty for a linear layer.
    Raises:
        UsageError: a layer that is no weighted sum, or an output that it does not have.
    """
    if not isinstance(module, WALKED) or getattr(module, "padding_mode", "zeros") != "zeros":
        names = ", ".join(each.__name__ for each in WALKED)
        raise UsageError(f"{module} is no weighted sum that can be walked; {names} can, padded with zeros")
    with torch.no_grad():
        after = module(inputs)
    _check(tuple(after.shape[1:]), channel, position)
    weights, first = _kernel(module, channel)
    places, inside = _places(module, tuple(inputs.shape[2:]), position)
    spots = np.where(inside[..., None], places, 0)
    there = array(inputs[0, first : first + len(weights)])
    values = np.where(inside, there[(slice(None), *np.moveaxis(spots, -1, 0))], 0).astype(there.dtype)
    products = values.astype(np.float64) * weights.astype(np.float64)
    bias = 0.0 if module.bias is None else float(module.bias.detach()[channel])
    return Window(
        values=values,
        weights=weights,
        products=products,
        places=places,
        inside=inside,
        first=first,
        bias=bias,
        total=math.fsum([*products.ravel().tolist(), bias]),
        output=float(after[(0, channel, *position)]),
    )


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
