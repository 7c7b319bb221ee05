"""The optimisers racing downhill on a surface of two variables: paths as arrays.

Each path is made by the readable updates of ``pellucid.explain.updates``, the very equations that train the
networks. Points are ``(x, y)``; a surface may shake its gradient, the way small batches do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError, near
from pellucid.explain.updates import UPDATES

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A loss of two variables, where to start on it, and a learning rate for every racer.

    ``value`` and ``gradient`` take points ``(..., 2)`` and return ``(...)`` and ``(..., 2)``. ``noise`` is
    the standard deviation of what is added to both parts of the gradient. ``box`` is (left, right, bottom,
    top) of the part worth seeing. ``learning_rates`` come from a 1-2-5 scan: below those that arrive first,
    so that the character of each racer shows within 150 steps.
    """

    name: str
    value: Callable[[Array], Array]
    gradient: Callable[[Array], Array]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    box: tuple[float, float, float, float]
    learning_rates: Mapping[str, float]
    noise: float = 0.0


def race(
    surface: Surface,
    *,
    start: tuple[float, float] | None = None,
    learning_rates: Mapping[str, float] | None = None,
    steps: int = 150,
    seed: int = 0,
) -> dict[str, Array]:
    """Let optimisers run from ``start`` and return the path of each, ``(steps + 1, 2)``, start included.

    Args:
        learning_rates: who runs, and how fast; all ten with the surface's own rates unless given.
        seed: of the shaking, which is the same for every racer.
    Returns:
        Paths by name. A racer that is thrown out of the world ends in inf or NaN.
    Raises:
        UsageError: an unknown racer, or fewer than one step.
    """
    rates = surface.learning_rates if learning_rates is None else learning_rates
    for name in rates:
        if name not in UPDATES:
            known = ", ".join(UPDATES)
            raise UsageError(f'No optimiser is called "{name}".{near(name, UPDATES)} There are: {known}.')
    if steps < 1:
        raise UsageError(f"A race of {steps} steps is none; expected at least 1.")
    shaking = np.random.default_rng(seed).normal(scale=surface.noise, size=(steps, 2))
    origin = np.array(surface.start if start is None else start, dtype=np.float64)
    return {name: _path(surface, name, rate, origin, shaking) for name, rate in rates.items()}


def grid(surface: Surface, *, points: int = 121) -> tuple[Array, Array, Array]:
    """Heights for drawing: ``x (points,)``, ``y (points,)`` and values ``(points, points)``, rows along y."""
    left, right, bottom, top = surface.box
    x, y = np.linspace(left, right, points), np.linspace(bottom, top, points)
    return x, y, surface.value(np.stack(np.meshgrid(x, y), axis=-1))


def _path(surface: Surface, name: str, rate: float, origin: Array, shaking: Array) -> Array:
    path, state = [origin], {}  # type: ignore[var-annotated]
    with np.errstate(all="ignore"):
        for step, shake in enumerate(shaking, start=1):
            gradient = surface.gradient(path[-1]) + shake
            # (2,) -> (1, 2) -> (2,): Muon moves matrices, the others do not mind
            moved = UPDATES[name](path[-1][None], gradient[None], state, step, learning_rate=rate)
            path.append(moved[0])
    return np.stack(path)


def _valley(point: Array) -> Array:
    x, y = point[..., 0], point[..., 1]
    return 0.05 * x**2 + 2.0 * y**2


def _valley_gradient(point: Array) -> Array:
    return point * np.array([0.1, 4.0])


def _saddle(point: Array) -> Array:
    x, y = point[..., 0], point[..., 1]
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def _saddle_gradient(point: Array) -> Array:
    x, y = point[..., 0], point[..., 1]
    return np.stack([x, y**3 - y], axis=-1)


def _bowl(point: Array) -> Array:
    return (point**2).sum(axis=-1) / 2


def _bowl_gradient(point: Array) -> Array:
    return point.copy()


def _beale_terms(point: Array) -> tuple[Array, Array]:
    """The three residuals and the powers of y that they hold, each with a last axis of 3."""
    x, y = point[..., :1], point[..., 1:]
    powers = np.concatenate([y, y**2, y**3], axis=-1)
    return np.array([1.5, 2.25, 2.625]) - x + x * powers, powers


def _beale(point: Array) -> Array:
    return (_beale_terms(point)[0] ** 2).sum(axis=-1)


def _beale_gradient(point: Array) -> Array:
    residuals, powers = _beale_terms(point)
    x, y = point[..., :1], point[..., 1:]
    by_y = x * np.concatenate([np.ones_like(y), 2 * y, 3 * y**2], axis=-1)
    return 2 * np.stack([(residuals * (powers - 1)).sum(axis=-1), (residuals * by_y).sum(axis=-1)], axis=-1)


def _rates(*rates: float) -> dict[str, float]:
    """Learning rates in the order of ``UPDATES``."""
    return dict(zip(UPDATES, rates, strict=True))


SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            name="valley",  # forty times as steep across as along
            value=_valley,
            gradient=_valley_gradient,
            start=(-9.0, 1.5),
            minima=((0.0, 0.0),),
            box=(-10.0, 4.0, -2.5, 2.5),
            learning_rates=_rates(0.4, 0.05, 0.05, 1, 50, 0.2, 0.5, 0.5, 0.5, 0.5),
        ),
        Surface(
            name="saddle",  # flat at the origin, one way up and one way down
            value=_saddle,
            gradient=_saddle_gradient,
            start=(-1.5, 0.001),
            minima=((0.0, -1.0), (0.0, 1.0)),
            box=(-1.8, 1.2, -1.5, 1.5),
            learning_rates=_rates(0.2, 0.05, 0.05, 0.5, 20, 0.05, 0.1, 0.1, 0.1, 0.1),
        ),
        Surface(
            name="bowl",  # round, but every gradient is shaken
            value=_bowl,
            gradient=_bowl_gradient,
            start=(-4.0, 3.0),
            minima=((0.0, 0.0),),
            box=(-5.0, 3.0, -3.0, 4.0),
            learning_rates=_rates(0.1, 0.02, 0.02, 1, 50, 0.1, 0.2, 0.2, 0.2, 0.2),
            noise=2.0,
        ),
        Surface(
            name="beale",  # Beale 1955: flat valleys between steep corners
            value=_beale,
            gradient=_beale_gradient,
            start=(1.0, 1.5),
            minima=((3.0, 0.5),),
            box=(-0.5, 4.5, -2.0, 2.0),
            learning_rates=_rates(0.01, 0.005, 0.005, 0.5, 50, 0.05, 0.1, 0.1, 0.1, 0.1),
        ),
    )
}
