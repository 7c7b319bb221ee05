"""Speech: raw audio, sample by sample, spoken and sung (WaveNet, van den Oord et al. 2016).

A raw sample of this task is a row of whole numbers, see ``datasets.utterances``: who, what, which pitch, and
the sound itself. What a person gives is a text to be said.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import sampling, seeding, sound
from pellucid.batches import paired
from pellucid.datasets import logmel, mulaw, recordings, script, utterances
from pellucid.datasets.ragged import Ragged
from pellucid.datasets.recordings import Recording
from pellucid.datasets.utterances import HEADER, PITCHES
from pellucid.errors import DataError, UsageError
from pellucid.learners import Supervised
from pellucid.metrics import Score
from pellucid.models.wavenet import WaveNet
from pellucid.seeding import Draws
from pellucid.sound import ScriptInput
from pellucid.task import Answer, Data, Task
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IGNORED = -1  # target of what comes after the end
KNOTS = 16  # places in a word that have a row of their own
VALID_INDICES = (5, 6)  # of FSDD's official training takes, to choose on
SUNG_SHIFTS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # semitones
PIANO_SHIFTS = (-1.0, 0.0, 1.0)  # the piano has every third note
POOL = 16  # batches within which recordings of like length are put together
LONGEST_SECONDS = 1.2  # of a recording that is trained on
JUDGED_SAMPLES = 60_000  # of a batch while judging


@dataclass(frozen=True)
class SoundAnswer(Answer):
    """A sound.

    Attributes:
        samples: ``(T,)`` float32 in [-1, 1].
        rate_hz: samples a second.
        voice: who speaks or sings.
        parts: what is heard when: {"unit", "start", "seconds", "pitch"}.
    """

    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)
    rate_hz: int = 8000
    voice: str = ""
    parts: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the samples."""
        return {
            "text": self.text,
            "seconds": len(self.samples) / self.rate_hz,
            "rate_hz": self.rate_hz,
            "voice": self.voice,
            "parts": [dict(part) for part in self.parts],
        }

    def _repr_html_(self) -> str:
        content = base64.b64encode(sound.wav(sound.Sound(self.samples, self.rate_hz))).decode("ascii")
        return f'<audio controls src="data:audio/wav;base64,{content}"></audio>'


def read_script(text: str, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Read a text to be said: stages "words" and "sample", a row for each word, of its mean length.

    Raises:
        DataError: a word is not known.
    """
    voice = next(name for name in facts["voices"] if name not in facts["ranges"])
    units = script.words(text, script.vocabulary(facts, voice))
    rows = [
        utterances.blank(
            round(math.exp(facts["durations"][voice][unit.name][0])),
            facts["voices"].index(voice),
            facts["units"].index(unit.name),
            None,
        )
        for unit in units
    ]
    whole = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for line, row in zip(whole, rows, strict=True):
        line[: len(row)] = row
    return {"words": np.array([unit.name for unit in units]), "sample": whole}


@dataclass(frozen=True, kw_only=True)
class Speech(Task):
    """Speak and sing.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "speech"
    goal: ClassVar[str] = "-bits"
    earlier: ClassVar[dict[str, Any]] = {"phases": False}
    takes: ClassVar[ScriptInput] = ScriptInput(into=read_script)
    gives: ClassVar[str] = "sound"
    paths = {"own": bool}

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
    phases: bool = True
    """tell the network the phase of the asked pitch at every sample"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=14,
            batch_size=2,
            learning_rate=2e-3,
            weight_decay=0.0,
            schedule="linear",
            warmup=0.02,
            clip=1.0,
            ema=0.998,
            precision="auto",
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
                f"--kernel {self.kernel}, --doublings {self.doublings}, --blocks {self.blocks}; "
                "expected 2 to 8, 1 to 14 and 1 to 8"
            )
        if not 4000 <= self.rate <= 48_000:
            raise UsageError(f"--rate is {self.rate}; 4,000 to 48,000 samples a second are expected")
        if self.own is None and self.dataset == "digits" and self.rate != 8000:
            raise UsageError(
                "the spoken digits have 8,000 samples a second; --rate is for recordings of your own"
            )

    def data(self) -> Data:
        """Read the recordings; the official test takes of the digits stay closed."""
        train, valid, test, facts = self._parts()
        facts |= {
            "voices": sorted({r.voice for r in train}),
            "units": sorted({r.unit for r in train}),
            "rate_hz": self.rate,
            "frame": self.rate // 100,
            "longest": int(LONGEST_SECONDS * self.rate),
            "durations": utterances.durations(train),
            "sustained": sorted({r.unit for r in train if r.pitch is not None}),
            "ranges": utterances.ranges(train),
            "counts": {"train": len(train), "valid": len(valid)},
        }
        known = [r for r in valid if r.voice in facts["voices"] and r.unit in facts["units"]]
        if not known:
            raise DataError(
                f"none of {len(valid)} recordings for validation says what one for training says; give "
                "several recordings of each text and voice"
            )

        def opened() -> Ragged:
            return utterances.rows(
                [r for r in test() if r.voice in facts["voices"] and r.unit in facts["units"]], facts
            )

        return Data(utterances.rows(train, facts), utterances.rows(known, facts), opened, facts)

    def _parts(self) -> tuple[list[Recording], list[Recording], Any, dict[str, Any]]:
        """Return what trains, what validates, what opens the test, and where it comes from."""
        if self.own is not None:
            found, notes = recordings.own(Path(self.own), self.rate)
            parts = utterances.by_hash(found)
            facts = {
                "dataset": "your own",
                "source": Path(self.own).absolute().name,
                "licence": "your own",
                "done": notes,
            }
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
        """Lay out codes and conditioning: ``(N, 3 + L)`` -> ``(N, 6, T)`` float32, T in whole frames.

        The last two rows are sine and cosine of the phase of the pitch (``utterances.phases``); without them
        there are four. The phase of a recorded note is measured: this conditioning looks at the recording, as
        every measured pitch does. Digits have none, so their bits owe nothing to it.

        Targets are the codes, ``(N, T)``, -1 after the end; they do not depend on what comes in as targets.
        """
        if inputs.ndim != 2 or inputs.is_floating_point() or inputs.shape[1] <= HEADER:
            raise UsageError(
                f"speech: the input is {tuple(inputs.shape)} {inputs.dtype}; expected (N, L) integers"
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
        place = unit[:, None] * KNOTS + utterances.places(
            frames, counts, utterances.sustained(unit, facts)
        ) * (KNOTS - 1)
        whole = torch.empty(len(inputs), 6 if self.phases else 4, frames, frame)
        heard = codes.masked_fill(codes < 0, mulaw.SILENCE)
        whole[:, 0] = heard.view(-1, frames, frame)
        whole[:, 1] = voice[:, None, None]
        whole[:, 2] = place[:, :, None]
        whole[:, 3] = pitch.abs()[:, None, None] / 1000
        if self.phases:
            whole[:, 4:] = utterances.phases(heard, pitch, facts["rate_hz"]).view(-1, 2, frames, frame)
        ended = torch.arange(codes.shape[1]) >= lengths[:, None]
        return whole.flatten(2), codes.masked_fill(ended, IGNORED)

    def model(self, facts: dict[str, Any]) -> WaveNet:
        """Build the network: ``(N, 6, T)`` -> ``(N, T, 256)`` logits of each sample."""
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
            phases=self.phases,
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

    def ask(self, network: nn.Module, inputs: Tensor, facts: dict[str, Any]) -> Tensor:
        """Speak: ``(N, 6, T)`` conditioning -> ``(N, T)`` codes, as long as the inputs, seed 0."""
        return sampling.generate(network, inputs)

    def answer(self, output: Tensor, facts: dict[str, Any]) -> SoundAnswer:
        """Turn codes ``(T,)`` into samples."""
        samples = mulaw.decode(output.numpy())
        return SoundAnswer(
            text=f"{len(samples) / facts['rate_hz']:.2f} s of sound",
            samples=samples,
            rate_hz=facts["rate_hz"],
        )

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the waveform and the spectrogram of the answer, or of the sample where there is none."""
        from pellucid.plots import sounds  # matplotlib is slow to import and only pictures need it

        recorded = mulaw.decode(np.clip(sample[HEADER:][sample[HEADER:] > 0] - 1, 0, mulaw.MU))
        wave = answer.samples if isinstance(answer, SoundAnswer) else recorded
        shown = {"said": logmel.spectrogram(wave, facts["rate_hz"])}
        return sounds.spoken({"said": wave}, shown, facts["rate_hz"])


class ByLength(Supervised):
    """Supervised learning whose batches hold recordings of like length, so that little is padding."""

    def _wholes(self, epoch: int) -> Sequence[Tensor]:
        """Return the batches of an epoch: pools of recordings sorted by length, then the batches shuffled."""
        size = self.training.batch_size
        order = self._order(epoch)
        pools = [pool[self.train.lengths[pool].argsort(stable=True)] for pool in order.split(POOL * size)]
        batches = paired([batch for pool in pools for batch in pool.split(size)])
        whole, rest = [b for b in batches if len(b) == size], [b for b in batches if len(b) != size]
        return [whole[i] for i in seeding.order(self.training.seed + 1, epoch, len(whole)).tolist()] + rest


def tiny() -> Speech:
    """Made-up voices and a small network: seconds, for tests and first tries."""
    training = Training(
        epochs=4,
        batch_size=8,
        learning_rate=0.01,
        schedule="linear",
        warmup=0.05,
        clip=1.0,
        ema=0.9,
        keep="last",
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
        rate=16000, own=".", residual=32, gate=32, skip=512, doublings=10, blocks=3, phases=False,
        training=training,
    )  # fmt: skip
