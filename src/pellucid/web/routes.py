"""Tasks, runs and answers: what the pages and programs ask for, under /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from pellucid import config, tasks
from pellucid.web.bodies import Given, given
from pellucid.web.library import Library, block, library
from pellucid.web.refusals import Refusal
from pellucid.web.summaries import details, summary

MOST_SAMPLES = 256  # of one request

router = APIRouter(prefix="/api/v1")
Shelf = Annotated[Library, Depends(library)]


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
    }


@router.get("/tasks/{task}/samples", tags=["tasks"])
def samples(
    task: str,
    shelf: Shelf,
    setting: str = "default",
    split: Annotated[str, Query(pattern="^(train|valid)$")] = "train",
    start: Annotated[int, Query(ge=0, le=10**9)] = 0,
    count: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = 1,
) -> dict[str, Any]:
    """Return raw samples of the training or the validation set as one tensor, with their classes."""
    import torch

    data = shelf.data(shelf.setting(task, setting))
    material = getattr(data, split)
    if start >= len(material):
        raise Refusal(404, "sample", f"{split} has {len(material)} samples; start below that")
    inputs, targets = material[torch.arange(start, min(start + count, len(material)))]
    ref = f"{task}/{split}:{start}"
    return {
        "split": split,
        "start": start,
        "length": len(material),
        "classes": data.facts.get("classes"),
        "inputs": block(inputs.numpy(), f"{ref}/raw"),
        "targets": block(targets.numpy(), f"{ref}/target"),
    }


@router.get("/runs", tags=["runs"])
def list_runs(shelf: Shelf) -> list[dict[str, Any]]:
    """List the runs and the released models."""
    return [summary(shelf, run, path) for run, path in shelf.paths().items()]


@router.get("/runs/{run}", tags=["runs"])
def read_run(run: str, shelf: Shelf) -> dict[str, Any]:
    """Return all that a run says of itself."""
    return details(shelf, run, shelf.path(run))


@router.get("/runs/{run}/{name}", tags=["runs"], response_class=Response)
def read_file(run: str, name: str, shelf: Shelf) -> Response:
    """Return a document of a run: scores, card, report.html or model.onnx."""
    path = shelf.path(run)
    files = {
        "report.html": ("report.html", "text/html"),
        "model.onnx": ("model.onnx", "application/octet-stream"),
        "card": ("README.md", "text/markdown"),
    }
    if name not in files or not (path / files[name][0]).is_file():
        raise Refusal(404, "file", f'this run has no "{name[:80]}"')
    file, kind = files[name]
    return FileResponse(path / file, media_type=kind)


@router.post("/runs/{run}/predict", tags=["answers"])
async def predict(
    run: str, request: Request, shelf: Shelf, body: Annotated[Given, Depends(given)]
) -> Response:
    """Answer one input: the bytes of a PNG or JPEG, or JSON with sample, text or pixels."""
    from anyio import to_thread

    opened = await to_thread.run_sync(shelf.open, run)
    stages, sample = await to_thread.run_sync(body.read, shelf, opened)
    output = await request.app.state.batcher.output(opened, sample.raw)
    trained = opened.trained
    answer = trained.task.answer(output, trained.facts).to_json()
    blocks = {name: opened.block(np.asarray(stage), sample.id, name) for name, stage in stages.items()}
    document = {
        "answer": answer,
        "sample": sample.id,
        "stages": [{"name": name, **each} for name, each in blocks.items()],
        "output": opened.block(output.numpy(), sample.id, "output"),
    }
    return JSONResponse(document)
