"""Films of a network that plays, for the page on which it is used."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from pellucid.web.inside.scenes import Looking
from pellucid.web.refusals import Refusal

MOST_SECONDS = 60.0

router = APIRouter(prefix="/api/v1", tags=["answers"])


@router.get("/runs/{run}/play/{seed}.gif", response_class=Response)
def play(
    run: str,
    seed: int,
    look: Looking,
    seconds: Annotated[float, Query(gt=0, le=MOST_SECONDS)] = 20.0,
) -> Response:
    """Return the film of a game's first seconds, the worth of each action beside the screen."""
    trained = look.library.open(run).trained
    if trained.task.takes.kind != "game":
        raise Refusal(422, "kind", f"this network takes {trained.task.takes.kind}, it does not play")
    if not 0 <= seed < 2**63:
        raise Refusal(422, "seed", "the seed of a game is a whole number, 0 or more")
    from pellucid.plots.games import FRAMES_A_SECOND  # drawing is slow to import
    from pellucid.verbs import games

    most = max(1, round(seconds * FRAMES_A_SECOND))
    with look.turn():
        moments, found = games.play(trained, seed, kept=range(most), most=most)
        film = games.film(moments, trained.facts["actions"])
    headers = {"X-Score": f"{found['score']:g}", "X-Steps": str(found["steps"])}
    return Response(film, media_type="image/gif", headers=headers)
