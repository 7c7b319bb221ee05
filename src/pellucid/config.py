"""One frozen dataclass is a task's flags, its JSON and its form: all three come from its fields.

tyro turns the fields into flags, pydantic validates the same fields from JSON.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import io
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

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
        reader = _adapter(kind)  # type: ignore[arg-type]  # a class is hashable
        return reader.validate_json(_adapter(Any).dump_json(values), strict=True)
    except (pydantic.ValidationError, ValueError) as error:
        raise RunError(f"{source}: {_first_problem(error)}; make the file again or restore it") from None


@lru_cache(maxsize=32)
def _adapter(kind: Any) -> Any:
    """Return what reads and writes a class; to make it takes half as long as to open a small network."""
    import pydantic

    return pydantic.TypeAdapter(kind)


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
        UsageError: the task has no such setting, or its file cannot make it.
    """
    known = settings(kind)
    name = name.replace("-", "_")
    if name not in known:
        raise UsageError(
            f'no setting "{name}"; the settings are {", ".join(sorted(known))}.{near(name, known)}'
        )
    try:
        return known[name]()
    except UsageError:
        raise
    except Exception as error:  # whatever a stranger's file may raise
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(f'the setting "{name}" of the task cannot be made: {problem}') from error


def parse(default: Config, words: Sequence[str], *, program: str) -> Config:
    """Return ``default`` changed by the flags in ``words``.

    Raises:
        UsageError: a flag is unknown (the near match is named), its value cannot be meant, or it has no
            effect beside another (``only`` of the dataclass).
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
    except SystemExit as ended:
        if asks_help:
            raise
        problem = _own(ended) or _sentence(type(default), words, said.getvalue())
        link = " See" if problem.endswith("?") else "; see"
        raise UsageError(f"{problem}{link} {program} --help") from None
    if unknown:
        flag = unknown[0].split("=")[0]
        if not flag.startswith("-"):
            raise UsageError(f'nothing is expected where "{flag}" stands; see {program} --help')
        raise UsageError(f"unknown flag {flag}.{near(flag, flag_names(type(default)))} See {program} --help")
    _refuse_idle(default, result)
    return result


def _refuse_idle(default: Any, result: Any) -> None:
    """Refuse what was changed and only means something under another choice than the one that was made."""
    for name, (choice, under) in getattr(type(result), "only", {}).items():
        value, chosen = getattr(result, name), getattr(result, choice)
        if value != getattr(default, name) and chosen not in under:
            flag, other = (f"--{word.replace('_', '-')}" for word in (name, choice))
            raise UsageError(
                f"{flag} has no effect with {other} {chosen}, only with {other} {' or '.join(under)}; "
                "leave it away"
            )
    for field in dataclasses.fields(result):
        if dataclasses.is_dataclass(inner := getattr(result, field.name)):
            _refuse_idle(getattr(default, field.name), inner)


def flag_names(kind: type) -> list[str]:
    """Return the flags of a dataclass, those of nested dataclasses included: ``--batch-size`` and so on."""
    return list(_flags(kind))


def form(config: Any, *, group: str = "task") -> list[dict[str, Any]]:
    """Return the fields of a dataclass as a form shows them, those of nested dataclasses after them.

    Returns:
        For each field: name, flag, help (the text below the field in its file), type ("int", "float",
        "bool", "text", "choice" or "list of ..."), choices, default, nullable, and group: "task", or the
        name of the nested dataclass.
    """
    found: list[dict[str, Any]] = []
    nested: list[dict[str, Any]] = []
    hints, texts = get_type_hints(type(config)), field_texts(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(hints[field.name]):
            nested += form(value, group=field.name)
            continue
        kind, choices, nullable = _shape_of(hints[field.name])
        found.append(
            {
                "name": field.name,
                "flag": "--" + field.name.replace("_", "-"),
                "help": texts.get(field.name, ""),
                "type": kind,
                "choices": choices,
                "default": _plain(value),
                "nullable": nullable,
                "group": group,
            }
        )
    return found + nested


def field_texts(kind: type) -> dict[str, str]:
    """Return the text that stands below each field in the file of its dataclass."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(owner):
            continue
        try:
            lines = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0].body  # type: ignore[attr-defined]
        except (OSError, TypeError, SyntaxError):  # made at run time: it has no file
            continue
        for line, below in itertools.pairwise(lines):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[line.target.id] = " ".join(text.value.split())
    return found


def words(values: dict[str, Any]) -> list[str]:
    """Return fields as the words of a command line: ``{"hidden": [8, 8]}`` -> ``--hidden 8 8``."""
    found: list[str] = []
    for name, value in values.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            found.append(flag if value else flag.replace("--", "--no-", 1))
            continue
        found += [flag, *map(str, value if isinstance(value, (list, tuple)) else [value])]
    return found


def _shape_of(hint: Any) -> tuple[str, list[Any], bool]:
    """Return the type of a form's field, its choices, and whether it may be left empty."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "choice", list(parts), False
    if origin is tuple:
        return f"list of {_shape_of(parts[0])[0]}", [], False
    if type(None) in parts:
        kind, choices, _ = _shape_of(next(part for part in parts if part is not type(None)))
        return kind, choices, True
    return {int: "int", float: "float", bool: "bool"}.get(hint, "text"), [], False


def _flags(kind: type) -> dict[str, Any]:
    """Return the type of each flag."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        if name in {field.name for field in dataclasses.fields(kind)}:
            nested = dataclasses.is_dataclass(hint)
            found |= _flags(hint) if nested else {"--" + name.replace("_", "-"): hint}
    return found


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


def _own(error: BaseException | None) -> str:
    """Return the text of the UsageError that a dataclass itself raised while tyro built it, or nothing."""
    while error is not None:
        if isinstance(error, UsageError):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _sentence(kind: type, words: Sequence[str], said: str) -> str:
    """Return which flag was given what and what it takes; tyro's boxed words name the flag."""
    flags = _flags(kind)
    named = next((flag for flag in re.findall(r"--[a-z0-9-]+", said) if flag in flags), None)
    if named is None:
        lines = [re.sub(r"[^\x20-\x7e]", " ", line).strip() for line in said.splitlines()]
        return " ".join(line for line in lines if line) or "the flags could not be read"
    given = _given(words, named)
    expected, choices = _expected(flags[named])
    if not given:
        return f"{named} needs a value: {expected}"
    hint = next((near(word, choices) for word in given if word not in choices), "") if choices else ""
    return f'{named} is "{" ".join(given)}"; expected {expected}' + (f".{hint}" if hint else "")


def _given(words: Sequence[str], flag: str) -> list[str]:
    """Return the values that follow the last ``flag`` among the words."""
    given: list[str] = []
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == flag:
            rest = words[place + 1 :]
            stop = next((i for i, other in enumerate(rest) if other.startswith("--")), len(rest))
            given = [value] if equals else list(rest[:stop])
    return given


def _expected(hint: Any) -> tuple[str, list[str]]:
    """Return a type in words, and the words themselves where only some are allowed."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, parts)), [str(part) for part in parts]
    if origin is tuple:
        return f"one or more, each {_expected(parts[0])[0]}, with spaces between", []
    if type(None) in parts:
        words = [_expected(part)[0] for part in parts if part is not type(None)]
        return " or ".join([*words, "None"]), []
    return {int: "a whole number", float: "a number", bool: "True or False"}.get(hint, "a word"), []
