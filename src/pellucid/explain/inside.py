"""Looking inside: what each layer gives, what its weights look like, which images excite a unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.explain.watching import BATCH, CONVOLUTIONS, array, leaves, placed, watched

Images = Tensor | Iterable[Tensor]


@dataclass(frozen=True)
class Activation:
    """One layer at work: ``before`` went in and ``after`` came out, both ``(N, ...)``.

    ``clipped``: for a ReLU, how many of ``before`` it set to zero (all that are negative); None for others.
    """

    name: str
    kind: str
    before: np.ndarray
    after: np.ndarray
    clipped: int | None

    @property
    def share_clipped(self) -> float | None:
        """Share of the entries that the ReLU set to zero, 0 to 1; None for other layers."""
        return None if self.clipped is None else self.clipped / self.before.size


def layers(model: nn.Module, inputs: Tensor) -> list[Activation]:
    """Return what every layer (module without children) sees and gives, in the order in which they run.

    Args:
        inputs: ``(N, ...)`` prepared inputs.
    """
    with watched(model) as seen, torch.no_grad():
        model(placed(model, inputs))
    return [
        Activation(
            each.name,
            type(each.module).__name__,
            array(each.before),
            array(each.after),
            int((each.before < 0).sum()) if isinstance(each.module, nn.ReLU) else None,
        )
        for each in seen
    ]


def feature_maps(model: nn.Module, inputs: Tensor, layer: str) -> np.ndarray:
    """Return what ``layer`` gives as feature maps, ``(N, C, h, w)``.

    Raises:
        UsageError: no such layer, or it gives no maps (a layer after the flattening).
    """
    with watched(model, [layer]) as seen, torch.no_grad():
        model(placed(model, inputs))
    maps = _last(seen, layer).after
    if maps.ndim != 4:
        raise UsageError(f"layer {layer!r} gives shape {tuple(maps.shape)}, no feature maps (N, C, H, W)")
    return array(maps)


def first_weights(model: nn.Module, *, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return the weights of the first layer as pictures, one a unit.

    Args:
        shape: (C, H, W) of an input, for a network that flattens it; a square of one channel if None.
    Returns:
        ``(units, H, W)`` for one channel, else ``(units, C, H, W)``; H, W of the kernel for a convolution.
    Raises:
        UsageError: no layer with weights, or they do not fill ``shape``.
    """
    for module in leaves(model).values():
        if isinstance(module, nn.Conv2d):
            weights = array(module.weight)
            return weights[:, 0] if weights.shape[1] == 1 else weights
        if isinstance(module, nn.Linear):
            return _unflattened(array(module.weight), shape)
    raise UsageError("this network has neither a linear layer nor a convolution, so no weights to show")


def filters(model: nn.Module) -> dict[str, np.ndarray]:
    """Return the filters of every convolution by layer, ``(out, in / groups, H, W)``."""
    found = {name: module for name, module in leaves(model).items() if isinstance(module, CONVOLUTIONS)}
    return {name: array(module.weight) for name, module in found.items()}


@dataclass(frozen=True)
class Excited:
    """The images that excite units most, strongest first, all ``(units, count)``.

    ``indices`` into the images, ``activations`` reached, and ``positions`` ``(units, count, axes)`` of the
    maximum in the feature map (no axes for a layer without maps).
    """

    units: tuple[int, ...]
    indices: np.ndarray
    activations: np.ndarray
    positions: np.ndarray


def exciting(
    model: nn.Module,
    images: Images,
    layer: str,
    units: int | Sequence[int] | None = None,
    count: int = 9,
    *,
    axis: int = 1,
) -> Excited:
    """Return the ``count`` images that excite each unit most, in one pass over the images.

    The activation of a unit is the largest value in its feature map. Equal ones keep the images' order.

    Args:
        images: prepared inputs ``(N, C, H, W)``, or an iterable of batches of them.
        units: one unit (channel), several, or all of them if None.
        count: images a unit; fewer come back if there are fewer.
        axis: of the layer's output, on which its units lie: 2 of (N, L, C).
    Raises:
        UsageError: no such layer or unit, a count below 1, or no images.
    """
    if count < 1:
        raise UsageError(f"count is {count}; at least 1 image a unit is needed")
    tops, wheres, extent = [], [], ()
    with watched(model, [layer]) as seen, torch.no_grad():
        for batch in batches(images):
            model(placed(model, batch))
            after = _last(seen, layer).after.movedim(axis, 1)
            seen.clear()
            values, spots = (
                after.flatten(2).max(2) if after.ndim > 2 else (after, torch.zeros_like(after).long())
            )
            extent = max(extent, tuple(after.shape[2:]))  # sentences differ in length
            tops.append(values.cpu())
            wheres.append(spots.cpu())
    if not tops:
        raise UsageError("no images were given; at least one is needed to find what excites a unit")
    values, spots = torch.cat(tops), torch.cat(wheres)  # (N, C)
    chosen = _units(units, values.shape[1], layer)
    order = torch.stack([_strongest(column, count) for column in values.T[chosen].contiguous()])
    column = torch.tensor(chosen)[:, None]
    places = np.unravel_index(spots[order, column].numpy(), extent) if extent else ()
    positions = np.stack(places, axis=-1) if extent else np.zeros((*order.shape, 0), dtype=np.int64)
    return Excited(tuple(chosen), array(order), array(values[order, column]), positions)


def penultimate(model: nn.Module, images: Images) -> np.ndarray:
    """Return the features that the last linear layer (or convolution) decides on, ``(N, F)``.

    Args:
        images: prepared inputs ``(N, C, H, W)``, or an iterable of batches of them.
    """
    weighty = [name for name, each in leaves(model).items() if isinstance(each, (nn.Linear, *CONVOLUTIONS))]
    features = []
    with watched(model, weighty) as seen, torch.no_grad():
        for batch in batches(images):
            model(placed(model, batch))
            if not seen:
                raise UsageError("this network has neither a linear layer nor a convolution, so no features")
            features.append(array(seen[-1].before.flatten(1)))
            seen.clear()
    if not features:
        raise UsageError("no images were given; at least one is needed")
    return np.concatenate(features)


def batches(images: Images) -> Iterable[Tensor]:
    """Return the batches of ``images``: a tensor is split, an iterable is taken as it is."""
    return images.split(BATCH) if isinstance(images, Tensor) else images


def _strongest(values: Tensor, count: int) -> Tensor:
    """Return the indices of the largest values, equal ones in order; far faster than a sort."""
    least = values.topk(min(count, len(values))).values[-1]
    candidates = (values >= least).nonzero()[:, 0]
    return candidates[values[candidates].sort(descending=True, stable=True).indices[:count]]


def _last(seen: list, layer: str):
    if not seen:
        raise UsageError(f"layer {layer!r} does not run when this network answers")
    return seen[-1]


def _units(units: int | Sequence[int] | None, there: int, layer: str) -> list[int]:
    chosen = list(range(there)) if units is None else [units] if isinstance(units, int) else list(units)
    wrong = [unit for unit in chosen if not 0 <= unit < there]
    if wrong or not chosen:
        raise UsageError(f"layer {layer!r} has the units 0 to {there - 1}, not {wrong or chosen}")
    return chosen


def _unflattened(weights: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    side = math.isqrt(weights.shape[1])
    channels, height, width = shape or (1, side, side)
    if channels * height * width != weights.shape[1]:
        raise UsageError(
            f"each unit has {weights.shape[1]} weights, which do not fill {channels} x {height} x {width}; "
            "give the shape (C, H, W) of the input"
        )
    pictures = weights.reshape(-1, channels, height, width)
    return pictures[:, 0] if channels == 1 else pictures
