"""Speaking and singing: a text or a melody becomes sound, and what look and explain say of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pellucid import sampling
from pellucid.datasets import logmel, mulaw, script, utterances
from pellucid.datasets.script import Unit
from pellucid.errors import UsageError, near
from pellucid.plots import sounds
from pellucid.sampling import Draw, Engine
from pellucid.task import Data
from pellucid.tasks.speech import SoundAnswer
from pellucid.verbs.predict import prepared
from pellucid.verbs.trained import Ready

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAUSE = (-1.74, 0.36)  # mean and deviation of log seconds between spoken words: benchmarks/speech.py --pauses
MOST_SEMITONES = 48  # that a melody is moved by: four octaves
SPREAD = 0.5  # of the learned deviation of a word's length: the middle half is said
FADE_SECONDS = 0.008  # at both ends of a word, so that nothing clicks
MOST_SECONDS = 120.0
TAIL_SECONDS = 0.15  # of silence at the end
SHOWN = 3  # recordings of each voice on a sheet
WATCHED = 240  # samples whose softmax is drawn
AROUND = 0.5  # of the utterance: where explaining looks


@dataclass(frozen=True)
class Request:
    """What is to be heard.

    Args:
        text: words to say; or
        melody: notes to sing, or the name of a MIDI or text file.
        voice: one of the learned ones; the first that can do it when None.
        vowel: that is sung where the melody names none.
        tempo: beats a minute.
        transpose: semitones by which a melody is moved.
        speed: of speech; 2 is twice as fast.
    """

    text: str | None = None
    melody: str | None = None
    voice: str | None = None
    vowel: str | None = None
    tempo: float = 100.0
    transpose: float = 0.0
    speed: float = 1.0


def say(ready: Ready, request: Request, draw: Draw | None = None, *, engine: Engine = "auto") -> SoundAnswer:
    """Speak or sing.

    Raises:
        DataError: a word or a note cannot be read, or is not known; the text says what is.
        UsageError: no such voice, or it cannot do this.
    """
    draw = draw or Draw()
    voice, units = plan(ready.facts, request)
    rate = int(ready.facts["rate_hz"])
    numbers = np.random.default_rng(draw.seed)
    lengths, pauses = timed(ready.facts, voice, units, request.speed, numbers)
    if sum(lengths) / rate > MOST_SECONDS:
        raise UsageError(
            f"{sum(lengths) / rate:.0f} seconds of sound; at most {MOST_SECONDS:.0f} are made at once"
        )
    rows = [
        utterances.blank(
            length, ready.facts["voices"].index(voice), ready.facts["units"].index(unit.name), unit.pitch
        )
        for unit, length in zip(units, lengths, strict=True)
    ]
    codes = sampling.generate(ready.network, batch(ready, rows), draw, engine=engine)
    waves = [
        faded(mulaw.decode(line[:length].numpy()), rate) for line, length in zip(codes, lengths, strict=True)
    ]
    samples, parts = joined(waves, pauses, units, rate)
    done = "sings" if request.melody is not None else "says"
    names = " ".join(script.spelled(unit.pitch) if unit.pitch is not None else unit.name for unit in units)
    return SoundAnswer(
        text=f"{voice} {done}: {names}", samples=samples, rate_hz=rate, voice=voice, parts=parts
    )


def plan(facts: dict[str, Any], request: Request) -> tuple[str, list[Unit]]:
    """Return who speaks or sings, and what."""
    if (request.text is None) == (request.melody is None):
        raise UsageError("give either a text to say or a --melody to sing")
    singers, voices = facts["ranges"], facts["voices"]
    able = [name for name in voices if (name in singers) == (request.melody is not None)]
    doing = "sing" if request.melody is not None else "speak"
    if not able:
        raise UsageError(
            f"this network learned no voice that can {doing}; its voices are {', '.join(voices)}"
        )
    preferred = [name for name in ("jackson", "singer") if name in able]
    voice = request.voice or (preferred or able)[0]
    if voice not in voices:
        raise UsageError(f"--voice {voice}: the voices are {', '.join(voices)}.{near(voice, voices)}")
    if voice not in able:
        raise UsageError(f"--voice {voice} cannot {doing}; those who can are {', '.join(able)}")
    if not 0.3 <= request.speed <= 3:
        raise UsageError(f"--speed is {request.speed:g}; 0.3 to 3 is expected, 1 is as learned")
    if not abs(request.transpose) <= MOST_SEMITONES:
        raise UsageError(f"--transpose is {request.transpose:g}; at most {MOST_SEMITONES} up or down")
    known = script.vocabulary(facts, voice)
    if request.text is not None:
        return voice, script.words(request.text, known)
    low, high = singers[voice]
    vowel = request.vowel or known[0]
    moved = (low - request.transpose, high - request.transpose)
    notes = script.melody(request.melody or "", tempo=request.tempo, vowel=vowel, known=known, range_=moved)
    return voice, [Unit(n.name, n.seconds, (n.pitch or 0) + request.transpose, n.pause) for n in notes]


def timed(
    facts: dict[str, Any], voice: str, units: Sequence[Unit], speed: float, numbers: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Return the samples of each unit, and of the pause after it, from the learned durations."""
    rate = int(facts["rate_hz"])
    lengths, pauses = [], []
    for unit in units:
        chance, other = numbers.standard_normal(2).clip(-2, 2)
        if unit.seconds is None:
            mean, deviation = facts["durations"][voice][unit.name]
            lengths.append(max(1, round(math.exp(mean + SPREAD * deviation * chance) / speed)))
            pauses.append(round(unit.pause * math.exp(PAUSE[0] + SPREAD * PAUSE[1] * other) * rate / speed))
        else:
            lengths.append(max(1, round(unit.seconds * rate)))
            pauses.append(round(unit.pause * rate))
    return lengths, pauses


def batch(ready: Ready, rows: Sequence[np.ndarray]) -> Tensor:
    """Return raw rows of different lengths as one prepared batch: ``(N, 6, T)``."""
    whole = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for line, row in zip(whole, rows, strict=True):
        line[: len(row)] = row
    return ready.task.prepare(torch.from_numpy(whole), facts=ready.facts)[0]


def faded(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return a wave that begins and ends without a click."""
    edge = min(len(wave) // 2, int(FADE_SECONDS * rate_hz))
    gain = np.ones(len(wave), np.float32)
    if edge:
        gain[:edge] = np.linspace(0, 1, edge)
        gain[-edge:] = np.linspace(1, 0, edge)
    return wave * gain


def joined(
    waves: Sequence[np.ndarray], pauses: Sequence[int], units: Sequence[Unit], rate_hz: int
) -> tuple[np.ndarray, tuple[dict[str, Any], ...]]:
    """Return the waves one after another with their pauses, and what is heard when."""
    pieces: list[np.ndarray] = []
    parts, place = [], 0
    for number, (wave, pause, unit) in enumerate(zip(waves, pauses, units, strict=True), 1):
        note = None if unit.pitch is None else script.spelled(unit.pitch)
        parts.append(
            {"unit": unit.name, "note": note, "start": place / rate_hz, "seconds": len(wave) / rate_hz}
        )
        rest = np.zeros(pause if number < len(waves) else int(TAIL_SECONDS * rate_hz), np.float32)
        pieces += [wave, rest]
        place += len(wave) + len(rest)
    return np.concatenate(pieces), tuple(parts)


def pitch_of(wave: np.ndarray, rate_hz: int, *, low: float = 55.0, high: float = 1000.0) -> float | None:
    """Return the fundamental frequency of the middle of a note in Hz, or None where there is none.

    The peak of the autocorrelation over its lag-corrected maximum (Boersma 1993), with a parabola through it;
    of several peaks nearly as high the first is taken, because its multiples are peaks too.
    """
    middle = wave[len(wave) // 4 : max(len(wave) // 4 + 1, 3 * len(wave) // 4)].astype(np.float64)
    middle = middle[: rate_hz // 2] - middle[: rate_hz // 2].mean()
    longest = int(rate_hz / low) + 2
    if len(middle) < 2 * longest:
        return None
    size = 1 << (2 * len(middle)).bit_length()
    spectrum = np.abs(np.fft.rfft(middle, size)) ** 2
    raw = np.fft.irfft(spectrum)[: longest + 2] / np.maximum(1, len(middle) - np.arange(longest + 2))
    if raw[0] < 1e-8:
        return None
    r = raw / raw[0]
    shortest = max(2, int(rate_hz / high))
    peaks = [i for i in range(shortest, longest) if r[i - 1] < r[i] >= r[i + 1]]
    if not peaks:
        return None
    best = max(r[i] for i in peaks)
    if best < 0.3:
        return None
    lag = next(i for i in peaks if r[i] >= 0.9 * best)
    bend = r[lag - 1] - 2 * r[lag] + r[lag + 1]
    return rate_hz / (lag + (0.5 * (r[lag - 1] - r[lag + 1]) / bend if bend else 0.0))


def waves_of(data: Data, split: Any, indices: Sequence[int]) -> list[np.ndarray]:
    """Return recordings of a split as samples."""
    raw, _ = split[torch.tensor(list(indices))]
    return [
        mulaw.decode(line[utterances.HEADER :][line[utterances.HEADER :] > 0] - 1) for line in raw.numpy()
    ]


def looked(data: Data) -> dict[str, Any]:
    """Return how much there is of each voice, how long words are, how loud it is, how codes are spread."""
    facts, train = data.facts, data.train
    raw, labels = train[torch.arange(len(train))]
    codes = raw[:, utterances.HEADER :].numpy() - 1
    rate, found = int(facts["rate_hz"]), {}
    for place, name in enumerate(facts["voices"]):
        rows = codes[labels.numpy() == place]
        peaks = [float(np.abs(mulaw.decode(row[row >= 0])).max()) for row in rows]
        seconds = float((rows >= 0).sum()) / rate
        found[name] = {
            "recordings": len(rows),
            "seconds": seconds,
            "mean seconds": seconds / max(1, len(rows)),
            "median peak": float(np.median(peaks)) if peaks else 0.0,
        }
    counts = np.bincount(codes[codes >= 0], minlength=mulaw.LEVELS)
    shares = counts[counts > 0] / counts.sum()
    return {
        "splits": {"train": len(train), "valid": len(data.valid)},
        "voices": found,
        "vocabulary": {name: script.vocabulary(facts, name) for name in facts["voices"]},
        "ranges": facts["ranges"],
        "codes": {
            "used": int((counts > 0).sum()),
            "entropy in bits": float(-(shares * np.log2(shares)).sum()),
        },
        "rate_hz": rate,
        "source": facts["source"],
        "licence": facts["licence"],
        "done to files": facts.get("done", []),
    }


def look_pictures(data: Data, index: int) -> Iterator[tuple[str, Figure]]:
    """Draw a recording, the voices beside each other, the mu-law codes and the lengths of words."""
    facts, train = data.facts, data.train
    rate = int(facts["rate_hz"])
    wave = waves_of(data, train, [index])[0]
    name = f"training recording {index}"
    yield "recording", sounds.spoken({name: wave}, {name: logmel.spectrogram(wave, rate)}, rate)
    raw, labels = train[torch.arange(len(train))]
    rows, counts, some = {}, {}, []
    for place, voice in enumerate(facts["voices"]):
        chosen = np.flatnonzero(labels.numpy() == place)
        picked = chosen[np.linspace(0, len(chosen) - 1, min(SHOWN, len(chosen))).astype(int)]
        waves = waves_of(data, train, picked.tolist())
        units = [facts["units"][int(raw[i, 1]) - 1] for i in picked]
        rows[voice] = [(unit, logmel.spectrogram(w, rate)) for unit, w in zip(units, waves, strict=True)]
        codes = raw[chosen, utterances.HEADER :].numpy() - 1
        counts[voice] = np.bincount(codes[codes >= 0], minlength=mulaw.LEVELS)
        some += waves
    yield "voices", sounds.sheet(rows, title="The voices, as spectrograms")
    yield "mu-law", sounds.codes(np.concatenate(some), counts)
    seconds = {
        voice: {unit: math.exp(mean) / rate for unit, (mean, _) in facts["durations"][voice].items()}
        for voice in facts["voices"]
    }
    yield "durations", sounds.voices(seconds, title="How long each voice takes", unit="seconds, middle")


@dataclass(frozen=True)
class Explanation:
    """What a WaveNet's next sample depends on.

    Attributes:
        answer: what was said.
        reach: (layer, samples of the input that it sees), in order.
        moment: the sample that is explained.
        gradient: how much each sample in the receptive field moved the code that was drawn, oldest first.
        probabilities: ``(T, 256)`` of a stretch of samples; ``drawn``: ``(T,)`` what was drawn from them.
        recorded: the samples of the recording that was given; zeros where it was a text.
        conditions: what else was asked for -> bits by which the softmax changed on average (KL divergence).
    """

    answer: SoundAnswer
    reach: list[tuple[str, int]]
    moment: int
    gradient: np.ndarray
    probabilities: np.ndarray
    drawn: np.ndarray
    conditions: dict[str, float]
    recorded: np.ndarray

    def pictures(self, rate_hz: int) -> Iterator[tuple[str, Figure]]:
        """Draw the receptive field, the softmax over time, and the sound."""
        yield "field", sounds.field(self.reach, self.gradient, rate_hz)
        title = f"The softmax over 256 codes, {len(self.drawn)} samples from sample {self.moment} on"
        yield "softmax", sounds.softmax_over_time(self.probabilities, self.drawn, rate_hz, title=title)
        waves = {"what the network says": self.answer.samples}
        if self.recorded.any():
            waves = {"the same, recorded": self.recorded, **waves}
        shown = {name: logmel.spectrogram(wave, rate_hz) for name, wave in waves.items()}
        yield "said", sounds.spoken(waves, shown, rate_hz, title="Real and generated")

    def to_json(self) -> dict[str, Any]:
        """Return everything but the samples as a JSON object."""
        return {
            "answer": self.answer.to_json(),
            "receptive_field": self.reach[-1][1],
            "layers": [{"layer": name, "sees": samples} for name, samples in self.reach],
            "moment": self.moment,
            "gradient": self.gradient.tolist(),
            "conditions_bits": self.conditions,
            "entropy_bits": float(entropy(self.probabilities).mean()),
        }


def explain(ready: Ready, sample: np.ndarray, draw: Draw | None = None) -> Explanation:
    """Explain the middle of one raw sample, spoken anew: receptive field, softmax, conditioning."""
    network: Any = ready.network
    draw = draw or Draw()
    inputs = prepared(ready, sample)
    codes = sampling.generate(network, inputs, draw)
    inputs[:, 0] = codes
    moment = int(AROUND * inputs.shape[2])
    reach, seen = [("first", network.kernel)], network.kernel
    for number, layer in enumerate(network.layers, 1):
        seen += (network.kernel - 1) * layer.dilation
        reach.append((f"layer {number}, dilation {layer.dilation}", seen))
    logits = network(inputs)[0]
    stretch = slice(moment, min(moment + WATCHED, len(logits)))
    answer = ready.task.answer(codes[0], ready.facts)
    assert isinstance(answer, SoundAnswer)
    return Explanation(
        answer,
        reach,
        moment,
        _gradient(network, inputs, moment),
        logits[stretch].softmax(1).numpy(),
        codes[0, stretch].numpy(),
        _conditions(ready, inputs, logits),
        recorded_in(sample),
    )


def recorded_in(sample: np.ndarray) -> np.ndarray:
    """Return the samples of a raw row, silence of codes 128 as exact zeros."""
    codes = sample[utterances.HEADER :][sample[utterances.HEADER :] > 0] - 1
    return mulaw.decode(codes) * (codes != mulaw.SILENCE)


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the bits of each softmax: ``(T, 256)`` -> ``(T,)``."""
    return -(probabilities * np.log2(np.maximum(probabilities, 1e-12))).sum(1)


def _gradient(network: Any, inputs: Tensor, moment: int) -> np.ndarray:
    """Return the norm of the gradient of one log-probability for each sample in the receptive field."""
    with torch.enable_grad():
        x = network.begin(inputs).detach().requires_grad_()
        score = network.after(x, network.conditioning(inputs).detach())[0, moment]
        chosen = score.log_softmax(0)[int(inputs[0, 0, moment])]
        (found,) = torch.autograd.grad(chosen, x)
    start = max(0, moment + 1 - network.receptive_field)
    return found[0, start : moment + 1].norm(dim=1).numpy()


def _conditions(ready: Ready, inputs: Tensor, logits: Tensor) -> dict[str, float]:
    """Return by how many bits the softmax changes when something else is asked for."""
    facts, found = ready.facts, {}
    now = logits.log_softmax(1)
    voice, knots = int(inputs[0, 1, 0]), (int(inputs[0, 2].max()) // 16) * 16
    others = {f"voice {name}": (1, i) for i, name in enumerate(facts["voices"]) if i != voice}
    units = {f"unit {name}": (2, 16 * i - knots) for i, name in enumerate(facts["units"]) if 16 * i != knots}
    for name, (row, value) in {**others, **units}.items():
        changed = inputs.clone()
        changed[:, row] = value if row == 1 else changed[:, row] + value
        other = ready.network(changed)[0].log_softmax(1)
        found[name] = float((now.exp() * (now - other)).sum(1).mean()) / math.log(2)
    return found
