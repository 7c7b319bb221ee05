"""Words: recognise spoken words with a CNN over log-mel spectrograms; the voice user interface.

A raw sample is one second of sound, int16, with the word in its middle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import losses
from pellucid.datasets import logmel, recordings, speechcommands
from pellucid.datasets.memory import InMemory
from pellucid.datasets.recordings import Recording
from pellucid.errors import DataError, UsageError, near
from pellucid.models.wordcnn import WordCNN
from pellucid.seeding import Draws
from pellucid.sound import Sound, SoundInput
from pellucid.task import Answer, Classifier, Data
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VALID_INDICES = (5, 6)  # of FSDD's official training takes, to choose on
QUIETEST = 2e-4  # peak below which there is nothing to hear: 7 steps of 16 bits
SHIFT = 0.1  # of the second, that a training word is moved by at most
NOISE_DECIBELS = (15.0, 60.0)  # below the word's peak
LISTED = 12  # speakers that an error names
MASKED_BANDS, MASKED_FRAMES = 8, 20  # at most (SpecAugment, Park et al. 2019)


def read_word(sound: Sound, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Cut the loudest second out of a recording: stages "recording" and "sample".

    Raises:
        DataError: there is only silence.
    """
    peak = float(np.abs(sound.samples).max()) if len(sound.samples) else 0.0
    if peak < QUIETEST:
        raise DataError(
            f"there is only silence in the recording ({sound.seconds:.2f} s, its loudest sample is "
            f"{peak:.5f} of full scale); speak louder or nearer to the microphone"
        )
    return {"recording": sound.samples, "sample": fitted(sound.samples, int(facts["samples"]))}


@dataclass(frozen=True, kw_only=True)
class Words(Classifier):
    """Recognise words.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "words"
    takes: ClassVar[SoundInput] = SoundInput(into=read_word)
    paths = {"own": bool}

    dataset: Literal["digits", "commands", "commands-full", "tiny"] = "digits"
    """digits: ten spoken digits (FSDD, official split); commands: 30 words, 255 recordings; commands-full: 35
    words, all 105,829 recordings, 2.4 GB to fetch (official split); tiny: made up"""
    own: str | None = None
    """a folder of your own WAV or FLAC files, one sub-folder a word, in place of a dataset"""
    classify: Literal["unit", "voice"] = "unit"
    """what is recognised: the word, or who says it"""
    leave_out: str | None = None
    """a speaker of digits, commands or tiny who is neither trained nor chosen on, and alone is tested"""
    rate: int = 8000
    """samples a second that the network hears; recordings are resampled to it"""
    widths: tuple[int, ...] = (16, 32, 48, 64)
    """feature maps of the blocks"""
    dropout: float = 0.2
    """part of the pooled features that is silent in a training step"""
    label_smoothing: float = 0.1
    """part of the target that is spread over all classes"""
    augment: bool = True
    """move training words in time, add noise, hide bands and frames"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=24, batch_size=64, learning_rate=0.006, weight_decay=0.02, schedule="linear", warmup=0.1,
            keep="last",
        )
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not 1 <= len(self.widths) <= 5 or not all(1 <= width <= 1024 for width in self.widths):
            raise UsageError(f"--widths is {self.widths}; 1 to 5 blocks of 1 to 1024 maps are expected")
        if not 0 <= self.dropout < 1 or not 0 <= self.label_smoothing < 1:
            raise UsageError("--dropout and --label-smoothing are parts of a whole: at least 0 and below 1")
        if not 4000 <= self.rate <= 48_000:
            raise UsageError(f"--rate is {self.rate}; 4,000 to 48,000 samples a second are expected")

    def data(self) -> Data:
        """Read the recordings; the test recordings stay closed."""
        train, valid, test, facts = self._parts()
        sounds, names = self._heard(train)
        classes = sorted(set(names), key=_digits_first)
        if len(classes) < 2:
            raise DataError(f"{facts['source']}: {len(classes)} class; at least two are needed")

        def held(sounds: Tensor, names: Sequence[str]) -> InMemory:
            known = [i for i, name in enumerate(names) if name in classes]
            labels = torch.tensor([classes.index(names[i]) for i in known], dtype=torch.int64)
            return InMemory(sounds if len(known) == len(names) else sounds[known], labels)

        parts = {"train": held(sounds, names), "valid": held(*self._heard(valid))}
        counts = torch.bincount(parts["train"].tensors[1], minlength=len(classes))
        facts |= {
            "classes": classes,
            "rate_hz": self.rate,
            "samples": self.rate,
            "bands": logmel.BANDS,
            "counts": {
                **{name: len(part) for name, part in parts.items()},
                "train per class": counts.tolist(),
            },
        }
        return Data(parts["train"], parts["valid"], lambda: held(*self._heard(test())), facts)

    def _heard(self, found: Iterable[Recording]) -> tuple[Tensor, list[str]]:
        """Return one second of each recording, ``(N, rate)`` int16, and its class; recordings are let go."""
        content, names = bytearray(), []
        for r in found:
            content += fitted(r.samples, self.rate).tobytes()
            names.append(getattr(r, self.classify))
        return torch.from_numpy(np.frombuffer(content, np.int16).reshape(-1, self.rate)), names

    def _parts(
        self,
    ) -> tuple[Iterable[Recording], Iterable[Recording], Callable[[], Iterable[Recording]], dict[str, Any]]:
        """Return what trains, what validates, what opens the test, and where it comes from."""
        self._refuse_leaving_out()
        facts: dict[str, Any] = {"dataset": "your own", "licence": "your own"}
        if self.own is not None:
            found = recordings.by_folder(Path(self.own), self.rate)
            parts = _by_hash(found, lambda r: r.name)
            return parts[0], parts[1], lambda: parts[2], facts | {"source": Path(self.own).absolute().name}
        if self.dataset == "tiny":
            facts = {"dataset": "tiny", "source": "made up", "licence": "made here, Apache-2.0"}
            made, tested = (recordings.made_up(self.rate, n, seed=k) for n, k in ((120, 1), (24, 2)))
            return *self._without(made[24:], made[:24], tested), facts
        if self.dataset == "commands":
            facts = {"dataset": "commands", "source": recordings.SOURCES["commands"], "licence": "CC BY 4.0"}
            found = recordings.commands(self.rate)
            return *self._without(*_by_hash(found, lambda r: r.voice)), facts
        if self.dataset == "commands-full":
            if self.classify == "voice":
                raise UsageError(
                    "--classify voice: no speaker of the full Speech Commands is in two parts of its "
                    "official split; take --dataset digits"
                )
            facts = {"dataset": self.dataset, "source": speechcommands.SOURCE, "licence": "CC BY 4.0"}
            listed = speechcommands.official()
            part = partial(speechcommands.recorded, listed=listed, rate_hz=self.rate)
            return part("train"), part("valid"), partial(part, "test"), facts
        facts = {"dataset": "fsdd", "source": recordings.SOURCES["fsdd"], "licence": "CC BY-SA 4.0"}
        spoken = recordings.digits(self.rate)
        training = [r for r in spoken if r.index not in recordings.TEST_INDICES]
        train = [r for r in training if r.index not in VALID_INDICES]
        valid = [r for r in training if r.index in VALID_INDICES]
        test = [r for r in spoken if r.index in recordings.TEST_INDICES]
        return *self._without(train, valid, test), facts

    def _refuse_leaving_out(self) -> None:
        """Refuse to leave a speaker out where nobody is known, or where that says nothing."""
        if self.leave_out is None:
            return
        why = None
        if self.own is not None:
            why = "who speaks in recordings of your own is not known"
        elif self.dataset == "commands-full":
            why = "its official split leaves every speaker of the test out already"
        elif self.classify == "voice":
            why = "who is left out of the training cannot be recognised with --classify voice"
        if why:
            raise UsageError(f"--leave-out {self.leave_out}: {why}; leave it away")

    def _without(
        self, train: list[Recording], valid: list[Recording], test: list[Recording]
    ) -> tuple[list[Recording], list[Recording], Callable[[], list[Recording]]]:
        """Return the parts, or, where a speaker is left out, what the others say and all that this one says.

        Raises:
            UsageError: nobody has this name.
        """
        if self.leave_out is None:
            return train, valid, lambda: test
        spoken = sorted([*train, *valid, *test], key=lambda r: (r.unit, r.index, r.name))
        voices = sorted({r.voice for r in spoken})
        if self.leave_out not in voices:
            more = f" and {len(voices) - LISTED:,} more" if len(voices) > LISTED else ""
            raise UsageError(
                f"--leave-out {self.leave_out}: the speakers are {', '.join(voices[:LISTED])}{more}."
                f"{near(self.leave_out, voices)}"
            )
        others = [[r for r in part if r.voice != self.leave_out] for part in (train, valid)]
        return others[0], others[1], lambda: [r for r in spoken if r.voice == self.leave_out]

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Spoil while training, then take the log-mel spectrogram: ``(N, T)`` int16 -> ``(N, 1, 40, F)``.

        Each spectrogram is brought to mean 0 and deviation 1, so that loudness does not matter.
        """
        if inputs.ndim != 2 or inputs.shape[1] != facts["samples"] or inputs.dtype != torch.int16:
            raise UsageError(
                f"words: the input is {tuple(inputs.shape)} {inputs.dtype}; "
                f"expected (N, {facts['samples']}) int16"
            )
        waves = inputs.float()
        waves = waves / waves.abs().amax(1, keepdim=True).clamp(min=1)
        spoil = draws is not None and self.augment
        if spoil:
            waves = spoiled(waves, draws)  # type: ignore[arg-type]
        bands = logmel.log_mel(waves, facts["rate_hz"], facts["bands"])
        mean, deviation = bands.mean((1, 2), keepdim=True), bands.std((1, 2), keepdim=True)
        bands = (bands - mean) / deviation.clamp(min=1e-3)
        return (masked(bands, draws) if spoil else bands)[:, None], targets  # type: ignore[arg-type]

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, 1, bands, frames)`` -> ``(N, K)`` class scores."""
        return WordCNN(facts["bands"], self.widths, len(facts["classes"]), self.dropout)

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the class scores ``(N, K)`` and the classes ``(N,)``."""
        return losses.classification(outputs, targets, label_smoothing=self.label_smoothing)

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the waveform, the log-mel spectrogram that the network sees, and the probabilities."""
        from pellucid.plots import sounds  # matplotlib is slow to import and only pictures need it

        bands, _ = self.prepare(torch.from_numpy(np.array(sample))[None], facts=facts)
        return sounds.heard(sample / 32768, facts["rate_hz"], bands[0, 0].numpy(), answer.probabilities)


def fitted(samples: np.ndarray, length: int) -> np.ndarray:
    """Return int16 of ``length``: the loudest stretch of a longer sound, a shorter one in the middle."""
    if len(samples) > length:
        energy = np.cumsum(np.concatenate([[0.0], samples.astype(np.float64) ** 2]))
        start = int((energy[length:] - energy[:-length]).argmax())
        samples = samples[start : start + length]
    whole = np.zeros(length, np.int16)
    start = (length - len(samples)) // 2
    whole[start : start + len(samples)] = np.round(np.clip(samples, -1, 1) * 32767)
    return whole


def spoiled(waves: Tensor, draws: Draws) -> Tensor:
    """Move each word in time and add noise: ``(N, T)``, peak 1."""
    length = waves.shape[1]
    numbers = draws.uniform(2, "sound")
    reach = int(SHIFT * length)
    shift = ((numbers[:, 0] * 2 - 1) * reach).round().long()
    places = torch.arange(length) - shift[:, None] + reach
    moved = functional.pad(waves, (reach, reach)).gather(1, places)
    low, high = NOISE_DECIBELS
    level = 10 ** (-(low + (high - low) * numbers[:, 1]) / 20)
    return moved + level[:, None] * (draws.uniform(length, "noise") - 0.5)


def masked(bands: Tensor, draws: Draws) -> Tensor:
    """Set a few neighbouring bands and frames to the mean: ``(N, bands, frames)``."""
    numbers = draws.uniform(4, "masks")
    for axis, (most, width, place) in enumerate(
        ((MASKED_BANDS, numbers[:, 0], numbers[:, 1]), (MASKED_FRAMES, numbers[:, 2], numbers[:, 3]))
    ):
        size = bands.shape[1 + axis]
        wide = (width * most).floor()
        first = (place * (size - wide)).floor()
        at = torch.arange(size)
        hidden = (at >= first[:, None]) & (at < (first + wide)[:, None])
        bands = bands.masked_fill(hidden[:, :, None] if axis == 0 else hidden[:, None], 0.0)
    return bands


def commands() -> Words:
    """Thirty spoken commands at 16 kHz: too few recordings here to learn them well."""
    training = Training(
        epochs=60,
        batch_size=32,
        learning_rate=0.006,
        weight_decay=0.02,
        schedule="linear",
        warmup=0.1,
        keep="last",
    )
    return Words(dataset="commands", rate=16000, training=training)


def full() -> Words:
    """All of Speech Commands at 16 kHz, 35 words: 2.4 GB to fetch, 3 GB of memory."""
    training = Training(
        epochs=10, batch_size=64, learning_rate=0.004, weight_decay=0.02, schedule="linear", warmup=0.05
    )
    return Words(
        dataset="commands-full", rate=16000, widths=(32, 64, 96, 128), label_smoothing=0.1, training=training
    )


def speakers() -> Words:
    """Who says it, instead of what: the judge of generated voices."""
    return Words(classify="voice")


def tiny() -> Words:
    """Made-up sounds and a small network: seconds, for tests and first tries."""
    training = Training(epochs=4, batch_size=16, learning_rate=0.01, schedule="linear", ema=0.9)
    return Words(
        dataset="tiny", rate=4000, widths=(4, 8), dropout=0.0, label_smoothing=0.0, training=training
    )


def _by_hash(
    found: Sequence[Recording], key: Callable[[Recording], str]
) -> tuple[list[Recording], list[Recording], list[Recording]]:
    """Give a fifth of the keys (files, speakers) to test and a tenth to choose, by their hash."""
    names = sorted({key(r) for r in found}, key=lambda name: hashlib.sha256(name.encode()).digest())
    tested = max(1, len(names) // 5)
    chosen = max(1, len(names) // 10)
    test, valid = set(names[:tested]), set(names[tested : tested + chosen])
    if len(names) < 3:
        raise DataError(f"{len(names)} recordings are too few to train, to choose and to test")
    return (
        [r for r in found if key(r) not in test | valid],
        [r for r in found if key(r) in valid],
        [r for r in found if key(r) in test],
    )


def _digits_first(name: str) -> tuple[int, str]:
    return (recordings.DIGITS.index(name), "") if name in recordings.DIGITS else (99, name)
