"""Fashion-MNIST: 70,000 pictures of clothing in MNIST's format (Xiao, Rasul and Vollgraf 2017, Zalando).

The official four files are taken where they can be had. Where only the small pack can be had (in a mirror),
that is taken: the first 12,000 training images and all 10,000 test images, in the official order. How many
training images there are is the length of what ``train`` returns.
"""

from __future__ import annotations

import hashlib

import numpy as np

from pellucid import download
from pellucid.datasets import idx, npz
from pellucid.errors import DataError

CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
LICENCE = "MIT"
SOURCE = (
    "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, a novel image dataset for benchmarking machine learning "
    "algorithms, 2017, https://github.com/zalandoresearch/fashion-mnist"
)
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
OFFICIAL = {  # part -> name, sha256 of the gz, its bytes, md5 of the IDX file inside
    "train images": (
        "train-images-idx3-ubyte",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        26_421_880,
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ),
    "train labels": (
        "train-labels-idx1-ubyte",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        29_515,
        "9018921c3c673c538a1fc5bad174d6f9",
    ),
    "test images": (
        "t10k-images-idx3-ubyte",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        4_422_102,
        "8181f5470baa50b63fa0f6fddb340f0a",
    ),
    "test labels": (
        "t10k-labels-idx1-ubyte",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        5_148,
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}
ARCHIVES = {
    part: download.Archive(f"fashion-mnist/{name}.gz", {sha256: size}, f"{ADDRESS}{name}.gz")
    for part, (name, sha256, size, _) in OFFICIAL.items()
}
PACK = download.Archive(
    "fashion-mnist/fashion_mnist_12k.npz",
    {"99fbc16e155da21cccd6cf902e2245d6a86dd03a465c40e6546a9eabc7afbc95": 9_700_016},
)


def train() -> tuple[np.ndarray, np.ndarray]:
    """Return training images ``(N, 28, 28)`` and labels ``(N,)``, uint8; N is 60,000 (pack: 12,000).

    Raises:
        DataError: neither the official files nor the pack can be had, or they are not what they must be.
    """
    return load("train")


def test() -> tuple[np.ndarray, np.ndarray]:
    """Return the 10,000 test images ``(10000, 28, 28)`` and labels ``(10000,)``, uint8."""
    return load("test")


test.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for one of its own


def origin() -> str:
    """Return "official" or "pack": which of the two ``train`` and ``test`` read, the same for both."""
    near = all(download.available(archive) for archive in ARCHIVES.values())
    return "pack" if not near and download.available(PACK) else "official"


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of ``split``, "train" or "test"."""
    if origin() == "pack":
        arrays = npz.read(download.fetch(PACK), [f"{split}_images", f"{split}_labels"])
        return arrays[f"{split}_images"], arrays[f"{split}_labels"]
    return official(f"{split} images"), official(f"{split} labels")


def official(part: str) -> np.ndarray:
    """Return the array of one official file, fetched if it must be."""
    array = idx.read(download.fetch(ARCHIVES[part]))
    if hashlib.md5(idx.encode(array), usedforsecurity=False).hexdigest() != OFFICIAL[part][3]:
        raise DataError(f"Fashion-MNIST {part}: readable, but not the official numbers; {idx.FRESH}")
    return array
