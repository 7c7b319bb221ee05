"""Weights that were trained elsewhere: names understood, shapes checked, the last layer left out.

torchvision's and timm's residual networks call their layers as ours does; what differs is a prefix that a
wrapper added, and the name of the last layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pellucid.errors import RunError

PREFIXES = ("module.", "model.", "network.", "net.", "backbone.", "encoder.", "state_dict.")
LAST = {"head.fc": "fc", "classifier": "fc", "linear": "fc", "head": "fc"}  # others' names of the last layer
COUNTERS = "num_batches_tracked"  # of batch normalisation; many files lack them, and nothing depends on them


def take_over(network: nn.Module, tensors: Mapping[str, Tensor], last: str) -> list[str]:
    """Copy ``tensors`` into a network, all but the last layer's where the classes differ.

    Args:
        network: whose layers have torchvision's names.
        tensors: name -> values; half precision is widened.
        last: the name of the last layer, such as "fc".
    Returns:
        the names of the parameters that were not taken over and have to be learned.
    Raises:
        RunError: a layer is missing, has another shape or holds NaN; nothing was copied.
    """
    given = {plain_name(name, tensors): tensor for name, tensor in tensors.items()}
    mine = network.state_dict()
    fresh = [
        name
        for name in mine
        if name.startswith(f"{last}.")
        and (name not in given or given[f"{last}.weight"].shape != mine[f"{last}.weight"].shape)
    ]
    wanted = [name for name in mine if name not in fresh and not name.endswith(COUNTERS)]
    wrong = [
        f"{name} is {_shape(given.get(name))}, expected {_shape(mine[name])}"
        for name in wanted
        if _shape(given.get(name)) != _shape(mine[name])
    ]
    unknown = [
        name for name in given
        if name not in mine and not name.endswith(COUNTERS) and not name.startswith(f"{last}.")
    ]  # fmt: skip
    if wrong or unknown:
        what = wrong[0] if wrong else f"{unknown[0]} is in the file and not in the network"
        raise RunError(
            f"the weights are of another network: {what} ({len(wrong)} differ, {len(unknown)} are unknown); "
            "choose the --network that they were trained with"
        )
    broken = [name for name in wanted if not bool(torch.isfinite(given[name]).all())]
    if broken:
        raise RunError(f"the weights {broken[0]} hold NaN or infinity; get the file again")
    with torch.no_grad():
        for name in wanted:
            mine[name].copy_(given[name])
    return fresh


def plain_name(name: str, names: Mapping[str, Tensor]) -> str:
    """Return a layer's name without what all names begin with, and the last layer's as ours."""
    for prefix in PREFIXES:
        if all(other.startswith(prefix) for other in names):
            return plain_name(
                name.removeprefix(prefix), {n.removeprefix(prefix): tensor for n, tensor in names.items()}
            )
    layer, dot, part = name.rpartition(".")
    return f"{LAST.get(layer, layer)}{dot}{part}"


def _shape(tensor: Tensor | None) -> object:
    return "missing" if tensor is None else tuple(tensor.shape)
