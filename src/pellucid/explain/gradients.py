"""Explanations by the gradient at the input: saliency, smoothed saliency, integrated gradients.

Integrated gradients are the few lines of Sundararajan et al. 2017 with captum's quadrature, and equal
captum's to rounding (tested): importing captum itself costs 0.6 s and loads matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.watching import BATCH, Target, array, placed, resting, scores_of, targets


def saliency(model: nn.Module, inputs: Tensor, target: Target) -> np.ndarray:
    """Return the gradient of the target's score at every pixel (Simonyan et al. 2014), sign kept.

    Args:
        inputs: ``(N, C, H, W)`` prepared inputs; any shape ``(N, ...)`` will do.
        target: one class for all, or ``(N,)`` classes.
    Returns:
        an array of the inputs' shape; how much the score rises per unit of each pixel.
    Raises:
        UsageError: no such class, or the network does not give ``(N, K)`` scores.
    """
    return array(input_gradient(model, inputs, target)[0])


def smooth_saliency(
    model: nn.Module,
    inputs: Tensor,
    target: Target,
    *,
    deviation: float = 0.2,
    copies: int = 25,
    seed: int = 0,
) -> np.ndarray:
    """Return the mean saliency over noisy copies of the input (SmoothGrad, Smilkov et al. 2017).

    Args:
        deviation: of the noise, as a share of each input's range of values.
        copies: how many noisy copies are averaged.
    Returns:
        an array of the inputs' shape.
    """
    if copies < 1 or deviation < 0:
        raise UsageError(f"copies {copies} and deviation {deviation}; at least 1 and at least 0 are needed")
    inputs = placed(model, inputs)
    generator = torch.Generator().manual_seed(seed)
    flat = inputs.flatten(1)
    scale = deviation * (flat.amax(1) - flat.amin(1)).view(-1, *[1] * (inputs.ndim - 1))
    total = torch.zeros_like(inputs)
    for _ in range(copies):
        noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
        total += input_gradient(model, inputs + scale * noise, target)[0]
    return array(total / copies)


@dataclass(frozen=True)
class Integrated:
    """Integrated gradients and their proof.

    ``attributions`` has the inputs' shape. ``difference`` ``(N,)`` is score(input) - score(baseline), what
    the attributions of one input must add up to; ``error`` ``(N,)`` is how far they miss it, as a share
    of that difference; ``steps`` is how many points of the path were looked at.
    """

    attributions: np.ndarray
    difference: np.ndarray
    error: np.ndarray
    steps: int


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Target,
    *,
    baseline: float | Tensor,
    steps: int = 64,
    tolerance: float = 0.01,
    most_steps: int = 1024,
) -> Integrated:
    """Return each pixel's share of the score (Sundararajan et al. 2017, eq. 1 and proposition 1).

    The path from the baseline to the input is integrated by Gauss-Legendre quadrature. While the
    attributions miss the difference of the scores by more than ``tolerance``, the number of steps is
    doubled, up to ``most_steps``.

    Args:
        inputs: ``(N, ...)`` prepared inputs.
        target: one class for all, or ``(N,)`` classes.
        baseline: the input that says nothing: a number (black, after normalisation) or a tensor that
            broadcasts to ``inputs``.
        steps: points on the path, at least 1.
        tolerance: the largest error accepted, as a share; ``inf`` keeps ``steps`` as given.
    Raises:
        UsageError: no such class, a baseline of the wrong shape, or no steps.
    """
    if steps < 1:
        raise UsageError(f"steps is {steps}; at least 1 is needed")
    inputs = placed(model, inputs)
    start = _baseline(inputs, baseline)
    with resting(model), torch.no_grad():
        difference = scores_of(model(inputs), target) - scores_of(model(start), target)
    while True:
        attributions = _integrate(model, inputs, start, target, steps)
        missing = (attributions.double().flatten(1).sum(1) - difference.double()).abs()
        error = missing / difference.double().abs().clamp(min=torch.finfo(torch.float32).tiny)
        if float(error.max()) <= tolerance or 2 * steps > most_steps:
            return Integrated(array(attributions), array(difference), array(error), steps)
        steps *= 2


def input_gradient(model: nn.Module, inputs: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """Return the gradient of the target's score at the inputs, and the scores ``(N, K)``.

    Only the inputs are differentiated: the ``.grad`` of the network's weights is not touched.
    """
    with resting(model), torch.inference_mode(False), torch.enable_grad():
        leaf = placed(model, inputs).clone().requires_grad_()
        outputs = model(leaf)
        (gradient,) = torch.autograd.grad(scores_of(outputs, target).sum(), leaf)
    return gradient, outputs.detach()


def _baseline(inputs: Tensor, baseline: float | Tensor) -> Tensor:
    start = torch.as_tensor(baseline, dtype=inputs.dtype, device=inputs.device)
    try:
        return start.expand_as(inputs).contiguous()
    except RuntimeError:
        raise UsageError(
            f"baseline of shape {tuple(start.shape)} for inputs of shape {tuple(inputs.shape)}; "
            "give a number, or a tensor that broadcasts to the inputs"
        ) from None


def _integrate(model: nn.Module, inputs: Tensor, start: Tensor, target: Target, steps: int) -> Tensor:
    """Return (input - baseline) * the weighted sum of the gradients on the path, points in batches."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    with resting(model), torch.no_grad():
        classes = targets(model(inputs), target)
    total = torch.zeros_like(inputs)
    points_at_once = max(1, BATCH // len(inputs))
    for first in range(0, steps, points_at_once):
        here = slice(first, first + points_at_once)
        along = torch.as_tensor((points[here] + 1) / 2, dtype=inputs.dtype, device=inputs.device)
        weight = torch.as_tensor(weights[here] / 2, dtype=inputs.dtype, device=inputs.device)
        column = (-1, *[1] * inputs.ndim)
        path = start + along.view(column) * (inputs - start)  # (points, N, ...)
        gradient, _ = input_gradient(model, path.flatten(0, 1), classes.repeat(len(along)))
        total += (gradient.view_as(path) * weight.view(column)).sum(0)
    return total * (inputs - start)
