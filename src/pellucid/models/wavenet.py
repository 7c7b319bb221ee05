"""WaveNet (van den Oord et al. 2016, arXiv:1609.03499): a waveform, one sample after another.

Causal convolutions with doubling dilation, gated units, residual and skip paths, a 256-way softmax over
mu-law codes. Who speaks conditions the whole utterance; what is said, where in it, and the pitch condition
every frame (section 2.5). Which part of its period a note is in can be told at every sample, as the sine
excitation of neural source-filter models does (Wang et al. 2019, arXiv:1904.12088). The only shift by one
sample is in ``First``: everything after it looks at the present and the past of its own input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.models import stack
from pellucid.models.convolution import convolution

LEVELS = 256  # mu-law codes
SKIP_GAIN = 3.0  # of the first weights of the skips: the head sees something at once
CODES, VOICE, PLACE, PITCH, SINE, COSINE = range(6)  # rows of the input; the last two are the phase


class WaveNet(nn.Module):
    """Logits of every sample given all samples before it.

    Args:
        voices: how many speak or sing.
        places: rows of the table of what is said and where in it; a place between two rows is interpolated.
        pitches: rows of the table of pitches; row 0 means that none is asked for.
        residual: channels between layers.
        gate: channels of tanh and of sigmoid.
        skip: channels that all layers add up.
        kernel: samples under a filter.
        dilations: of each layer, in samples.
        condition: channels of the conditioning.
        frame: samples that share one conditioning.
        phases: the phase of the pitch comes in at every sample.
    """

    def __init__(
        self,
        voices: int,
        places: int,
        pitches: int,
        *,
        residual: int = 48,
        gate: int = 48,
        skip: int = 64,
        kernel: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256) * 2,
        condition: int = 48,
        frame: int = 80,
        phases: bool = False,
    ):
        super().__init__()
        self.frame, self.kernel, self.dilations = frame, kernel, tuple(dilations)
        self.condition = Condition(voices, places, pitches, condition)
        self.first = First(kernel, residual)
        self.layers = nn.ModuleList(Layer(residual, gate, skip, kernel, d) for d in dilations)
        self.conditions = nn.Linear(condition, 2 * gate * len(self.layers))
        self.before_last = nn.Linear(skip, skip)
        self.last = nn.Linear(skip, LEVELS)
        self._begin_smooth()
        # the last, so that a seed gives the others the same weights with and without it
        self.phase = nn.Linear(2, residual, bias=False) if phases else None

    def _begin_smooth(self) -> None:
        """Let neighbouring codes have like rows and like logits at first: mixtures of slow cosines.

        One-hot codes know nothing of their order, and learning it costs the first hundreds of steps.
        """
        with torch.no_grad():
            for rows in self.first.taps:
                rows.copy_(_cosines(rows.shape[1]) / (1 + torch.arange(rows.shape[1]) / 8) @ _turn(rows))
            for layer in cast("list[Any]", self.layers):
                skips: Any = layer.out.weight[layer.residual :]
                skips.mul_(SKIP_GAIN)
            size = self.last.weight.shape[1]
            self.last.weight.copy_(_cosines(size) @ _turn(self.last.weight) / size**0.5)
            self.last.bias.zero_()

    @property
    def receptive_field(self) -> int:
        """How many samples before a sample can change its logits."""
        return 1 + (self.kernel - 1) * (sum(self.dilations) + 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``(N, T, 256)`` logits of the codes in ``inputs``, each from the codes before it.

        Args:
            inputs: ``(N, 6, T)`` float32: mu-law code, voice, place, pitch, sine and cosine of the phase;
                ``(N, 4, T)`` without phases. T is a multiple of ``frame``, and voice, place and pitch are
                read at the first sample of each frame.
        """
        return self.after(self.begin(inputs), self.conditioning(inputs))

    def begin(self, inputs: Tensor) -> Tensor:
        """Return what the layers see: the codes before a sample, and its phase: ``(N, T, residual)``."""
        x = self.first(inputs[:, CODES].long())
        return x if self.phase is None else x + self.phase(self.phases(inputs))

    def phases(self, inputs: Tensor) -> Tensor:
        """Return sine and cosine of the phase of each sample, ``(N, T, 2)``; of four rows ``(N, T, 0)``."""
        return inputs[:, SINE : COSINE + 1].transpose(1, 2)

    def conditioning(self, inputs: Tensor) -> Tensor:
        """Return what is added inside the gates, frame by frame: ``(N, T / frame, layers * 2 * gate)``."""
        frames = inputs[:, :, :: self.frame]
        return self.conditions(self.condition(frames[:, VOICE].long(), frames[:, PLACE], frames[:, PITCH]))

    def after(self, x: Tensor, conditioning: Tensor) -> Tensor:
        """Return the logits, ``(N, T, 256)``, of what ``begin`` gives: ``(N, T, residual)``."""
        if self.training:
            return self.head(stack.run(x, conditioning, self.layers, self.frame, _arithmetic(x)))
        skips: Tensor | None = None
        for layer, condition in zip(self.layers, conditioning.chunk(len(self.layers), 2), strict=True):
            x, skip = layer(x, condition, self.frame)
            skips = skip if skips is None else skips + skip
        assert skips is not None
        return self.head(skips)

    def head(self, skips: Tensor) -> Tensor:
        """Return the logits of the summed skips."""
        return self.last(functional.relu(self.before_last(functional.relu(skips))))


class First(nn.Module):
    """A causal convolution over one-hot codes, as sums of rows; it sees the ``kernel`` samples before.

    What comes before the first sample is nothing (zeros), not silence (code 128).
    """

    def __init__(self, kernel: int, channels: int):
        super().__init__()
        self.taps = nn.Parameter(torch.randn(kernel, LEVELS, channels) * (1 / kernel) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, codes: Tensor) -> Tensor:
        """Map ``(N, T)`` codes to ``(N, T, channels)``; tap 0 is the oldest."""
        kernel, length = len(self.taps), codes.shape[1]
        total = self.bias.expand(*codes.shape, -1)
        for tap, rows in enumerate(self.taps):
            age = kernel - tap
            total = total + functional.pad(functional.embedding(codes, rows), (0, 0, age, 0))[:, :length]
        return total

    def as_convolution(self, codes: Tensor) -> tuple[nn.Conv1d, Tensor]:
        """Return this layer as a convolution, and the one-hot codes that it sees, ``(N, 256, T)``."""
        seen = functional.one_hot(codes, LEVELS).to(self.bias.dtype).transpose(1, 2)
        kernel = len(self.taps)
        return convolution(self.taps.permute(2, 1, 0), self.bias, padding=kernel), seen


class Layer(nn.Module):
    """One dilated causal convolution with a gate; returns what goes on and what is skipped."""

    def __init__(self, residual: int, gate: int, skip: int, kernel: int, dilation: int):
        super().__init__()
        self.residual, self.kernel, self.dilation = residual, kernel, dilation
        self.convolution = Causal(residual, 2 * gate, kernel, dilation)
        self.out = nn.Linear(gate, residual + skip)

    def forward(self, x: Tensor, condition: Tensor, frame: int) -> tuple[Tensor, Tensor]:
        """Map ``(N, T, residual)`` to the same and ``(N, T, skip)``; ``condition``: ``(N, T/frame, 2G)``."""
        y = self.convolution(x)
        batch, length, channels = y.shape
        frames = y.view(batch, length // frame, frame, channels) + condition[:, :, None]
        filtered, gated = frames.view(batch, length, channels).chunk(2, 2)
        out = self.out(torch.tanh(filtered) * torch.sigmoid(gated))
        return x + out[:, :, : self.residual], out[:, :, self.residual :]


class Causal(nn.Linear):
    """A dilated convolution over the present and the past: ``(N, T, inputs)`` -> ``(N, T, outputs)``.

    Its weights lie flat, ``(outputs, kernel * inputs)``, the oldest tap first: one product with a window does
    it. Before the first sample are zeros. It has no bias, because the conditioning has one.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int):
        super().__init__(kernel * inputs, outputs, bias=False)
        self.kernel, self.dilation = kernel, dilation

    def forward(self, x: Tensor) -> Tensor:
        """Convolve."""
        return self.over(self.window(x))

    def over(self, windows: Tensor) -> Tensor:
        """Return the outputs for windows side by side, ``(..., kernel * inputs)``."""
        return super().forward(windows)

    def window(self, x: Tensor) -> Tensor:
        """Return each sample with those that the filter sees, oldest first: ``(N, T, kernel * inputs)``."""
        past = (self.kernel - 1) * self.dilation
        padded = functional.pad(x, (0, 0, past, 0))
        taps = [
            padded[:, tap * self.dilation : tap * self.dilation + x.shape[1]] for tap in range(self.kernel)
        ]
        return torch.cat(taps, 2)

    def as_convolution(self, x: Tensor) -> tuple[nn.Conv1d, Tensor]:
        """Return this layer as a torch convolution, and what it sees, ``(N, inputs, T)``."""
        weight = self.weight.view(len(self.weight), self.kernel, -1).transpose(1, 2)
        past = (self.kernel - 1) * self.dilation
        return convolution(weight, dilation=self.dilation, padding=past), x.transpose(1, 2)


class Condition(nn.Module):
    """Voice, place and pitch of each frame, with the two frames on either side of each convolution."""

    def __init__(self, voices: int, places: int, pitches: int, channels: int):
        super().__init__()
        self.voice = nn.Embedding(voices, channels)
        self.place = nn.Parameter(torch.randn(places, channels))
        self.pitch = nn.Parameter(torch.randn(pitches, channels))
        self.near = nn.Conv1d(channels, channels, 5, padding=2)
        self.far = nn.Conv1d(channels, channels, 5, padding=2)

    def forward(self, voice: Tensor, place: Tensor, pitch: Tensor) -> Tensor:
        """Map three ``(N, F)`` to ``(N, F, channels)``."""
        x = self.voice(voice) + between(self.place, place) + between(self.pitch, pitch)
        x = x.transpose(1, 2)
        x = x + self.far(functional.relu(self.near(x)))
        return x.transpose(1, 2)


def between(table: Tensor, place: Tensor) -> Tensor:
    """Return rows of ``table`` at fractional places, interpolated linearly: ``(N, F)`` -> ``(N, F, C)``."""
    lower = place.long().clamp(0, len(table) - 1)
    upper = (lower + 1).clamp(max=len(table) - 1)
    share = (place - lower).unsqueeze(2)
    return functional.embedding(lower, table) * (1 - share) + functional.embedding(upper, table) * share


def _cosines(count: int) -> Tensor:
    """Return ``count`` cosines over the codes, ``(256, count)``, the first of them constant."""
    codes = torch.arange(LEVELS) + 0.5
    return torch.cos(torch.pi / LEVELS * codes[:, None] * torch.arange(count))


def _turn(like: Tensor) -> Tensor:
    """Return a random rotation of the columns of ``like``."""
    return torch.linalg.qr(torch.randn(like.shape[1], like.shape[1]))[0]


def _arithmetic(x: Tensor) -> torch.dtype:
    """Return the number format of the layers: bfloat16 under autocast, else that of ``x``."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
