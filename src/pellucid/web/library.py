"""What there is to see: tasks, runs by identifier, opened networks, samples.

An identifier is looked up in a listing, never joined to a path: "digits-cnn-1" is a directory among the
runs, "zoo.digits.cnn" a released model.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from fastapi import Request

from pellucid import config, tasks
from pellucid.device import leave_cores
from pellucid.errors import near
from pellucid.run import Run
from pellucid.task import Data, Task
from pellucid.verbs.evaluate import Tested
from pellucid.verbs.predict import prepared
from pellucid.verbs.scene import name_of
from pellucid.verbs.trained import Trained, moment_of, open_trained, restored, weights_at
from pellucid.web.refusals import Refusal
from pellucid.zoo import released

NAME_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
RELEASED = "zoo."
VALID = "valid:"
MOST_OPEN = 8  # networks
SECONDS_BETWEEN_LOOKS = 1.0  # at the files of a network that is in use
MOST_DATA = 2  # data sets in memory
MOST_DRAWN = 8  # sets of pictures
MOST_READ = 4000  # small things that files say
MOST_SAMPLES = 1000  # inputs of people, by the hash of their content

Value = TypeVar("Value")


@dataclass(frozen=True)
class Opened:
    """A network as it is served.

    Attributes:
        id: of its run.
        sha8: the first 8 hexadecimal digits of the SHA-256 of its weights file.
    """

    id: str
    sha8: str
    trained: Trained

    def block(self, array: np.ndarray, sample: str, node: str) -> dict[str, Any]:
        """Return a tensor of this network as a block whose ``ref`` says where every number comes from."""
        return block(array, f"{self.id}@{self.sha8}/{sample}/{node}")


@dataclass(frozen=True)
class Sample:
    """One raw input.

    Attributes:
        id: "valid:12", or the hash under which an input of a person is kept.
        raw: what the task's ``prepare`` takes, without the batch.
        target: its class where it is known.
    """

    id: str
    raw: np.ndarray
    target: int | None = None


class Library:
    """The tasks and the runs of one studio.

    Args:
        runs: the directory of the runs.
        kinds: further tasks by name, of files that the command line named.
    """

    def __init__(self, runs: Path, kinds: dict[str, type[Task]] | None = None):
        self.runs, self.kinds = runs, dict(kinds or {})
        self._opened: Kept[Opened] = Kept(MOST_OPEN)
        self._lately: Kept[tuple[Opened, float]] = Kept(MOST_OPEN)
        self._data: Kept[Data] = Kept(MOST_DATA)
        self._samples: Kept[Sample] = Kept(MOST_SAMPLES)
        self._tested: Kept[Tested] = Kept(MOST_DATA)
        self._read: Kept[Any] = Kept(MOST_READ)
        self._drawn: Kept[dict[str, bytes]] = Kept(MOST_DRAWN)
        self._drawing = threading.Lock()
        self._imported: set[str] = set()  # tasks whose first network brought modules with it

    def tasks(self) -> list[str]:
        """Return the names of the tasks."""
        return [*tasks.TASKS, *(name for name in self.kinds if name not in tasks.TASKS)]

    def kind(self, name: str) -> type[Task]:
        """Return the class of a task.

        Raises:
            Refusal: the studio was not started with a task of this name.
        """
        if name in self.kinds:
            return self.kinds[name]
        if name not in tasks.TASKS:
            known = self.tasks()
            said = f'no task "{name[:80]}"; the tasks are {", ".join(known)}.{near(name[:80], known)}'
            raise Refusal(404, "task", said)
        return tasks.find(name)

    def setting(self, task: str, setting: str) -> Task:
        """Return a setting of a task."""
        return config.setting(self.kind(task), setting)

    def task_of(self, run: str) -> Task:
        """Return the task of a run, which need not have weights yet.

        Raises:
            Refusal: there is no run of this name.
            RunError: it cannot be read.
        """
        found = Run.open(self.path(run))
        return restored(found, self.kinds.get(str(found.task.get("task"))))

    def paths(self) -> dict[str, Path]:
        """Return the directories of all runs and released models by identifier."""
        own = self.runs.iterdir() if self.runs.is_dir() else ()
        found = {path.name: path for path in sorted(own) if is_name(path.name) and is_run(path)}
        for name, path in released().items():
            found[RELEASED + name.replace("/", ".")] = path
        return found

    def path(self, run: str) -> Path:
        """Return the directory of a run.

        Raises:
            Refusal: there is no run of this name.
        """
        found = self.paths().get(run)
        if found is None:
            raise Refusal(404, "run", f'there is no run "{run[:80]}" here any more, or never was')
        return found

    def open(self, run: str) -> Opened:
        """Return a run's network with its weights; opened again when the weights change.

        Args:
            run: an identifier, or one of a moment: "digits-cnn-1~1200".
        Raises:
            Refusal: there is no such run, or it has no weights yet.
            RunError: it cannot be read.
        """
        leave_cores()  # counts for the thread that asks, which computes next
        try:
            opened = self._as_it_is(run)
        except Exception:
            self._lately.pop(run, None)
            raise
        self._lately.put(run, (opened, time.monotonic()))
        return opened

    def _as_it_is(self, run: str) -> Opened:
        name, step = moment_of(run)
        path = self.path(name)
        file = weights_at(path, step)
        if (key := stamp(file)) is None:
            said = "no weights are saved yet; wait for the first evaluation"
            said = said if step is None else f"the weights at step {step} were not kept"
            raise Refusal(409, "untrained", said)
        return self._opened.get((run, *key), lambda: self._open(run, file, step))

    def opened_lately(self, run: str) -> Opened | None:
        """Return a run's network if it was looked at within the last second; nothing is read for this.

        After that second one caller gets None and is to ``open`` it; the others need not wait for that.
        """
        opened, when = self._lately.peek(run) or (None, 0.0)
        now = time.monotonic()
        if opened is None or now - when < SECONDS_BETWEEN_LOOKS:
            return opened
        self._lately.put(run, (opened, now))
        return None

    def unchanged(self, what: Hashable, files: Iterable[Path], read: Callable[[], Value]) -> Value:
        """Return what ``read`` makes of files; read again when one of them is another than it was.

        Args:
            what: tells apart what is made of the same files.
        """
        return self._read.get((what, *map(stamp, files)), read)

    def _open(self, run: str, file: Path, step: int | None) -> Opened:
        sha8 = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        path = self.path(moment_of(run)[0])
        name = str(Run.open(path).task.get("task"))
        opened = Opened(run, sha8, open_trained(path, self.kinds.get(name), step=step))
        if name not in self._imported:
            self._imported.add(name)
            spare_the_collector()
        return opened

    def data(self, task: Task) -> Data:
        """Return the material of a task, read once."""
        return self._data.get(repr(task), task.data)

    def has_data(self, task: Task) -> bool:
        """Say whether the material of a task is in memory."""
        return self._data.peek(repr(task)) is not None

    def sample(self, opened: Opened, sample: str) -> Sample:
        """Return the input that an identifier means: "valid:12", or what ``keep`` gave.

        Raises:
            Refusal: there is none, or it is no longer kept.
        """
        if not sample.startswith(VALID):
            kept = self._samples.peek(sample)
            if kept is None:
                raise Refusal(404, "sample", "this input is no longer kept; give it again")
            return kept
        valid = self.data(opened.trained.task).valid
        number = sample.removeprefix(VALID)
        if not (number.isascii() and number.isdecimal() and len(number) < 16 and int(number) < len(valid)):
            raise Refusal(404, "sample", f"expected {VALID}0 to {VALID}{len(valid) - 1}")
        inputs, targets = valid[torch.tensor([int(number)])]
        target = int(targets[0]) if targets[0].ndim == 0 and not targets.is_floating_point() else None
        return Sample(f"{VALID}{int(number)}", inputs[0].numpy(), target)

    def keep(self, raw: np.ndarray) -> Sample:
        """Keep a raw input for a while, under the hash of its content."""
        name = name_of(raw)
        return self._samples.get(name, lambda: Sample(name, raw))

    def tested(self, opened: Opened, test: Callable[[], Tested]) -> Tested:
        """Return the answers of a network to its test set, computed once."""
        return self._tested.get((opened.id, opened.sha8), test)

    def drawn(self, what: str, draw: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
        """Return pictures by name, drawn once and one set at a time."""

        def alone() -> dict[str, bytes]:
            with self._drawing:
                return draw()

        return self._drawn.get(what, alone)

    def prepared(self, opened: Opened, sample: Sample) -> torch.Tensor:
        """Return a sample as the network takes it: a batch of one."""
        return prepared(opened.trained, sample.raw)


class Kept(OrderedDict[Hashable, Value]):
    """The values that were asked for last; made once, whoever asks."""

    def __init__(self, most: int):
        super().__init__()
        self._most, self._lock = most, threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:  # type: ignore[override]
        """Return the value of ``key``, made by ``make`` if it is not there."""
        with self._lock:
            if key in self:
                self.move_to_end(key)
                return self[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            found = self.peek(key)
            if found is None:
                try:
                    found = make()
                finally:
                    self._making.pop(key, None)
                self.put(key, found)
            return found

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and forget the one that nobody asked for the longest if there are too many."""
        with self._lock:
            self[key] = value
            self.move_to_end(key)
            if len(self) > self._most:
                self.popitem(last=False)

    def peek(self, key: Hashable) -> Value | None:
        """Return the value of ``key`` if it is there."""
        with self._lock:
            if key not in self:
                return None
            self.move_to_end(key)
            return self[key]


def library(request: Request) -> Library:
    """Return the library of the application, for routes: ``Depends(library)``."""
    return request.app.state.library


def spare_the_collector() -> None:
    """Leave what stands by now out of Python's rounds for garbage, after one that takes what has become it.

    A round over all that torch brings takes 0.2 s, in which nobody is answered. How much stands is not asked:
    ``gc.get_objects`` shows tuples that other threads are still making, and Python then fails in those.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def block(array: np.ndarray, ref: str) -> dict[str, Any]:
    """Return an array as JSON: its ``ref``, shape, dtype and little-endian bytes in base64."""
    array = np.asarray(array, order="C")
    if array.dtype not in (np.float32, np.float64, np.uint8, np.int64):
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(little.tobytes()).decode()
    return {"ref": ref, "shape": list(array.shape), "dtype": array.dtype.name, "data": data}


def stamp(file: Path) -> tuple[str | int, ...] | None:
    """Return what changes whenever a file is written, moved or replaced; None if there is none."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return str(file), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def is_name(name: str) -> bool:
    """Say whether a directory's name can be an identifier."""
    return bool(name) and name[0] != "." and NAME_LETTERS.issuperset(name) and not name.startswith(RELEASED)


def is_run(path: Path) -> bool:
    """Say whether a directory looks like a run, damaged or not."""
    return (path / "task.json").is_file() or (path / "environment.json").is_file()
