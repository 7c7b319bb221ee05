"""One word or one note, draw by draw: each sample's softmax, the uniform number, and the code it fell on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pellucid import sampling
from pellucid.datasets import mulaw, script, utterances
from pellucid.datasets.script import Unit
from pellucid.errors import UsageError
from pellucid.sampling import Draw, Engine
from pellucid.verbs import speech
from pellucid.verbs.trained import Ready

MOST_SAMPLES = 2**15  # whose logits are kept: 32 MB


@dataclass(frozen=True)
class Utterance:
    """A word or a note as the network drew it.

    Attributes:
        voice: who speaks or sings ``unit``.
        draw: how each code was chosen.
        codes: ``(T,)`` int64, what was drawn.
        uniform: ``(T,)`` float64 in [0, 1), the number that chose each code.
        logits: ``(T, 256)`` of the very step that drew.
        row: the raw sample that it makes, see ``datasets.utterances``, to look into the network with.
        rate_hz: samples a second.
    """

    voice: str
    unit: Unit
    draw: Draw
    codes: Tensor
    uniform: Tensor
    logits: Tensor
    row: np.ndarray
    rate_hz: int

    @property
    def name(self) -> str:
        """What is said or sung: "seven", "C3"."""
        return self.unit.name if self.unit.pitch is None else script.spelled(self.unit.pitch)

    @property
    def samples(self) -> np.ndarray:
        """The sound as drawn, ``(T,)`` float32 in [-1, 1]; what is played fades at both ends."""
        return mulaw.decode(self.codes.numpy())

    def distributions(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Return what ``count`` codes from ``start`` on were drawn from, and its running sums.

        Both are ``(count, 256)`` float64: the first code whose running sum passes ``uniform`` times the last
        sum is drawn. The last sum is below 1 where the nucleus left codes out. Fewer come at the end.

        Raises:
            UsageError: there is no sample ``start``.
        """
        if not 0 <= start < len(self.codes):
            raise UsageError(f"there is no sample {start}; expected 0 to {len(self.codes) - 1}")
        probabilities = sampling.kept(self.logits[start : start + count], self.draw)
        return probabilities, probabilities.cumsum(1)


def utter(ready: Ready, request: speech.Request, draw: Draw, *, engine: Engine = "auto") -> Utterance:
    """Draw one word or note, as ``speech.say`` does with the same request and seed, and keep every draw.

    Raises:
        DataError: the word or note cannot be read, or is not known.
        UsageError: no such voice, more than one word or note, or more than ``MOST_SAMPLES`` samples.
    """
    voice, units = speech.plan(ready.facts, request)
    if len(units) != 1:
        raise UsageError(f"{len(units)} words or notes; one at a time is drawn sample by sample")
    (length,), _ = speech.timed(ready.facts, voice, units, request.speed, np.random.default_rng(draw.seed))
    if length > MOST_SAMPLES:
        raise UsageError(f"{length:,} samples; at most {MOST_SAMPLES:,} are kept with all their softmaxes")
    facts, unit = ready.facts, units[0]
    places = facts["voices"].index(voice), facts["units"].index(unit.name)
    blank = utterances.blank(length, *places, unit.pitch)
    found = sampling.watched(ready.network, speech.batch(ready, [blank]), draw, engine=engine)
    codes, logits, uniform = (tensor[0, :length] for tensor in found)
    row = utterances.row(codes.numpy(), *places, unit.pitch, made=True)
    return Utterance(voice, unit, draw, codes, uniform, logits, row, int(facts["rate_hz"]))
