"""Is an explanation about the network at all? Randomise it and compare; delete what it names and see.

Adebayo et al. 2018, "Sanity checks for saliency maps": a map that stays the same for a network with
random weights explains the picture, not the network. Deletion: Petsiuk et al. 2018.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.watching import Target, leaves, placed, probabilities_of

Explain = Callable[[nn.Module, Tensor, Target], np.ndarray]


@dataclass(frozen=True)
class Sanity:
    """A map beside the same map of a randomised network, and how alike they are, one number an input.

    ``rank_correlation`` ``(N,)`` is Spearman's, of the absolute values, and ``signed`` ``(N,)`` that of the
    values with their signs; ``ssim`` ``(N,)`` is the structural similarity of the absolute values scaled to
    [0, 1]. Equal maps give 1, unrelated ones about 0. The correlations leave out the pixels where both
    maps are exactly 0: where the input equals the baseline, integrated gradients and occlusion are 0 for
    any network, and an empty background would pass for agreement.
    """

    maps: np.ndarray
    randomised: np.ndarray
    rank_correlation: np.ndarray
    signed: np.ndarray
    ssim: np.ndarray


def sanity(model: nn.Module, inputs: Tensor, target: Target, explain: Explain, *, seed: int = 0) -> Sanity:
    """Explain the network and a copy of it with random weights, and compare the maps.

    Args:
        inputs: ``(N, ...)`` prepared inputs.
        explain: (model, inputs, target) -> maps ``(N, H, W)`` or ``(N, C, H, W)``.
        seed: of the random weights.
    """
    maps = explain(model, inputs, target)
    return compare(maps, explain(randomised(model, seed=seed), inputs, target))


def cascade(
    model: nn.Module, inputs: Tensor, target: Target, explain: Explain, *, seed: int = 0
) -> Iterator[tuple[str, Sanity]]:
    """Yield (layer, comparison) as ever more layers are randomised, from the last one down (section 3.1).

    The first comparison has the last layer randomised, the final one all of them.
    """
    maps = explain(model, inputs, target)
    weighty = [name for name, module in leaves(model).items() if any(True for _ in module.parameters())]
    for first in reversed(range(len(weighty))):
        changed = randomised(model, seed=seed, names=weighty[first:])
        yield weighty[first], compare(maps, explain(changed, inputs, target))


@torch.inference_mode(False)
def randomised(model: nn.Module, *, seed: int = 0, names: list[str] | None = None) -> nn.Module:
    """Return a copy of the network with weights drawn anew, as they are before training.

    Args:
        names: the layers to draw anew; all if None.
    """
    changed = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in changed.named_modules():
            if names is None or name in names:
                _redraw(module)
    return changed


def compare(maps: np.ndarray, others: np.ndarray) -> Sanity:
    """Return how alike two sets of maps ``(N, ...)`` are, by rank and by structure."""
    if maps.shape != others.shape:
        raise UsageError(f"maps of shapes {maps.shape} and {others.shape} cannot be compared")
    rows = []
    for one, other in zip(maps, others, strict=True):
        told = (one != 0) | (other != 0)
        absolute = rank_correlation(np.abs(one[told]), np.abs(other[told]))
        signed = rank_correlation(one[told], other[told])
        rows.append((absolute, signed, ssim(_scaled(np.abs(one)), _scaled(np.abs(other)))))
    return Sanity(maps, others, *np.array(rows).reshape(-1, 3).T)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation, -1 to 1; ties share their mean rank; 0 for a constant map."""
    if not first.size:
        return 0.0
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / length) if length > 0 else 0.0


def ssim(first: np.ndarray, second: np.ndarray, *, window: int = 7) -> float:
    """Return the structural similarity of pictures in [0, 1] (Wang et al. 2004, eq. 13), 1 for equal ones.

    The mean over all windows of ``window`` x ``window`` pixels, equal weights, sample covariances, and over
    the channels if there are any.

    Args:
        first: ``(H, W)`` or ``(C, H, W)``; the window shrinks to a smaller picture.
    """
    side = min(window, *first.shape[-2:])
    x, y = (
        sliding_window_view(each.astype(np.float64), (side, side), axis=(-2, -1)) for each in (first, second)
    )
    axes = (-2, -1)
    mean_x, mean_y = x.mean(axes), y.mean(axes)
    sample = side * side / max(side * side - 1, 1)
    var_x, var_y = x.var(axes) * sample, y.var(axes) * sample
    covariance = ((x * y).mean(axes) - mean_x * mean_y) * sample
    c1, c2 = 0.01**2, 0.03**2
    bright = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((bright * (2 * covariance + c2) / (var_x + var_y + c2)).mean())


@dataclass(frozen=True)
class Deletion:
    """The mean probability of the target while pixels are removed, most important first.

    ``shares`` ``(steps + 1,)`` from 0 to 1 of the pixels; ``probabilities`` in the map's order, ``random``
    in random order. The areas are the means under the curves: a map that is right has the smaller one.
    """

    shares: np.ndarray
    probabilities: np.ndarray
    random: np.ndarray

    @property
    def area(self) -> float:
        """The area under the map's curve, 0 to 1."""
        return _area(self.shares, self.probabilities)

    @property
    def random_area(self) -> float:
        """The area under the curve of the random order, 0 to 1."""
        return _area(self.shares, self.random)


def deletion(
    model: nn.Module,
    inputs: Tensor,
    target: Target,
    maps: np.ndarray,
    *,
    value: float,
    steps: int = 28,
    orders: int = 5,
    seed: int = 0,
) -> Deletion:
    """Remove the pixels that a map names, most important first, and watch the probability fall.

    Args:
        inputs: ``(N, C, H, W)`` prepared inputs.
        maps: ``(N, H, W)``, or ``(N, C, H, W)`` whose channels are added; large means important.
        value: what a removed pixel becomes (black, after normalisation).
        steps: how many equal portions the pixels are removed in.
        orders: how many random orders the comparison is the mean of.
    Raises:
        UsageError: maps that do not fit the inputs, or no steps.
    """
    inputs = placed(model, inputs)
    maps = maps.sum(1) if maps.ndim == 4 else maps
    if inputs.ndim != 4 or maps.shape != (len(inputs), *inputs.shape[2:]) or steps < 1 or orders < 1:
        raise UsageError(
            f"maps of shape {maps.shape} for inputs of shape {tuple(inputs.shape)}, {steps} steps, {orders} "
            "orders; maps (N, H, W) of the inputs' size and at least one step and one order are needed"
        )
    generator = np.random.default_rng(seed)
    shares = np.linspace(0, 1, steps + 1)
    ranked = _curve(model, inputs, target, maps, shares, value)
    chance = [
        _curve(model, inputs, target, generator.random(maps.shape), shares, value) for _ in range(orders)
    ]
    return Deletion(shares, ranked, np.mean(chance, axis=0))


def _curve(
    model: nn.Module, inputs: Tensor, target: Target, maps: np.ndarray, shares: np.ndarray, value: float
) -> np.ndarray:
    flat = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")
    places = np.empty_like(flat)
    np.put_along_axis(places, flat, np.arange(flat.shape[1])[None].repeat(len(flat), 0), axis=1)
    place = torch.from_numpy(places.reshape(maps.shape))[:, None].to(inputs.device)
    curve = []
    for share in shares:
        left = torch.where(place < round(float(share) * flat.shape[1]), value, inputs)
        curve.append(float(probabilities_of(model, left, target).double().mean()))
    return np.array(curve)


def _area(shares: np.ndarray, curve: np.ndarray) -> float:
    """Return the area under the curve by the trapezoidal rule."""
    return float((np.diff(shares) * (curve[1:] + curve[:-1]) / 2).sum())


def _redraw(module: nn.Module) -> None:
    """Draw one module's own weights anew: by its own rule if it has one, else normal with the same spread."""
    own = list(module.parameters(recurse=False))
    if own and callable(reset := getattr(module, "reset_parameters", None)):
        reset()
        return
    for weight in own:
        spread = float(weight.std(correction=0))
        weight.data.normal_(0, spread or 1.0)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks from 0, equal values sharing their mean."""
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def _scaled(values: np.ndarray) -> np.ndarray:
    spread = float(values.max() - values.min())
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)
