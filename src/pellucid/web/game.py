"""A game of drawing: which words there are, what the strokes so far may be, and what they are most like.

For every network whose task takes drawings. The page keeps the time and the rounds; all that a network says
comes from here, through the batches of ``predict``.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from anyio import to_thread
from fastapi import APIRouter, Depends, Request

from pellucid.datasets import sketchbook
from pellucid.errors import PellucidError, UsageError
from pellucid.explain import walk
from pellucid.verbs import albums, sketching
from pellucid.verbs.albums import Album
from pellucid.verbs.nodes import changed
from pellucid.web.bodies import body, pen
from pellucid.web.inside.scenes import Looking, Scenes
from pellucid.web.library import Kept, Opened, block
from pellucid.web.refusals import Refusal, tellable

ROUNDS, SECONDS = 6, 20  # of a game, and of a round
MOST_WORDS = 4  # of one question
CLOSEST = 5  # drawings of a word
MOST_ALBUMS = 32  # words whose training drawings are at hand

router = APIRouter(prefix="/api/v1", tags=["game"])


@router.get("/runs/{run}/game")
def rules(run: str, look: Looking) -> dict[str, Any]:
    """Return the rules: words to ask for, from which score on each is recognised, rounds and seconds."""
    ready = drawn_for(look.library.open(run)).trained
    asked = sketching.words(ready)
    return {
        "rounds": min(ROUNDS, len(asked)),
        "seconds": SECONDS,
        "sure": sketching.SURE,
        "words": [{"name": word, "threshold": sketching.threshold(ready, word)} for word in asked],
        "classes": list(ready.facts["classes"]),
    }


async def strokes(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, its ``strokes`` as ``(P, 2)`` arrays."""
    found = await body(request)
    if "strokes" not in found or not set(found) <= {"strokes", "words"}:
        raise Refusal(422, "body", 'expected {"strokes": [[[x, ...], [y, ...]], ...]}')
    return found | {"strokes": pen(found["strokes"])}


Drawn = Annotated[dict[str, Any], Depends(strokes)]


@router.post("/runs/{run}/guess")
async def guess(run: str, drawn: Drawn, request: Request) -> dict[str, Any]:
    """Say what the strokes so far may be: the first words, and the probability of every class.

    A blank canvas gives no guess. The probabilities are those of the temperature that evaluating chose.
    """
    library, batcher = request.app.state.library, request.app.state.batcher
    opened = drawn_for(library.opened_lately(run) or await to_thread.run_sync(library.open, run))
    if not drawn["strokes"]:
        return {"words": [], "probabilities": None, "sample": None}
    ready = opened.trained
    raw = await to_thread.run_sync(sample_of, drawn["strokes"], ready.facts)
    sample = library.keep(raw)
    output = await batcher.output(opened, sample.raw)
    heat = repr(sketching.temperature(ready))
    shares = walk.softmax(changed(output[None], heat)[0]).probabilities
    first = np.argsort(-shares, kind="stable")[: sketching.SAID].tolist()
    return {
        "words": [{"name": ready.facts["classes"][i], "index": i, "value": float(shares[i])} for i in first],
        "probabilities": opened.block(shares, sample.id, f"probabilities:{heat}"),
        "sample": sample.id,
    }


@router.post("/runs/{run}/closest")
def closest(run: str, drawn: Drawn, look: Looking, request: Request) -> dict[str, Any]:
    """Return which of the drawings that the network learned each of the ``words`` from are most like this.

    Where the training drawings are not on this computer, ``missing`` says so.
    """
    opened = drawn_for(look.library.open(run))
    words = drawn.get("words")
    if not isinstance(words, list) or not 0 < len(words) <= MOST_WORDS or not drawn["strokes"]:
        raise Refusal(422, "body", f"expected strokes, and 1 to {MOST_WORDS} words")
    unknown = [word for word in words if word not in opened.trained.facts["classes"]]
    if unknown:
        raise UsageError(f"no class {str(unknown[0])[:40]!r}; see the network's classes")
    pages = request.app.state.albums
    with look.turn():
        try:
            look.library.data(opened.trained.task)
        except PellucidError as error:
            return {"missing": tellable(str(error)), "drawings": {}}
        raw = sample_of(drawn["strokes"], opened.trained.facts)
        mine = albums.features_of(opened.trained, torch.from_numpy(raw)[None])[0]
        return {
            "missing": None,
            "drawings": {word: likest(opened, look, pages, word, mine) for word in words},
        }


def sample_of(drawing: list[np.ndarray], facts: dict[str, Any]) -> np.ndarray:
    """Return what a pen drew as a raw sample of the data."""
    return sketchbook.sample(sketchbook.traced(drawing, facts), facts)


def likest(opened: Opened, look: Scenes, pages: Kept[Album], word: str, mine: torch.Tensor) -> dict[str, Any]:
    """Return the training drawings of a word that are most like these features."""
    ready = opened.trained
    data = look.library.data(ready.task)
    page = pages.get((opened.id, opened.sha8, word), lambda: sketching.album(ready, data, word))
    places, likeness = page.alike(mine, CLOSEST)
    numbers = page.numbers[places].tolist()
    images = sketchbook.images(page.samples[places], ready.facts).numpy()
    return {
        "images": block(images, f"{ready.task.name}/train:{','.join(map(str, numbers))}/image"),
        "numbers": numbers,
        "likeness": likeness.tolist(),
    }


def drawn_for(opened: Opened) -> Opened:
    """Return a network that takes drawings.

    Raises:
        Refusal: it takes something else.
    """
    if opened.trained.task.takes.kind != "drawing":
        raise Refusal(415, "kind", f"this network takes {opened.trained.task.takes.kind}, not drawings")
    return opened
