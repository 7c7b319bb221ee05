"""How a network fares while it trains: how large each layer's gradient is, and which units are silent.

Plain numbers for the log, taken at evaluations only, because to read a number waits for the computation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.finite import numbers

SAMPLES = 200  # of the validation set, on which a unit must stay silent to be called so
RECTIFIERS = (nn.ReLU, nn.ReLU6)

Vitals = dict[str, dict[str, float]]


def gradients(network: nn.Module) -> Vitals:
    """Return the norm of the gradient of each layer's weights: name -> {"gradient": norm}."""
    squares: dict[str, list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            norm = torch.linalg.vector_norm(numbers(parameter.grad), dtype=torch.float64)
            squares.setdefault(name.rpartition(".")[0] or name, []).append(norm.square())
    return {name: {"gradient": float(torch.stack(parts).sum().sqrt())} for name, parts in squares.items()}


def silent(network: nn.Module, inputs: Any) -> Vitals:
    """Return the share of units that give nothing for any of the inputs: name -> {"silent": 0 to 1}.

    Units are what follows the batch: a channel is silent if it is so everywhere. Only layers that cut at 0
    can fall silent for good (the "dying ReLU"; Maas et al. 2013), so only they are looked at.
    """
    alive: dict[str, Tensor] = {}

    def look(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: Any, output: Tensor) -> None:
            units = (output > 0).transpose(0, 1).flatten(1).any(1) if output.ndim > 1 else output > 0
            alive[name] = alive.get(name, torch.zeros_like(units)) | units

        return hook

    named = [(name, part) for name, part in network.named_modules() if isinstance(part, RECTIFIERS)]
    if not named:
        return {}
    hooks = [part.register_forward_hook(look(name)) for name, part in named]
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(inputs)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return {name: {"silent": float(1 - units.double().mean())} for name, units in alive.items()}
