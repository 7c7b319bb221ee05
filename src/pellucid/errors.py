"""Errors that a person can act on: what was given, what was expected, what to do.

Every error that this package raises on purpose is a ``PellucidError``; its ``exit_code`` is what the
command line ends with.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class PellucidError(Exception):
    """Something failed while running (exit code 1).

    Attributes:
        found: what was found before it failed, as JSON, so that it is not lost.
    """

    exit_code = 1
    found: dict[str, Any] | None = None


class UsageError(PellucidError, ValueError):
    """A flag, a name or a value that cannot be meant (exit code 2)."""

    exit_code = 2


class MissingExtra(PellucidError):
    """An optional dependency is not installed (exit code 3)."""

    exit_code = 3


class DataError(PellucidError, ValueError):
    """Data that are missing, corrupt or not what their name says (exit code 4)."""

    exit_code = 4


class RunError(PellucidError, ValueError):
    """A run or a model file that cannot be read or must not be trusted (exit code 5)."""

    exit_code = 5


class GateFailed(PellucidError):
    """A score is not what ``--at-least`` or ``--at-most`` asked for (exit code 6)."""

    exit_code = 6


class NonFinite(PellucidError):
    """A loss, gradient or score became NaN or infinite (exit code 1)."""


def near(word: str, words: Iterable[str]) -> str:
    """Return ' Did you mean "x"?' for the closest of ``words``, or an empty string."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f' Did you mean "{found[0]}"?' if found else ""
