"""How a classifier's accuracy falls as its images get worse: noise, shift, rotation, blur."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pellucid import metrics
from pellucid.datasets import augment

LEVELS: dict[str, tuple[float, ...]] = {
    "noise": (0, 0.1, 0.2, 0.3, 0.4),
    "shift": (0, 1, 2, 3, 4),
    "rotation": (0, 10, 20, 30, 45),
    "blur": (0, 0.5, 1, 1.5, 2),
}
UNITS = {
    "noise": "standard deviation, of the whole range",
    "shift": "pixels, in a random one of 8 directions",
    "rotation": "degrees, either way",
    "blur": "standard deviation in pixels",
}


@dataclass(frozen=True)
class Curve:
    """Accuracy at each level of one perturbation; level 0 is the untouched set."""

    levels: tuple[float, ...]
    accuracies: tuple[metrics.Score, ...]


def curves(
    classify: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor, *, seed: int = 0
) -> dict[str, Curve]:
    """Return the curve of each perturbation in ``LEVELS``.

    Args:
        classify: raw images to logits, ``(N, H, W)`` uint8 -> ``(N, K)``.
        images: ``(N, H, W)`` uint8, light on dark, or ``(N, H, W, 3)``.
        targets: ``(N,)`` classes.
    """
    untouched = metrics.accuracy(classify(images).numpy(), targets.numpy())
    found = {}
    for name, levels in LEVELS.items():
        scores = [untouched]
        for level in levels[1:]:
            worse = perturbed(name, images, level, seed=seed)
            scores.append(metrics.accuracy(classify(worse).numpy(), targets.numpy()))
        found[name] = Curve(levels, tuple(scores))
    return found


def perturbed(name: str, images: Tensor, level: float, *, seed: int = 0) -> Tensor:
    """Return the images ``(N, H, W)`` or ``(N, H, W, 3)`` uint8 made worse; level 0 returns them as they are.

    The colours of a picture share their chance: all are moved the same way and get the same noise.
    """
    if level == 0:
        return images
    if images.ndim == 4:
        return torch.stack([perturbed(name, colour, level, seed=seed) for colour in images.unbind(3)], 3)
    generator = torch.Generator().manual_seed(seed)
    if name == "noise":
        noise = torch.randn(images.shape, generator=generator) * (255 * level)
        return (images + noise).round().clamp(0, 255).to(torch.uint8)
    if name == "shift":
        directions = torch.tensor([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)])
        chosen = directions[torch.randint(8, (len(images),), generator=generator)]
        number = 2 * int(level) + 1
        return augment.shift(images, ((chosen + 1) * int(level) + 0.5) / number, int(level))
    if name == "rotation":
        return torch.cat(list(_rotated(images, level, generator)))
    return _blurred(images, level)


def _rotated(images: Tensor, degrees: float, generator: torch.Generator) -> Iterator[Tensor]:
    turns = torch.randint(0, 2, (len(images),), generator=generator) * 2 - 1
    for part, turn in zip(images.split(2000), turns.split(2000), strict=True):
        angle = torch.deg2rad(turn * degrees)
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros(len(part))
        matrices = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
        floats = part[:, None].float()
        grid = functional.affine_grid(matrices, list(floats.shape), align_corners=False)
        turned = functional.grid_sample(floats, grid, align_corners=False)
        yield turned[:, 0].round().clamp(0, 255).to(torch.uint8)


def _blurred(images: Tensor, deviation: float) -> Tensor:
    reach = int(np.ceil(3 * deviation))
    places = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-(places**2) / (2 * deviation**2))
    kernel /= kernel.sum()
    floats = images[:, None].float()
    across = functional.conv2d(floats, kernel.view(1, 1, 1, -1), padding=(0, reach))
    down = functional.conv2d(across, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return down[:, 0].round().clamp(0, 255).to(torch.uint8)
