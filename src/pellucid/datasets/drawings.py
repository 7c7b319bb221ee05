"""Google's three forms of a Quick, Draw! file, read without trusting a byte: ndjson, binary, numpy bitmaps.

Also what other programs write in these forms: raw ndjson with times, a bare list of strokes. Source:
github.com/googlecreativelab/quickdraw-dataset, README and examples/binary_file_parser.py.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from pellucid.datasets import doodle, npz
from pellucid.errors import DataError

MOST_LINE = 2**20  # bytes of one drawing as JSON
MOST_POINTS = 20_000  # of one drawing
MOST_STROKES = 2_000
SIDE = 28  # of a bitmap
BITMAP_BYTES = 2**31  # of a file of bitmaps; of a longer one nothing is read
ENDINGS = (".ndjson", ".ndjson.gz", ".json", ".bin", ".npy")


@dataclass(frozen=True)
class Sketch:
    """One drawing of a file.

    Attributes:
        word: what was to be drawn; "" where the file does not say.
        strokes: each ``(P, 2)`` float64, x right, y down, in the units of the file.
        recognized: whether Google's network guessed it in the game; None where the file does not say.
    """

    word: str
    strokes: doodle.Drawing
    recognized: bool | None = None


def ndjson(path: str | Path, *, most: int | None = None) -> list[Sketch]:
    """Read the first ``most`` drawings of a file with a JSON object, or a list of strokes, a line; .gz too.

    Raises:
        DataError: the file is missing, or a line is not a drawing; its number is named.
    """
    path = Path(path)
    found = []
    try:
        with _opened(path) as file:
            for number, line in enumerate(islice(_lines(file, path), most), 1):
                if line.strip():
                    found.append(sketch(line, f"{path}, line {number}"))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error
    if not found:
        raise DataError(f"{path}: there is no drawing in it; expected a JSON object a line")
    return found


def sketch(line: bytes | str, name: str) -> Sketch:
    """Read one line of ndjson; ``name`` is what an error calls it."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON ({str(error)[:80]}); expected one drawing a line") from error
    if isinstance(value, dict):
        word, known = value.get("word", ""), value.get("recognized")
        if not isinstance(word, str):
            raise DataError(f'{name}: "word" is {word!r:.40}; expected a text')
        return Sketch(word, strokes(value.get("drawing"), name), known if isinstance(known, bool) else None)
    return Sketch("", strokes(value, name))


def strokes(value: Any, name: str) -> doodle.Drawing:
    """Turn JSON ``[[[x...], [y...]], ...]`` (a third list, of times, is allowed) into strokes."""
    if not isinstance(value, list) or len(value) > MOST_STROKES:
        raise DataError(
            f"{name}: the drawing is {type(value).__name__}; expected a list of 1 to {MOST_STROKES} strokes"
        )
    result, total = [], 0
    for number, stroke in enumerate(value, 1):
        where = f"{name}, stroke {number}"
        if not isinstance(stroke, list) or len(stroke) not in (2, 3) or not isinstance(stroke[0], list):
            raise DataError(f"{where}: expected [[x...], [y...]] or [[x...], [y...], [t...]]")
        total += len(stroke[0])
        if total > MOST_POINTS:
            raise DataError(f"{name}: more than {MOST_POINTS} points, too many for one drawing")
        result.append(np.column_stack([_numbers(axis, where) for axis in _equal(stroke[:2], where)]))
    try:
        return doodle.check(result)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def binary(path: str | Path, *, most: int | None = None) -> list[Sketch]:
    """Read the first ``most`` drawings of Google's binary file; it does not hold their word.

    Raises:
        DataError: the file is missing or ends within a drawing.
    """
    path = Path(path)
    found: list[Sketch] = []
    try:
        with path.open("rb") as file:
            while (most is None or len(found) < most) and (head := file.read(15)):
                found.append(_binary(file, head, f"{path}, drawing {len(found) + 1}"))
    except (OSError, struct.error) as error:
        raise DataError(f"{path}: cannot be read, or it ends within a drawing ({error})") from error
    if not found:
        raise DataError(f"{path}: there is no drawing in it")
    return found


def bitmaps(path: str | Path, *, most: int | None = None) -> np.ndarray:
    """Read the first ``most`` images of Google's numpy bitmap file: ``(N, 28, 28)`` uint8.

    Raises:
        DataError: the file is missing, not NPY 1.0 of uint8, or its rows are not 28 x 28 pixels.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > BITMAP_BYTES:
            raise DataError(f"{path}: {size} bytes, at most {BITMAP_BYTES} are read")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({type(error).__name__})") from error
    images = npz.array(content, str(path))
    if images.dtype != np.uint8 or images.shape[1:] not in ((SIDE * SIDE,), (SIDE, SIDE)):
        raise DataError(f"{path}: {images.dtype} {images.shape}; expected uint8 (N, {SIDE * SIDE})")
    return images.reshape(-1, SIDE, SIDE)[:most]


def line(each: Sketch) -> str:
    """Return a drawing as a line of simplified ndjson, the inverse of ``sketch`` for whole coordinates."""
    drawing = [[stroke[:, axis].round(2).tolist() for axis in (0, 1)] for stroke in each.strokes]
    known = {} if each.recognized is None else {"recognized": each.recognized}
    return json.dumps({"word": each.word, **known, "drawing": drawing})


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    number = 0
    while row := file.readline(MOST_LINE + 1):
        number += 1
        if len(row) > MOST_LINE:
            raise DataError(f"{path}, line {number}: longer than {MOST_LINE // 2**20} MB; not a drawing")
        yield row


def _equal(axes: list[Any], where: str) -> list[Any]:
    if not all(isinstance(axis, list) for axis in axes) or len(axes[0]) != len(axes[1]):
        raise DataError(f"{where}: x and y must be two lists of the same length")
    return axes


def _numbers(axis: list[Any], where: str) -> np.ndarray:
    if not all(type(value) in (int, float) and abs(value) < 1e9 for value in axis):  # also refuses NaN
        raise DataError(f"{where}: a coordinate is not a number below 1,000,000,000")
    return np.array(axis, np.float64)


def _binary(file: IO[bytes], head: bytes, name: str) -> Sketch:
    """Read one drawing: key, country, recognized, time (15 bytes), then counts and bytes of its strokes."""
    _, _, known, _ = struct.unpack("<Q2sbI", head)
    (count,) = struct.unpack("<H", file.read(2))
    found = []
    for _ in range(count):
        (points,) = struct.unpack("<H", file.read(2))
        axes = [file.read(points) for _ in range(2)]
        if len(axes[1]) != points:
            raise DataError(f"{name}: the file ends within it; get the file again")
        found.append(np.column_stack([np.frombuffer(axis, np.uint8) for axis in axes]).astype(np.float64))
    try:
        return Sketch("", doodle.check(found), known == 1)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
