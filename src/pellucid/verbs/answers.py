"""Answers to many inputs: folders and lists become inputs, and a CSV or JSON-lines file keeps the answers.

The file is written line by line, so whoever asks again with the same file goes on where it stopped.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import DataError, UsageError
from pellucid.task import Answer

STDIN = "-"
KINDS = (".csv", ".jsonl")


def inputs_of(words: Sequence[str], lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield (input, was it named): files as they are, the files below folders, and ``lines`` in place of "-".

    Raises:
        UsageError: a word is empty, as a variable of the shell is that was never set.
        DataError: a folder has no files.
    """
    if "" in words:  # the path of nothing is the current folder's, which was not meant
        raise UsageError('an INPUT is ""; give a file, a folder, or - for stdin')
    for word in words:
        if word == STDIN:
            yield from ((line.rstrip("\r\n"), False) for line in lines if line.strip())
        elif Path(word).is_dir():
            found = list(files_below(Path(word), set()))
            if not found:
                raise DataError(f"{word}: the folder has no files; give a folder of pictures")
            yield from ((str(path), False) for path in found)
        else:
            yield word, True


def files_below(folder: Path, above: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the files below a folder in the order of their names; links are followed, circles are not.

    Raises:
        DataError: a folder cannot be read.
    """
    try:
        status = folder.stat()
        children = sorted(folder.iterdir(), key=lambda child: os.fsencode(child.name))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); make it readable") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for child in children:
        if child.name.startswith("."):
            continue
        if child.is_dir():
            yield from files_below(child, above | {here})
        else:
            yield child


class Answers:
    """A file of answers, one a line: ``input, answer, probability``, one column a class, and ``problem``.

    Args:
        path: ends in .csv or .jsonl; a file that is there already is gone on with.
        classes: the names of the classes.
    Raises:
        UsageError: another kind of file, or one with other columns.
    """

    def __init__(self, path: Path, classes: Sequence[str]):
        if path.suffix not in KINDS:
            raise UsageError(f"--out {path}: what is written is {' or '.join(KINDS)}; choose such a name")
        self.path, self.classes = path, list(classes)
        self.columns = ["input", "answer", "probability", *self.classes, "problem"]
        self.done = self._begin()

    def add(self, word: str, answer: Answer | None, problem: str = "") -> None:
        """Write one line, at once."""
        chances = list(answer.probabilities.values()) if answer else [None] * len(self.classes)
        best = max(answer.probabilities.values()) if answer else None
        values = [printable(word), answer.text if answer else "", best, *chances, printable(problem)]
        with self.path.open("ab") as file:
            file.write(self._line(values))

    def _line(self, values: Sequence[Any]) -> bytes:
        if self.path.suffix == ".jsonl":
            row = dict(zip(self.columns, values, strict=True))
            return (json.dumps(row, ensure_ascii=False) + "\n").encode()
        text = io.StringIO()
        shown = ["" if v is None else f"{v:.6f}" if isinstance(v, float) else v for v in values]
        csv.writer(text, lineterminator="\n").writerow(shown)
        return text.getvalue().encode()

    def _begin(self) -> set[str]:
        """Return the inputs that are answered in the file already, less a line that was cut off."""
        head = self._line(self.columns) if self.path.suffix == ".csv" else b""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise UsageError(f"--out {self.path}: cannot be read ({error.strerror})") from error
        whole = content[: content.rfind(b"\n") + 1]
        if whole and not whole.startswith(head):
            raise UsageError(
                f"--out {self.path}: holds something else than answers of this network; rename it"
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(whole or head)
            return set(self._inputs(whole[len(head) :].decode()))
        except OSError as error:
            raise UsageError(f"--out {self.path}: cannot be written ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise UsageError(f"--out {self.path}: is not readable as answers; rename it") from error

    def _inputs(self, text: str) -> Iterator[str]:
        if self.path.suffix == ".jsonl":
            yield from (json.loads(line)["input"] for line in text.splitlines())
        else:
            yield from (row[0] for row in csv.reader(io.StringIO(text)) if row)


def printable(name: str) -> str:
    """Return a name that can be written as UTF-8, whatever bytes the file's name has."""
    return name.encode("utf-8", "backslashreplace").decode()
