"""RMSProp as Graves wrote it down, with which the deep Q-network of 2015 was trained.

Source: Graves 2013 (arXiv:1308.0850), equations 38 to 40, as DeepMind's code has it: with the mean ``m`` and
the mean square ``s`` of the gradient ``g``,

    m <- rho m + (1 - rho) g
    s <- rho s + (1 - rho) g^2
    w <- w - rate * g / sqrt(s - m^2 + epsilon)

The paper's "gradient momentum" and "squared gradient momentum" are these two means; there is no other
momentum. torch's RMSprop adds its epsilon after the root.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from pellucid.rule import Rule


class GravesRMSprop(Rule):
    """Centred RMSProp with its constant below the root.

    Args:
        lr: 2.5e-4 in the paper.
        rho: how much of both means stays from step to step; 0.95 in the paper.
        eps: added below the root; 0.01 in the paper, for gradients that are summed over a batch of 32.
    """

    def __init__(
        self, params: Iterable[Any], *, lr: float = 2.5e-4, rho: float = 0.95, eps: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps})

    def update(self, group: dict[str, Any]) -> None:
        """Update the parameters of a group that have a gradient."""
        rho = group["rho"]
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self.state[parameter]
            if not state:
                state.update(mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
            mean, square = state["mean"], state["square"]
            mean.mul_(rho).add_(gradient, alpha=1 - rho)
            square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
            spread = torch.addcmul(square, mean, mean, value=-1).add_(group["eps"]).sqrt_()
            parameter.addcdiv_(gradient, spread, value=-group["lr"])
