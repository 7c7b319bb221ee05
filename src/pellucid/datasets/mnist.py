"""MNIST: 70,000 handwritten digits (LeCun, Cortes and Burges), in the package itself.

``packed/`` holds the four official IDX files, unpacked and packed again with xz: 9.3 MB. Training images and
test images are different files, so training cannot open the test set by accident. Unpacking takes most of
a second, therefore the images are kept unpacked in the cache directory when that can be written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid import download
from pellucid.datasets import idx
from pellucid.datasets.handwriting import SWITCHES, from_picture
from pellucid.datasets.strokes import tiny
from pellucid.errors import DataError

__all__ = [
    "ARCHIVES",
    "CLASSES",
    "LICENCE",
    "SOURCE",
    "SWITCHES",
    "from_picture",
    "official",
    "read",
    "test",
    "tiny",
    "train",
]

CLASSES = tuple("0123456789")
LICENCE = "CC BY-SA 3.0, as usually given; no licence text comes with the data"
SOURCE = (
    "Y. LeCun, C. Cortes, C. Burges: The MNIST database of handwritten digits, "
    "http://yann.lecun.com/exdb/mnist/, from NIST Special Databases 1 and 3"
)
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # yann.lecun.com often refuses
PACKED = Path(__file__).parent / "packed"


@dataclass(frozen=True)
class Part:
    """One of the four files: its official name, its array, and the sums that prove it.

    ``packed`` is the sha256 of our xz file, ``official`` and ``bytes`` belong to the official gz file,
    ``unpacked`` is the sha256 of the IDX file inside both, ``crc32`` is that of the numbers alone.
    """

    name: str
    shape: tuple[int, ...]
    packed: str
    official: str
    bytes: int
    unpacked: str
    crc32: int


PARTS = {
    "train images": Part(
        "train-images-idx3-ubyte",
        (60000, 28, 28),
        packed="7fdcb6ffdce3f29a2b6ecc647c7c0cb4b153e135a9f9dc47ac254a28418584e1",
        official="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        bytes=9_912_422,
        unpacked="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        crc32=0xF3639B56,
    ),
    "train labels": Part(
        "train-labels-idx1-ubyte",
        (60000,),
        packed="7ad065e84763cf7575f5cce5c5e06215e9179e1a96ce6282aad10ef2fff145c0",
        official="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        bytes=28_881,
        unpacked="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        crc32=0xBA07E8EF,
    ),
    "test images": Part(
        "t10k-images-idx3-ubyte",
        (10000, 28, 28),
        packed="45f2b951eb4a4f2d8734d3be9484c3d3fc686b442c241194cec9b4d89f9d700a",
        official="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        bytes=1_648_877,
        unpacked="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        crc32=0xE4CA5F57,
    ),
    "test labels": Part(
        "t10k-labels-idx1-ubyte",
        (10000,),
        packed="8633efde8d3b1f51b986c982d8978d9e04dad5d086617acfd29f08093b177264",
        official="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        bytes=4_542,
        unpacked="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        crc32=0xEE8604D9,
    ),
}
ARCHIVES = {
    key: download.Archive(f"mnist/{part.name}.gz", {part.official: part.bytes}, f"{MIRROR}{part.name}.gz")
    for key, part in PARTS.items()
}


def train() -> tuple[np.ndarray, np.ndarray]:
    """Return the 60,000 training images ``(60000, 28, 28)`` and labels ``(60000,)``, uint8, ink white."""
    return cached(PARTS["train images"]), load(PARTS["train labels"])


def test() -> tuple[np.ndarray, np.ndarray]:
    """Return the 10,000 test images ``(10000, 28, 28)`` and labels ``(10000,)``, uint8, white on black."""
    return cached(PARTS["test images"]), load(PARTS["test labels"])


test.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for one of its own


def official(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of ``split``, "train" or "test", from the official gz files, fetched at need.

    Raises:
        DataError: a file cannot be had, or is not the official one.
    """
    return prove(split, lambda key: idx.read(download.fetch(ARCHIVES[key])))


def read(folder: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of ``split`` from a folder with the official IDX files, packed or not.

    Raises:
        DataError: a file is missing or does not hold the official numbers.
    """

    def find(key: str) -> np.ndarray:
        plain = Path(folder) / PARTS[key].name
        return idx.read(plain if plain.exists() else plain.with_name(f"{plain.name}.gz"))

    return prove(split, find)


def prove(split: str, find: Callable[[str], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Load both files of a split with ``find`` and compare what is in them with the official content."""
    if split not in ("train", "test"):
        raise ValueError(f'split is {split!r}, expected "train" or "test"')
    arrays = []
    for key in (f"{split} images", f"{split} labels"):
        array, part = find(key), PARTS[key]
        if array.dtype != np.uint8 or hashlib.sha256(idx.encode(array)).hexdigest() != part.unpacked:
            raise DataError(f"MNIST {key}: readable, but not the official {part.name}; {idx.FRESH}")
        arrays.append(array)
    return arrays[0], arrays[1]


def load(part: Part) -> np.ndarray:
    """Unpack one file of the package, whose sha256 is checked first."""
    path = PACKED / f"{part.name}.xz"
    content = idx.contents(path, idx.MOST_BYTES)
    if hashlib.sha256(content).hexdigest() != part.packed:
        raise DataError(f"{path}: altered since it was released; install pellucid again")
    return idx.parse(content, name=str(path))


def cached(part: Part) -> np.ndarray:
    """Return the array of ``part``, from the cache directory when an intact copy lies there."""
    path = download.cache() / "mnist" / f"{part.name}-{part.packed[:12]}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):  # absent or damaged: made again below
        array = np.load(path, mmap_mode="r")
        if array.dtype == np.uint8 and array.shape == part.shape and zlib.crc32(array) == part.crc32:
            return np.array(array)
    array = load(part)
    with contextlib.suppress(OSError):  # an unwritable cache costs time, nothing else
        keep(array, path)
    return array


def keep(array: np.ndarray, path: Path) -> None:
    """Write ``array`` under a temporary name and rename it, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, array)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
