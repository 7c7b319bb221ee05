"""Feature visualisation: change an image, step by step, until a unit is as excited as it can be.

Activation maximisation (Erhan et al. 2009; Olah et al. 2017) within the values that a real input can have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.explain.watching import array, module_named, placed, watched


@dataclass(frozen=True)
class Ascended:
    """After ``step`` steps: ``image`` (C, H, W) and the ``activation`` that it reaches."""

    step: int
    image: np.ndarray
    activation: float


def ascend(
    model: nn.Module,
    layer: str,
    unit: int,
    *,
    shape: tuple[int, int, int],
    low: float,
    high: float,
    steps: int = 128,
    seed: int = 0,
    starts: int = 8,
    rate: float = 0.1,
    smooth: float = 0.0,
) -> Iterator[Ascended]:
    """Yield the image at every step of a climb to what excites a unit most, from noise of this seed.

    The activation is the largest value in the unit's feature map, as in ``exciting``. Of a ReLU the value
    before it is climbed, so that a unit that is shut can open. Several noises climb side by side for the
    first quarter; the highest is then yielded from its start and climbs on alone. Between two yields the
    network is as it was, and the caller may stop at any time.

    Args:
        layer: name of a layer; ``unit``: its channel.
        shape: (C, H, W) of an input.
        low: the smallest value a prepared input can have; ``high`` the largest.
        steps: how many; steps + 1 images are yielded, the noise first.
        starts: how many noises begin.
        rate: the first step, as a share of high - low; it falls to zero along half a cosine.
        smooth: 0 to 1, how much of a 3 x 3 mean is mixed in at each step: less speckle, less activation.
    Raises:
        UsageError: no such layer or unit, an empty range, no steps or no starts.
    """
    if steps < 1 or starts < 1 or not low < high or not 0 <= smooth <= 1:
        raise UsageError(
            f"steps {steps}, starts {starts}, values {low} to {high}, smooth {smooth}: nothing to climb; "
            "at least one step and one start, low below high, and smooth from 0 to 1 are needed"
        )
    module_named(model, layer)
    generator = torch.Generator().manual_seed(seed)
    images = placed(model, low + (high - low) * torch.rand((starts, *shape), generator=generator))
    velocity = torch.zeros_like(images)
    scouted: list[tuple[Tensor, Tensor]] = []
    for step in range(steps + 1):
        activations, gradients = _slope(model, layer, unit, images)
        scouted.append((images, activations))
        if step >= steps // 4:
            best = int(activations.argmax())
            for back, (seen, reached) in enumerate(scouted, start=step + 1 - len(scouted)):
                yield Ascended(back, array(seen[best]), float(reached[best]))
            scouted.clear()
            images, velocity, gradients = (each[best : best + 1] for each in (images, velocity, gradients))
        largest = gradients.abs().flatten(1).amax(1).clamp(min=1e-12)
        velocity = 0.9 * velocity + gradients / largest.view(-1, 1, 1, 1)
        length = rate * (high - low) * 0.5 * (1 + math.cos(math.pi * step / steps))
        images = _smoothed(images + length * velocity, smooth).clamp(low, high)


def _slope(model: nn.Module, layer: str, unit: int, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit's activations ``(N,)`` at the images and the gradients there, ``(N, C, H, W)``."""
    with watched(model, [layer]) as seen, torch.inference_mode(False), torch.enable_grad():
        leaf = images.clone().requires_grad_()
        model(leaf)
        if not seen:
            raise UsageError(f"layer {layer!r} does not run when this network answers")
        shut = isinstance(seen[-1].module, nn.ReLU)
        values = seen[-1].before if shut else seen[-1].after
        if not 0 <= unit < values.shape[1]:
            raise UsageError(f"layer {layer!r} has the units 0 to {values.shape[1] - 1}, not {unit}")
        activations = values[:, unit].reshape(len(images), -1).amax(1)
        (gradients,) = torch.autograd.grad(activations.sum(), leaf)
    activations = activations.detach()
    return activations.clamp(min=0) if shut else activations, gradients


def _smoothed(images: Tensor, share: float) -> Tensor:
    """Mix in ``share`` of each pixel's 3 x 3 mean."""
    if not share:
        return images
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    return (1 - share) * images + share * functional.avg_pool2d(padded, 3, stride=1)
