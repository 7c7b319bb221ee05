"""The drawing pad: a picture goes the way of every input, its stages are shown, and any can be left out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from pellucid.errors import DataError
from pellucid.media import picture
from pellucid.web.bodies import Given, given
from pellucid.web.inside.scenes import Looking, Scenes, shown
from pellucid.web.refusals import Refusal

router = APIRouter(prefix="/api/v1", tags=["inside"])


@router.get("/runs/{run}/pad")
def switches(run: str, look: Looking) -> dict[str, Any]:
    """Return the steps between a drawing and the network that can be left out, and what each does."""
    takes = look.library.open(run).trained.task.takes
    if takes.kind != "image":
        raise Refusal(422, "kind", f"this network takes {takes.kind}, not a drawing")
    return {"switches": dict(getattr(takes, "switches", {}))}


@router.post("/runs/{run}/pad")
async def drawn(
    run: str,
    request: Request,
    look: Looking,
    without: Annotated[str, Query(max_length=200, pattern=r"^[a-z-]*(,[a-z-]+)*$")] = "",
) -> dict[str, Any]:
    """Read a drawing (PNG) as training's pictures are read; a blank one gives stages of nothing, no guess."""
    body = given(request.headers.get("content-type", ""), await request.body())
    return await run_in_threadpool(_answered, run, look, body, frozenset(filter(None, without.split(","))))


def _answered(run: str, look: Scenes, body: Given, without: frozenset[str]) -> dict[str, Any]:
    opened = look.library.open(run)
    task, facts = opened.trained.task, opened.trained.facts
    if task.takes.kind != "image" or body.picture is None:
        raise Refusal(415, "kind", f"this network takes {task.takes.kind}; a drawing is a PNG")
    unknown = without - set(getattr(task.takes, "switches", {}))
    if unknown:
        raise Refusal(422, "switch", f"{', '.join(sorted(unknown))}: this step cannot be left out")
    pixels = picture(body.picture)
    if pixels.min() == pixels.max():
        return {"answer": None, "why": "the pad is blank", "stages": [], "sample": None}
    try:
        partly = getattr(task.takes, "partly", None)
        stages = partly(pixels, without) if without and partly else task.takes.read(pixels, facts)
    except DataError as error:
        return {"answer": None, "why": str(error), "stages": [], "sample": None}
    sample = look.keep(opened, stages)
    with look.at(run, sample.id) as scene:
        scene.stages = dict(stages)
        return {
            "answer": task.answer(scene.scores[0], facts).to_json(),
            "why": None,
            "sample": scene.name,
            "stages": [{"name": name, **shown(scene, f"stage:{name}")} for name in stages],
            "input": shown(scene, "input"),
            "scores": shown(scene, "scores"),
            "probabilities": shown(scene, "probabilities"),
        }
