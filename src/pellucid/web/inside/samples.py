"""The validation samples of a run: how many there are, and each as a person takes it in."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from pellucid import media
from pellucid.web.inside.scenes import Looking
from pellucid.web.library import VALID

router = APIRouter(prefix="/api/v1", tags=["inside"])


@router.get("/runs/{run}/valid")
def valid(run: str, look: Looking) -> dict[str, int]:
    """Say how many validation samples there are to look at."""
    with look.turn():
        opened = look.library.open(run)
        return {"samples": len(look.library.data(opened.trained.task).valid)}


@router.get("/runs/{run}/valid/{index}/sample", response_class=Response)
def sample(run: str, index: int, look: Looking) -> Response:
    """Return one validation sample: a PNG, a text or a WAV file."""
    with look.turn():
        opened = look.library.open(run)
        raw = look.library.sample(opened, f"{VALID}{index}").raw
    content, kind = media.shown(opened.trained.task.takes, raw, opened.trained.facts)
    return Response(content, media_type=kind)
