"""Training pictures covered, recoloured and mixed, a whole batch at once.

Every function is a pure function of its tensors and of uniform random numbers in [0, 1), one row a picture
(``pellucid.seeding.Draws.uniform``), so a resumed run sees the same pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)  # the eye's weights of red, green and blue (ITU-R BT.601)


def erase(pictures: Tensor, uniform: Tensor, part: float) -> Tensor:
    """Cover a square of each picture with 0, the mean (cutout; DeVries and Taylor 2017).

    Args:
        pictures: ``(N, C, H, W)`` floats, normalised.
        uniform: ``(N, 2)``: where the square's middle is, down and right; a square may lie partly outside.
        part: the square's side as a part of the picture's, in [0, 1].
    """
    height, width = pictures.shape[2:]
    rows = _covered(uniform[:, 0], height, round(part * height))
    columns = _covered(uniform[:, 1], width, round(part * width))
    hidden = rows[:, :, None] & columns[:, None, :]  # (N, H, W)
    return pictures.masked_fill(hidden[:, None], 0.0)


def recolour(pictures: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Change brightness, contrast and saturation of each picture by up to ``strength``, each in its own way.

    Args:
        pictures: ``(N, 3, H, W)`` floats in [0, 255].
        uniform: ``(N, 3)``: 0.5 leaves as it is.
        strength: in [0, 1): 0.4 is a factor of 0.6 to 1.4.
    Returns:
        floats in [0, 255].
    """
    brighter, sharper, fuller = (1 + strength * (2 * uniform - 1)).unbind(1)
    pictures = pictures * brighter.view(-1, 1, 1, 1)
    grey = (pictures * pictures.new_tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    pictures = torch.lerp(grey.mean((2, 3), keepdim=True), pictures, sharper.view(-1, 1, 1, 1))
    grey = (pictures * pictures.new_tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return torch.lerp(grey.expand_as(pictures), pictures, fuller.view(-1, 1, 1, 1)).clamp(0, 255)


def mixup(pictures: Tensor, targets: Tensor, uniform: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Blend each picture and its target with its neighbour's in the batch (Zhang et al. 2017, eq. 1).

    The share is uniform, which is the paper's Beta(alpha, alpha) at alpha = 1, folded so that a picture keeps
    at least half of itself.

    Args:
        pictures: ``(N, C, H, W)`` floats.
        targets: ``(N,)`` classes.
        uniform: ``(N, 1)``.
    Returns:
        the pictures, and ``(N, classes)`` targets that sum to 1.
    """
    own = 0.5 + (uniform[:, 0] - 0.5).abs()
    share = own.view(-1, 1, 1, 1)
    return share * pictures + (1 - share) * pictures.roll(1, 0), blended(targets, own, classes)


def cutmix(pictures: Tensor, targets: Tensor, uniform: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Put a rectangle of its neighbour into each picture; targets go by area (Yun et al. 2019, eq. 1, 2).

    Args:
        pictures: ``(N, C, H, W)`` floats.
        targets: ``(N,)`` classes.
        uniform: ``(N, 3)``: the share that is cut out, and where its middle is.
    Returns:
        the pictures, and ``(N, classes)`` targets that sum to 1.
    """
    height, width = pictures.shape[2:]
    side = uniform[:, 0].sqrt()
    rows = _covered(uniform[:, 1], height, side * height)
    columns = _covered(uniform[:, 2], width, side * width)
    inside = rows[:, :, None] & columns[:, None, :]
    mixed = torch.where(inside[:, None], pictures.roll(1, 0), pictures)
    return mixed, blended(targets, 1 - inside.float().mean((1, 2)), classes)


def blended(targets: Tensor, own: Tensor, classes: int) -> Tensor:
    """Return ``(N, classes)``: share ``own`` of each target and the rest of its neighbour's in the batch."""
    exact = functional.one_hot(targets, classes).to(own.dtype)
    return own[:, None] * exact + (1 - own[:, None]) * exact.roll(1, 0)


def _covered(middle: Tensor, length: int, span: Tensor | int) -> Tensor:
    """Return ``(N, length)``: which places lie within ``span`` around ``middle``, a part of the length."""
    start = (middle * length).floor() - torch.as_tensor(span).div(2, rounding_mode="floor")
    places = torch.arange(length)
    ends = start + torch.as_tensor(span).round()
    return (places >= start[:, None]) & (places < ends[:, None])
