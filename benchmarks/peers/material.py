"""What every peer is given, so that it is the same for all: arguments, images, threads, one JSON line.

The networks and the loops are each peer's own; only what must not differ stands here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

TRAINING_IMAGES = 55_000
"""The first 55,000 MNIST training images for all: Pellucid keeps the other 5,000 for validation."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every peer understands."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--epochs", type=int, default=3)
    arguments.add_argument(
        "--images", type=int, default=TRAINING_IMAGES, help="training images (default: 55000)"
    )
    arguments.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument(
        "--data", type=Path, help="an .npz with train_images, train_labels, test_images, ..."
    )
    return arguments


def options(description: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the arguments and keep this process to ``--threads`` cores; call it before any computing."""
    chosen = parser(description).parse_args(argv)
    use_cores(chosen.threads)
    return chosen


def use_cores(threads: int) -> None:
    """Bind this process to ``threads`` cores: JAX and BLAS size their thread pools by them.

    Raises:
        SystemExit: there are fewer cores than threads; a comparison would not be one.
    """
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(cores):
        sys.exit(f"--threads is {threads}, this process may use {len(cores)} cores; give 1 to {len(cores)}")
    os.sched_setaffinity(0, cores[:threads])


def load(chosen: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """MNIST as ``uint8``: training images (N, 28, 28), their labels (N,), test images, their labels.

    From ``--data``, else from ``pellucid.datasets.mnist``, else from ``PELLUCID_MIRROR``.
    """
    images, labels, test_images, test_labels = _arrays(chosen.data)
    return images[: chosen.images], labels[: chosen.images], test_images, test_labels


def report(
    chosen: argparse.Namespace,
    *,
    peer: str,
    packages: Sequence[str],
    seconds: Sequence[float],
    accuracy: float,
) -> None:
    """Print the one JSON line (see ``line``)."""
    print(json.dumps(line(chosen, peer=peer, packages=packages, seconds=seconds, accuracy=accuracy)))


def line(
    chosen: argparse.Namespace,
    *,
    peer: str,
    packages: Sequence[str],
    seconds: Sequence[float],
    accuracy: float | None,
) -> dict[str, Any]:
    """What a peer answers: ``seconds`` per epoch (training only) and its test ``accuracy`` in [0, 1]."""
    return {
        "peer": peer,
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "seconds_per_epoch": [round(value, 4) for value in seconds],
        "accuracy": None if accuracy is None else round(float(accuracy), 5),
        "epochs": len(seconds),
        "threads": chosen.threads,
        "images": chosen.images,
    }


def _arrays(path: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if path is None:
        try:
            from pellucid.datasets import mnist
        except ImportError:
            path = Path(os.environ.get("PELLUCID_MIRROR", ".")) / "mnist" / "mnist.npz"
        else:
            return (*mnist.train(), *mnist.test())
    if not path.is_file():
        sys.exit(f"no MNIST at {path}; give --data FILE.npz, or install pellucid, or set PELLUCID_MIRROR")
    with np.load(path, allow_pickle=False) as arrays:
        train = arrays["train_images"], arrays["train_labels"]
        return (*train, arrays["test_images"], arrays["test_labels"])
