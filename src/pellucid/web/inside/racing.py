"""The optimisers' race: the paths that the toolkit's own updates take over a surface, as numbers."""

from __future__ import annotations

import copy
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query

from pellucid.errors import UsageError, near
from pellucid.explain import landscape
from pellucid.explain.race import SURFACES, Surface, grid, race
from pellucid.web.inside.scenes import Looking, Scenes
from pellucid.web.library import Opened, block
from pellucid.web.refusals import Refusal

MOST_STEPS = 1000
POINTS = 81  # of the height map on a side
MOST_OWN_STEPS = 150  # on the loss of a network, of which each step is a pass there and back
OWN_POINTS = 17
OWN_SAMPLES = 64  # of the training set, on which that loss is taken
MOST_PARAMETERS = 3_000_000  # of a network that is raced on

router = APIRouter(prefix="/api/v1", tags=["inside"])
Start = Annotated[str, Query(max_length=80, pattern=r"^(-?[\d.e-]{1,30},-?[\d.e-]{1,30})?$")]
Rates = Annotated[
    str, Query(max_length=600, description="adam=0.1,sgd; its own rate without one, all if empty")
]
Heights = tuple[Any, Any, Any]


@router.get("/surfaces")
def surfaces() -> list[dict[str, Any]]:
    """List the surfaces: where to start, the minima, and a learning rate for every optimiser."""
    return [
        {
            "name": surface.name,
            "start": surface.start,
            "minima": surface.minima,
            "box": surface.box,
            "noise": surface.noise,
            "learning_rates": dict(surface.learning_rates),
        }
        for surface in SURFACES.values()
    ]


@router.get("/race")
def run_race(
    look: Looking,
    surface: Annotated[str, Query(max_length=40)] = "beale",
    start: Start = "",
    rates: Rates = "",
    steps: Annotated[int, Query(ge=1, le=MOST_STEPS)] = 150,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    """Let optimisers run; return the surface's heights and every path, step by step."""
    if surface not in SURFACES:
        raise UsageError(f'no surface "{surface}".{near(surface, SURFACES)} There are: {", ".join(SURFACES)}')
    where: Surface = SURFACES[surface]
    with look.turn():
        heights = grid(where, points=POINTS)
        return raced(where, heights, f"race/{surface}", start=start, rates=rates, steps=steps, seed=seed)


@router.get("/runs/{run}/race")
def own_race(
    run: str,
    look: Looking,
    start: Start = "",
    rates: Rates = "",
    steps: Annotated[int, Query(ge=1, le=MOST_OWN_STEPS)] = 50,
) -> dict[str, Any]:
    """Let optimisers run on the loss of a trained network, on a plane through its weights.

    The plane holds the two main directions in which its training moved; of a network without snapshots, two
    random ones, filter by filter as long as its own weights.
    """
    with look.turn():
        opened = look.library.open(run)
        plane, where, heights, samples = look.excited.get(
            (opened.id, opened.sha8, "plane"), lambda: _plane(opened, look)
        )
        ref = f"{opened.id}@{opened.sha8}/plane"
        found = raced(where, heights, ref, start=start, rates=rates, steps=steps, seed=0)
    return found | {
        "learning_rates": dict(where.learning_rates),
        "training": block(plane.path, f"{ref}/training"),
        "share": plane.share,
        "samples": samples,
    }


def _plane(opened: Opened, look: Scenes) -> tuple[landscape.Plane, Surface, Heights, int]:
    """Return the plane of a network, its surface, the heights on it, and on how many samples."""
    ready = opened.trained
    network = copy.deepcopy(ready.network)
    size = sum(parameter.numel() for parameter in network.parameters())
    train = look.library.data(ready.task).train
    samples = min(OWN_SAMPLES, len(train))
    inputs, targets = ready.task.prepare(*train[torch.arange(samples)], facts=ready.facts)
    if size > MOST_PARAMETERS or not isinstance(inputs, torch.Tensor):
        said = f"races are run on networks of one input and up to {MOST_PARAMETERS:,} parameters"
        raise Refusal(422, "large", said)
    moments = [ready.run.snapshots.read(step)[0] for step in ready.run.snapshots.steps()]
    enough = len(moments) >= landscape.FEWEST
    plane = landscape.path_plane(network, moments) if enough else landscape.random_plane(network)
    where = landscape.surface(
        network,
        plane,
        inputs,
        lambda outputs: ready.task.loss(outputs, targets, ready.facts),  # type: ignore[arg-type]
    )
    return plane, where, grid(where, points=OWN_POINTS), samples


def raced(
    where: Surface, heights: Heights, name: str, *, start: str, rates: str, steps: int, seed: int
) -> dict[str, Any]:
    """Return a surface's heights and the path of every racer on it, as blocks."""
    origin = tuple(map(_number, start.split(","))) if start else where.start
    pairs = [part.partition("=") for part in rates.split(",") if part]
    own = where.learning_rates
    chosen = {racer: _number(rate) if rate else own.get(racer, 0.0) for racer, _, rate in pairs} or dict(own)
    paths = race(where, start=origin, learning_rates=chosen, steps=steps, seed=seed)  # type: ignore[arg-type]
    xs, ys, values = heights
    ref = f"{name}:{','.join(map(repr, origin))}:{steps}:{seed}"
    return {
        "surface": where.name,
        "start": origin,
        "minima": where.minima,
        "box": where.box,
        "xs": xs.tolist(),
        "ys": ys.tolist(),
        "heights": block(values, f"{ref}/heights"),
        "paths": [
            {
                "name": racer,
                "learning_rate": chosen[racer],
                "points": block(path, f"{ref}/{racer}={chosen[racer]!r}"),
                "losses": block(where.value(path), f"{ref}/{racer}={chosen[racer]!r}/loss"),
            }
            for racer, path in paths.items()
        ],
    }


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("inf")
    if not abs(found) <= 1e6:
        raise UsageError(f'"{text[:40]}" stands where a number up to a million is expected')
    return found
