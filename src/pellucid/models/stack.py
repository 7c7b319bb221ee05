"""All layers of a WaveNet in one step of automatic differentiation, its backward pass written out by hand.

The same numbers as layer after layer (``tests/models/test_wavenet.py`` compares value and gradient), in about
two thirds of the time: time is the outer axis, so a shift in time is a slice and every convolution a matrix
product that adds into what is there; nothing is padded, joined or copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def run(x: Tensor, conditioning: Tensor, layers: Iterable[Any], frame: int, dtype: torch.dtype) -> Tensor:
    """Return the sum of the skips of all ``layers``.

    Args:
        x: ``(N, T, residual)``.
        conditioning: ``(N, T / frame, layers * 2 * gate)``.
        layers: with ``convolution``, ``out`` and ``dilation``, all of one shape.
        dtype: of the arithmetic.
    Returns:
        ``(N, T, skip)``.
    """
    layers = list(layers)
    weights = torch.stack([layer.convolution.weight for layer in layers]).to(dtype)
    outs = torch.stack([layer.out.weight for layer in layers]).to(dtype)
    biases = torch.stack([layer.out.bias for layer in layers]).to(dtype)
    skips = Stack.apply(
        x.to(dtype).transpose(0, 1).contiguous(),
        conditioning.to(dtype).transpose(0, 1).contiguous(),
        weights,
        outs,
        biases,
        tuple(layer.dilation for layer in layers),
        frame,
    )
    return skips.transpose(0, 1)


class Stack(torch.autograd.Function):
    """Gated dilated causal convolutions with residual and skip paths, ``(T, N, C)``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        conditioning: Tensor,
        weights: Tensor,
        outs: Tensor,
        biases: Tensor,
        dilations: tuple[int, ...],
        frame: int,
    ) -> Tensor:
        """Return the summed skips ``(T, N, S)`` and keep, of each layer, input, tanh and sigmoid."""
        length, batch, residual = x.shape
        double = weights.shape[1]
        gate = double // 2
        skip_biases = biases[:, residual:].sum(0)
        x, skips = x.reshape(-1, residual), skip_biases.repeat(length * batch, 1)
        kept = []
        for layer, dilation in enumerate(dilations):
            y = conditioning[:, None, :, layer * double : (layer + 1) * double]
            y = y.expand(-1, frame, -1, -1).reshape(-1, double)
            for age, taps in _taps(weights[layer], residual, dilation * batch):
                if age < len(x):
                    y[age:].addmm_(x[: len(x) - age], taps.t())
            filtered, gated = torch.tanh(y[:, :gate]), torch.sigmoid(y[:, gate:])
            z = filtered * gated
            kept += [x, filtered, gated]
            skips.addmm_(z, outs[layer, residual:].t())
            x = torch.addmm(x + biases[layer, :residual], z, outs[layer, :residual].t())
        ctx.save_for_backward(weights, outs, *kept)
        ctx.known = (dilations, frame, batch)
        return skips.view(length, batch, -1)

    @staticmethod
    def backward(ctx: Any, grad_skips: Tensor) -> Any:
        """Return the gradients by walking the layers from the last to the first."""
        weights, outs, *kept = ctx.saved_tensors
        dilations, frame, batch = ctx.known
        residual, double = kept[0].shape[1], weights.shape[1]
        gate, length = double // 2, grad_skips.shape[0]
        grad_skips = grad_skips.reshape(length * batch, -1)
        grad_x = torch.zeros_like(kept[0])
        grad_weights, grad_outs = torch.zeros_like(weights), torch.empty_like(outs)
        grad_biases = grad_skips.new_empty(len(dilations), outs.shape[1])
        grad_biases[:, residual:] = grad_skips.sum(0)
        grad_y = grad_skips.new_empty(length * batch, double)
        parts = []
        for layer in reversed(range(len(dilations))):
            x, filtered, gated = kept[3 * layer : 3 * layer + 3]
            z = filtered * gated
            grad_outs[layer, :residual] = grad_x.t() @ z
            grad_outs[layer, residual:] = grad_skips.t() @ z
            grad_biases[layer, :residual] = grad_x.sum(0)
            grad_z = (grad_x @ outs[layer, :residual]).addmm_(grad_skips, outs[layer, residual:])
            grad_y[:, :gate] = torch.ops.aten.tanh_backward(grad_z * gated, filtered)
            grad_y[:, gate:] = torch.ops.aten.sigmoid_backward(grad_z.mul_(filtered), gated)
            parts.append(grad_y.view(-1, frame, batch, double).sum(1))
            grads = list(_taps(grad_weights[layer], residual, dilations[layer] * batch))
            for (age, taps), (_, grad) in zip(
                _taps(weights[layer], residual, dilations[layer] * batch), grads, strict=True
            ):
                if age < len(x):
                    grad.copy_(grad_y[age:].t() @ x[: len(x) - age])
                    grad_x[: len(x) - age].addmm_(grad_y[age:], taps)
        conditioning = torch.cat(parts[::-1], 2)
        return grad_x.view(length, batch, -1), conditioning, grad_weights, grad_outs, grad_biases, None, None


def _taps(weights: Tensor, residual: int, step: int) -> list[tuple[int, Tensor]]:
    """Return how many rows ago each tap looks, and its part of the weights: ``(2 gate, residual)``."""
    taps = weights.split(residual, 1)
    return [((len(taps) - 1 - tap) * step, part) for tap, part in enumerate(taps)]
