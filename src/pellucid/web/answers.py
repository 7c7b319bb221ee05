"""Answers to inputs of people and programs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from pellucid.web.bodies import Given, given

router = APIRouter(prefix="/api/v1", tags=["answers"])


@router.post("/runs/{run}/predict", response_class=Response)
async def predict(run: str, request: Request, body: Annotated[Given, Depends(given)]) -> Response:
    """Answer one input: the bytes of a PNG or JPEG, or JSON with one of sample, text and pixels.

    pixels are a raw sample as the data hold it, a picture goes through the task's own reading, whose stages
    are in the answer.
    """
    shelf, batcher = request.app.state.library, request.app.state.batcher
    opened = await to_thread.run_sync(shelf.open, run)
    stages, sample = await to_thread.run_sync(body.read, shelf, opened)
    waiting = asyncio.ensure_future(batcher.output(opened, sample.raw))
    output = await waiting
    trained = opened.trained
    blocks: list[dict[str, Any]] = [
        {"name": name, **opened.block(np.asarray(stage), sample.id, name)} for name, stage in stages.items()
    ]
    return JSONResponse(
        {
            "answer": trained.task.answer(output, trained.facts).to_json(),
            "sample": sample.id,
            "stages": blocks,
            "output": opened.block(output.numpy(), sample.id, "output"),
        }
    )
