"""Pictures that show the same: equal files, near copies by a perceptual hash, and copies by their names.

The hash is the sign of the lowest frequencies of the grey picture (pHash; Zauner 2010, Implementation and
benchmarking of perceptual image hash functions, section 3.2.1). Two pictures whose hashes differ in few bits
are compared pixel by pixel as well, because flat pictures, a sky or a wall, share their hashes by chance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

EDGE, KEPT = 32, 8  # pixels of the picture that is transformed; frequencies kept along each side
NEAR_BITS = 6  # of 63 that may differ
BANDS = 7  # parts of the hash, one more than may differ: near copies agree in one of them
THUMBNAIL = 16  # pixels along the side of what is compared
NEAR_LEVELS = 8.0  # root mean square difference, of 255
MOST_IN_BUCKET = 2000
COPY = re.compile(
    r"([ _-]*\(\d+\)|[ _-]+copy([ _-]*\d+)?|\.rf\.[0-9a-f]{16,}"
    r"|[ _-]+(aug|augmented|flip|flipped|mirror|rot|rotated|crop|noise|blur)[ _-]*\d*)+$",
    re.IGNORECASE,
)


def groups(count: int, pairs: Iterator[tuple[int, int]]) -> np.ndarray:
    """Return the smallest number in the group of each of ``count`` things, from pairs of a group."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for one, two in pairs:
        first, second = sorted((root(one), root(two)))
        parent[second] = first
    return np.array([root(i) for i in range(count)], np.int64)


def equal(keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places that hold the same word; empty words are like nothing."""
    seen: dict[str, int] = {}
    for i, key in enumerate(keys):
        if key:
            yield seen.setdefault(key, i), i


def near(pictures: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures that look the same: rescaled, recompressed, a little brighter.

    Args:
        pictures: ``(N, S, S, 3)`` uint8.
    """
    thumbnails, bits = described(pictures)
    words = np.packbits(bits, axis=1).view(">u8")[:, 0]
    for columns in np.array_split(np.arange(bits.shape[1]), BANDS):
        band = bits[:, columns] @ (1 << np.arange(len(columns)))
        order = np.argsort(band, kind="stable")
        edges = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, edges):
            if len(bucket) > 1:
                yield from _in_bucket(bucket[:MOST_IN_BUCKET], words, thumbnails)


def described(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return thumbnails ``(N, 16 * 16 * 3)`` without their mean, and hashes ``(N, 64)`` of 0 and 1."""
    size = pictures.shape[1]
    small, tiny = _averaging(size, EDGE), _averaging(size, THUMBNAIL)
    steps = np.arange(EDGE)
    cosines = np.cos(np.pi * np.arange(KEPT)[:, None] * (2 * steps + 1) / (2 * EDGE)).astype(np.float32)
    thumbnails, hashes = [], []
    for start in range(0, len(pictures), 1000):
        part = pictures[start : start + 1000].astype(np.float32)
        grey = small @ part.mean(3) @ small.T
        frequencies = (cosines @ grey @ cosines.T).reshape(len(part), -1)
        frequencies[:, 0] = 0  # the brightness says nothing
        hashes.append((frequencies > np.median(frequencies[:, 1:], axis=1, keepdims=True)).astype(np.uint8))
        seen = np.einsum("yi,nijc,xj->nyxc", tiny, part, tiny, optimize=True).reshape(len(part), -1)
        thumbnails.append(seen - seen.mean(1, keepdims=True))
    return np.concatenate(thumbnails), np.concatenate(hashes)


def name_of_original(path: str) -> str:
    """Return the name a copy was made from, "" where names carry no such mark.

    ``cat (1).jpg``, ``cat_copy.jpg``, ``cat_aug3.png`` and ``cat.rf.0123456789abcdef.jpg`` come from ``cat``.
    """
    name = PurePosixPath(path)
    return f"{name.parent.name}/{COPY.sub('', name.stem)}".casefold()


def name_of_itself(path: str) -> str:
    """Return a name as ``name_of_original`` would, had it no mark of a copy."""
    name = PurePosixPath(path)
    return f"{name.parent.name}/{name.stem}".casefold()


def _in_bucket(bucket: np.ndarray, words: np.ndarray, thumbnails: np.ndarray) -> Iterator[tuple[int, int]]:
    for place, one in enumerate(bucket[:-1]):
        others = bucket[place + 1 :]
        close = others[np.bitwise_count(words[others] ^ words[one]) <= NEAR_BITS]
        if len(close):
            difference = np.sqrt(((thumbnails[close] - thumbnails[one]) ** 2).mean(1))
            yield from ((int(one), int(two)) for two in close[difference <= NEAR_LEVELS])


def _averaging(size: int, wanted: int) -> np.ndarray:
    """Return ``(wanted, size)`` weights that average over equal parts of ``size`` pixels."""
    edges = np.linspace(0, size, wanted + 1)
    pixels = np.arange(size)
    inside = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(inside, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
