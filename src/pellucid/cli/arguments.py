"""What the verbs read from their words: flags, tasks, runs and inputs."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_type_hints

from pellucid.errors import UsageError, near

if TYPE_CHECKING:
    from pellucid.task import Task
    from pellucid.verbs.trained import Trained

TYPES = {"int": "a whole number", "float": "a number"}
SAID: dict[str, Callable[[re.Match[str]], str]] = {  # what argparse says, and how we put it
    r"argument ([^:]+): invalid (\w+) value: '(.*)'": lambda m: (
        f'{m[1]} is "{m[3]}"; expected {TYPES.get(m[2], m[2])}'
    ),
    r"argument ([^:]+): invalid choice: '(.*)' \(choose from (.*)\)": lambda m: (
        f'{m[1]} is "{m[2]}"; expected one of {m[3]}'.replace("'", "") + _hint(m[2], m[3])
    ),
    r"argument ([^:]+): expected one argument": lambda m: f"{m[1]} needs a value",
    r"the following arguments are required: (.*)": lambda m: f"{m[1]} is missing",
}


def asks_help(words: Sequence[str]) -> bool:
    """Say whether the words ask for help."""
    return bool({"-h", "--help"} & set(words))


class Parser(argparse.ArgumentParser):
    """argparse whose errors are ``UsageError`` with the near match.

    Args:
        with_task: the words begin with a task, whose own flags and help follow the verb's; False where they
            should and do not; None of a verb that takes no task.
    """

    def __init__(self, verb: str, description: str, *, with_task: bool | None = None):
        program = f"pellucid {verb}"
        super().__init__(prog=program, description=description, allow_abbrev=False, add_help=not with_task)
        if with_task is not None:
            self.usage = f"{program} TASK [flags]"
        if with_task is False:
            self.epilog = (
                "TASK is one that pellucid list names, or the Python file of your own; its flags are shown "
                f"as well by {program} TASK --help."
            )

    def help_with(self, task: str) -> str:
        """Return the help of the verb's flags, and of ``--data`` where the task learns from a folder."""
        own = own_data(find_kind(task))
        if own:
            self.add_argument("--data", metavar="PATH", help=f"your own data; the task's flag --{own}")
        return self.format_help()

    def error(self, message: str) -> NoReturn:
        """Turn argparse's message into an error of ours: the flag, what was given, what was expected."""
        for pattern, make in SAID.items():
            found = re.fullmatch(pattern, message, re.DOTALL)
            if found:
                message = make(found)
                break
        link = " See" if message.endswith("?") else "; see"
        raise UsageError(f"{message}{link} {self.prog} --help")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words; inputs may stand before, between and after the flags."""
        found, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            word = unknown[0].split("=")[0]
            if not word.startswith("-"):
                raise UsageError(f'nothing is expected where "{word}" stands; see {self.prog} --help')
            known = [flag for action in self._actions for flag in action.option_strings]
            raise UsageError(f"unknown flag {word}.{near(word, known)} See {self.prog} --help")
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
    from pellucid.verbs.train import with_own_rates

    kind = find_kind(name)
    words = _with_folder(kind, words)
    start = _taken(words, "--setting")
    if start is None:
        network = _value(words, "--network")
        start = network if network in config.settings(kind) else "default"
    task = with_own_rates(config.setting(kind, start), _value(words, "--optimizer"))
    return config.parse(task, words, program=program)


def _with_folder(kind: type[Task], words: Sequence[str]) -> list[str]:
    """Call ``--data`` what it is for a task that learns from a folder."""
    own = own_data(kind)
    return [re.sub(r"^--data(?==|$)", f"--{own}", word) if own else word for word in words]


def own_data(kind: type[Task]) -> str:
    """Return the name of the field that says where a person's own data are; empty where there is none."""
    names = (field.name for field in dataclasses.fields(kind))
    return next((name for name in names if name in ("folder", "own")), "")


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
    except (Exception, SystemExit) as error:  # whatever a stranger's file may raise
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).resolve() == path.resolve()
        ]
        where = f", line {lines[-1]}," if lines else ""
        raise UsageError(
            f"{path}{where} could not be imported: {type(error).__name__}: {error}; mend the file"
        ) from error
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Task) and kind.__module__ == spec.name
    ]
    if len(kinds) != 1:
        names = f" ({', '.join(kind.__name__ for kind in kinds)})" if kinds else ""
        raise UsageError(
            f"{path} defines {len(kinds)} tasks{names}; expected exactly one subclass of pellucid.Task"
        )
    return kinds[0]


def open_network(reference: str, task_file: str | None = None) -> Trained:
    """Open a run directory or a released model by name."""
    from pellucid.verbs.trained import open_trained

    return open_trained(reference, find_kind(task_file) if task_file else None)


def file_for(path: Path, suffix: str) -> Path:
    """Return the file that ``--out`` names, with its suffix.

    Raises:
        UsageError: it is a directory, or the name says another kind of file.
    """
    if path.is_dir():
        raise UsageError(
            f"--out {path} is a directory; name a file in it, such as {path / ('name' + suffix)}"
        )
    if path.suffix.lower() == suffix:
        return path
    if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".onnx", ".pt", ".json"):
        raise UsageError(f"--out {path}: what is written is a {suffix} file; call it {path.stem}{suffix}")
    return path.with_name(path.name + suffix)


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


def _hint(word: str, choices: str) -> str:
    found = near(word, choices.replace("'", "").split(", "))
    return f".{found}" if found else ""


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
