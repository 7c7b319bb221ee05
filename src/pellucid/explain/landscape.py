"""The loss of a trained network on a plane through its weights: a surface on which optimisers can race.

Two planes. ``path_plane`` spans the two main directions in which the weights moved while they were trained
(principal components of the snapshots; Li et al. 2018, Visualizing the loss landscape of neural nets,
section 7). ``random_plane`` takes two random directions, each filter as long as the network's own (the same,
section 4), for a network whose training left no snapshots. Coordinates are along unit vectors of the first,
and multiples of the filter-normalised directions of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from pellucid.errors import UsageError
from pellucid.explain.race import Surface
from pellucid.explain.watching import resting

Array = NDArray[np.float64]
Loss = Callable[[Tensor], Tensor]  # outputs -> scalar

FEWEST = 3  # moments of a training that span a plane
MARGIN = 0.35  # of the path's extent, around it
STEP = {  # how far a racer's first steps go, in widths of the box, about
    "sgd": 0.02, "momentum": 0.004, "nesterov": 0.004, "adagrad": 0.05, "adadelta": 4.0,
    "rmsprop": 0.008, "adam": 0.02, "adamw": 0.02, "nadam": 0.02, "muon": 0.02,
}  # fmt: skip
BY_SLOPE = ("sgd", "momentum", "nesterov")  # whose steps are as long as the gradient


@dataclass(frozen=True)
class Plane:
    """A plane in the space of a network's weights.

    Attributes:
        origin: the trained weights by name.
        directions: two for each name.
        path: ``(n, 2)``: where the training was at its snapshots, projected; ``(0, 2)`` if that is not known.
        share: of the path's extent that lies in the plane, 0 to 1; None without a path.
        box: left, right, bottom, top of the part worth seeing.
    """

    origin: dict[str, Tensor]
    directions: tuple[dict[str, Tensor], dict[str, Tensor]]
    path: Array
    share: float | None
    box: tuple[float, float, float, float]

    @property
    def start(self) -> tuple[float, float]:
        """Where a race begins: at the first known moment, or near a corner."""
        left, right, bottom, top = self.box
        if len(self.path):
            return (float(self.path[0, 0]), float(self.path[0, 1]))
        return (left + 0.15 * (right - left), bottom + 0.2 * (top - bottom))

    def weights(self, point: Tensor) -> dict[str, Tensor]:
        """Return the weights at a point ``(2,)`` of the plane."""
        first, second = self.directions
        return {
            name: value + point[0] * first[name] + point[1] * second[name]
            for name, value in self.origin.items()
        }


def path_plane(network: nn.Module, moments: Sequence[dict[str, Tensor]]) -> Plane:
    """Return the plane in which a training moved most, around the network's weights.

    Raises:
        UsageError: fewer than three moments.
    """
    if len(moments) < FEWEST:
        raise UsageError(f"{len(moments)} snapshots span no plane; expected at least {FEWEST}")
    origin = _parameters(network)
    rows = torch.stack([_flat({name: each[name] - origin[name] for name in origin}) for each in moments])
    _, sizes, vectors = torch.linalg.svd(rows, full_matrices=False)  # (n, P): n is small
    axes = vectors[:2] * torch.where(vectors[:2] @ rows[0] < 0, -1.0, 1.0)[:, None]
    path = (rows @ axes.T).double().numpy()
    every = np.concatenate([path, np.zeros((1, 2))])
    low, high = every.min(0), every.max(0)
    pad = np.maximum(MARGIN * (high - low), MARGIN * (high - low).max() / 2) + 1e-6
    share = float(sizes[:2].square().sum() / sizes.square().sum().clamp(min=1e-30))
    box = (float((low - pad)[0]), float((high + pad)[0]), float((low - pad)[1]), float((high + pad)[1]))
    first, second = (_named(axis, origin) for axis in axes)
    return Plane(origin, (first, second), path, share, box)


def random_plane(network: nn.Module, *, seed: int = 0) -> Plane:
    """Return two random directions through a network, each filter as long as the network's own.

    Biases and the weights of normalisations do not move.
    """
    origin = _parameters(network)
    generator = torch.Generator().manual_seed(seed)
    pair = []
    for _ in range(2):
        direction = {}
        for name, value in origin.items():
            drawn = torch.randn(value.shape, generator=generator)
            if value.ndim < 2:
                direction[name] = torch.zeros_like(value)
                continue
            filters, own = drawn.flatten(1), value.flatten(1)
            scale = own.norm(dim=1, keepdim=True) / filters.norm(dim=1, keepdim=True).clamp(min=1e-12)
            direction[name] = (filters * scale).view_as(value)
        pair.append(direction)
    return Plane(origin, (pair[0], pair[1]), np.zeros((0, 2)), None, (-1.0, 1.0, -1.0, 1.0))


def surface(network: nn.Module, plane: Plane, inputs: Tensor, loss: Loss) -> Surface:
    """Return the network's loss on the plane as a surface to race on.

    Args:
        inputs: ``(N, ...)`` prepared, on which the loss is taken.
        loss: of the network's outputs for them.
    """

    def height(point: Tensor) -> Tensor:
        with resting(network):
            return loss(functional_call(network, plane.weights(point), (inputs,)))

    def value(points: Array) -> Array:
        flat = points.reshape(-1, 2)
        with torch.no_grad():
            found = [float(height(torch.from_numpy(point).float())) for point in flat]
        return np.array(found).reshape(points.shape[:-1])

    def gradient(point: Array) -> Array:
        here = torch.from_numpy(np.asarray(point)).float().requires_grad_()
        return torch.autograd.grad(height(here), here)[0].double().numpy()

    slope = float(np.linalg.norm(gradient(np.array(plane.start)))) or 1.0
    width = plane.box[1] - plane.box[0]
    rates = {
        name: float(f"{width * part / (slope if name in BY_SLOPE else 1):.2g}") for name, part in STEP.items()
    }
    return Surface(
        name="own",
        value=value,
        gradient=gradient,
        start=plane.start,
        minima=((0.0, 0.0),),
        box=plane.box,
        learning_rates=rates,
    )


def _parameters(network: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in network.named_parameters()}


def _flat(weights: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.flatten().float() for tensor in weights.values()])


def _named(flat: Tensor, like: dict[str, Tensor]) -> dict[str, Tensor]:
    parts = flat.split([tensor.numel() for tensor in like.values()])
    return {name: part.view_as(like[name]) for name, part in zip(like, parts, strict=True)}
