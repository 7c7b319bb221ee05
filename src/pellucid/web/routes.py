"""Tasks, their forms and their data; the session, health and counters, under /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from pellucid import config, tasks
from pellucid.task import Data, Task
from pellucid.verbs import look
from pellucid.web.guard import cookie_for
from pellucid.web.library import Library, block, library
from pellucid.web.refusals import Refusal

MOST_SAMPLES = 256  # of one request

router = APIRouter(prefix="/api/v1")
Shelf = Annotated[Library, Depends(library)]


@router.post("/session", tags=["server"], status_code=204)
def session(request: Request) -> Response:
    """Exchange the token for a cookie that allows reading: for pictures and event streams from afar."""
    answer = Response(status_code=204)
    port = request.scope["server"][1]
    answer.set_cookie(
        f"pellucid-{port}", cookie_for(request.app.state.token), httponly=True, samesite="strict", path="/api"
    )
    return answer


@router.get("/health", tags=["server"])
def health(request: Request) -> dict[str, bool]:
    """Say whether the server lives and takes work."""
    return {"live": True, "ready": request.app.state.batcher.alive and not request.app.state.closing}


@router.get("/livez", tags=["server"])
def livez() -> dict[str, bool]:
    """Say that the server lives."""
    return {"live": True}


@router.get("/readyz", tags=["server"])
def readyz(request: Request) -> JSONResponse:
    """Say whether the server takes work; 503 while it does not."""
    ready = health(request)["ready"]
    return JSONResponse({"ready": ready}, status_code=200 if ready else 503)


@router.get("/metrics", tags=["server"])
def metrics(request: Request) -> dict[str, Any]:
    """Count since the start; requests = answered + refused + shed + failed + left + those under way."""
    return dict(sorted(request.app.state.counts.items()))


@router.get("/tasks", tags=["tasks"])
def list_tasks(shelf: Shelf) -> list[dict[str, Any]]:
    """List the tasks: what each takes and gives, its networks and its settings."""
    return [describe(shelf, name) for name in shelf.tasks()]


def describe(shelf: Library, name: str) -> dict[str, Any]:
    """Return a task as the pages choose their elements by it."""
    kind = shelf.kind(name)
    return {
        "name": name,
        "summary": tasks.SUMMARIES.get(name, (kind.__doc__ or "").split("\n")[0]),
        "takes": kind.takes.kind,
        "gives": kind.gives,
        "networks": list(tasks.NETWORKS.get(name, ())),
        "settings": list(config.settings(kind)),
        "about": {
            name: (make.__doc__ or "").split("\n")[0]
            for name, make in config.settings(kind).items()
            if make is not kind
        },
    }


@router.get("/tasks/{task}/form", tags=["tasks"])
def form(task: str, shelf: Shelf, setting: str = "default") -> dict[str, Any]:
    """Return the fields of a task under a setting, as a form shows them."""
    return {"task": task, "setting": setting, "fields": config.form(shelf.setting(task, setting))}


@router.get("/tasks/{task}/look", tags=["tasks"])
def look_at(task: str, shelf: Shelf, setting: str = "default") -> dict[str, Any]:
    """Return what `pellucid look` tells of the data, and the names of its pictures."""
    return looked(shelf, shelf.setting(task, setting))


@router.get("/runs/{run}/look", tags=["runs"])
def look_at_those_of(run: str, shelf: Shelf) -> dict[str, Any]:
    """Return the same of the data that a run learned from."""
    return looked(shelf, shelf.task_of(run))


def looked(shelf: Library, task: Task) -> dict[str, Any]:
    """Return what there is to tell of a task's data."""
    return {**look.counts(shelf.data(task)), "pictures": list(drawn(shelf, task))}


@router.get("/tasks/{task}/look/{picture}.png", tags=["tasks"], response_class=Response)
def look_picture(task: str, picture: str, shelf: Shelf, setting: str = "default") -> Response:
    """Return one picture of the data."""
    return pictured(shelf, shelf.setting(task, setting), picture)


@router.get("/runs/{run}/look/{picture}.png", tags=["runs"], response_class=Response)
def look_picture_of(run: str, picture: str, shelf: Shelf) -> Response:
    """Return one picture of the data that a run learned from."""
    return pictured(shelf, shelf.task_of(run), picture)


def pictured(shelf: Library, task: Task, picture: str) -> Response:
    """Return one picture of a task's data."""
    found = drawn(shelf, task)
    if picture not in found:
        raise Refusal(404, "picture", f"the pictures are {', '.join(found)}")
    return Response(found[picture], media_type="image/png")


def drawn(shelf: Library, task: Task) -> dict[str, bytes]:
    """Return the pictures of a task's data as PNG, drawn once."""
    from pellucid.plots import canvas  # matplotlib takes half a second, and only pictures need it

    def draw() -> dict[str, bytes]:
        return {name: canvas.png(figure) for name, figure in look.pictures(shelf.data(task), 0)}

    return shelf.drawn(f"look {task!r}", draw)


class Part:
    """Which samples are asked for."""

    def __init__(
        self,
        *,
        split: Annotated[str, Query(pattern="^(train|valid)$")] = "train",
        start: Annotated[int, Query(ge=0, le=10**9)] = 0,
        count: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = 1,
    ):
        self.split, self.start, self.count = split, start, count


Asked = Annotated[Part, Depends()]


@router.get("/tasks/{task}/samples", tags=["tasks"])
def samples(task: str, shelf: Shelf, part: Asked, setting: str = "default") -> dict[str, Any]:
    """Return raw samples of the training or the validation set as one tensor, with their classes."""
    return sampled(shelf.data(shelf.setting(task, setting)), part, task)


@router.get("/runs/{run}/samples", tags=["runs"])
def samples_of(run: str, shelf: Shelf, part: Asked) -> dict[str, Any]:
    """Return the same of the data that a run learned from."""
    return sampled(shelf.data(shelf.task_of(run)), part, run)


def sampled(data: Data, part: Part, name: str) -> dict[str, Any]:
    """Return a part of the data; ``name`` says whose they are."""
    material = getattr(data, part.split)
    if part.start >= len(material):
        raise Refusal(404, "sample", f"{part.split} has {len(material)} samples; start below that")
    inputs, targets = material[torch.arange(part.start, min(part.start + part.count, len(material)))]
    ref = f"{name}/{part.split}:{part.start}"
    return {
        "split": part.split,
        "start": part.start,
        "length": len(material),
        "classes": data.facts.get("classes"),
        "inputs": block(inputs.numpy(), f"{ref}/raw"),
        "targets": block(targets.numpy(), f"{ref}/target"),
    }
