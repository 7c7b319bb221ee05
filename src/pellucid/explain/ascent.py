"""Feature visualisation: change an image, step by step, until a unit is as excited as it can be.

Activation maximisation (Erhan et al. 2009; Olah et al. 2017) within the values that a real input can have.
"""

from __future__ import annotations

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
    rate: float = 0.1,
    smooth: float = 0.0,
) -> Iterator[Ascended]:
    """Yield the image at every step of a climb to what excites a unit most, from noise of this seed.

    The activation is the largest value in the unit's feature map, as in ``exciting``; of a ReLU, the value
    before it, so that a unit that is shut can still be climbed. Between two yields the network is as it
    was, and the caller may stop at any time.

    Args:
        layer: name of a layer; ``unit``: its channel.
        shape: (C, H, W) of an input.
        low: the smallest value a prepared input can have; ``high`` the largest.
        steps: how many; steps + 1 images are yielded, the seed's noise first.
        rate: the first step, as a share of high - low; it falls to zero along half a cosine.
        smooth: 0 to 1, how much of a 3 x 3 mean is mixed in after each step: less speckle, less activation.
    Raises:
        UsageError: no such layer or unit, an empty range, or no steps.
    """
    if steps < 1 or not low < high or not 0 <= smooth <= 1:
        raise UsageError(f"steps {steps}, values {low} to {high}, smooth {smooth}: nothing to climb")
    module_named(model, layer)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((1, *shape), generator=generator)
    image = placed(model, low + (high - low) * (0.4 + 0.2 * noise))  # grey, a little uneven
    velocity = torch.zeros_like(image)
    for step in range(steps + 1):
        activation, gradient = _climb(model, layer, unit, image)
        yield Ascended(step, array(image[0]), activation)
        velocity = 0.9 * velocity + gradient / gradient.abs().amax().clamp(min=1e-12)
        length = rate * (high - low) * 0.5 * (1 + np.cos(np.pi * step / steps))
        image = (image + length * velocity).clamp(low, high)
        if smooth:
            padded = functional.pad(image, (1, 1, 1, 1), mode="replicate")
            image = (1 - smooth) * image + smooth * functional.avg_pool2d(padded, 3, stride=1)


def _climb(model: nn.Module, layer: str, unit: int, image: Tensor) -> tuple[float, Tensor]:
    """Return the unit's activation and its gradient at the image."""
    with watched(model, [layer]) as seen, torch.inference_mode(False), torch.enable_grad():
        leaf = image.clone().requires_grad_()
        model(leaf)
        if not seen:
            raise UsageError(f"layer {layer!r} does not run when this network answers")
        values = seen[-1].before if isinstance(seen[-1].module, nn.ReLU) else seen[-1].after
        if not 0 <= unit < values.shape[1]:
            raise UsageError(f"layer {layer!r} has the units 0 to {values.shape[1] - 1}, not {unit}")
        activation = values[0, unit].max()
        (gradient,) = torch.autograd.grad(activation, leaf)
    return float(activation), gradient
