"""The weights of a run at its evaluations, to look back at: ordinary saved weights, one file a moment.

They are additions: a run without them is whole, training never reads them, and one that a crash left behind
is written again, to the same bytes, when the resumed training comes by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.disk import Disk, listing, make_directory, read, remove_leftovers, replace
from pellucid.errors import RunError
from pellucid.sealed import from_json, to_json
from pellucid.tensorfile import FILE_LIMIT, pack, read_header, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = "snapshots"
NAME = re.compile(r"step-(\d{12})\.safetensors")
FEWEST = 2  # moments; of a network too large for them none is kept


class Snapshots:
    """The snapshots of one run.

    Args:
        run: its directory.
        hashes: what is written beside the weights so that no other run's are taken for them.
        check: refuses metadata of another run.
    """

    def __init__(
        self,
        run: Path,
        disk: Disk,
        hashes: Mapping[str, str],
        check: Callable[[dict[str, str], Path], None],
    ):
        self.run, self.folder, self.disk = run, run / FOLDER, disk
        self.hashes, self.check = hashes, check

    def save(self, tensors: Mapping[str, Tensor], *, step: int, scores: dict[str, Any] | None) -> None:
        """Write the weights of a moment."""
        make_directory(self.disk, self.folder)
        replace(
            self.disk, file_of(self.run, step), weights_file(tensors, self.hashes, step=step, scores=scores)
        )

    def read(self, step: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights of a moment, and their metadata as ``Run.weights`` does.

        Raises:
            RunError: missing, damaged, or of another run.
        """
        path = file_of(self.run, step)
        tensors, found = read_weights(path, self.disk, self.check)
        if found["step"] != step:
            raise RunError(f"{path} is not what its name says: it was saved at step {found['step']}")
        return tensors, found

    def steps(self) -> list[int]:
        """Return the moments that there are, in order."""
        names = map(NAME.fullmatch, listing(self.disk, self.folder) or [])
        return sorted(int(found[1]) for found in names if found)

    def tidy(self) -> None:
        """Remove what a crash left half written."""
        remove_leftovers(self.disk, self.folder)


def file_of(run: Path, step: int) -> Path:
    """Return the file of a moment of a run, whether it is there or not."""
    return run / FOLDER / f"step-{step:012d}.safetensors"


def weights_file(
    tensors: Mapping[str, Tensor], hashes: Mapping[str, str], *, step: int, scores: dict[str, Any] | None
) -> bytearray:
    """Return the content of a file of weights, with the scores that they had."""
    metadata = {**hashes, "step": str(step), "scores": to_json(scores, "scores").decode()}
    return pack(tensors, metadata)


def read_weights(
    path: Path, disk: Disk, check: Callable[[dict[str, str], Path], None]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read such a file: the weights, and ``{"step": int, "scores": dict or None}`` among the metadata.

    Raises:
        RunError: missing, damaged, or refused by ``check``.
    """
    tensors, found = read_tensors(path, disk)
    check(found, path)
    try:
        scores = from_json(b'{"scores":%s}' % found["scores"].encode(), path)
        return tensors, {**found, "step": int(found["step"]), **scores}
    except (KeyError, ValueError) as error:
        raise RunError(f"{path} is damaged: its metadata lack step or scores ({error})") from None


def step_of(path: Path, disk: Disk) -> int:
    """Return the step of the weights in such a file, without waiting for torch.

    Raises:
        RunError: missing or damaged.
    """
    try:
        return int(read_header(read(disk, path, FILE_LIMIT), path)["step"])
    except (KeyError, ValueError):
        raise RunError(f"{path} is damaged: its metadata lack the step") from None


def is_kept(step: int, *, steps: int, every: int, size: int, most: float) -> bool:
    """Say whether the weights of the evaluation at ``step`` are among those that are kept.

    The first, the last, and as many between them, evenly, as fit. It follows from the training's settings
    alone, so an interrupted training keeps the same ones.

    Args:
        steps, every: of the whole training, and between evaluations.
        size: of the weights, in bytes.
        most: bytes for all of them together.
    """
    fitting = int(most // max(1, size))
    if fitting < FEWEST:
        return False
    evaluations = math.ceil(steps / every)
    stride = math.ceil(evaluations / fitting)
    number = math.ceil(step / every)
    return number % stride == 0 or number == 1 or step == steps
