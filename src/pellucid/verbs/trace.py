"""Trace: from a reference back to the number, bit by bit, with what made it."""

from __future__ import annotations

import hashlib
import inspect
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from pellucid.device import leave_cores
from pellucid.errors import RunError, UsageError, near
from pellucid.task import Task
from pellucid.verbs import trained
from pellucid.verbs.nodes import index
from pellucid.verbs.predict import VALID, raw_sample, stages_of
from pellucid.verbs.scene import Scene, name_of
from pellucid.zoo import released

REFERENCE = re.compile(
    r"([\w.-]{1,100}(?:~\d{1,12})?)(?:@([0-9a-f]{8}))?/([\w:.-]{1,80})/([^/\[\]]{1,400})(?:\[([\d,]*)\])?"
)
ZOO = "zoo."
BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64, 1: np.uint8}


@dataclass(frozen=True)
class Reference:
    """A reference in its parts.

    ``weights`` is empty where any will do; ``index`` is None where the whole tensor, or a single number, is
    meant.
    """

    run: str
    weights: str
    sample: str
    node: str
    index: tuple[int, ...] | None

    @classmethod
    def read(cls, text: str) -> Reference:
        """Read ``RUN@WEIGHTS/SAMPLE/NODE[i,j]``.

        Raises:
            UsageError: the text is no reference.
        """
        found = REFERENCE.fullmatch(text)
        if not found:
            raise UsageError(
                f'"{text[:80]}" is no reference; expected RUN@WEIGHTS/SAMPLE/NODE[i,j], such as '
                "zoo.digits.cnn@01234567/valid:12/after:conv1[0,3,4]; copy one from the studio"
            )
        run, weights, sample, node, at = found.groups()
        return cls(run, weights or "", sample, node, None if at is None else index(at))


@dataclass(frozen=True)
class Traced:
    """One number of a tensor, or a whole tensor where no index is given.

    ``exact`` writes every decimal of the number, ``bits`` its bytes as hexadecimal digits, ``sha256`` is that
    of the tensor's bytes (C order, little-endian), ``module`` names the layer with its settings and ``line``
    where the network's source defines it.
    """

    ref: str
    value: float | int | None
    exact: str | None
    bits: str | None
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    module: str
    line: str
    command: str

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON."""
        return asdict(self)


def trace(scene: Scene, ref: str, flags: Sequence[str] = ()) -> Traced:
    """Compute the tensor of a reference anew and tell everything about the number.

    Args:
        flags: with which ``pellucid trace`` finds the run.
    Raises:
        UsageError: the reference is of another scene, or there is no such tensor or element.
    """
    wanted = Reference.read(ref)
    full = scene.ref(wanted.node) + ref[len(ref.partition("[")[0]) :]
    if ref not in (full, full.replace(f"@{scene.place.rpartition('@')[2]}/", "/", 1)):
        raise UsageError(f'"{ref}" is not of this scene, whose references begin {scene.place}/{scene.name}/')
    values = np.asarray(scene.tensor(wanted.node), order="C")
    values = values.astype(values.dtype.newbyteorder("<"))
    number = _element(values, wanted)
    module, line = made_by(scene.layered, wanted.node)
    known = wanted.sample.startswith(VALID)
    return Traced(
        ref=full,
        value=None if number is None else number.item(),
        exact=None if number is None else format(Decimal(number.item()), "f"),
        bits=None if number is None else f"0x{number.view(BITS[number.itemsize]):0{2 * number.itemsize}x}",
        dtype=values.dtype.name,
        shape=values.shape,
        sha256=hashlib.sha256(values.tobytes()).hexdigest(),
        module=module,
        line=line,
        command=shlex.join(
            ["pellucid", "trace", full, *flags, *(() if known else ("--input", "drawing.png"))]
        ),
    )


def open_scene(
    reference: Reference,
    source: str | None = None,
    *,
    runs: Path = trained.RUNS,
    kind: type[Task] | None = None,
) -> Scene:
    """Open the scene of a reference from the disk.

    Args:
        source: the file of an input of one's own; a validation sample is found by its number.
        runs: the directory of the runs.
        kind: the task's class, for a task that is not one of ours.
    Raises:
        UsageError: no such run, or the file is not the input that the reference names.
        RunError: the run's weights are no longer those of the reference.
    """
    leave_cores()  # as the studio does: sums of other parts may differ in their last bit
    name, step = trained.moment_of(reference.run)
    path = located(name, runs)
    ready = trained.open_trained(path, kind, step=step)
    weights = fingerprint(path, step)
    if reference.weights not in ("", weights):
        raise RunError(
            f"{reference.run}: its weights are {weights} now, not {reference.weights}; the number "
            "was of an earlier moment of the training"
        )
    mine = not reference.sample.startswith(VALID)
    if mine and source is None:
        raise UsageError("this number is of an input of your own; give its file with --input FILE")
    stages, true = stages_of(ready, str(source) if mine else reference.sample)
    sample = raw_sample(stages)
    if mine and name_of(sample) != reference.sample:
        raise UsageError(f"{source} becomes the input {name_of(sample)}, not {reference.sample}")
    place = f"{reference.run}@{weights}"
    return Scene(ready, sample, place=place, name=reference.sample, true=true, stages=stages)


def located(identifier: str, runs: Path = trained.RUNS) -> Path:
    """Return the directory of a run in ``runs`` or of a released model ("zoo.digits.cnn")."""
    known = {ZOO + name.replace("/", "."): path for name, path in released().items()}
    mine = {path.parent.name: path.parent for path in runs.glob("*/task.json")}
    every = known | mine
    if identifier not in every:
        raise UsageError(f'no run is called "{identifier}".{near(identifier, every)}')
    return every[identifier]


def fingerprint(path: Path, step: int | None = None) -> str:
    """Return the first eight digits of the SHA-256 of a run's weights, or of those at a step."""
    return hashlib.sha256(trained.weights_at(path, step).read_bytes()).hexdigest()[:8]


def _element(values: np.ndarray, wanted: Reference) -> np.generic | None:
    if wanted.index is None and values.ndim:
        return None
    at = wanted.index or ()
    if len(at) != values.ndim or not all(0 <= one < size for one, size in zip(at, values.shape, strict=True)):
        raise UsageError(f"{wanted.node} has the shape {values.shape}; there is no {list(at)}")
    return values[at][()]


def made_by(network: nn.Module, node: str) -> tuple[str, str]:
    """Return the layer that a tensor's name speaks of, with its settings, and the line that defines it."""
    modules = {name: module for name, module in network.named_modules() if name}
    named = [part.rpartition(".")[0] if part not in modules else part for part in node.split(":")]
    layer = next((name for name in named if name in modules), "")
    if not layer:
        return f"{type(network).__name__}", _line(type(network), "")
    owner = network.get_submodule(layer.rpartition(".")[0])
    return f"{layer}: {modules[layer]}", _line(type(owner), layer.rpartition(".")[2])


def _line(kind: type, child: str) -> str:
    """Return ``module:line`` of where a class defines a child, of the class where that is not found."""
    try:
        lines, first = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return kind.__module__
    stem = re.sub(r"\d+$", "", child)
    quote = "[\"']"
    patterns = (
        rf"\b{re.escape(child)}\b\s*=",
        quote + re.escape(child) + quote,
        quote + re.escape(stem) + r"\{",
    )
    for pattern in patterns:
        for number, line in enumerate(lines):
            if child and re.search(pattern, line.replace('f"', '"')):
                return f"{kind.__module__}:{first + number}"
    return f"{kind.__module__}:{first}"
