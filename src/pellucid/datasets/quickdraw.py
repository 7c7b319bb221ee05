"""Quick, Draw!: 50 million drawings of 345 things, made in a game by people all over the world (Google 2017).

Google's files come one a class and in three forms: 28 x 28 bitmaps (``numpy_bitmap``), simplified strokes as
lines of JSON (``simplified``), the same packed (``binary``); ``pellucid.datasets.drawings`` reads them.
They are large and have no checksums; ``of_class`` fetches one. What is fetched by name are small packs of
them, from a mirror:

    fifteen   20,300 + 4,350 bitmaps of 15 classes, as Google drew them
    all       27,600 + 3,450 bitmaps of all 345 classes, 80 + 10 a class, redrawn with thin lines
    strokes   6,013 + 1,411 simplified drawings of the 345 classes
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pellucid import download
from pellucid.datasets import augment, drawings, npz

LICENCE = "CC BY 4.0"
SOURCE = "Google Creative Lab: The Quick, Draw! Dataset, 2017, https://github.com/googlecreativelab/quickdraw-dataset"
ADDRESS = "https://storage.googleapis.com/quickdraw_dataset/full/"
FIFTEEN = (
    "apple", "bicycle", "book", "bowtie", "cat", "diamond", "dog", "eye", "fish", "horse", "house",
    "house plant", "rainbow", "smiley face", "train",
)  # fmt: skip
ARCHIVES = {
    "fifteen": download.Archive(
        "quickdraw/quickdraw_bitmap28.npz",
        {"bdea874751663055d1b90b571481aff88a689c939a89571c7ce3ec07b4cacda5": 6_674_581},
        instead=download.MADE_UP,
    ),
    "all": download.Archive(
        "quickdraw345/quickdraw345_28.npz",
        {"e075331e4ae1f3b0cd0bcdda77acb4eab92ff02c24acb04e8eb47077f5d2bce8": 7_220_923},
        instead=download.MADE_UP,
    ),
    "strokes train": download.Archive(
        "quickdraw/strokes_train.ndjson.gz",
        {"dc43fbfc750109cdba64fb689ce9713012eaccc77b4ab7e8444bf9a8f48abb7d": 821_139},
        instead=download.MADE_UP,
    ),
    "strokes test": download.Archive(
        "quickdraw/strokes_test.ndjson.gz",
        {"27def8dd698ad8d8f32b372224499d76245fdf88f3a24871cb42667e09b51924": 196_725},
        instead=download.MADE_UP,
    ),
}
FORMS = {  # of Google's files: the folder, and what the names end in
    "bitmap": ("numpy_bitmap", "npy"),
    "ndjson": ("simplified", "ndjson"),
    "binary": ("binary", "bin"),
}
MOST_BYTES = 2**30  # of a file of a class; the largest have about 250 MB
FIRST = 100  # drawings of a fetched file that are read to see whether it is one
THIN_SIDE = 32  # pixels in which the thin drawings, up to 28 pixels long, are centred
ALIKE = 0.92  # cosine from which on two images are taken for one drawing


def bitmaps(pack: str, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return images ``(N, S, S)`` uint8, labels ``(N,)`` int64 and the classes of a pack.

    Args:
        pack: "fifteen" (S = 28) or "all" (S = 32, centred here).
        split: "train" or "test".
    Raises:
        DataError: the pack cannot be had, or is not what it must be.
    """
    names = [f"{split}_images", f"{split}_labels", "class_names"]
    arrays = npz.read(download.fetch(ARCHIVES[pack]), names)
    images, labels, classes = (arrays[name] for name in names)
    images = centred(images, THIN_SIDE) if pack == "all" else images
    return images, labels.astype(np.int64), tuple(map(str, classes))


def centred(images: np.ndarray, side: int) -> np.ndarray:
    """Move the ink of each image ``(N, H, W)`` to the middle of ``side x side``, by whole pixels."""
    result = np.zeros((len(images), side, side), images.dtype)
    for image, place in zip(images, result, strict=True):
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        if len(rows):
            ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
            place[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return result


def strokes(split: str) -> list[drawings.Sketch]:
    """Return the simplified drawings of the 345 classes: 6,013 to train with, 1,411 to test.

    Raises:
        DataError: the pack cannot be had, or is not what it must be.
    """
    return drawings.ndjson(download.fetch(ARCHIVES[f"strokes {split}"]))


def of_class(word: str, form: str, folder: Path) -> tuple[Path, str]:
    """Fetch Google's file of a class into ``folder``; returns its path there and its sha256.

    A folder of such files is a data set: ``pellucid train sketches --data FOLDER``.

    Args:
        word: the class as Google's ``categories.txt`` has it, such as "house plant".
        form: "bitmap", "ndjson" or "binary".
    Raises:
        DataError: the file cannot be had, or is not of that form.
    """
    place, ending = FORMS[form]
    read = {"npy": drawings.bitmaps, "ndjson": drawings.ndjson, "bin": drawings.binary}[ending]
    archive = download.Archive(f"quickdraw/full/{place}/{word}.{ending}", {}, address(word, form))
    return download.fetch_unpinned(
        archive, folder / f"{word}.{ending}", most=MOST_BYTES, read=lambda path: read(path, most=FIRST)
    )


def address(word: str, form: str) -> str:
    """Return the official address of the file of a class; see ``of_class``."""
    place, ending = FORMS[form]
    return f"{ADDRESS}{place}/{quote(word)}.{ending}"


def shared(first: Tensor, second: Tensor) -> Tensor:
    """Say which of the ``first`` images are drawings that are among the ``second``, ``(N,)`` booleans.

    The packs were drawn by different programs, with other margins and lines, and carry no ids. So ink boxes
    are brought to one size, blurred, and compared by the cosine of the angle between them. Two renderings of
    one drawing come to 0.92 or more (99 of 100); the limit also takes some that only look alike, which costs
    a few drawings and lets none through.

    Args:
        first, second: ``(N, S, S)`` and ``(M, T, T)`` uint8 images.
    """
    mine, theirs = (fingerprints(images) for images in (first, second))
    if not len(mine) or not len(theirs):
        return torch.zeros(len(mine), dtype=torch.bool)
    best = [(part @ theirs.T).amax(1) for part in mine.split(1000)]
    return torch.cat(best) >= ALIKE


def fingerprints(images: Tensor) -> Tensor:
    """Return ``(N, 256)`` unit vectors that stay nearly the same when a drawing is rendered otherwise."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    blur, parts = (taps[:, None] * taps)[None, None], []
    for part in images.split(1000):
        pixels = functional.pad(part[:, None].float(), [(THIN_SIDE - part.shape[-1]) // 2] * 4)
        pixels = augment.refit(pixels, 26.0)
        for _ in range(2):
            pixels = functional.conv2d(pixels, blur, padding=2)
        flat = functional.avg_pool2d(pixels, 2).flatten(1)
        parts.append(flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-6))
    return torch.cat(parts) if parts else torch.zeros(0, (THIN_SIDE // 2) ** 2)
