"""Bytes that carry their own SHA-256, and JSON that is read strictly and within limits."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from pellucid.disk import Disk, read
from pellucid.errors import NonFinite, RunError, UsageError

JSON_LIMIT = 8 * 2**20  # bytes; two vocabularies of 100,000 words fit, and at worst it fills 200 MB
JSON_DEPTH = 64
SEAL = re.compile(rb'"sha256": ?"([0-9a-f]{64})"')
ZEROS = "0" * 64


def sealed_document(document: dict[str, Any], seals: Any) -> bytes:
    """Return JSON that ends with ``seals`` under "run" and with its own SHA-256."""
    if taken := {"run", "sha256"} & set(document):
        raise UsageError(f"{sorted(taken)} cannot be names here; the run's own checksums are called so")
    data = bytearray(to_json({**document, "run": seals, "sha256": ZEROS}, "the run", indent=2) + b"\n")
    seal(data)
    return bytes(data)


def read_sealed(disk: Disk, path: Path) -> tuple[dict[str, Any], Any]:
    """Return what ``sealed_document`` was given."""
    data = read(disk, path, JSON_LIMIT)
    if not is_sealed(data):
        raise RunError(f"{path} was changed or cut off: its content does not match its SHA-256")
    document = from_json(data, path)
    document.pop("sha256", None)
    return document, document.pop("run", None)


def seal(data: bytearray, head: int | None = None) -> None:
    """Put the SHA-256 of ``data`` where the last ``"sha256": "000..."`` of its first ``head`` bytes is."""
    place = seal_place(data[:head])
    assert place is not None
    data[slice(*place)] = digest(data, place).encode()


def is_sealed(data: bytes, head: int | None = None) -> bool:
    """Return whether ``data`` is exactly what ``seal`` returned; ``head`` bytes are searched."""
    place = seal_place(data[:head])
    return place is not None and data[slice(*place)] == digest(data, place).encode()


def seal_place(head: bytes | bytearray) -> tuple[int, int] | None:
    """Return where the last checksum starts and ends in ``head``."""
    places = [found.span(1) for found in SEAL.finditer(head)]
    return places[-1] if places else None


def digest(data: bytes | bytearray, place: tuple[int, int]) -> str:
    """Return the SHA-256 of ``data`` as if zeros stood at ``place``."""
    view = memoryview(data)
    hashed = hashlib.sha256(view[: place[0]])
    hashed.update(ZEROS.encode())
    hashed.update(view[place[1] :])
    view.release()
    return hashed.hexdigest()


def to_json(document: Any, name: str, *, indent: int | None = None) -> bytes:
    """Return ``document`` as ASCII JSON.

    Raises:
        NonFinite: it holds a NaN or an infinity, which JSON cannot.
        UsageError: it holds something else that JSON cannot; ``name`` says whose it is.
    """
    separators = (",", ":") if indent is None else None
    try:
        data = json.dumps(document, allow_nan=False, indent=indent, separators=separators).encode()
    except ValueError as error:
        raise NonFinite(f"{name} is not written: {error}; only finite numbers are") from error
    except (TypeError, RecursionError) as error:
        raise UsageError(f"{name} cannot be written as JSON: {error}; convert it first") from error
    if len(data) > JSON_LIMIT:
        raise UsageError(f"{name} has {len(data)} bytes as JSON, at most {JSON_LIMIT} would be read again")
    return data


def from_json(data: bytes, path: Path | str) -> dict[str, Any]:
    """Return the JSON object in ``data``.

    Raises:
        RunError: not JSON, not an object, a key twice, NaN or an infinity, or nested deeper than 64.
    """
    try:
        document = json.loads(
            data.decode(), parse_constant=refuse, parse_float=finite, object_pairs_hook=unique
        )
        if data.count(b"[") + data.count(b"{") > JSON_DEPTH:  # with fewer it cannot be too deep
            deep(document)
    except RecursionError:
        raise RunError(f"{path} is damaged: nested too deeply") from None
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from None
    if not isinstance(document, dict):
        raise RunError(f"{path} is damaged: a JSON object was expected, not {type(document).__name__}")
    return document


def refuse(constant: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{constant} is not a JSON number")


def finite(text: str) -> float:
    """Return a float, refusing what overflows (``1e999``)."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is too large")
    return number


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict, refusing a key that stands twice: readers would disagree on its value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def deep(document: Any) -> None:
    """Refuse what is nested deeper than ``JSON_DEPTH``."""
    level = [document]
    for _ in range(JSON_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {JSON_DEPTH}")
