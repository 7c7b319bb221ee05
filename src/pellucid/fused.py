"""The fused step: everything between one sample and the next in one compiled loop (numba, extra ``audio``).

The sizes of the network are constants of the compiled code, weights lie so that every product walks through
memory once, row by row, and a few utterances share each row while it is in the cache. tanh and the sigmoid
come from Lambert's continued fraction, so that the compiler can do many at once. The numbers are those of
``sampling.step`` up to rounding; in float64 the samples drawn are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

LANES = 8  # utterances that walk together through the weights
LARGEST = {"float32": 10.0, "float64": 20.0}  # beyond it tanh is 1
CONSTANTS = (
    0,
    135135,
    17325,
    378,
    62370,
    3150,
    28,
    0.125,
    0.5,
    1,
    2,
    0,
)  # as ``bend`` reads them; the last is set


def generate(
    network: Any, inputs: Tensor, temperature: float, nucleus: float, uniform: Tensor, *, keep: bool = False
) -> Any:
    """Draw the codes of every sample: ``(N, T)`` int64; with ``keep`` the logits ``(N, T, 256)`` as well.

    Args:
        network: a ``WaveNet`` on the CPU, float32 or float64.
        inputs: ``(N, 6, T)``, of which all but the codes is read; ``(N, 4, T)`` without phases.
        uniform: ``(N, T)`` float64 in [0, 1).
    """
    weights = packed(network)
    kind = weights[0].dtype
    inputs = inputs.to(network.last.weight.dtype)
    conditioning = network.conditioning(inputs).detach().numpy()
    told = np.ascontiguousarray(network.phases(inputs).numpy())
    lanes, length = len(inputs), inputs.shape[2]
    codes = np.zeros((lanes, length), np.int64)
    logits = np.zeros((lanes, length if keep else 0, 256), kind)
    numbers, constants = uniform.numpy(), np.array(CONSTANTS, kind)
    constants[-1] = LARGEST[kind.name]
    run = compiled(*_sizes(network), kind.name)
    threads = max(1, min(torch.get_num_threads(), lanes))
    size = min(LANES, -(-lanes // threads))
    parts = [slice(start, min(start + size, lanes)) for start in range(0, lanes, size)]

    def speak(part: slice) -> None:
        run(*weights, np.ascontiguousarray(conditioning[part]), told[part], network.frame, constants,
            numbers[part], temperature, nucleus, codes[part], logits[part])  # fmt: skip

    if threads == 1:
        for part in parts:
            speak(part)
    else:
        with ThreadPoolExecutor(threads) as pool:  # the compiled loop lets go of Python's lock
            list(pool.map(speak, parts))
    found = torch.from_numpy(codes)
    return (found, torch.from_numpy(logits)) if keep else found


def packed(network: Any) -> tuple[np.ndarray, ...]:
    """Return the weights as the loop reads them: inputs are rows, outputs lie side by side."""
    layers = network.layers

    def stack(tensors: list[Tensor]) -> np.ndarray:
        return np.ascontiguousarray(torch.stack(tensors).detach().numpy())

    def turned(tensor: Tensor) -> np.ndarray:
        return np.ascontiguousarray(tensor.detach().T.numpy())

    return (
        np.ascontiguousarray(network.first.taps.detach().numpy()),
        network.first.bias.detach().numpy(),
        turned(network.first.bias[:, None][:, :0] if network.phase is None else network.phase.weight),
        stack([layer.convolution.weight.T for layer in layers]),
        stack([layer.out.weight.T for layer in layers]),
        stack([layer.out.bias for layer in layers]),
        turned(network.before_last.weight),
        network.before_last.bias.detach().numpy(),
        turned(network.last.weight),
        network.last.bias.detach().numpy(),
        np.array([layer.dilation for layer in layers]),
    )


def _sizes(network: Any) -> tuple[int, int, int, int, int]:
    layer = network.layers[0]
    gate = layer.out.weight.shape[1]
    return (
        network.kernel,
        layer.residual,
        gate,
        layer.out.weight.shape[0] - layer.residual,
        len(network.layers),
    )


@lru_cache(maxsize=8)
def compiled(kernel: int, residual: int, gate: int, skip: int, layers: int, kind: str) -> Callable[..., None]:
    """Compile the loop for one shape of network and one number format, "float32" or "float64"."""
    wide, out = kernel * residual, residual + skip

    @numba.njit(nogil=True, fastmath={"contract", "nsz"}, cache=True)
    def speak(
        taps, bias, phase, convolutions, outs, out_biases, weights1, bias1, weights2, bias2, dilations,
        conditioning, phases, frame, constants, uniform, temperature, nucleus, codes, logits,
    ):  # fmt: skip
        lanes, length = codes.shape
        zero = constants[0]
        sizes = (kernel - 1) * dilations
        starts = np.cumsum(sizes) - sizes
        past = np.zeros((sizes.sum(), lanes, residual), bias.dtype)
        x, seen = np.empty((lanes, residual), bias.dtype), np.empty((lanes, wide), bias.dtype)
        y, z = np.empty((lanes, 2 * gate), bias.dtype), np.empty((lanes, gate), bias.dtype)
        both, skips = np.empty((lanes, out), bias.dtype), np.empty((lanes, skip), bias.dtype)
        hidden, scores = np.empty((lanes, skip), bias.dtype), np.empty((lanes, 256), bias.dtype)
        for at in range(length):
            for n in range(lanes):
                for j in range(residual):
                    x[n, j] = bias[j]
                for tap in range(kernel):
                    known = at - kernel + tap
                    if known >= 0:
                        for j in range(residual):
                            x[n, j] += taps[tap, codes[n, known], j]
            multiply(phases[:, at], phase, x, lanes, len(phase), residual)
            skips[:] = zero
            for layer in range(layers):
                size, start = sizes[layer], starts[layer]
                for tap in range(kernel - 1):
                    place = start + (at + tap * dilations[layer]) % size
                    for n in range(lanes):
                        for j in range(residual):
                            seen[n, tap * residual + j] = past[place, n, j]
                place = start + at % size
                for n in range(lanes):
                    for j in range(residual):
                        seen[n, (kernel - 1) * residual + j] = x[n, j]
                        past[place, n, j] = x[n, j]
                    for j in range(2 * gate):
                        y[n, j] = conditioning[n, at // frame, layer * 2 * gate + j]
                    for j in range(out):
                        both[n, j] = out_biases[layer, j]
                multiply(seen, convolutions[layer], y, lanes, wide, 2 * gate)
                bend(y, z, lanes, gate, constants)
                multiply(z, outs[layer], both, lanes, gate, out)
                for n in range(lanes):
                    for j in range(residual):
                        x[n, j] += both[n, j]
                    for j in range(skip):
                        skips[n, j] += both[n, residual + j]
            for n in range(lanes):
                for j in range(skip):
                    skips[n, j] = max(skips[n, j], zero)
                    hidden[n, j] = bias1[j]
                for j in range(256):
                    scores[n, j] = bias2[j]
            multiply(skips, weights1, hidden, lanes, skip, skip)
            for n in range(lanes):
                for j in range(skip):
                    hidden[n, j] = max(hidden[n, j], zero)
            multiply(hidden, weights2, scores, lanes, skip, 256)
            for n in range(lanes):
                codes[n, at] = draw(scores[n], uniform[n, at], temperature, nucleus)
                if at < logits.shape[1]:
                    for j in range(256):
                        logits[n, at, j] = scores[n, j]

    return speak


@numba.njit(nogil=True, fastmath={"contract", "nsz"}, inline="always", cache=True)
def multiply(x, weights, out, lanes, rows, columns):
    """Compute ``out += x @ weights``: four rows of weights at a time, for all lanes while they are near."""
    whole = rows - rows % 4
    for i in range(0, whole, 4):
        for n in range(lanes):
            a, b, c, d = x[n, i], x[n, i + 1], x[n, i + 2], x[n, i + 3]
            for j in range(columns):
                out[n, j] += (
                    a * weights[i, j] + b * weights[i + 1, j] + c * weights[i + 2, j] + d * weights[i + 3, j]
                )
    for i in range(whole, rows):
        for n in range(lanes):
            for j in range(columns):
                out[n, j] += x[n, i] * weights[i, j]


@numba.njit(nogil=True, fastmath={"contract", "nsz"}, inline="always", cache=True)
def bend(y, z, lanes, gate, constants):
    """Compute tanh(filter) * sigmoid(gate), without branches or calls.

    Lambert's continued fraction (1770) for tanh(u / 8), seven levels deep, then three times the formula for
    twice the argument; sigmoid(u) = (1 + tanh(u / 2)) / 2.
    """
    c0, c1, c2, c3, c4, c5 = (
        constants[1],
        constants[2],
        constants[3],
        constants[4],
        constants[5],
        constants[6],
    )
    eighth, half, one, two, largest = constants[7], constants[8], constants[9], constants[10], constants[11]
    for n in range(lanes):
        for j in range(gate):
            u = min(max(y[n, j], -largest), largest) * eighth
            v = min(max(half * y[n, gate + j], -largest), largest) * eighth
            s, t = u * u, v * v
            a = u * (c0 + s * (c1 + s * (c2 + s))) / (c0 + s * (c3 + s * (c4 + s * c5)))
            b = v * (c0 + t * (c1 + t * (c2 + t))) / (c0 + t * (c3 + t * (c4 + t * c5)))
            a = two * a / (one + a * a)
            b = two * b / (one + b * b)
            a = two * a / (one + a * a)
            b = two * b / (one + b * b)
            a = two * a / (one + a * a)
            b = two * b / (one + b * b)
            z[n, j] = a * half * (one + b)


@numba.njit(nogil=True, cache=True)
def draw(scores, uniform, temperature, nucleus):
    """Draw one code from 256 logits, in float64 as ``sampling.choose`` does it."""
    top, best = scores[0], 0
    for j in range(256):
        if scores[j] > top:
            top, best = scores[j], j
    if temperature == 0:
        return best
    chances = np.empty(256, np.float64)
    total = 0.0
    for j in range(256):
        chances[j] = np.exp((np.float64(scores[j]) - np.float64(top)) / temperature)
        total += chances[j]
    if nucleus < 1:
        before, kept = 0.0, 0.0
        for j in np.argsort(-chances, kind="mergesort"):
            inside = before < nucleus * total
            before += chances[j]
            if inside:
                kept += chances[j]
            else:
                chances[j] = 0.0
        total = kept
    reached = 0.0
    for j in range(256):
        reached += chances[j]
        if reached > uniform * total:
            return j
    return 255
