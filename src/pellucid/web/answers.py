"""Answers to inputs of people and programs."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from pellucid.web.batching import Batcher
from pellucid.web.bodies import Given, given
from pellucid.web.library import Library, Opened, Sample

ADDRESS = re.compile(r"/api/v1/runs/([A-Za-z0-9._-]{1,200})/predict")

router = APIRouter(prefix="/api/v1", tags=["answers"])


class Shortcut:
    """The way to ``predict`` past the router, which takes longer than a small network does to answer."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request for a prediction; hand on any other."""
        found = ADDRESS.fullmatch(scope["path"]) if scope.get("method") == "POST" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        response = await predict(found[1], Request(scope, receive))
        await response(scope, receive, send)


@router.post("/runs/{run}/predict", response_class=Response)
async def predict(run: str, request: Request) -> Response:
    """Answer one input: bytes of a PNG, JPEG, WAV or FLAC, or JSON with a sample, text, pixels or strokes.

    pixels are a raw sample as the data hold it; a picture, or the strokes of a pen as ndjson has them, go
    through the task's own reading, whose stages are in the answer.
    """
    asked = given(request.headers.get("content-type", ""), await request.body())
    shelf, batcher = request.app.state.library, request.app.state.batcher
    working = asyncio.ensure_future(answer(run, asked, shelf, batcher))
    gone = asyncio.ensure_future(request.receive())  # after the body comes nothing but the end of it
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return JSONResponse(working.result())
    finally:
        working.cancel()
        gone.cancel()


async def answer(run: str, asked: Given, shelf: Library, batcher: Batcher) -> dict[str, Any]:
    """Return the answer to one input, with the stages that lead to what the network took."""
    opened = shelf.opened_lately(run)
    if opened is None:
        opened = await to_thread.run_sync(shelf.open, run)
    if asked.is_quick(opened, shelf):
        stages, sample = asked.read(shelf, opened)
    else:
        stages, sample = await to_thread.run_sync(asked.read, shelf, opened)
    output = await batcher.output(opened, sample.raw)
    return document(opened, stages, sample, output)


def document(opened: Opened, stages: dict[str, np.ndarray], sample: Sample, output: Any) -> dict[str, Any]:
    """Return an answer as JSON: in words, and as the tensors that led to it."""
    trained = opened.trained
    return {
        "answer": trained.task.answer(output, trained.facts).to_json(),
        "sample": sample.id,
        "stages": [
            {"name": name, **opened.block(np.asarray(stage), sample.id, name)}
            for name, stage in stages.items()
            if np.asarray(stage).dtype.kind != "U"  # words are no tensor
        ],
        "output": opened.block(output.numpy(), sample.id, "output") if hasattr(output, "numpy") else None,
    }
