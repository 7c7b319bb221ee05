"""What a deep Q-network learns from: targets one Bellman step on, and errors that are clipped.

Shapes: N transitions, A actions, K atoms. Papers: Mnih et al. 2015 (clipped error), van Hasselt et al. 2016
(double), Bellemare et al. 2017 (categorical), Dabney et al. 2018 (quantile).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mean_target(returns: Tensor, discounts: Tensor, worth: Tensor) -> Tensor:
    """Return ``r + discount * worth``: ``(N,)`` each."""
    return returns + discounts * worth


def quantile_target(returns: Tensor, discounts: Tensor, quantiles: Tensor) -> Tensor:
    """Return the quantiles ``(N, K)`` of the return one step on, moved and shrunk."""
    return returns[:, None] + discounts[:, None] * quantiles


def categorical_target(returns: Tensor, discounts: Tensor, chances: Tensor, support: Tensor) -> Tensor:
    """Return the chances ``(N, K)`` of the fixed returns, each chance shared by its two neighbours.

    Source: Bellemare et al. 2017, algorithm 1; a return beyond the ends counts as the end.
    """
    low, high = float(support[0]), float(support[-1])
    moved = (returns[:, None] + discounts[:, None] * support).clamp(low, high)
    places = (moved - low) / (high - low) * (len(support) - 1)  # (N, K)
    near = (1 - (places[:, :, None] - torch.arange(len(support), device=places.device)).abs()).clamp(min=0)
    return (chances[:, :, None] * near).sum(1)


def clipped_error(errors: Tensor) -> Tensor:
    """Return the loss whose gradient is the error clipped to [-1, 1] (Huber's), one number an error.

    The paper clips the error in the update, not its square: a squared error that is clipped has no gradient
    beyond 1, and learns nothing from what it is most wrong about.
    """
    return functional.smooth_l1_loss(errors, torch.zeros_like(errors), reduction="none")


def quantile_loss(quantiles: Tensor, targets: Tensor) -> Tensor:
    """Return the quantile Huber loss of each transition: ``(N, K)`` and ``(N, K')`` -> ``(N,)``.

    Source: Dabney et al. 2018, equation 10, kappa 1: mean over the targets, sum over the quantiles.
    """
    count = quantiles.shape[1]
    middles = (torch.arange(count, device=quantiles.device) + 0.5) / count
    errors = targets[:, None, :] - quantiles[:, :, None]  # (N, K, K')
    slopes = (middles[:, None] - (errors.detach() < 0).float()).abs()
    return (slopes * clipped_error(errors)).mean(2).sum(1)


def categorical_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each transition: logits and chances ``(N, K)`` -> ``(N,)``."""
    return -(targets * logits.log_softmax(1)).sum(1)


def loss(kind: str, predicted: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each transition; ``predicted`` is what the head says of the action: ``(N, K)``.

    Args:
        kind: "mean" (K is 1), "quantile" or "categorical".
    """
    if kind == "quantile":
        return quantile_loss(predicted, targets)
    if kind == "categorical":
        return categorical_loss(predicted, targets)
    return clipped_error(predicted - targets)[:, 0]
