"""Sampling: a WaveNet's next sample drawn from its softmax, over and over; fast, because the past is kept.

``Past`` holds what each layer still has to see: the last ``(kernel - 1) * dilation`` inputs, zeros before the
first sample (Fast WaveNet, Paine et al. 2016, arXiv:1611.09482). ``generate`` steps through it with torch, or
with the fused step of ``fused`` where numba is installed; ``naive`` runs the whole network every time.
All three draw the same samples from the same uniform numbers, up to rounding of the logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from pellucid.errors import MissingExtra, UsageError

SHORT = 1500  # samples in a row below which compiling does not pay
Engine = Literal["auto", "torch", "numba", "naive"]


@dataclass(frozen=True)
class Draw:
    """How the next sample is chosen.

    Args:
        temperature: the logits are divided by it: below 1 safer, above 1 wilder; 0 takes the most probable.
        nucleus: only the most probable codes that together reach this probability are drawn (Holtzman et al.
            2020, arXiv:1904.09751); 1 leaves all.
        seed: of the uniform numbers.
    Raises:
        UsageError: a value is outside its range.
    """

    temperature: float = 1.0
    nucleus: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 10:
            raise UsageError(f"--temperature is {self.temperature}; 0 to 10 is expected, 1 is as learned")
        if not 0 < self.nucleus <= 1:
            raise UsageError(f"--nucleus is {self.nucleus}; expected above 0 and at most 1")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed is {self.seed}; expected 0 to 2**63 - 1")

    def uniform(self, lanes: int, length: int) -> Tensor:
        """Return ``(lanes, length)`` float64 in [0, 1); a lane's numbers do not depend on the others."""
        return torch.stack(
            [
                torch.rand(
                    length,
                    dtype=torch.float64,
                    generator=torch.Generator().manual_seed(self.seed * 10007 + lane),
                )
                for lane in range(lanes)
            ]
        )


def generate(network: Any, inputs: Tensor, draw: Draw | None = None, *, engine: Engine = "auto") -> Tensor:
    """Draw the codes of every sample: ``(N, 6, T)`` conditioning -> ``(N, T)`` int64.

    Args:
        network: a ``WaveNet``; its codes row in ``inputs`` is not read.
        engine: "numba" the fused step, "torch" the same without it, "naive" the whole network for each
            sample; "auto" takes numba where it is installed, the network is float32 and the sound not short.
    Raises:
        MissingExtra: numba is asked for and not installed.
    """
    draw = draw or Draw()
    uniform = draw.uniform(len(inputs), inputs.shape[2])
    with torch.inference_mode():
        if engine == "naive":
            return naive(network, inputs, draw, uniform)
        fused = _fused(network, inputs, engine)
        if fused is not None:
            return fused.generate(network, inputs, draw.temperature, draw.nucleus, uniform)
        codes = [code for _, code in steps(network, inputs, draw, uniform)]
        return torch.stack(codes, 1) if codes else torch.zeros(len(inputs), 0, dtype=torch.int64)


def watched(
    network: Any, inputs: Tensor, draw: Draw, *, engine: Engine = "auto"
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw as ``generate`` does, and keep what each code was drawn from.

    Args:
        network, inputs, engine: as ``generate`` takes them, but not "naive".
    Returns:
        codes ``(N, T)`` int64, logits ``(N, T, 256)`` and uniform numbers ``(N, T)`` float64.
    Raises:
        MissingExtra: numba is asked for and not installed.
    """
    uniform = draw.uniform(len(inputs), inputs.shape[2])
    with torch.inference_mode():
        fused = _fused(network, inputs, engine)
        if fused is not None:
            found = fused.generate(network, inputs, draw.temperature, draw.nucleus, uniform, keep=True)
            return (*found, uniform)
        logits, codes = zip(*steps(network, inputs, draw, uniform), strict=True)
        return torch.stack(codes, 1), torch.stack(logits, 1), uniform


def _fused(network: Any, inputs: Tensor, engine: Engine) -> Any:
    """Return the module of the fused step, or None where torch steps."""
    if engine != "numba" and not (engine == "auto" and _fusible(network, inputs)):
        return None
    try:
        from pellucid import fused
    except ImportError as error:
        if engine == "numba":
            raise MissingExtra("the fused step needs numba: pip install 'pellucid[audio]'") from error
        return None
    return fused


@dataclass
class Past:
    """What the layers still have to see, for a batch of ``N``: plain tensors, no part of the network.

    Attributes:
        codes: ``(N, kernel)`` int64, the last codes, oldest first; -1 before the first sample.
        queues: of each layer ``(N, (kernel - 1) * dilation, residual)``, a ring that ``at`` points into.
        at: samples drawn so far.
        conditioning: ``(N, T / frame, layers * 2 * gate)`` of the whole utterance.
        phases: ``(N, T, 2)``, or ``(N, T, 0)`` where the network takes none.
    """

    codes: Tensor
    queues: list[Tensor]
    conditioning: Tensor = field(repr=False)
    phases: Tensor = field(repr=False)
    at: int = 0

    @classmethod
    def before(cls, network: Any, inputs: Tensor) -> Past:
        """Return the past of nothing, and project the conditioning of the whole utterance once."""
        lanes, weight = len(inputs), network.last.weight
        residual = network.first.bias.shape[0]
        queues = [
            weight.new_zeros(lanes, (network.kernel - 1) * dilation, residual)
            for dilation in network.dilations
        ]
        codes = torch.full((lanes, network.kernel), -1)
        inputs = inputs.to(weight.dtype)
        return cls(codes, queues, network.conditioning(inputs), network.phases(inputs))


def step(network: Any, past: Past) -> Tensor:
    """Return the logits of the next sample, ``(N, 256)``, and push what the layers saw into their queues."""
    first = network.first
    x = first.bias.expand(len(past.codes), -1)
    for tap, rows in enumerate(first.taps):
        known = past.codes[:, tap]
        x = x + functional.embedding(known.clamp(min=0), rows) * (known >= 0).to(x.dtype)[:, None]
    if network.phase is not None:
        x = x + network.phase(past.phases[:, past.at])
    frame = past.conditioning[:, past.at // network.frame].chunk(len(network.layers), 1)
    skips: Tensor | None = None
    for layer, queue, condition in zip(network.layers, past.queues, frame, strict=True):
        length = queue.shape[1]
        seen = [queue[:, (past.at + tap * layer.dilation) % length] for tap in range(layer.kernel - 1)]
        y = layer.convolution.over(torch.cat([*seen, x], 1)) + condition
        filtered, gated = y.chunk(2, 1)
        out = layer.out(torch.tanh(filtered) * torch.sigmoid(gated))
        queue[:, past.at % length] = x
        x, skip = x + out[:, : layer.residual], out[:, layer.residual :]
        skips = skip if skips is None else skips + skip
    assert skips is not None
    return network.head(skips)


def push(past: Past, codes: Tensor) -> None:
    """Let ``codes``, ``(N,)``, be the newest sample."""
    past.codes = torch.cat([past.codes[:, 1:], codes[:, None]], 1)
    past.at += 1


def steps(network: Any, inputs: Tensor, draw: Draw, uniform: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (logits ``(N, 256)``, codes ``(N,)``) of one sample after another."""
    past = Past.before(network, inputs)
    for at in range(inputs.shape[2]):
        logits = step(network, past)
        codes = choose(logits, uniform[:, at], draw)
        push(past, codes)
        yield logits, codes


def naive(network: Any, inputs: Tensor, draw: Draw, uniform: Tensor) -> Tensor:
    """Run the whole network over all samples so far for each new one: slow, and nothing can be wrong."""
    whole = inputs.to(network.last.weight.dtype).clone()
    whole[:, 0] = 0
    for at in range(inputs.shape[2]):
        needed = -(-(at + 1) // network.frame) * network.frame
        conditioning = network.conditioning(whole)[:, : needed // network.frame]
        logits = network.after(network.begin(whole[:, :, :needed]), conditioning)[:, at]
        whole[:, 0, at] = choose(logits, uniform[:, at], draw).to(whole.dtype)
    return whole[:, 0].long()


def choose(logits: Tensor, uniform: Tensor, draw: Draw) -> Tensor:
    """Draw one code for each row: the first whose cumulated probability passes the uniform number.

    Args:
        logits: ``(N, 256)``.
        uniform: ``(N,)`` float64 in [0, 1).
    """
    if draw.temperature == 0:
        return logits.argmax(1)
    probabilities = kept(logits, draw)
    cumulated = probabilities.cumsum(1)
    return (cumulated <= uniform[:, None] * cumulated[:, -1:]).sum(1).clamp(max=logits.shape[1] - 1)


def kept(logits: Tensor, draw: Draw) -> Tensor:
    """Return the probabilities from which is drawn, float64, not normalised again after the nucleus.

    At temperature 0 the most probable code has all of it.
    """
    if draw.temperature == 0:
        return functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    probabilities = (logits.double() / draw.temperature).softmax(1)
    if draw.nucleus == 1:
        return probabilities
    ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered  # the code that passes the threshold still belongs to the nucleus
    return probabilities * torch.empty_like(order).scatter_(1, order, (before < draw.nucleus).long())


def _fusible(network: Any, inputs: Tensor) -> bool:
    weight = network.last.weight
    return inputs.shape[2] >= SHORT and weight.device.type == "cpu" and weight.dtype == torch.float32
