"""Is every number finite, and if not, where does the first NaN or infinity stand?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def finite(tensors: list[Tensor]) -> bool:
    """Say whether no number is NaN or infinite: one sum over each tensor, half the price of a norm.

    A sum of finite numbers may overflow as well, so one that is not finite is looked at number by number.
    """
    total = torch.stack([tensor.sum() for tensor in tensors]).sum()
    return math.isfinite(total) or all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def numbers(gradient: Tensor) -> Tensor:
    """Return the numbers of a gradient: of one that holds only some rows of a table, these rows."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def first_non_finite(network: nn.Module, inputs: Tensor) -> str:
    """Name the first place with a NaN or an infinity: the input, a weight, a layer's output or a gradient."""
    if not bool(torch.isfinite(inputs).all()):
        return "the input"
    for name, parameter in network.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return f"the weight {name}"
    found: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not bool(torch.isfinite(output).all()):
                found.append(name)

        return hook

    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    hooks = [module.register_forward_hook(look(name)) for name, module in leaves]
    with torch.no_grad():
        network(inputs)
    for hook in hooks:
        hook.remove()
    if found:
        return f"layer {found[0]}"
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not bool(torch.isfinite(numbers(parameter.grad)).all()):
            return f"the gradient of {name}"
    return "the loss"
