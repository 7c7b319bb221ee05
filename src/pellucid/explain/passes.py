"""The way through a network and back: what every layer saw, one weight's gradient, and all by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid import losses
from pellucid.errors import NonFinite

Array = NDArray[np.floating]

PLAIN_LAYERS = (nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Identity)


@dataclass(frozen=True)
class Visit:
    """One call of one module without children; ``after.grad`` is filled by the backward pass."""

    name: str
    module: nn.Module
    before: torch.Tensor
    after: torch.Tensor


@dataclass(frozen=True)
class Chain:
    """Why one weight's gradient is what it is: what went in times what came back, summed over its uses.

    A weight of a linear layer is used once an image; a weight of a convolution once an output position.
    ``upstream`` is the gradient of the loss by the output that each use went into.
    """

    index: tuple[int, ...]
    inputs: Array  # (uses,)
    upstream: Array  # (uses,)
    products: Array  # (uses,)
    total: float


def forward(model: nn.Module, inputs: torch.Tensor) -> tuple[list[Visit], torch.Tensor]:
    """Run ``model`` and note every call of its innermost modules, in order.

    Layers that work in place are switched to working on a copy, for good: pass a copy of the model.

    Raises:
        NonFinite: a layer gave NaN or infinity; the message names the first.
    """
    visits: list[Visit] = []

    def note(name: str, module: nn.Module, inputs: tuple[Any, ...], after: Any) -> None:
        if not (inputs and torch.is_tensor(inputs[0]) and torch.is_tensor(after)):
            return
        if not torch.isfinite(after).all():
            raise NonFinite(
                f'The layer "{name}" ({type(module).__name__}) gave NaN or infinity for this input.'
            )
        if after.requires_grad:
            after.retain_grad()
        visits.append(Visit(name, module, inputs[0], after))

    leaves = [
        (name, module) for name, module in model.named_modules() if next(module.children(), None) is None
    ]
    for _, module in leaves:
        if hasattr(module, "inplace"):
            module.inplace = False  # or what went in would be overwritten by what comes out
    hooks = [module.register_forward_hook(partial(note, name or "model")) for name, module in leaves]
    try:
        return visits, model(inputs)
    finally:
        for hook in hooks:
            hook.remove()


def chain(
    module: nn.Module, inputs: torch.Tensor, upstream: torch.Tensor, index: tuple[int, ...]
) -> Chain | None:
    """Take apart the gradient of ``module.weight[index]``; None for layers other than linear and convolution.

    Args:
        inputs: what went into the layer, ``(1, I)`` or ``(1, C, H, W)``.
        upstream: gradient of the loss by what came out of it.
    """
    uses = _uses(module, inputs, upstream, index)
    if uses is None:
        return None
    went_in, came_back = (tensor.detach().cpu() for tensor in uses)
    products = went_in * came_back
    return Chain(index, went_in.numpy(), came_back.numpy(), products.numpy(), float(products.sum()))


def is_plain(visits: Sequence[Visit], inputs: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether the network is a multilayer perceptron: known layers, each fed by the one before."""
    came_out = [inputs, *(visit.after for visit in visits)]
    went_in = [*(visit.before for visit in visits), logits]
    return all(type(visit.module) in PLAIN_LAYERS for visit in visits) and all(
        torch.equal(out, into) for out, into in zip(came_out, went_in, strict=True)
    )


def plain_gradients(modules: Sequence[nn.Module], inputs: Array, target: int) -> list[dict[str, Array]]:
    """Gradients of the cross-entropy by every parameter of a multilayer perceptron, without autograd.

    Args:
        modules: ``PLAIN_LAYERS`` in the order in which they are applied; Dropout is off, as in evaluation.
        inputs: ``(1, ...)``; its floating type is the one that is computed in.
    Returns:
        For every module its gradients by parameter name.
    """
    values = [inputs]
    for module in modules:
        values.append(_plain_forward(module, values[-1]))

    upstream = losses.cross_entropy_gradient(values.pop(), np.array([target]))
    found: list[dict[str, Array]] = []
    for module, before in zip(reversed(modules), reversed(values), strict=True):
        gradients: dict[str, Array] = {}
        if isinstance(module, nn.Linear):
            weight = _numpy(module.weight, like=before)
            upstream, gradients["weight"], gradients["bias"] = losses.linear_gradients(
                before, weight, upstream
            )
        elif isinstance(module, nn.ReLU):
            upstream = losses.relu_gradient(before, upstream)
        upstream = upstream.reshape(before.shape)
        found.insert(0, gradients)
    return found


def _plain_forward(module: nn.Module, inputs: Array) -> Array:
    if isinstance(module, nn.Flatten):
        return inputs.reshape(len(inputs), -1)
    if isinstance(module, nn.ReLU):
        return losses.relu(inputs)
    if isinstance(module, nn.Linear):
        bias = None if module.bias is None else _numpy(module.bias, like=inputs)
        return losses.linear(inputs, _numpy(module.weight, like=inputs), bias)
    return inputs


def _uses(
    module: nn.Module, inputs: torch.Tensor, upstream: torch.Tensor, index: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The inputs that met the weight at ``index`` and the gradients of the outputs they went into."""
    if hasattr(module, "as_convolution"):
        return None  # its weights lie in another order
    if isinstance(module, nn.Linear):
        out, into = index
        return inputs[..., into].reshape(-1), upstream[..., out].reshape(-1)
    if not isinstance(module, nn.Conv2d) or module.padding_mode != "zeros" or module.padding == "same":
        return None
    out, into, row, column = index
    channel = into + out // (module.out_channels // module.groups) * module.weight.shape[1]
    patches = nn.functional.unfold(
        inputs[:, channel : channel + 1],
        module.kernel_size,
        dilation=module.dilation,
        padding=0 if isinstance(module.padding, str) else module.padding,
        stride=module.stride,
    )  # (1, 1, H, W) -> (1, kernel rows x kernel columns, positions)
    return patches[0, row * module.kernel_size[1] + column], upstream[0, out].reshape(-1)


def _numpy(tensor: torch.Tensor, *, like: Array) -> Array:
    return tensor.detach().cpu().numpy().astype(like.dtype)
