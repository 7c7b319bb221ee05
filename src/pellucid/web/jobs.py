"""Work that outlives a request: child processes that train, evaluate and export.

A child has a session of its own, so nothing that happens to the studio reaches it. Its output goes to
``RUNS/.studio/RUN.KIND.log``, whose lock it inherits: a studio that is started later finds the lock held and
knows that the child still works. What a training does is told by the run's own files alone, so one that was
started in a terminal is seen and stopped as well.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pellucid
from pellucid.lock import holder, taken
from pellucid.run import LOCK, Run
from pellucid.verbs.trained import require_copy
from pellucid.web.library import RELEASED, Library, is_name, is_run
from pellucid.web.refusals import Refusal, tellable

FOLDER = ".studio"
KINDS = ("train", "evaluate", "export")
MOST_JOBS = 4  # children at once
TAIL = 2**16  # bytes of a log in which its one JSON document ends
SECONDS_TO_SAVE = 10.0  # a second signal within them would end a training before it has saved


class Jobs:
    """The children of all studios over one directory of runs.

    Args:
        files: the file of each task that is not one of ours, by the task's name.
    """

    def __init__(self, library: Library, files: dict[str, Path] | None = None):
        self.library, self.files = library, {name: path.absolute() for name, path in (files or {}).items()}
        self.folder = library.runs.absolute() / FOLDER
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []
        self._asked: dict[int, float] = {}  # when each process was asked to stop

    def train(self, task: str, stem: str, words: Sequence[str]) -> str:
        """Start a training into a new run, whose identifier is returned.

        Args:
            stem: how the run's name begins.
            words: the flags, validated already.
        """
        with self._lock:
            self._require_room()
            run = next(name for name in numbered(stem) if not self._is_known(name))
            self._start(run, "train", ["train", self._reference(task), *words, "--out", self._place(run)])
        return run

    def resume(self, run: str) -> None:
        """Go on with a training.

        Raises:
            Refusal: it is under way, or at its end.
        """
        opened = Run.open(self.library.path(run))
        if opened.finished or run.startswith(RELEASED):
            raise Refusal(409, "finished", "this training came to its end; start another")
        if self.trains(run, opened.path):
            raise Refusal(409, "running", "this training is under way")
        self._work(run, "train", ["train", "--resume", self._place(run), *self._task_of(opened)])

    def stop(self, run: str) -> None:
        """Ask a training to save and stop; ``resume`` continues it exactly.

        Raises:
            Refusal: it is not under way, or a process of another machine trains it.
        """
        path = self.library.paths().get(run)
        trainer = Run.open(path).trainer() if path is not None else None
        if trainer is None and not self.works(run, "train"):
            raise Refusal(409, "idle", "this training is not under way")
        if trainer is not None and trainer.get("host") != socket.gethostname():
            raise Refusal(409, "elsewhere", "another machine trains this run; stop it there")
        pid = trainer.get("pid") if trainer is not None else self._record(run, "train").get("pid")
        now = time.monotonic()
        if not isinstance(pid, int) or pid <= 1:
            raise Refusal(409, "unknown", "it cannot be told which process trains this run; stop it there")
        if now - self._asked.get(pid, -SECONDS_TO_SAVE) >= SECONDS_TO_SAVE:
            self._asked[pid] = now
            with suppress(ProcessLookupError, PermissionError):  # it may have ended by itself
                os.kill(pid, signal.SIGINT)

    def evaluate(self, run: str) -> str:
        """Start the test of a run and return its identifier; of a released model, that of its copy.

        Raises:
            Refusal: it is training, so that its weights are still to change.
        """
        run = self._own(run)
        if self.trains(run, self.library.path(run)):
            raise Refusal(
                409, "running", "this network is still training; pause it, or test it when it is done"
            )
        place = self._place(run)
        self._work(run, "evaluate", ["evaluate", place, *self._task_of(Run.open(self.library.path(run)))])
        return run

    def export(self, run: str) -> str:
        """Start the export of a run to ONNX and return its identifier, as ``evaluate`` does."""
        run = self._own(run)
        place = self._place(run)
        self._work(run, "export", ["export", place, *self._task_of(Run.open(self.library.path(run)))])
        return run

    def trains(self, run: str, path: Path) -> bool:
        """Say whether the run in ``path`` is trained now, by whomever."""
        return self.works(run, "train") or holder(path / LOCK) is not None

    def works(self, run: str, kind: str) -> bool:
        """Say whether a child works on a run: it holds the lock of its log."""
        self._children = [child for child in self._children if child.poll() is None]
        return is_name(run) and not is_free(self._log(run, kind))

    def outcomes(self, run: str) -> dict[str, dict[str, Any]]:
        """Return what became of the last job of each kind: state (running, done, failed) and message."""
        logs = {kind: self._log(run, kind) for kind in KINDS}
        return {kind: self._outcome(run, kind, log) for kind, log in logs.items() if log.is_file()}

    def _outcome(self, run: str, kind: str, log: Path) -> dict[str, Any]:
        if self.works(run, kind):
            return {"state": "running"}
        return self.library.unchanged(outcome, [log], partial(outcome, log))

    def without_run(self) -> dict[str, dict[str, Any]]:
        """Return the trainings that have no directory: those that just start, and those that could not."""
        found = {}
        for log in sorted(self.folder.glob("*.train.log")):
            run = log.name.removesuffix(".train.log")
            if is_run(self.library.runs / run):
                continue
            said = self.outcomes(run).get("train", {"state": "done"})
            if said["state"] != "done":
                found[run] = said
        return found

    def task_at_start(self, run: str) -> str | None:
        """Return the task with which the training of a run was started here."""
        reference = (self._record(run, "train").get("words") or [None, None])[1]
        return next((task for task in self.library.tasks() if self._reference(task) == reference), None)

    def _work(self, run: str, kind: str, words: list[str]) -> None:
        with self._lock:
            self._require_room()
            self._start(run, kind, words)

    def _start(self, run: str, kind: str, words: list[str]) -> None:
        """Start ``pellucid WORDS`` with the log as its output and the log's lock in its hands."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = os.open(self._log(run, kind), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not taken(log):
                raise Refusal(409, "running", f"{kind} is under way for this run")
            os.ftruncate(log, 0)
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "pellucid", "--json", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder.parent.parent,
                env=environment(),
            )
        finally:
            os.close(log)
        self._children.append(child)
        self._log(run, kind).with_suffix(".json").write_text(json.dumps({"pid": child.pid, "words": words}))

    def _require_room(self) -> None:
        self._children = [child for child in self._children if child.poll() is None]
        working = [log for log in self.folder.glob("*.log") if not is_free(log)]
        if len(working) >= MOST_JOBS:
            raise Refusal(503, "busy", f"{MOST_JOBS} jobs are under way; stop one or wait", retry_after=30)

    def _own(self, run: str) -> str:
        """Return a run that may be written to: a released model's copy."""
        path = self.library.path(run)
        if not run.startswith(RELEASED):
            return run
        copy = "released-" + run.removeprefix(RELEASED).replace(".", "-")
        require_copy(path, self.library.runs / copy)
        return copy

    def _is_known(self, run: str) -> bool:
        return (self.library.runs / run).exists() or self._log(run, "train").exists()

    def _log(self, run: str, kind: str) -> Path:
        return self.folder / f"{run}.{kind}.log"

    def _record(self, run: str, kind: str) -> dict[str, Any]:
        try:
            return json.loads(self._log(run, kind).with_suffix(".json").read_text())
        except (OSError, ValueError):
            return {}

    def _place(self, run: str) -> str:
        """Return a run's directory as the child is told it, whose folder is the one above the runs."""
        return str(Path(self.folder.parent.name) / run)

    def _reference(self, task: str) -> str:
        return str(self.files.get(task, task))

    def _task_of(self, run: Run) -> list[str]:
        name = str(run.task.get("task"))
        return ["--task", str(self.files[name])] if name in self.files else []


def numbered(stem: str) -> Any:
    """Yield ``stem-1``, ``stem-2`` and so on."""
    number = 0
    while True:
        number += 1
        yield f"{stem}-{number}"


def is_free(log: Path) -> bool:
    """Say whether nobody holds the lock of a log."""
    try:
        descriptor = os.open(log, os.O_RDONLY)
    except OSError:
        return True
    try:
        return taken(descriptor)
    finally:
        os.close(descriptor)


def outcome(log: Path) -> dict[str, Any]:
    """Return what became of a child that ended, by what it said last; one that was killed says nothing."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            said = json.loads(file.read().splitlines()[-1])
        if said["ok"] or "error" not in said or said["error"]["exit_code"] in (130, 143):
            return {"state": "done"}
        return {"state": "failed", "message": tellable(said["error"]["message"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {"state": "failed", "message": "it was killed; what it had saved is intact"}


def environment() -> dict[str, str]:
    """Return a child's environment: ours, with this package on its path."""
    package = str(Path(pellucid.__file__).parent.parent)
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
