"""What the verbs read from their words: flags, tasks, runs and inputs."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_type_hints

from pellucid.errors import UsageError, near

if TYPE_CHECKING:
    from pellucid.task import Task
    from pellucid.verbs.trained import Trained


class Parser(argparse.ArgumentParser):
    """argparse whose errors are ``UsageError`` with the near match.

    Args:
        with_task: the words begin with a task, whose own flags and help follow the verb's.
    """

    def __init__(self, verb: str, description: str, *, with_task: bool = False):
        super().__init__(
            prog=f"pellucid {verb}", description=description, allow_abbrev=False, add_help=not with_task
        )

    def error(self, message: str) -> NoReturn:
        """Turn argparse's message into an error of ours."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words."""
        found, unknown = self.parse_known_args(list(words))
        if unknown:
            known = [flag for action in self._actions for flag in action.option_strings]
            raise UsageError(
                f"unknown argument {unknown[0]}.{near(unknown[0], known)} See {self.prog} --help"
            )
        return found


def split_task(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Split words into the task's name, if they begin with one, and the rest."""
    if words and not words[0].startswith("-"):
        return words[0], list(words[1:])
    return None, list(words)


def read_task(name: str, words: Sequence[str], *, program: str) -> Task:
    """Build a task from its name, or the file of a task of your own, and its flags.

    ``--setting NAME`` says where to start from; without it, ``--network NAME`` starts from the setting of
    that name where there is one. Another optimiser than the setting's comes with its own rates.
    """
    from pellucid import config  # imported here so that --help stays fast

    kind = find_kind(name)
    words = list(words)
    start = _taken(words, "--setting")
    if start is None:
        network = _value(words, "--network")
        start = network if network in config.settings(kind) else "default"
    task = _with_own_rates(config.setting(kind, start), _value(words, "--optimizer"))
    return config.parse(task, words, program=program)


def find_kind(name: str) -> type[Task]:
    """Return a task's class by name, or from the file of a task of your own."""
    from pellucid import tasks

    return load_file(Path(name)) if name.endswith(".py") else tasks.find(name)


def load_file(path: Path) -> type[Task]:
    """Import the one task that a Python file defines. Only the command line does this, and only when told.

    Raises:
        UsageError: no such file, it does not import, or it does not define exactly one task.
    """
    from pellucid.task import Task

    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; expected the Python file of a task")
    spec = importlib.util.spec_from_file_location(f"pellucid_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's file may raise
        raise UsageError(f"{path} could not be imported: {type(error).__name__}: {error}") from error
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Task) and kind.__module__ == spec.name
    ]
    if len(kinds) != 1:
        raise UsageError(f"{path} defines {len(kinds)} tasks; expected exactly one subclass of pellucid.Task")
    return kinds[0]


def open_network(reference: str, task_file: str | None = None) -> Trained:
    """Open a run directory or a released model by name."""
    from pellucid.verbs.trained import open_trained

    return open_trained(reference, find_kind(task_file) if task_file else None)


def changed(task: Task, field: str, text: str, *, program: str) -> Task:
    """Return the task with one field set from text, ``512x512`` for a field of several values."""
    from pellucid import config

    kinds = {**get_type_hints(type(task)), **get_type_hints(type(task.training))}
    names = [
        f.name
        for f in (*dataclasses.fields(task), *dataclasses.fields(task.training))
        if f.name != "training"
    ]
    name = field.replace("-", "_")
    if name not in names:
        raise UsageError(f'no field "{field}"; the fields are {", ".join(names)}.{near(name, names)}')
    several = str(kinds[name]).startswith("tuple")
    words = [f"--{name.replace('_', '-')}", *(text.split("x") if several else [text])]
    return config.parse(task, words, program=program)


def _with_own_rates(task: Task, optimizer: str | None) -> Task:
    """Forget the rates that a setting found for one optimiser when another is asked for."""
    if optimizer in (None, task.training.optimizer):
        return task
    training = dataclasses.replace(task.training, learning_rate=None, weight_decay=None, beta2=None)
    return dataclasses.replace(task, training=training)


def _value(words: Sequence[str], flag: str) -> str | None:
    for place, word in enumerate(words):
        if word == flag and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(flag + "="):
            return word.split("=", 1)[1]
    return None


def _taken(words: list[str], flag: str) -> str | None:
    """Remove a flag and its value from ``words`` and return the value."""
    value = _value(words, flag)
    if value is None:
        if flag in words:
            raise UsageError(f"{flag} needs a value")
        return None
    if flag in words:
        place = words.index(flag)
        del words[place : place + 2]
    else:
        words.remove(f"{flag}={value}")
    return value
