"""Utterances as rows of whole numbers: who, what, which pitch, and the mu-law codes.

All numbers are one larger than what they mean, so that 0 can stand after the end of a row: voice, unit (what
is said), thousandths of a row of the pitch table, codes. The pitch of what a network made is negative,
because the phase of such a sound is known: it is the one that was asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.datasets import mulaw
from pellucid.datasets.ragged import Ragged
from pellucid.datasets.recordings import Recording
from pellucid.errors import DataError

HEADER = 3  # numbers before the codes
PITCHES, LOWEST_PITCH = 81, 20  # rows of the table; row r is MIDI r + 20, and row 0 means none
ONSET_FRAMES = 24  # of a note, over which it begins; as many in which it ends
BAND = 6  # the deviation of the filter that follows a fundamental is this part of it: three semitones
FAINT = 1e-6  # amplitude of the asked fundamental that stands in where there is none


def rows(found: Sequence[Recording], facts: dict[str, Any]) -> Ragged:
    """Return recordings as rows of whole numbers, with the voice as the class."""
    voices, units = ({name: i for i, name in enumerate(facts[key])} for key in ("voices", "units"))
    return Ragged(
        [row(mulaw.encode(r.samples), voices[r.voice], units[r.unit], r.pitch) for r in found],
        [voices[r.voice] for r in found],
    )


def blank(length: int, voice: int, unit: int, pitch: float | None) -> np.ndarray:
    """Return the raw sample of something that is still to be said: silence of ``length`` samples."""
    return row(np.full(length, mulaw.SILENCE), voice, unit, pitch)


def row(codes: np.ndarray, voice: int, unit: int, pitch: float | None, *, made: bool = False) -> np.ndarray:
    """Return one raw sample: header and codes, each plus one; ``made`` by a network, from the asked phase."""
    asked = -pitch_row(pitch) if made else pitch_row(pitch)
    return np.concatenate([[voice + 1, unit + 1, asked + 1], codes + 1]).astype(np.int32)


def pitch_row(pitch: float | None) -> int:
    """Return the thousandths of a row of the pitch table: MIDI 60.5 -> 40500; no pitch -> 0."""
    return 0 if pitch is None else round(1000 * min(max(pitch - LOWEST_PITCH, 1), PITCHES - 1))


def places(frames: int, counts: Tensor, notes: Tensor) -> Tensor:
    """Return where in a word each frame is, 0 to 1: ``(N, frames)``.

    A word is stretched to its ``counts`` frames. A note has an onset and an end of ``ONSET_FRAMES`` each, and
    stays at one half between them.
    """
    at = torch.arange(frames) + 0.5
    words = at / counts[:, None]
    edge = torch.minimum(counts / 2, torch.tensor(float(ONSET_FRAMES)))[:, None]
    onset, end = at / edge, (counts[:, None] - at) / edge
    held = 0.5 * torch.minimum(onset, torch.ones(())) + 0.5 * (1 - torch.minimum(end, torch.ones(())))
    return torch.where(notes[:, None], held, words).clamp(0, 1)


def phases(codes: Tensor, pitch: Tensor, rate_hz: int) -> Tensor:
    """Return sine and cosine of the phase of the fundamental at each sample, ``(N, 2, T)`` float32.

    Of a recording it is the phase of its own fundamental, vibrato and all: that of the sound behind a
    Gaussian filter around the known pitch f, without negative frequencies. The filter looks some hundredths
    of a second back and ahead. Of silence, and of what a network made, it is that of the pitch alone,
    2 pi f t. Without a pitch both are 0.

    Args:
        codes: ``(N, T)`` mu-law codes, silence after the end.
        pitch: ``(N,)`` thousandths of a row of the pitch table, 0 none, negative of what a network made.
        rate_hz: samples a second.
    """
    found = torch.zeros(len(codes), 2, codes.shape[1])
    (chosen,) = pitch.nonzero(as_tuple=True)
    if not len(chosen):
        return found
    pitch = pitch[chosen].double()
    hertz = 440 * 2 ** ((pitch.abs() / 1000 + LOWEST_PITCH - 69) / 12)[:, None]
    turns = hertz * torch.arange(codes.shape[1]) / rate_hz
    asked = torch.polar(torch.full((), FAINT), 2 * torch.pi * (turns % 1).float())
    amplitudes = torch.from_numpy(mulaw.decode(np.arange(mulaw.LEVELS)))
    sound = (amplitudes - amplitudes[mulaw.SILENCE])[codes[chosen]] * (pitch > 0)[:, None]
    size = codes.shape[1] + rate_hz // 10  # what runs over the end must not come in at the beginning
    away = (torch.arange(size // 2 + 1) * rate_hz / size - hertz) / hertz * BAND
    band = torch.fft.ifft(torch.fft.rfft(sound, size) * (-0.5 * away.float() ** 2).exp(), size)
    heard = torch.sgn(band[:, : codes.shape[1]] + asked)
    found[chosen] = torch.stack([heard.imag, heard.real], 1)
    return found


def sustained(unit: Tensor, facts: dict[str, Any]) -> Tensor:
    """Say which units are notes, which last as long as one likes."""
    return torch.isin(unit, torch.tensor([facts["units"].index(name) for name in facts["sustained"]]).long())


def durations(found: Sequence[Recording]) -> dict[str, dict[str, list[float]]]:
    """Return, for each voice and unit, mean and deviation of the logarithm of its samples."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for r in found:
        seconds.setdefault(r.voice, {}).setdefault(r.unit, []).append(math.log(max(1, len(r.samples))))
    return {
        voice: {
            unit: [round(float(np.mean(v)), 4), round(float(np.std(v)), 4)]
            for unit, v in sorted(each.items())
        }
        for voice, each in sorted(seconds.items())
    }


def ranges(found: Sequence[Recording]) -> dict[str, list[float]]:
    """Return the lowest and the highest pitch of each voice that has pitches."""
    heard: dict[str, list[float]] = {}
    for r in found:
        if r.pitch is not None:
            heard.setdefault(r.voice, []).append(r.pitch)
    return {voice: [round(min(p), 2), round(max(p), 2)] for voice, p in sorted(heard.items())}


def by_hash(found: Sequence[Recording]) -> tuple[list[Recording], list[Recording], list[Recording]]:
    """Cut off a tenth to validate and a tenth to test, by the hash of the files' names."""
    order = sorted(found, key=lambda r: hashlib.sha256(r.name.encode()).digest())
    count = max(1, len(order) // 10)
    if len(order) < 3:
        raise DataError(f"{len(order)} recordings are too few to train, to choose and to test")
    return order[2 * count :], order[:count], order[count : 2 * count]
