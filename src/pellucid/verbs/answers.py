"""Answers to many inputs: folders and lists become inputs, and a CSV or JSON-lines file keeps the answers.

The file is written line by line, so whoever asks again with the same file goes on where it stopped: each of
its lines stands for one input that is not asked again.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import DataError, PellucidError, UsageError
from pellucid.task import Answer

STDIN = "-"
KINDS = (".csv", ".jsonl")
OTHERS = "holds something else than answers of this network; rename it"


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
    """A file of answers, one a line: ``input, answer, probability``, those of all classes, and ``problem``.

    In CSV each class has a column: its name, or ``probability of NAME`` where the name is another column's.
    In JSON lines they are an object, ``probabilities``. An answer in words has no probabilities at all.

    Args:
        path: ends in .csv or .jsonl; a file that is there already is gone on with.
        classes: the names of the classes; none where an answer is a text.
    Attributes:
        before: how many inputs the file has answers to already.
    Raises:
        UsageError: another kind of file, or one with other columns.
    """

    def __init__(self, path: Path, classes: Sequence[str]):
        if path.suffix not in KINDS:
            raise UsageError(f"--out {path}: what is written is {' or '.join(KINDS)}; choose such a name")
        self.path, self.classes = path, list(classes)
        self._done = self._begin()
        self.before = self._done.total()

    def has(self, word: str) -> bool:
        """Say whether the file has an answer to this input, and count that answer as given."""
        there = self._done[printable(word)] > 0
        self._done[printable(word)] -= there
        return there

    def add(self, word: str, found: Answer | PellucidError) -> None:
        """Write one line, at once: the answer, or why there is none."""
        answer, problem = (found, "") if isinstance(found, Answer) else (Answer(""), printable(str(found)))
        shares = answer.probabilities
        row: dict[str, Any] = {"input": printable(word), "answer": answer.text}
        if self.classes:
            row |= {"probability": max(shares.values(), default=None), "probabilities": shares}
        with self.path.open("ab") as file:
            file.write(self._line(row | {"problem": problem}))

    def _line(self, row: dict[str, Any]) -> bytes:
        if self.path.suffix == ".jsonl":
            return (json.dumps(row, ensure_ascii=False) + "\n").encode()
        shares = row.pop("probabilities", {})
        problem = row.pop("problem")
        return _csv_line([*row.values(), *(shares.get(name) for name in self.classes), problem])

    def _head(self) -> list[str]:
        """Return the columns of a CSV file."""
        own = ["input", "answer", *(["probability"] if self.classes else []), "problem"]
        named = [f"probability of {name}" if name in own else name for name in self.classes]
        return [*own[:-1], *named, own[-1]]

    def _begin(self) -> Counter[str]:
        """Return how often each input is answered in the file already, less a line that was cut off."""
        head = _csv_line(self._head()) if self.path.suffix == ".csv" else b""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise UsageError(f"--out {self.path}: cannot be read ({error.strerror})") from error
        whole = content[: content.rfind(b"\n") + 1]
        if whole and not whole.startswith(head):
            raise UsageError(f"--out {self.path}: {OTHERS}")
        try:
            found = Counter(self._inputs(whole[len(head) :].decode()))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(whole or head)
            return found
        except OSError as error:
            raise UsageError(f"--out {self.path}: cannot be written ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise UsageError(f"--out {self.path}: {OTHERS}") from error

    def _inputs(self, text: str) -> Iterator[str]:
        if self.path.suffix != ".jsonl":
            yield from (row[0] for row in csv.reader(io.StringIO(text)) if row)
            return
        for line in text.split("\n")[:-1]:  # not splitlines: a text may hold signs that it takes for ends
            row = json.loads(line)
            if [*row.get("probabilities", {})] not in ([], self.classes):
                raise ValueError("probabilities of other classes")
            if ("probabilities" in row) != bool(self.classes):
                raise ValueError("written by another version, or by another kind of network")
            yield row["input"]


def _csv_line(values: Sequence[Any]) -> bytes:
    text = io.StringIO()
    shown = ["" if v is None else f"{v:.6f}" if isinstance(v, float) else v for v in values]
    csv.writer(text, lineterminator="\n").writerow(shown)
    return text.getvalue().encode()


def printable(name: str) -> str:
    """Return a name that can be written as UTF-8, whatever bytes the file's name has."""
    return name.encode("utf-8", "backslashreplace").decode()
