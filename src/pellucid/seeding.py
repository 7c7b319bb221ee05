"""Randomness as a pure function of (seed, epoch, index) or (seed, step).

Nothing here keeps a state, so a run that was interrupted anywhere has nothing to restore: the order of
the samples, every augmentation and every dropout mask follow from where the clock stands.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor

MASK = 2**64 - 1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio


def order(seed: int, epoch: int, count: int) -> Tensor:
    """Return the order in which ``epoch`` visits ``count`` samples: ``(count,)`` int64, a permutation."""
    generator = torch.Generator().manual_seed(mix(seed, epoch, "order"))
    return torch.randperm(count, generator=generator)


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch's global generator for one step, so that dropout is a function of (seed, step, rank)."""
    number = mix(seed, step, f"step of rank {rank}")
    torch.default_generator.manual_seed(number)  # torch.manual_seed asks every backend
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)


def mix(seed: int, number: int, stream: str) -> int:
    """Return one 63-bit integer that depends on all three arguments."""
    state = 0
    for word in (seed, number, zlib.crc32(stream.encode())):
        state = (state ^ word) + 0x9E3779B97F4A7C15 & MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
        state ^= state >> 31
    return state >> 1


class Draws:
    """Uniform random numbers for each sample of a batch, whoever its neighbours are.

    Args:
        seed: the run's seed.
        epoch: how often the training set has been seen before.
        indices: ``(N,)`` int64, the samples' places in the training set.
    """

    def __init__(self, seed: int, epoch: int, indices: Tensor):
        self.seed, self.epoch, self.indices = seed, epoch, indices

    def uniform(self, count: int, stream: str) -> Tensor:
        """Return ``(N, count)`` float32 in [0, 1); another ``stream`` gives independent numbers."""
        start = np.uint64(mix(self.seed, self.epoch, stream))
        keys = splitmix64(self.indices.numpy().view(np.uint64) ^ start)[:, None]
        words = splitmix64(keys + GOLDEN * np.arange(count, dtype=np.uint64))  # (N, count)
        return torch.from_numpy((words >> np.uint64(40)).astype(np.float32) / np.float32(2**24))


def splitmix64(words: np.ndarray) -> np.ndarray:
    """Scramble uint64 ``words`` (Steele, Lea and Flood 2014, Fast splittable generators)."""
    words = words + GOLDEN
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
