"""What a person types into a terminal to get the same as on a page, from where the studio was started."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from pellucid.run import Run
from pellucid.verbs.trained import RUNS, WEIGHTS, moment_of
from pellucid.web.library import RELEASED, Library

EXAMPLES = {"image": "photo.png", "text": "a text"}  # what a task is asked, by what it takes
KNOWN = "valid:0"  # where it takes something that is not given in a word


@dataclass(frozen=True)
class Commands:
    """The lines over a library.

    Attributes:
        files: of tasks that are not ours, as the command line named them.
    """

    library: Library
    files: Mapping[str, Path] = field(default_factory=dict)

    def train(self, task: str, words: Sequence[str]) -> str:
        """Return the line that starts a training."""
        return line("train", str(self.files.get(task, task)), *words)

    def of(self, run: str) -> dict[str, str]:
        """Return the lines for a run: evaluate, predict, python, and unpacked: Python with its weights.zip.

        Raises:
            Refusal: there is no such run.
        """
        reference, task = self.reference(run), self._task(run)
        own, file = self._flags(task), self.files.get(task)
        kind = self.library.kind(task) if task in self.library.tasks() else None
        given = EXAMPLES.get(kind.takes.kind, KNOWN) if kind else KNOWN
        return {
            "evaluate": line("evaluate", reference, *own),
            "predict": line("predict", reference, given, *own),
            "python": python(reference, given, file),
            "unpacked": f"{python(run, given, file)}\n\n{numbers(run)}",
        }

    def reference(self, run: str) -> str:
        """Return what a command calls a run: its directory, or a released model's name."""
        if run.startswith(RELEASED):
            return run.removeprefix(RELEASED).replace(".", "/", 1)
        return str(self.library.runs / run)

    def where(self, run: str) -> list[str]:
        """Return the flags with which a verb finds a run by its bare identifier."""
        elsewhere = self.library.runs != RUNS and not run.startswith(RELEASED)
        folder = ["--runs", str(self.library.runs)] if elsewhere else []
        return folder + self._flags(self._task(moment_of(run)[0]))

    def _flags(self, task: str) -> list[str]:
        return ["--task", str(self.files[task])] if task in self.files else []

    def _task(self, run: str) -> str:
        return str(Run.open(self.library.path(run)).task.get("task"))


def line(*words: str) -> str:
    """Return a line for a shell, every word quoted that needs it."""
    return shlex.join(("pellucid", *words))


def python(reference: str, given: str, file: Path | None) -> str:
    """Return the lines of Python that ask a run."""
    if file is None:
        return f"import pellucid\nprint(pellucid.predict({reference!r}, {given!r}).text)"
    return (
        "import pellucid\nfrom pellucid.cli.arguments import find_kind\n"
        f"network = pellucid.load({reference!r}, find_kind({str(file)!r}))\n"
        f"print(pellucid.predict(network, {given!r}).text)"
    )


def numbers(folder: str) -> str:
    """Return the lines of Python that read the weights alone, for which pellucid is not needed."""
    return f"from safetensors.numpy import load_file\nweights = load_file({folder + '/' + WEIGHTS!r})"


def commands(request: Request) -> Commands:
    """Return the lines of the application, for routes: ``Depends(commands)``."""
    return request.app.state.commands


Spoken = Annotated[Commands, Depends(commands)]
