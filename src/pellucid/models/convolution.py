"""A torch convolution with given weights, as which a layer that computes otherwise describes itself.

Such a layer has a method ``as_convolution(inputs)``, which returns the convolution and what it sees, channels
first. Of the convolution's output as many places count, from the first one on, as the layer gives: a causal
layer is a convolution that is padded before the first input.
"""

from __future__ import annotations

from torch import Tensor, nn


def convolution(
    weight: Tensor, bias: Tensor | None = None, *, dilation: int = 1, padding: int = 0
) -> nn.Conv1d:
    """Return the convolution over time whose weights are ``(outputs, inputs, kernel)``, not copied."""
    outputs, inputs, kernel = weight.shape
    made = nn.Conv1d(
        inputs, outputs, kernel, dilation=dilation, padding=padding, bias=bias is not None, device="meta"
    )
    made.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return made
