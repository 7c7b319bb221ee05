"""The optimisers' race: the paths that the toolkit's own updates take over a surface, as numbers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from pellucid.errors import UsageError, near
from pellucid.explain.race import SURFACES, Surface, grid, race
from pellucid.web.inside.scenes import Looking
from pellucid.web.library import block

MOST_STEPS = 1000
POINTS = 81  # of the height map on a side

router = APIRouter(prefix="/api/v1", tags=["inside"])


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
    start: Annotated[str, Query(max_length=80, pattern=r"^(-?[\d.e-]{1,30},-?[\d.e-]{1,30})?$")] = "",
    rates: Annotated[str, Query(max_length=600, description="adam=0.1,sgd=0.01; all if empty")] = "",
    steps: Annotated[int, Query(ge=1, le=MOST_STEPS)] = 150,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    """Let optimisers run; return the surface's heights and every path, step by step."""
    if surface not in SURFACES:
        raise UsageError(f'no surface "{surface}".{near(surface, SURFACES)} There are: {", ".join(SURFACES)}')
    where: Surface = SURFACES[surface]
    origin = tuple(map(_number, start.split(","))) if start else where.start
    pairs = [part.partition("=") for part in rates.split(",") if part]
    chosen = {name: _number(rate) for name, _, rate in pairs} or dict(where.learning_rates)
    with look.turn():
        paths = race(where, start=origin, learning_rates=chosen, steps=steps, seed=seed)  # type: ignore[arg-type]
        xs, ys, heights = grid(where, points=POINTS)
    ref = f"race/{surface}:{','.join(map(repr, origin))}:{steps}:{seed}"
    return {
        "surface": surface,
        "start": origin,
        "minima": where.minima,
        "box": where.box,
        "xs": xs.tolist(),
        "ys": ys.tolist(),
        "heights": block(heights, f"{ref}/heights"),
        "paths": [
            {
                "name": name,
                "learning_rate": chosen[name],
                "points": block(path, f"{ref}/{name}={chosen[name]!r}"),
                "losses": block(where.value(path), f"{ref}/{name}={chosen[name]!r}/loss"),
            }
            for name, path in paths.items()
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
