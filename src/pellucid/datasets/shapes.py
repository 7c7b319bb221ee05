"""A made-up folder of colour pictures: discs, squares and triangles, in the same form as people's own.

For tests and first tries. The pictures are drawn here and may be used for anything (Apache-2.0).
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from pellucid import download, media
from pellucid.errors import DataError

CLASSES = ("disc", "square", "triangle")
EACH = 40  # pictures of a class
SIDE = 32
VERSION = 1


def folder() -> Path:
    """Return a folder of pictures below the cache directory, drawn if it is not there.

    Raises:
        DataError: the cache directory cannot be written.
    """
    place = download.cache() / f"shapes-{VERSION}"
    if place.is_dir():
        return place
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with suppress(OSError):  # another process was faster
            temporary.rename(place)
    except OSError as error:
        raise DataError(
            f"{place}: cannot be written ({error.strerror}); make room, or set PELLUCID_CACHE elsewhere"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


def write(root: Path, *, each: int = EACH, side: int = SIDE, seed: int = 0) -> None:
    """Write ``root/disc/0.png`` and so on, ``each`` of every class."""
    generator = np.random.default_rng(seed)
    for kind in CLASSES:
        (root / kind).mkdir(parents=True)
        for number in range(each):
            (root / kind / f"{number}.png").write_bytes(media.write_png(draw(kind, side, generator)))


def draw(kind: str, side: int, generator: np.random.Generator) -> np.ndarray:
    """Return one picture ``(side, side, 3)`` uint8: a shape of one colour on another, with noise."""
    rows, columns = np.mgrid[:side, :side] / side
    down, right = generator.uniform(0.35, 0.65, 2)
    size = generator.uniform(0.2, 0.32)
    across, along = np.abs(columns - right), rows - down
    inside = {
        "disc": across**2 + along**2 < size**2,
        "square": np.maximum(across, np.abs(along)) < 0.9 * size,
        "triangle": (np.abs(along) < size) & (across < (along + size) / 2),
    }[kind]
    ground, paint = generator.uniform(0, 255, (2, 3))
    paint = np.where(np.abs(paint - ground) < 60, (ground + 128) % 256, paint)
    pixels = np.where(inside[:, :, None], paint, ground) + generator.normal(0, 12, (side, side, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)
