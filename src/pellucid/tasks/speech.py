"""Speech: raw audio, sample by sample, spoken and sung (WaveNet, van den Oord et al. 2016).

A raw sample of this task is a row of whole numbers, all one larger than what they mean, so that 0 can stand
after the end: voice, unit (what is said), thousandths of a pitch row, and the mu-law codes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import seeding
from pellucid.datasets import mulaw, recordings
from pellucid.datasets.ragged import Ragged
from pellucid.datasets.recordings import Recording
from pellucid.errors import DataError, UsageError
from pellucid.learners import Supervised
from pellucid.metrics import Score
from pellucid.models.wavenet import LEVELS, WaveNet
from pellucid.processes import rank, world
from pellucid.seeding import Draws
from pellucid.task import Answer, Data, Task
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = 3  # numbers before the codes
IGNORED = -1  # target of what comes after the end
KNOTS = 16  # places in a word that have a row of their own
PITCHES, LOWEST_PITCH = 81, 20  # rows; row r is MIDI r + 20, and row 0 means none
VALID_INDICES = (5, 6)  # of FSDD's official training takes, to choose on
SUNG_SHIFTS, PIANO_SHIFTS = (-0.25, 0.25), (-1.0, 0.0, 1.0)  # semitones; the piano has every third note
ONSET_FRAMES = 24  # of a note, that have knots of their own; as many before its end
POOL = 16  # batches within which recordings of like length are put together
LONGEST_SECONDS = 1.2  # of a recording that is trained on
JUDGED_SAMPLES = 60_000  # of a batch while judging


@dataclass(frozen=True, kw_only=True)
class Speech(Task):
    """Speak and sing.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "speech"
    goal: ClassVar[str] = "-bits"
    gives: ClassVar[str] = "sound"

    dataset: Literal["digits", "tiny"] = "digits"
    """digits: spoken digits (FSDD), sung notes and piano notes; tiny: made up"""
    own: str | None = None
    """a folder of your own WAV or FLAC files with metadata.csv (file, text, voice), in place of a dataset"""
    sing: bool = True
    """learn the sung and the piano notes as well"""
    rate: int = 8000
    """samples a second; recordings of your own are resampled to it"""
    residual: int = 48
    """channels between layers"""
    gate: int = 48
    """channels of tanh and of sigmoid in each layer"""
    skip: int = 64
    """channels that all layers add up"""
    kernel: int = 2
    """samples under a filter"""
    doublings: int = 8
    """layers of a block; their dilations are 1, 2, 4 and so on"""
    blocks: int = 2
    """how often the dilations begin again at 1"""
    condition: int = 48
    """channels of the conditioning"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=8,
            batch_size=2,
            learning_rate=2e-3,
            weight_decay=0.0,
            schedule="constant",
            clip=1.0,
            ema=0.995,
            precision="bf16",
            keep="last",
        )
    )

    def __post_init__(self) -> None:
        sizes = {"residual": self.residual, "gate": self.gate, "skip": self.skip, "condition": self.condition}
        for name, value in sizes.items():
            if not 1 <= value <= 1024:
                raise UsageError(f"--{name} is {value}; 1 to 1024 channels are expected")
        if not 2 <= self.kernel <= 8 or not 1 <= self.doublings <= 14 or not 1 <= self.blocks <= 8:
            raise UsageError(
                f"--kernel {self.kernel}, --doublings {self.doublings}, --blocks {self.blocks}; expected 2 to 8, "
                "1 to 14 and 1 to 8"
            )
        if not 4000 <= self.rate <= 48_000:
            raise UsageError(f"--rate is {self.rate}; 4,000 to 48,000 samples a second are expected")
        if self.own is None and self.dataset == "digits" and self.rate != 8000:
            raise UsageError("the spoken digits have 8,000 samples a second; --rate is for --own recordings")

    def data(self) -> Data:
        """Read the recordings; the official test takes of the digits stay closed."""
        train, valid, test, facts = self._parts()
        facts |= {
            "voices": sorted({r.voice for r in train}),
            "units": sorted({r.unit for r in train}),
            "rate_hz": self.rate,
            "frame": self.rate // 100,
            "longest": int(LONGEST_SECONDS * self.rate),
            "durations": durations(train),
            "sustained": sorted({r.unit for r in train if r.pitch is not None}),
            "ranges": ranges(train),
            "counts": {"train": len(train), "valid": len(valid)},
        }
        known = [r for r in valid if r.voice in facts["voices"] and r.unit in facts["units"]]

        def opened() -> Ragged:
            return rows([r for r in test() if r.voice in facts["voices"] and r.unit in facts["units"]], facts)

        return Data(rows(train, facts), rows(known, facts), opened, facts)

    def _parts(self) -> tuple[list[Recording], list[Recording], Any, dict[str, Any]]:
        """Return what trains, what validates, what opens the test, and where it comes from."""
        if self.own is not None:
            found, notes = recordings.own(Path(self.own), self.rate)
            parts = by_hash(found)
            facts = {"dataset": "your own", "source": Path(self.own).name, "licence": "your own", "done": notes}
            return parts[0], parts[1], lambda: parts[2], facts
        if self.dataset == "tiny":
            made = recordings.made_up(self.rate, 60, seed=1)
            facts = {"dataset": "tiny", "source": "made up", "licence": "made here, Apache-2.0"}
            return made[12:], made[:12], lambda: recordings.made_up(self.rate, 12, seed=2), facts
        spoken = recordings.digits()
        training = [r for r in spoken if r.index not in recordings.TEST_INDICES]
        train = [r for r in training if r.index not in VALID_INDICES]
        if self.sing:
            train += [r for shift in SUNG_SHIFTS for r in recordings.sung(self.rate, shift=shift)]
            train += [r for shift in PIANO_SHIFTS for r in recordings.piano(self.rate, shift=shift)]
        sources = ["fsdd", "sung", "piano"] if self.sing else ["fsdd"]
        facts = {
            "dataset": "fsdd",
            "source": "; ".join(recordings.SOURCES[name] for name in sources),
            "licence": "CC BY-SA 4.0 (digits), MIT (sung notes), CC BY 3.0 (piano notes)",
        }
        valid = [r for r in training if r.index in VALID_INDICES]
        return train, valid, lambda: [r for r in spoken if r.index in recordings.TEST_INDICES], facts

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Lay out codes and conditioning: ``(N, 3 + L)`` -> ``(N, 4, T)`` float32, T in whole frames.

        Targets are the codes, ``(N, T)``, -1 after the end; they do not depend on what comes in as targets.
        """
        if inputs.ndim != 2 or inputs.is_floating_point() or inputs.shape[1] <= HEADER:
            raise UsageError(
                f"speech: the input is {tuple(inputs.shape)} {inputs.dtype}; expected (N, {HEADER} + L) whole numbers"
            )
        frame = facts["frame"]
        codes = inputs[:, HEADER:].long() - 1
        if draws is not None:
            codes = codes[:, : facts["longest"]]
        lengths = (codes >= 0).sum(1)
        frames = -(-codes.shape[1] // frame)
        codes = functional.pad(codes, (0, frames * frame - codes.shape[1]), value=IGNORED)
        voice, unit, pitch = (inputs[:, :HEADER].long() - 1).T
        counts = -(-(inputs[:, HEADER:] > 0).sum(1) // frame)  # of the whole word, also where it is cut
        place = unit[:, None] * KNOTS + places(frames, counts, sustained(unit, facts)) * (KNOTS - 1)
        whole = torch.empty(len(inputs), 4, frames, frame)
        whole[:, 0] = codes.masked_fill(codes < 0, mulaw.SILENCE).view(-1, frames, frame)
        whole[:, 1] = voice[:, None, None]
        whole[:, 2] = place[:, :, None]
        whole[:, 3] = pitch[:, None, None] / 1000
        ended = torch.arange(codes.shape[1]) >= lengths[:, None]
        return whole.flatten(2), codes.masked_fill(ended, IGNORED)

    def model(self, facts: dict[str, Any]) -> WaveNet:
        """Build the network: ``(N, 4, T)`` -> ``(N, T, 256)`` logits of each sample."""
        return WaveNet(
            len(facts["voices"]),
            len(facts["units"]) * KNOTS,
            PITCHES,
            residual=self.residual,
            gate=self.gate,
            skip=self.skip,
            kernel=self.kernel,
            dilations=[2**i for i in range(self.doublings)] * self.blocks,
            condition=self.condition,
            frame=facts["frame"],
        )

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the mean cross-entropy of the samples, in nats."""
        return functional.cross_entropy(
            outputs.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED
        )

    def learner(self, data: Data) -> Supervised:
        """Return supervised learning whose batches hold recordings of like length."""
        return ByLength(self, data)

    def outcome(
        self, network: nn.Module, inputs: Tensor, targets: Tensor, facts: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Return nats and samples of each recording, ``(N, 2)``, and its voice, ``(N,)``."""
        found = []
        at_once = max(1, JUDGED_SAMPLES // inputs.shape[2])
        for some, wanted in zip(inputs.split(at_once), targets.split(at_once), strict=True):
            length = max(1, int((wanted != IGNORED).any(0).sum()))
            length = -(-length // facts["frame"]) * facts["frame"]
            logits, wanted = network(some[:, :, :length]).float(), wanted[:, :length].to(some.device)
            nats = functional.cross_entropy(
                logits.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none"
            )
            found.append(torch.stack([nats.double().sum(1), (wanted != IGNORED).double().sum(1)], 1))
        return torch.cat(found), inputs[:, 1, 0].long()

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Return bits per sample, of all and of each voice."""
        groups = {"bits": torch.ones(len(targets), dtype=torch.bool)}
        groups |= {f"bits of {name}": targets == i for i, name in enumerate(facts["voices"])}
        found = {}
        for name, chosen in groups.items():
            nats, samples = outputs[chosen].double().sum(0).tolist() if bool(chosen.any()) else (0.0, 0.0)
            if samples:
                found[name] = Score(nats / samples / math.log(2), None, None, int(samples))
        return found

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Say how long the codes ``(T,)`` are and how loud."""
        wave = mulaw.decode(output.numpy())
        return Answer(text=f"{len(wave) / facts['rate_hz']:.2f} s of sound")

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw a recording: its waveform and its spectrogram."""
        raise UsageError("x")


class ByLength(Supervised):
    """Supervised learning whose batches hold recordings of like length, so that little is padding."""

    def _places(self, start: int) -> Iterator[tuple[int, Tensor]]:
        size, step = self.training.batch_size, start
        while True:
            epoch, position = divmod(step, self.clock.epoch_steps)
            batches = self._batches(epoch, size)
            for whole in batches[position:]:
                share = whole.tensor_split(world())[rank()]
                yield epoch, share if len(share) else whole[:1]
                step += 1

    def _batches(self, epoch: int, size: int) -> list[Tensor]:
        """Return the batches of an epoch: pools of recordings sorted by length, then the batches shuffled."""
        order = seeding.order(self.training.seed, epoch, self.count)
        pools = [pool[self.train.lengths[pool].argsort(stable=True)] for pool in order.split(POOL * size)]
        batches = [batch for pool in pools for batch in pool.split(size)]
        whole, rest = [b for b in batches if len(b) == size], [b for b in batches if len(b) < size]
        return [whole[i] for i in seeding.order(self.training.seed + 1, epoch, len(whole)).tolist()] + rest


def rows(found: Sequence[Recording], facts: dict[str, Any]) -> Ragged:
    """Return recordings as rows of whole numbers, with the voice as the class."""
    voices, units = ({name: i for i, name in enumerate(facts[key])} for key in ("voices", "units"))
    return Ragged(
        [row(mulaw.encode(r.samples), voices[r.voice], units[r.unit], r.pitch) for r in found],
        [voices[r.voice] for r in found],
    )


def row(codes: np.ndarray, voice: int, unit: int, pitch: float | None) -> np.ndarray:
    """Return one raw sample: header and codes, each plus one."""
    return np.concatenate([[voice + 1, unit + 1, pitch_row(pitch) + 1], codes + 1]).astype(np.int32)


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


def sustained(unit: Tensor, facts: dict[str, Any]) -> Tensor:
    """Say which units are notes, which last as long as one likes."""
    return torch.isin(unit, torch.tensor([facts["units"].index(name) for name in facts["sustained"]]).long())


def durations(found: Sequence[Recording]) -> dict[str, dict[str, list[float]]]:
    """Return, for each voice and unit, mean and deviation of the logarithm of its seconds (set by the rate)."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for r in found:
        seconds.setdefault(r.voice, {}).setdefault(r.unit, []).append(math.log(max(1, len(r.samples))))
    return {
        voice: {unit: [round(float(np.mean(v)), 4), round(float(np.std(v)), 4)] for unit, v in sorted(each.items())}
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


def tiny() -> Speech:
    """Made-up voices and a small network: seconds, for tests and first tries."""
    training = Training(
        epochs=4, batch_size=8, learning_rate=0.01, schedule="linear", warmup=0.05, clip=1.0, ema=0.9, keep="last"
    )
    return replace(
        Speech(dataset="tiny", rate=8000, residual=8, gate=8, skip=16, doublings=4, blocks=1, condition=8),
        training=training,
    )


def paper() -> Speech:
    """The paper's shapes: 16 kHz, kernels of 2, dilations 1 to 512, three blocks; 48 hours of data are yours.

    The paper states no channels, optimiser or rate; 32, 32 and 512 channels and Adam are those of the
    implementation by I. Babuschkin that most others were compared with.
    """
    training = Training(epochs=30, batch_size=8, optimizer="adam", learning_rate=1e-3, schedule="constant")
    return Speech(
        rate=16000, own=".", residual=32, gate=32, skip=512, doublings=10, blocks=3, training=training
    )
