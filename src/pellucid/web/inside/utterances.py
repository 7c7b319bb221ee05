"""Speech drawn sample by sample: the codes of a word or a note as a whole, and the softmaxes of a stretch."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query

from pellucid import sound
from pellucid.datasets import mulaw, script
from pellucid.sampling import Draw
from pellucid.verbs import speech
from pellucid.verbs.utterance import Utterance, utter
from pellucid.web.inside.scenes import Looking, Scenes
from pellucid.web.library import Library, block
from pellucid.web.refusals import Refusal

MOST_TEXT = 80  # characters: one word or one note
MOST_SOFTMAXES = 64  # of one answer, 256 KB

router = APIRouter(prefix="/api/v1", tags=["inside"])
Text = Annotated[str | None, Query(max_length=MOST_TEXT)]
Finite = Annotated[float, Query(allow_inf_nan=False)]


class Wanted:
    """What is to be drawn, and how."""

    def __init__(
        self,
        *,
        text: Text = None,
        melody: Text = None,
        voice: Text = None,
        vowel: Text = None,
        speed: Finite = 1.0,
        temperature: Finite = 1.0,
        nucleus: Finite = 1.0,
        seed: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    ):
        check_melody(melody or "")
        self.request = speech.Request(text=text, melody=melody, voice=voice, vowel=vowel, speed=speed)
        self.draw = Draw(temperature=temperature, nucleus=nucleus, seed=seed)


Asked = Annotated[Wanted, Depends()]


@router.get("/runs/{run}/utterance")
def utterance(run: str, asked: Asked, look: Looking) -> dict[str, Any]:
    """Draw one word or note: its codes, the uniform number that chose each, the sound, and a WAV file.

    ``amplitudes`` says what each of the 256 codes stands for; ``sample`` is the raw sample that it makes,
    with which the layers can be looked at.
    """
    place, found = drawn(run, asked, look)
    played = speech.faded(found.samples, found.rate_hz)
    return {
        "voice": found.voice,
        "name": found.name,
        "rate_hz": found.rate_hz,
        "codes": block(found.codes.numpy(), f"codes{place}"),
        "uniform": block(found.uniform.numpy(), f"uniform{place}"),
        "samples": block(found.samples, f"samples{place}"),
        "amplitudes": block(mulaw.decode(np.arange(mulaw.LEVELS)), "amplitude of each mu-law code"),
        "sample": look.library.keep(found.row).id,
        "wav": base64.b64encode(sound.wav(sound.Sound(played, found.rate_hz))).decode("ascii"),
    }


@router.get("/runs/{run}/softmaxes")
def softmaxes(
    run: str,
    asked: Asked,
    look: Looking,
    start: Annotated[int, Query(ge=0, le=10**6)] = 0,
    count: Annotated[int, Query(ge=1, le=MOST_SOFTMAXES)] = 1,
) -> dict[str, Any]:
    """Return what the codes of a stretch were drawn from, and the running sums: ``(count, 256)`` each."""
    place, found = drawn(run, asked, look)
    probabilities, cumulated = (each.numpy() for each in found.distributions(start, count))
    return {
        "start": start,
        "probabilities": block(probabilities, f"probabilities{place}"),
        "cumulated": block(cumulated, f"cumulated{place}"),
        "bits": block(speech.entropy(probabilities / probabilities.sum(1, keepdims=True)), f"bits{place}"),
    }


def drawn(run: str, asked: Wanted, look: Scenes) -> tuple[str, Utterance]:
    """Return an utterance, drawn once, and the words in which its numbers name their origin."""
    with look.turn():
        speaking(run, look.library)
        opened = look.library.open(run)
        key = (opened.id, opened.sha8, asked.request, asked.draw)
        found = look.utterances.get(key, lambda: utter(opened.trained, asked.request, asked.draw))
    how = f"temperature {found.draw.temperature:g}, nucleus {found.draw.nucleus:g}, seed {found.draw.seed}"
    return f"({opened.id}@{opened.sha8}, {found.voice}: {found.name}, {how})", found


def check_melody(melody: str) -> None:
    """Let nothing but notes through: on the command line a melody may also be the name of a file.

    Raises:
        Refusal: these are not notes.
    """
    if not all(script.TOKEN.fullmatch(word) for word in melody.split()):
        raise Refusal(422, "melody", "write the melody like C3:1 E3:0.5 R:1 G3:2")


def speaking(run: str, shelf: Library) -> Any:
    """Open a run that speaks.

    Raises:
        Refusal: it does something else.
    """
    trained = shelf.open(run).trained
    if trained.task.takes.kind != "script":
        raise Refusal(415, "kind", f"this task takes {trained.task.takes.kind}; only speech is said")
    return trained
