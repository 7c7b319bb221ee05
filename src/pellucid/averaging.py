"""Means of weights: over the last steps, decaying, and over the last evaluations, evenly.

The middle of where a training wanders about is mostly better than any place on its way (Polyak and Juditsky
1992; Izmailov et al. 2018). To average the last checkpoints is the custom of translation (Vaswani et al.
2017, section 6.1: the last 5).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def moving(network: nn.Module, decay: float | None) -> Any:
    """Return the moving average of a network's weights over the steps; None without a ``decay``."""
    if decay is None:
        return None
    swa = torch.optim.swa_utils
    return swa.AveragedModel(network, multi_avg_fn=swa.get_ema_multi_avg_fn(decay), use_buffers=True)


class Checkpoints:
    """The mean of a network's weights at its last evaluations.

    Args:
        most: evaluations that are averaged, or as many as there are; of 1 nothing is kept.

    Attributes:
        taken: the weights of each, the oldest first, on the CPU.
        network: with their mean; None before the first, and where there is nothing to average.
    """

    def __init__(self, most: int):
        self.most = most
        self.taken: list[dict[str, Tensor]] = []
        self.network: nn.Module | None = None

    def take(self, network: nn.Module) -> None:
        """Count in the weights of an evaluation; the oldest fall out."""
        if self.most == 1:
            return
        weights = {
            name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()
        }
        self._keep([*self.taken, weights][-self.most :], network)

    def load(self, taken: Sequence[Mapping[str, Tensor]], network: nn.Module) -> None:
        """Go on with what ``taken`` was, for such a network.

        Raises:
            RuntimeError, KeyError: these are not its weights.
        """
        self._keep([dict(weights) for weights in taken], network)

    def _keep(self, taken: list[dict[str, Tensor]], network: nn.Module) -> None:
        self.taken, self.network = taken, copy.deepcopy(network) if taken else None
        if self.network is not None:
            self.network.load_state_dict(mean(taken))


def mean(checkpoints: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of weights, summed in float64 and rounded once; of counters, the last.

    The statistics of a batch normalisation are averaged as well, not measured anew.
    """
    return {
        name: torch.stack([weights[name].double() for weights in checkpoints]).mean(0).to(last.dtype)
        if last.is_floating_point()
        else last
        for name, last in checkpoints[-1].items()
    }
