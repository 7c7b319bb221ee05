"""What a person gives: bytes of a picture or a recording, or JSON: sample, text, pixels or strokes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request

from pellucid.datasets import sketchbook
from pellucid.errors import RunError
from pellucid.sealed import from_json
from pellucid.web.library import Library, Opened, Sample
from pellucid.web.refusals import Refusal

PICTURES = ("image/png", "image/jpeg")
SOUNDS = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/flac", "audio/x-flac")
JSON = "application/json"
MOST_JSON = 2**20  # bytes
MOST_TEXT = 20_000  # characters
WAYS = ("sample", "text", "pixels", "strokes")
MOST_STROKES, MOST_POINTS = 500, 5000  # of one drawing


@dataclass(frozen=True)
class Given:
    """One input, not read yet: exactly one of them."""

    picture: bytes | None = None
    sound: bytes | None = None
    text: str | None = None
    sample: str | None = None
    pixels: Any = None
    strokes: Any = None

    def is_quick(self, opened: Opened, library: Library) -> bool:
        """Say whether reading it takes less time than handing it to another thread."""
        return self.pixels is not None or (self.sample is not None and library.has_data(opened.trained.task))

    def read(self, library: Library, opened: Opened) -> tuple[dict[str, np.ndarray], Sample]:
        """Return the stages from what was given to the raw sample, by name, and the sample.

        Raises:
            DataError: it cannot be read, or nothing is found in it.
            Refusal: the task takes something else.
        """
        if self.sample is not None:
            sample = library.sample(opened, self.sample)
            return {"sample": sample.raw}, sample
        if self.pixels is not None:
            sample = library.keep(_raw(self.pixels, opened))
            return {"sample": sample.raw}, sample
        takes = opened.trained.task.takes
        if self.strokes is not None:
            if takes.kind != "drawing":
                raise Refusal(415, "kind", f"this task takes {takes.kind}, not the strokes of a pen")
            traced: Any = sketchbook.traced(pen(self.strokes), opened.trained.facts)
            stages = takes.read(traced, opened.trained.facts)
            return stages, library.keep(list(stages.values())[-1])
        if takes.kind == "script":
            raise Refusal(415, "kind", "this task speaks: ask it at /say")
        if (self.text is None) == (takes.kind == "text") or (self.sound is None) == (takes.kind == "sound"):
            raise Refusal(415, "kind", f"this task takes {takes.kind}")
        source: Any = next(each for each in (self.picture, self.sound, self.text) if each is not None)
        stages = takes.read(source, opened.trained.facts)
        return stages, library.keep(list(stages.values())[-1])


def given(content_type: str, body: bytes) -> Given:
    """Read the body of a request for an answer.

    Raises:
        Refusal: it is of another type, or not what was expected.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in PICTURES:
        return Given(picture=body)
    if kind in SOUNDS:
        return Given(sound=body)
    found = json_object(kind, body)
    if len(found) != 1 or not set(found) <= set(WAYS) or None in found.values():
        raise Refusal(422, "body", f"expected one of {', '.join(WAYS)} in a JSON object")
    for name in ("sample", "text"):
        if name in found and (not isinstance(found[name], str) or len(found[name]) > MOST_TEXT):
            raise Refusal(422, "body", f"{name} must be a text of at most {MOST_TEXT} characters")
    return Given(**found)


async def body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return json_object(kind, await request.body())


def json_object(kind: str, body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, read strictly.

    Raises:
        Refusal: of another type, too large, or not JSON: NaN, a key twice, nested deeper than 64.
    """
    if kind != JSON:
        pictures, sounds = " or ".join(PICTURES), "audio/wav or audio/flac"
        raise Refusal(415, "type", f"the body must be {JSON}; pictures are {pictures}, recordings {sounds}")
    if len(body) > MOST_JSON:
        raise Refusal(413, "large", f"JSON is read up to {MOST_JSON // 2**20} MB")
    try:
        return from_json(body, "the body")
    except RunError as error:
        raise Refusal(400, "json", str(error)[:200]) from None


def pen(strokes: Any) -> list[np.ndarray]:
    """Return what a pen drew: ``[[xs, ys], ...]``, as ndjson has it, -> strokes ``(P, 2)`` that have points.

    Raises:
        Refusal: these are not strokes, or too many.
    """
    if not isinstance(strokes, list) or not all(map(_is_stroke, strokes)):
        raise Refusal(422, "strokes", "expected [[[x, ...], [y, ...]], ...]: for each stroke as many x as y")
    drawn = [np.array(stroke, float).T for stroke in strokes if stroke[0]]
    if len(drawn) > MOST_STROKES or sum(map(len, drawn)) > MOST_POINTS:
        said = f"a drawing has at most {MOST_STROKES} strokes and {MOST_POINTS} points; leave some points out"
        raise Refusal(413, "strokes", said)
    return drawn


def _is_stroke(stroke: Any) -> bool:
    if not isinstance(stroke, list) or len(stroke) != 2 or not all(isinstance(row, list) for row in stroke):
        return False
    numbers = [*stroke[0], *stroke[1]]
    return len(stroke[0]) == len(stroke[1]) and all(
        type(one) in (int, float) and abs(one) < 1e5 for one in numbers
    )


def _raw(pixels: Any, opened: Opened) -> np.ndarray:
    """Return pixels as the data hold them: whole numbers from 0 to 255 in the shape of a sample."""
    shape = tuple(opened.trained.facts.get("shape", ()))
    try:
        flat = [pixels]
        for side in shape:
            if any(len(row) != side for row in flat):
                raise ValueError
            flat = list(itertools.chain.from_iterable(flat))
        return np.frombuffer(bytes(flat), np.uint8).reshape(shape)
    except (TypeError, ValueError):  # not lists, not of this length, or not such numbers
        size = " x ".join(map(str, shape)) or "no"
        raise Refusal(422, "pixels", f"expected {size} whole numbers from 0 to 255") from None
