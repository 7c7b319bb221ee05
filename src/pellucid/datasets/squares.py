"""Pictures of any size as squares of one size, decoded once by workers and kept in a file.

A picture becomes a square by ``square``, for training and for use. The squares of a data set lie in one file
below the cache directory, read as a memory map, with a checksum; it is written under another name and renamed
when it is whole, so a crash leaves nothing half-made. A picture whose size or time changed is decoded again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid import download, media
from pellucid.datasets.folder import Listing, shown
from pellucid.errors import DataError

VERSION = 1
CHUNK = 64  # pictures that a worker takes at a time
FEW = 256  # pictures for which starting workers does not pay
MOST_WORKERS = 16
STALE_SECONDS = 24 * 3600
BLOCK = 2**24  # bytes between two looks at the checksum
INDEX, PIXELS = "index.json", "pixels.bin"


@dataclass(frozen=True)
class Squares:
    """The decoded pictures of a listing.

    Attributes:
        pixels: ``(N, S, S, 3)`` uint8, a memory map.
        rows: for each entry of the listing its row in ``pixels``, or -1 where it could not be read.
        sums: for each entry the sha256 of its file, or "" where it could not be read.
        troubles: why, one sentence for each such entry.
        decoded: how many had to be decoded now.
    """

    pixels: np.ndarray
    rows: np.ndarray
    sums: list[str]
    troubles: list[str]
    decoded: int


def square(picture: np.ndarray, size: int) -> np.ndarray:
    """Return a picture's middle as ``(size, size, 3)`` uint8; grey becomes colour, opacity lies on white.

    Args:
        picture: uint8 ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)``.
    """
    image = Image.fromarray(picture)
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    image = image.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if side == size:
        image = image.crop((left, top, left + side, top + side))
    else:
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(image)


def over_the_photo(values: np.ndarray, photo: tuple[int, int]) -> np.ndarray:
    """Lay a map of the square back over the photograph the square was the middle of.

    Args:
        values: ``(S, S)``, such as where the network looked.
        photo: height and width of the photograph.
    Returns:
        ``(H, W)`` floats, 0 where the network saw nothing.
    """
    side = min(photo)
    top, left = (photo[0] - side) // 2, (photo[1] - side) // 2
    image = Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    whole = np.zeros(photo, np.float32)
    whole[top : top + side, left : left + side] = np.asarray(image)
    return whole


def short_side(listing: Listing, sample: int = 200) -> int:
    """Return the median of the shorter sides of some pictures, in pixels, from what they decode to."""
    step = max(1, len(listing.entries) // sample)
    sides = []
    for entry in listing.entries[::step]:
        with suppress(DataError):
            picture = media.picture(listing.root / entry.path, decoders=media.PHOTOGRAPHS)
            sides.append(min(picture.shape[:2]))
    if not sides:
        raise DataError(f"{shown(listing.root)}: none of the files looked at is a picture that can be read")
    return int(np.median(sides))


def decoded(listing: Listing, size: int) -> Squares:
    """Return the squares of a listing from the cache, decoding what is new or changed.

    Raises:
        DataError: the cache directory cannot be written, or no picture can be read.
    """
    folder = place_of(listing, size)
    known = read_cache(folder, size)
    keys = [f"{entry.path}|{entry.size}|{entry.changed}" for entry in listing.entries]
    if known is None or list(known["rows"]) != list(dict.fromkeys(keys)):
        fresh = [i for i, key in enumerate(keys) if known is None or key not in known["rows"]]
        known = write_cache(folder, listing, size, known, keys, fresh)
    else:
        fresh = []
    found = [known["rows"][key] for key in keys]
    troubles = [
        f"{shown(e.path)}: {f['trouble']}; left out"
        for e, f in zip(listing.entries, found, strict=True)
        if f["trouble"]
    ]
    rows = np.array([record["row"] for record in found], np.int64)
    if (rows < 0).all():
        raise DataError(f"{shown(listing.root)}: no picture can be read; the first: {troubles[0]}")
    return Squares(known["pixels"], rows, [record["sum"] for record in found], troubles, len(fresh))


def place_of(listing: Listing, size: int) -> Path:
    """Return the folder of the cache that belongs to a data set at a size."""
    root = os.fsencode(listing.root.resolve())
    name = hashlib.sha256(root).hexdigest()[:16]
    return download.cache() / "squares" / f"{name}-{size}"


def read_cache(folder: Path, size: int) -> dict[str, Any] | None:
    """Return what a cache folder holds, or None where it is missing, of another version or damaged."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        if index["version"] != VERSION or index["size"] != size:
            return None
        count = index["count"]
        if (folder / PIXELS).stat().st_size != count * size * size * 3:
            return None
        pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=(count, size, size, 3)) if count else None
        if pixels is None or checksum(pixels) != index["crc32"]:
            return None
        if any(not -1 <= record["row"] < count for record in index["rows"].values()):
            return None
        return {"rows": index["rows"], "pixels": pixels}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def checksum(pixels: np.ndarray) -> int:
    """Return the CRC-32 of all pixels."""
    total = 0
    flat = pixels.reshape(-1)
    for start in range(0, len(flat), BLOCK):
        total = zlib.crc32(flat[start : start + BLOCK].data, total)
    return total


def write_cache(
    folder: Path, listing: Listing, size: int, known: dict[str, Any] | None, keys: list[str], fresh: list[int]
) -> dict[str, Any]:
    """Decode what is fresh, copy what is known, and put the cache folder in its place when it is whole."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(folder.parent)
        temporary.mkdir()
        index = fill(temporary, listing, size, known, keys, fresh)
        put_in_place(temporary, folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(
            f"{folder.parent}: the decoded pictures cannot be kept ({error.strerror}); make room or set "
            "PELLUCID_CACHE to another folder"
        ) from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    count = index["count"]
    pixels = (
        np.memmap(folder / PIXELS, np.uint8, "r", shape=(count, size, size, 3))
        if count
        else np.zeros((0, size, size, 3), np.uint8)
    )
    return {"rows": index["rows"], "pixels": pixels}


def fill(
    temporary: Path,
    listing: Listing,
    size: int,
    known: dict[str, Any] | None,
    keys: list[str],
    fresh: list[int],
) -> dict[str, Any]:
    """Write pixels and index into ``temporary`` and return the index."""
    rows: dict[str, dict[str, Any]] = {key: {} for key in keys}
    count = total = 0
    with open(temporary / PIXELS, "wb") as file:

        def add(key: str, record: dict[str, Any], pixels: np.ndarray | None) -> None:
            nonlocal count, total
            row = -1
            if pixels is not None:
                data = pixels.tobytes()
                file.write(data)
                total = zlib.crc32(data, total)
                row, count = count, count + 1
            rows[key] = {"row": row, "sum": record["sum"], "trouble": record["trouble"]}

        new = set(fresh)
        for i, key in enumerate(keys):
            if i not in new:
                record = known["rows"][key]  # type: ignore[index]
                add(key, record, known["pixels"][record["row"]] if record["row"] >= 0 else None)  # type: ignore[index]
        paths = [listing.root / listing.entries[i].path for i in fresh]
        for i, (record, pixels) in zip(fresh, decode_all(paths, size), strict=True):
            add(keys[i], record, pixels)
        file.flush()
        os.fsync(file.fileno())
    index = {"version": VERSION, "size": size, "count": count, "crc32": total, "rows": rows}
    with open(temporary / INDEX, "wb") as file:
        file.write(json.dumps(index).encode())
        file.flush()
        os.fsync(file.fileno())
    return index


def put_in_place(temporary: Path, folder: Path) -> None:
    """Give a whole folder its name; one that lies there is moved aside first and removed."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    with suppress(FileNotFoundError):
        os.rename(folder, aside)
    os.rename(temporary, folder)
    shutil.rmtree(aside, ignore_errors=True)


def remove_stale(folder: Path) -> None:
    """Remove what a process that was killed left behind more than a day ago."""
    for path in folder.glob(".*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def decode_all(paths: Sequence[Path], size: int) -> Iterator[tuple[dict[str, Any], np.ndarray | None]]:
    """Yield (record, square or None) of each file, in order, decoded by as many workers as cores."""
    chunks = [list(paths[i : i + CHUNK]) for i in range(0, len(paths), CHUNK)]
    workers = min(usable_cores(), MOST_WORKERS, len(chunks))
    if workers < 2 or len(paths) < FEW:
        for path in paths:
            yield decode_one(path, size)
        return
    done = 0
    try:
        with pool(workers) as workers_:
            for found in workers_.map(decode_chunk, chunks, [size] * len(chunks)):
                done += len(found)
                yield from found
    except BrokenProcessPool:  # a decoder took its process with it: one by one, so that it is named
        for path in paths[done:]:
            yield decode_alone(path, size)


def decode_chunk(paths: Sequence[Path], size: int) -> list[tuple[dict[str, Any], np.ndarray | None]]:
    """Decode some files; what a worker does."""
    return [decode_one(path, size) for path in paths]


def decode_one(path: Path, size: int) -> tuple[dict[str, Any], np.ndarray | None]:
    """Return a file's sum and square, or the trouble with it."""
    try:
        content = media.file_bytes(path)
        pixels = square(media.picture(content, decoders=media.PHOTOGRAPHS), size)
    except DataError as error:
        trouble = str(error).removeprefix(f"{path}: ").removeprefix("the picture: ")
        return {"sum": "", "trouble": shown(trouble)}, None
    return {"sum": hashlib.sha256(content).hexdigest(), "trouble": ""}, pixels


def decode_alone(path: Path, size: int) -> tuple[dict[str, Any], np.ndarray | None]:
    """Decode one file in a process of its own."""
    try:
        with pool(1) as worker:
            return worker.submit(decode_one, path, size).result()
    except BrokenProcessPool:
        return {"sum": "", "trouble": "it brings the decoder down"}, None


def pool(workers: int) -> ProcessPoolExecutor:
    """Return processes that leave Ctrl-C to their parent."""
    context = multiprocessing.get_context()
    return ProcessPoolExecutor(workers, mp_context=context, initializer=ignore_interrupts)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that asked for the pictures."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
