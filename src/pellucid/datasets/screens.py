"""A console's screens on their way to a network: the maximum of two, grey, 84 x 84 (Mnih et al. 2015).

The paper takes the maximum of each colour over a frame and the one before it, because the Atari 2600 shows
some sprites on every second frame only; then the luminance, then 84 x 84 by bilinear interpolation.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SIDE = 84
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue: ITU-R BT.601


def brightest(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the maximum of each colour of two screens: uint8 ``(H, W, 3)``."""
    return np.maximum(first, second)


def grey(screen: np.ndarray) -> np.ndarray:
    """Return the luminance of a screen: uint8 ``(H, W, 3)`` -> float32 ``(H, W)`` in [0, 255]."""
    return screen @ LUMINANCE


def resized(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture of ``side`` x ``side``: ``(H, W)`` floats in [0, 255] -> uint8, rounded.

    Bilinear interpolation whose triangle is as wide as the pixels that it makes, so that no line of the
    screen falls between two of them: what Pillow calls BILINEAR and torch "bilinear" with antialias.
    """
    rows, columns = (_triangles(length, side) for length in picture.shape)
    return (rows @ (picture @ columns.T) + 0.5).astype(np.uint8)


def seen(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return what the network sees of a screen and the one before it: uint8 ``(84, 84)``."""
    return resized(grey(brightest(first, second)))


class Palette:
    """The colours of a console by their numbers, learned from what it shows.

    Screens as numbers are a third of the bytes, and two that follow each other differ in few pixels: only
    there the maximum has to be taken.
    """

    def __init__(self) -> None:
        self.colours = np.zeros((256, 3), np.uint8)
        self.known = b""
        self.greys = np.zeros(256, np.float32)

    def knows(self, screen: np.ndarray) -> bool:
        """Say whether every number ``(H, W)`` has a colour."""
        return not screen.tobytes().translate(None, self.known)  # nothing is left; faster than an index

    def learn(self, screen: np.ndarray, colours: np.ndarray) -> None:
        """Learn the colours ``(H, W, 3)`` of the numbers ``(H, W)``."""
        self.colours[screen] = colours
        self.known = bytes(sorted({*self.known, *np.unique(screen).tolist()}))
        self.greys = grey(self.colours[None])[0]

    def grey(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return what ``grey(brightest(...))`` says of two screens of numbers: float32 ``(H, W)``."""
        one, other = first.ravel(), second.ravel()
        found = np.take(self.greys, one)
        changed = np.flatnonzero(one != other)
        found[changed] = grey(brightest(self.colours[one[changed]], self.colours[other[changed]]))
        return found.reshape(first.shape)


@lru_cache(maxsize=8)
def _triangles(length: int, side: int) -> np.ndarray:
    """Return the weights ``(side, length)`` of every old pixel in every new one; rows add up to 1."""
    scale = length / side
    reach = max(scale, 1.0)
    centres = (np.arange(side) + 0.5) * scale
    weights = 1 - np.abs(np.arange(length) + 0.5 - centres[:, None]) / reach
    weights = weights.clip(0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
