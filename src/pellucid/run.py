"""A run is a directory: what training leaves behind and everything later reads.

Nothing in it is ever pickled. Every file is written under a temporary name, flushed, synced and renamed,
so that after a power cut the old or the new file is there; every file carries or is covered by a
checksum, so that a changed one is refused by name. ``progress.jsonl`` is the only file that grows; its
lines are chained by CRCs, and each saved state says how far the log must reach.

    task.json training.json facts.json    what was learned, how, from what; covered by environment.json
    environment.json                      where; the checksums of the three; whether training is finished
    progress.jsonl speed.jsonl            the metric log (deterministic) and its times (not)
    weights.safetensors                   the weights that are kept
    snapshots/step-000000001200.safetensors  the weights at evaluations, to look back at, where they fit
    resume/step-000000001200.safetensors  the newest two states of training
    scores.json pictures/ report.html     what evaluating and explaining add
    training.lock                         only while a process trains
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.disk import (
    Disk,
    again,
    listing,
    make_directory,
    read,
    remove_leftovers,
    replace,
    unwritable,
    write_directory,
)
from pellucid.errors import RunError, UsageError, near
from pellucid.journal import Journal
from pellucid.lock import held, holder
from pellucid.sealed import JSON_LIMIT, from_json, read_sealed, sealed_document, to_json
from pellucid.snapshots import Snapshots, read_weights, weights_file
from pellucid.tensorfile import (
    FILE_LIMIT,
    flatten,
    pack,
    read_header,
    read_tensors,
    unflatten,
    unpack,
    write_tensors,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Disk", "Progress", "Run", "Saved", "read_tensors", "write_tensors"]

DOCUMENTS = ("task.json", "training.json", "facts.json")
STATE = re.compile(r"step-(\d{12})\.safetensors")
NAME = re.compile(r"[a-z0-9_-]{1,64}")
LOCK = "training.lock"
KEPT_STATES = 2
SECONDS_BETWEEN_FLUSHES = 0.2


@dataclass(frozen=True)
class Progress:
    """Where training stands, as yielded by ``engine.fit``.

    Args:
        step: updates done, of ``steps``.
        epoch: passes over the training set done, with fraction.
        loss: of this step's batch; a 0-d tensor is read only when the line is written.
        scores: validation scores as JSON (``{"accuracy": {"value", "low", "high", "n"}}``) after evaluating.
        seconds: since training started; not part of the deterministic line.
        evaluating: how many of them went into validation.
        layers: how each layer fares, as ``vitals`` tells it, after evaluating.
    """

    step: int
    steps: int
    epoch: float
    loss: float | Tensor
    learning_rate: float
    scores: dict[str, Any] | None = None
    seconds: float = 0.0
    evaluating: float = 0.0
    layers: dict[str, dict[str, float]] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the line of the log: equal runs give equal lines."""
        line = {
            "step": self.step,
            "epoch": self.epoch,
            "loss": float(self.loss),
            "learning_rate": self.learning_rate,
        }
        further = {"scores": self.scores, "layers": self.layers}
        return line | {name: value for name, value in further.items() if value is not None}


@dataclass(frozen=True)
class Saved:
    """A state of training, and what was wrong with newer ones."""

    step: int
    state: Any
    warnings: list[str] = field(default_factory=list)


class Run:
    """One run's directory. Made by ``Run.create`` or ``Run.open``; one process writes, many may read."""

    def __init__(self, path: Path, disk: Disk, documents: dict[str, dict[str, Any]], seals: dict[str, Any]):
        self.path, self.disk = path, disk
        self.task, self.training, self.facts, self.environment = documents.values()
        self._finished = seals["finished"]
        self._hashes = {name: seals[name] for name in DOCUMENTS}
        self._identity = hashlib.sha256("".join(self._hashes.values()).encode()).hexdigest()
        self._journal = Journal(path / "progress.jsonl", path / "speed.jsonl", disk, self._identity)
        self.snapshots = Snapshots(path, disk, self._hashes, self._check_owner)
        self._waiting: list[tuple[Progress, dict[str, Any] | None]] = []
        self._flushed = time.monotonic()
        self._trusted: set[str] = set()  # names of states that this process wrote or verified

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        task: dict[str, Any],
        training: dict[str, Any],
        facts: dict[str, Any],
        environment: dict[str, Any],
        disk: Disk | None = None,
    ) -> Run:
        """Make a run's directory, whole or not at all, and the directories above it.

        Raises:
            UsageError: ``path`` is a file or a directory that holds something.
            PellucidError: the disk refused.
        """
        disk, path = disk or Disk(), Path(path)
        if listing(disk, path):
            raise UsageError(f"{path} holds something already; choose another directory or --resume {path}")
        given = zip(DOCUMENTS, (task, training, facts), strict=True)
        files = {name: to_json(document, name, indent=2) + b"\n" for name, document in given}
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        files["environment.json"] = sealed_document(environment, {**hashes, "finished": None})
        files["progress.jsonl"] = b""
        make_directory(disk, path.absolute().parent)
        write_directory(disk, path.absolute(), files)
        return cls.open(path, disk=disk)

    @classmethod
    def open(cls, path: Path | str, *, disk: Disk | None = None) -> Run:
        """Open a run.

        Raises:
            RunError: not a run, or one of its JSON files is missing, cut off or changed.
        """
        disk, path = disk or Disk(), Path(path)
        names = directory_of_a_run(disk, path)
        environment, seals = read_sealed(disk, path / "environment.json")
        documents = {}
        if set(seals) != {*DOCUMENTS, "finished"}:
            raise RunError(f"{path / 'environment.json'} is damaged: it does not list the run's files")
        for name in DOCUMENTS:
            data = read(disk, path / name, JSON_LIMIT)
            if hashlib.sha256(data).hexdigest() != seals[name]:
                raise RunError(f"{path / name} was changed or cut off: its SHA-256 is not the recorded one")
            documents[name] = from_json(data, path / name)
        if "progress.jsonl" not in names:
            raise RunError(f"{path / 'progress.jsonl'} is missing; copy the whole run again or train again")
        return cls(path, disk, {**documents, "environment.json": environment}, seals)

    def log(self, progress: Progress, timing: dict[str, Any] | None = None) -> None:
        """Add a line to progress.jsonl, and ``timing`` to speed.jsonl; ``sync`` makes them durable.

        Raises:
            NonFinite: a number that is not finite.
            UsageError: training is finished; ``rewind`` first.
        """
        if self._finished:
            raise UsageError(f"{self.path} is finished; nothing can be added to its log")
        self._waiting.append((progress, timing))
        if progress.scores is not None or time.monotonic() - self._flushed > SECONDS_BETWEEN_FLUSHES:
            self._flush()

    def _flush(self) -> None:
        self._flushed = time.monotonic()
        if not self._waiting:
            return
        lines = [progress.to_json() for progress, _ in self._waiting]
        times = [
            {"step": progress.step, "seconds": progress.seconds, "evaluating": progress.evaluating}
            | (timing or {})
            for progress, timing in self._waiting
        ]
        before = self._journal.added
        try:
            self._journal.append(lines, times)
        finally:  # what did not reach the file is kept, and what did is not written twice
            del self._waiting[: self._journal.added - before]

    def sync(self) -> None:
        """Wait until every logged line would survive a power cut."""
        self._flush()
        self._journal.sync()

    def progress(self) -> list[dict[str, Any]]:
        """Return the lines of the log; a line that a crash tore is dropped.

        Raises:
            RunError: a line was changed, or lines of a finished run are missing.
        """
        if not self._finished:
            return self._journal.lines() + [progress.to_json() for progress, _ in self._waiting]
        if not self._journal.ends_at(self._finished):
            raise RunError(f"{self._journal.path} is damaged: it does not end where training finished")
        return self._journal.lines()

    def speed(self) -> list[dict[str, Any]]:
        """Return the lines of speed.jsonl that can be read, one a step."""
        self._flush()
        return self._journal.speed()

    def rewind(self, step: int) -> None:
        """Drop the log's lines after ``step``, damaged ones too; the run is then unfinished."""
        for folder in (self.path, self.path / "resume"):
            remove_leftovers(self.disk, folder)
        self.snapshots.tidy()
        self._waiting.clear()
        if self._finished:
            self._write_finished(None)
        self._journal.rewind(step)

    def held(self) -> AbstractContextManager[None]:
        """Hold the run for training; raises RunError while another process does."""
        return held(self.path / LOCK)

    def trainer(self) -> dict[str, Any] | None:
        """Return {"pid", "host"} of the process that trains now, None if there is none."""
        return holder(self.path / LOCK)

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return self._finished is not None

    def finish(self) -> None:
        """Record that training came to its end."""
        self.sync()
        self._write_finished(self._journal.mark())

    def _write_finished(self, finished: str | None) -> None:
        seals = {**self._hashes, "finished": finished}
        replace(self.disk, self.path / "environment.json", sealed_document(self.environment, seals))
        self._finished = finished

    def save_weights(
        self, tensors: Mapping[str, Tensor], *, step: int, scores: dict[str, Any] | None
    ) -> None:
        """Replace weights.safetensors."""
        self.sync()
        data = weights_file(tensors, self._hashes, step=step, scores=scores)
        replace(self.disk, self.path / "weights.safetensors", data)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights, and ``{"step": int, "scores": dict or None}`` among the metadata.

        Raises:
            RunError: missing, damaged, or of another run.
        """
        return read_weights(self.path / "weights.safetensors", self.disk, self._check_owner)

    def _check_owner(self, metadata: dict[str, str], path: Path) -> None:
        for name, recorded in self._hashes.items():
            if metadata.get(name) != recorded:
                raise RunError(f"{path} belongs to another run: it was saved beside another {name}")

    def save_state(self, state: Any, *, step: int) -> None:
        """Save what training needs to go on; keep the newest two good states.

        Args:
            state: nested dicts (keys str or int), lists and tuples of tensors, None, bool, int, float, str.
        """
        self.sync()
        folder = self.path / "resume"
        make_directory(self.disk, folder)
        tensors, text = flatten(state)
        metadata = {**self._hashes, "step": str(step), "log": self._journal.mark(), "state": text}
        name = f"step-{step:012d}.safetensors"
        replace(self.disk, folder / name, pack(tensors, metadata))
        self._trusted.add(name)
        self._remove_old_states(name)

    def _remove_old_states(self, newest: str) -> None:
        kept = [newest]
        for name in [name for name in reversed(self._states()) if name != newest]:
            if len(kept) < KEPT_STATES and self._is_good(name):
                kept.append(name)
                continue
            try:
                again(self.disk.unlink, self.path / "resume" / name)
            except OSError as error:
                raise unwritable(self.disk, self.path / "resume" / name, 0, error) from error

    def _is_good(self, name: str) -> bool:
        try:
            return name in self._trusted or bool(self._read_state(name))
        except RunError:
            return False

    def _states(self) -> list[str]:
        return [name for name in listing(self.disk, self.path / "resume") or [] if STATE.fullmatch(name)]

    def state(self) -> Saved | None:
        """Return the newest good state; None if none was ever saved.

        Raises:
            RunError: states are there and all are damaged.
        """
        warnings: list[str] = []
        for name in reversed(self._states()):
            try:
                return Saved(*self._read_state(name), warnings)
            except RunError as error:
                warnings.append(str(error))
        if warnings:
            raise RunError(f"no state of {self.path} can be used, train again: " + "; ".join(warnings))
        return None

    def _read_state(self, name: str) -> tuple[int, Any]:
        path = self.path / "resume" / name
        data = read(self.disk, path, FILE_LIMIT)
        metadata = read_header(data, path)
        self._check_owner(metadata, path)
        step = int(name[5:17])
        if metadata.get("step") != str(step):
            raise RunError(f"{path} is not what its name says: it was saved at step {metadata.get('step')}")
        if not self._journal.reaches(metadata.get("log", "")):
            raise RunError(f"{self._journal.path} is damaged: it does not hold what {path} was saved after")
        tensors, _ = unpack(data, path)
        return step, unflatten(metadata.get("state", ""), tensors, path)

    def save_scores(self, scores: dict[str, Any]) -> None:
        """Add to scores.json; a key that is there already, such as "evaluate", is replaced."""
        together = {**(self.scores() or {}), **scores}
        replace(self.disk, self.path / "scores.json", sealed_document(together, self._identity))

    def scores(self) -> dict[str, Any] | None:
        """Return scores.json, or None if nothing was evaluated yet."""
        path = self.path / "scores.json"
        if path.name not in (listing(self.disk, self.path) or []):
            return None
        scores, identity = read_sealed(self.disk, path)
        if identity != self._identity:
            raise RunError(f"{path} belongs to another run; delete it and evaluate again")
        return scores

    def save_picture(self, name: str, png: bytes) -> None:
        """Write pictures/<name>.png."""
        if not NAME.fullmatch(name):
            raise UsageError(f"a picture cannot be called {name!r}; use a to z, 0 to 9, - and _, at most 64")
        make_directory(self.disk, self.path / "pictures")
        replace(self.disk, self.path / "pictures" / f"{name}.png", png)

    def pictures(self) -> dict[str, Path]:
        """Return the pictures by name."""
        folder = self.path / "pictures"
        names = [name for name in listing(self.disk, folder) or [] if name.endswith(".png")]
        return {name[:-4]: folder / name for name in names if NAME.fullmatch(name[:-4])}

    @property
    def report_path(self) -> Path:
        """Where the report is or will be."""
        return self.path / "report.html"

    def save_report(self, html: str) -> None:
        """Write report.html."""
        replace(self.disk, self.report_path, html.encode())


def directory_of_a_run(disk: Disk, path: Path) -> list[str]:
    """Return what is in a run's directory, or raise RunError saying what is there instead."""
    try:
        names = listing(disk, path)
    except UsageError:
        raise RunError(f"{path} is a file, not a run; give the directory that training wrote") from None
    if names is None:
        beside = near(path.name, listing(disk, path.parent) or []) if path.parent != path else ""
        raise RunError(f"there is no run at {path}.{beside} Train one, or give its directory")
    if not {*DOCUMENTS, "environment.json"} & set(names):
        raise RunError(f"{path} is not a run: it holds none of {', '.join(DOCUMENTS)}")
    return names
