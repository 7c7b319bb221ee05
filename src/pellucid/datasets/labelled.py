"""Labelled texts of your own: a CSV, TSV or JSON-lines file in UTF-8, one text a row.

Which column is the text and which the class is said by name, or guessed: by what columns are usually called,
else the class is the column with the fewest different values and the text the one with the longest.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.datasets import idx
from pellucid.datasets.sentences import decoded
from pellucid.errors import DataError, near

MOST_BYTES = 2**29  # of the file
MOST_CLASSES = 1000
MOST_COLUMNS = 1000
FORMATS = (".csv", ".tsv", ".jsonl")
TEXTS = (
    "text",
    "sentence",
    "review",
    "content",
    "comment",
    "message",
    "question",
    "body",
    "description",
    "title",
)
LABELS = ("label", "class", "category", "target", "sentiment", "polarity", "y", "rating", "topic", "intent")


@dataclass(frozen=True)
class Labelled:
    """Texts with the names of their classes; ``skipped`` rows had no text or no class."""

    texts: list[str]
    labels: list[str]
    text_column: str
    label_column: str
    skipped: int

    @property
    def classes(self) -> list[str]:
        """The names of the classes, numbers in the order of numbers, else by alphabet."""
        names = set(self.labels)
        if all(name.lstrip("-").isdecimal() and name.isascii() for name in names):
            return sorted(names, key=lambda name: (int(name), name))
        return sorted(names)


def read(path: str | Path, *, text: str | None = None, label: str | None = None) -> Labelled:
    """Read a file; ``text`` and ``label`` name its columns, and are guessed where they are not given.

    Raises:
        DataError: not one of the formats, not UTF-8, a row that does not fit, no such column, one class only.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise DataError(f"{path}: a file of texts ends in {', '.join(FORMATS)}; rename or convert it")
    return parse(idx.contents(path, MOST_BYTES), path.suffix.lower(), name=str(path), text=text, label=label)


def parse(
    content: bytes, kind: str, *, name: str, text: str | None = None, label: str | None = None
) -> Labelled:
    """Turn the bytes of a file of ``kind`` (".csv", ".tsv", ".jsonl") into labelled texts."""
    if not content.strip():
        raise DataError(f"{name}: empty; expected a header and a text with its class in each row")
    rows = list((_json if kind == ".jsonl" else _table)(decoded(content, name), kind, name))
    if not rows:
        raise DataError(f"{name}: a header and no rows; expected a text with its class in each")
    columns = list(rows[0])
    text_column, label_column = chosen(columns, rows, text, label, name)
    kept = [(row[text_column].strip(), row[label_column].strip()) for row in rows]
    whole = [(words, group) for words, group in kept if words and group]
    found = Labelled(
        [words for words, _ in whole],
        [group for _, group in whole],
        text_column,
        label_column,
        len(kept) - len(whole),
    )
    if not whole:
        raise DataError(f"{name}: no row has both a {text_column!r} and a {label_column!r}")
    if len(found.classes) < 2:
        raise DataError(
            f"{name}: one class only, {found.classes[0][:40]!r}, in the column {label_column!r}; "
            "two or more are needed to tell apart"
        )
    if len(found.classes) > MOST_CLASSES:
        raise DataError(
            f"{name}: {len(found.classes):,} different values in the column {label_column!r}, which is "
            f"more than {MOST_CLASSES:,} classes; name the right column with --label-column"
        )
    return found


def chosen(
    columns: list[str], rows: list[dict[str, str]], text: str | None, label: str | None, name: str
) -> tuple[str, str]:
    """Return the columns of the text and of the class."""
    for flag, column in (("--text-column", text), ("--label-column", label)):
        if column is not None and column not in columns:
            raise DataError(
                f"{name}: no column {column!r} ({flag}); there are {', '.join(columns)[:200]}."
                f"{near(column, columns)}"
            )
    if len(columns) < 2:
        raise DataError(
            f"{name}: one column only, {columns[0]!r}; a text and its class are needed in each row"
        )
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    label = label or next(
        (by_name[each] for each in LABELS if each in by_name and by_name[each] != text), None
    )
    text = text or next((by_name[each] for each in TEXTS if each in by_name and by_name[each] != label), None)
    others = [column for column in columns if column not in (text, label)]
    if label is None:
        label = min(others, key=lambda column: len({row[column] for row in rows}))
        others.remove(label)
    if text is None:
        text = max(others, key=lambda column: sum(len(row[column]) for row in rows))
    if text == label:
        raise DataError(f"{name}: the column {text!r} cannot be both text and class")
    return text, label


def _table(content: str, kind: str, name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a table with a header."""
    if "\0" in content:
        raise DataError(f"{name}: holds zero bytes; these are no texts, or not in UTF-8")
    line = content.lstrip().split("\n", 1)[0]
    separator = "\t" if kind == ".tsv" else ";" if line.count(";") > line.count(",") else ","
    quoting: Any = csv.QUOTE_NONE if kind == ".tsv" else csv.QUOTE_MINIMAL
    csv.field_size_limit(MOST_BYTES)
    reader = csv.reader(io.StringIO(content), delimiter=separator, quoting=quoting, strict=True)
    titles: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not titles:
                titles = _titles(cells, name)
                continue
            if len(cells) != len(titles):
                raise DataError(
                    f"{name}, line {reader.line_num}: {len(cells)} columns, expected {len(titles)} "
                    f"({', '.join(titles)[:120]})"
                )
            yield dict(zip(titles, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}; check the quotes") from error


def _titles(cells: list[str], name: str) -> list[str]:
    titles = [cell.strip() for cell in cells]
    if len(titles) > MOST_COLUMNS:
        raise DataError(f"{name}: {len(titles):,} columns; at most {MOST_COLUMNS:,} are read")
    if len(set(titles)) < len(titles) or not all(titles):
        raise DataError(f"{name}: the header {', '.join(titles)[:120]!r} has a name twice or an empty one")
    return titles


def _json(content: str, kind: str, name: str) -> Iterator[dict[str, str]]:
    """Yield one object a line; values that are numbers or truth values are taken as text."""
    titles: list[str] = []
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: not JSON ({str(error)[:80]})") from None
        if not isinstance(row, dict):
            raise DataError(
                f"{name}, line {number}: {type(row).__name__}, expected an object with text and class"
            )
        flat = {key: _word(value) for key, value in row.items() if not isinstance(value, (dict, list))}
        titles = titles or _titles(list(flat), name) if flat else titles
        missing = [title for title in titles if title not in flat]
        if missing or not titles:
            raise DataError(f"{name}, line {number}: lacks {missing[0] if missing else 'text and class'!r}")
        yield {title: flat[title] for title in titles}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
