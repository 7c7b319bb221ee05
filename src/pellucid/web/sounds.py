"""Sounds: what a network can say, and saying it; recordings of the data, to be listened to."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from pellucid import media, sound
from pellucid.datasets import mulaw, script, utterances
from pellucid.sampling import Draw
from pellucid.task import Task
from pellucid.verbs import speech
from pellucid.web.bodies import body
from pellucid.web.inside.scenes import Looking
from pellucid.web.inside.utterances import check_melody, speaking
from pellucid.web.library import Library, library
from pellucid.web.refusals import Refusal

TEXTS = ("text", "melody", "voice", "vowel")
NUMBERS = ("tempo", "transpose", "speed", "temperature", "nucleus")
MOST_TEXT = 2000  # characters
Shelf = Annotated[Library, Depends(library)]
Asked = Annotated[dict[str, Any], Depends(body)]

router = APIRouter(prefix="/api/v1", tags=["answers"])


@router.get("/runs/{run}/voices")
def voices(run: str, shelf: Shelf) -> dict[str, Any]:
    """List who speaks and who sings, what each can say, and the range of those who sing."""
    facts = speaking(run, shelf).facts
    return {
        "speak": [name for name in facts["voices"] if name not in facts["ranges"]],
        "sing": facts["ranges"],
        "vocabulary": {name: script.vocabulary(facts, name) for name in facts["voices"]},
        "rate_hz": facts["rate_hz"],
    }


@router.post("/runs/{run}/say")
def say(run: str, asked: Asked, look: Looking) -> dict[str, Any]:
    """Say a text or sing a melody: what is heard when, and the WAV file in base64."""
    asked = read(asked)
    trained = speaking(run, look.library)
    draw = Draw(**{name: asked.pop(name) for name in ("temperature", "nucleus", "seed") if name in asked})
    with look.turn():
        answer = speech.say(trained, speech.Request(**asked), draw)
    content = sound.wav(sound.Sound(answer.samples, answer.rate_hz))
    return {"answer": answer.to_json(), "wav": base64.b64encode(content).decode("ascii")}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a request to say something, checked.

    Raises:
        Refusal: a field is unknown or of another type.
    """
    for name, value in body.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        good = (
            (name in TEXTS and isinstance(value, str) and len(value) <= MOST_TEXT)
            or (name in NUMBERS and is_number)
            or (name == "seed" and is_number and isinstance(value, int))
        )
        if not good:
            raise Refusal(
                422, "body", f"{name}: expected {', '.join(TEXTS)} (text), {', '.join(NUMBERS)}, seed"
            )
    check_melody(body.get("melody", ""))
    return dict(body)


@router.get("/tasks/{task}/samples/{index}.wav", response_class=Response)
def recording(task: str, index: int, shelf: Shelf, setting: str = "default") -> Response:
    """Return a validation recording as WAV."""
    return recorded(shelf, shelf.setting(task, setting), index)


@router.get("/runs/{run}/samples/{index}.wav", response_class=Response)
def recording_of(run: str, index: int, shelf: Shelf) -> Response:
    """Return a validation recording of the data that a run learned from."""
    return recorded(shelf, shelf.task_of(run), index)


def recorded(shelf: Library, task: Task, index: int) -> Response:
    """Return a validation recording of a task's data as WAV."""
    if task.takes.kind not in ("sound", "script"):
        raise Refusal(415, "kind", "the samples of this task are not sounds")
    data = shelf.data(task)
    if not 0 <= index < len(data.valid):
        raise Refusal(404, "sample", f"expected 0 to {len(data.valid) - 1}")
    import torch

    raw = data.valid[torch.tensor([index])][0][0].numpy()
    if task.takes.kind == "sound":
        content, _ = media.shown(task.takes, raw, data.facts)
    else:
        wave = mulaw.decode(raw[utterances.HEADER :][raw[utterances.HEADER :] > 0] - 1)
        content = sound.wav(sound.Sound(wave, int(data.facts["rate_hz"])))
    return Response(content, media_type="audio/wav")
