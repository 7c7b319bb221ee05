"""One frozen dataclass is a task's flags, its JSON and its form: all three come from its fields.

tyro turns the fields into flags, pydantic validates the same fields from JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_type_hints

from pellucid.errors import RunError, UsageError, near

Config = TypeVar("Config")


def to_json(config: Any) -> dict[str, Any]:
    """Return a dataclass as a JSON object; tuples become lists."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def from_json(kind: type[Config], values: dict[str, Any], *, source: str) -> Config:
    """Build a dataclass of ``kind`` from a JSON object, field by field.

    Raises:
        RunError: a field is unknown or a value has the wrong type or range; the text names ``source``.
    """
    import pydantic  # a fifth of a second that only readers of JSON pay

    _refuse_unknown(kind, values, source)
    try:
        return pydantic.TypeAdapter(kind).validate_json(
            pydantic.TypeAdapter(Any).dump_json(values), strict=True
        )
    except (pydantic.ValidationError, ValueError) as error:
        raise RunError(f"{source}: {_first_problem(error)}; make the file again or restore it") from None


def settings(kind: type[Config]) -> dict[str, Callable[[], Config]]:
    """Return the settings of a task: the functions of its file that take nothing and return the task."""
    module = sys.modules[kind.__module__]
    found = {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == kind.__module__
        and not name.startswith("_")
        and not inspect.signature(function).parameters
        and get_type_hints(function).get("return") is kind
    }
    return {"default": kind, **found}


def setting(kind: type[Config], name: str) -> Config:
    """Return the setting ``name`` of a task.

    Raises:
        UsageError: the task has no such setting.
    """
    known = settings(kind)
    name = name.replace("-", "_")
    if name not in known:
        raise UsageError(
            f'no setting "{name}"; the settings are {", ".join(sorted(known))}.{near(name, known)}'
        )
    return known[name]()


def parse(default: Config, words: Sequence[str], *, program: str) -> Config:
    """Return ``default`` changed by the flags in ``words``.

    Raises:
        UsageError: a flag is unknown (the near match is named) or its value cannot be meant.
        SystemExit: the words ask for ``--help``, which is printed.
    """
    import tyro  # slow to import, and only those who parse flags need it

    said = io.StringIO()
    asks_help = any(word in ("-h", "--help") for word in words)
    try:
        with contextlib.redirect_stderr(sys.stderr if asks_help else said):
            result, unknown = tyro.cli(
                type(default),
                args=list(words),
                default=default,
                prog=program,
                return_unknown_args=True,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
            )
    except SystemExit:
        if asks_help:
            raise
        raise UsageError(f"{program}: {_unbox(said.getvalue())}") from None
    if unknown:
        flags = flag_names(type(default))
        raise UsageError(
            f"{program}: unknown {'flag' if unknown[0].startswith('-') else 'argument'} {unknown[0]}."
            f"{near(unknown[0].split('=')[0], flags)} See {program} --help"
        )
    return result


def flag_names(kind: type) -> list[str]:
    """Return the flags of a dataclass, those of nested dataclasses included: ``--batch-size`` and so on."""
    names: list[str] = []
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            names += flag_names(hints[field.name])
        else:
            names.append("--" + field.name.replace("_", "-"))
    return names


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _refuse_unknown(kind: type, values: dict[str, Any], source: str) -> None:
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name, value in values.items():
        if name not in names:
            raise RunError(f'{source}: unknown field "{name}".{near(name, names)} Known: {", ".join(names)}')
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, dict):
            _refuse_unknown(hints[name], value, f"{source}: {name}")


def _first_problem(error: Exception) -> str:
    if not hasattr(error, "errors"):
        return str(error)
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place or 'the whole'} is {problem['input']!r:.80}: {problem['msg']}"


def _unbox(text: str) -> str:
    """Return the first sentences of a boxed terminal message as one line."""
    lines = [re.sub(r"[^\x20-\x7e]", " ", line).strip() for line in text.splitlines()]
    words = [line for line in lines if line and not set(line) <= set("-= ")]
    words = [line for line in words if line.strip(" -") != "Parsing error"]
    return " ".join(words) or "the flags could not be read"
