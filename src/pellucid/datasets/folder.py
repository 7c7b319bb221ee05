"""Your own pictures: one folder a class, or a CSV of path and label; nothing is dropped without a word.

``photos/cat/*.jpg, photos/dog/*.jpg`` is a data set. With ``train``, ``valid`` and ``test`` above the
classes, or a split column in the CSV, the split is taken as given; ``datasets.splits`` makes one otherwise.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.errors import DataError

SPLITS = {
    "train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
    "dev": "valid", "test": "test", "testing": "test",
}  # fmt: skip
SYSTEM = {".ds_store", "thumbs.db", "desktop.ini", ".directory"}  # what computers leave in folders
COLUMNS = {
    "path": ("path", "file", "filename", "file_name", "image", "image_path", "picture"),
    "label": ("label", "class", "category", "target", "class_name"),
    "split": ("split", "set", "subset", "fold", "part"),
}
MOST_CSV_BYTES = 2**28
EXAMPLE = "photos/cat/1.jpg, photos/dog/2.jpg and so on: one sub-folder a class"


@dataclass(frozen=True)
class Entry:
    """A file that should be a picture.

    Attributes:
        path: where it lies, below the root with "/" between its parts; outside it, the whole path.
        label: the class.
        split: "train", "valid", "test", or "" where none is given.
        size: bytes.
        changed: the time of its last change in nanoseconds.
    """

    path: str
    label: str
    split: str
    size: int
    changed: int


@dataclass
class Listing:
    """What a folder or a CSV holds, before anything is decoded.

    Attributes:
        root: the folder that paths are relative to.
        entries: in the order of their paths.
        troubles: one sentence for each thing that is left out, and why.
        system: how many files of the operating system were passed over.
    """

    root: Path
    entries: list[Entry] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    system: int = 0

    @property
    def given(self) -> bool:
        """Say whether the data come with a split."""
        return any(entry.split for entry in self.entries)


def scan(source: str | Path) -> Listing:
    """List the pictures of a folder or a CSV; what cannot be used is told in ``troubles``.

    Raises:
        DataError: there is neither such a folder nor such a file, or no class can be found in it.
    """
    path = Path(source)
    try:
        found = read_csv(path) if path.is_file() else read_folder(path)
    except OSError as error:
        raise DataError(
            f"{shown(source)}: cannot be read ({error.strerror}); give a folder such as {EXAMPLE}"
        ) from error
    found.entries.sort(key=lambda entry: os.fsencode(entry.path))
    if not found.entries:
        more = "".join(f"\n  {trouble}" for trouble in found.troubles[:10])
        raise DataError(f"{shown(source)}: no picture with a class; expected {EXAMPLE}{more}")
    return found


def read_folder(root: Path) -> Listing:
    """List a folder of classes, or one of splits with classes in them."""
    if not root.is_dir():
        raise DataError(f"{shown(root)}: there is no such folder; expected {EXAMPLE}")
    found = Listing(root)
    children = sorted(root.iterdir(), key=lambda child: os.fsencode(child.name))
    folders = [child for child in children if child.is_dir() and not child.name.startswith(".")]
    splits = {SPLITS[f.name.casefold()]: f for f in folders if f.name.casefold() in SPLITS}
    nested = "train" in splits and any(child.is_dir() for child in splits["train"].iterdir())
    for child in children:
        if child.is_dir() and not child.name.startswith("."):
            split = SPLITS.get(child.name.casefold(), "") if nested else ""
            if nested and not split:
                found.troubles.append(f"{shown(child.name)}/: not one of train, valid and test; left out")
            elif nested:
                _classes(found, child, split)
            else:
                _class(found, child, "")
        elif not _of_the_system(found, child):
            found.troubles.append(
                f"{shown(child.name)}: lies beside the class folders, has no class; left out"
            )
    return found


def read_csv(path: Path) -> Listing:
    """List the rows of a CSV with the columns path, label and, if there is one, split.

    Paths are relative to the CSV's folder. Without a header the first two columns are path and label.
    """
    if path.stat().st_size > MOST_CSV_BYTES:
        raise DataError(f"{shown(path)}: larger than {MOST_CSV_BYTES >> 20} MB; expected a CSV of path,label")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), delimiter=_delimiter(text)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{shown(path)}: not a CSV in UTF-8 ({error}); expected rows path,label") from None
    found, columns = Listing(path.parent), _columns(rows[0] if rows else [])
    for number, row in enumerate(rows[1:] if columns else rows, 1 + bool(columns)):
        if row:
            _row(found, row, columns or {"path": 0, "label": 1}, f"{shown(path.name)}, line {number}")
    return found


def shown(name: str | Path) -> str:
    """Return a path that can be printed, whatever bytes its name has."""
    return os.fspath(name).encode("utf-8", "backslashreplace").decode()


def _classes(found: Listing, folder: Path, split: str) -> None:
    for child in sorted(folder.iterdir(), key=lambda child: os.fsencode(child.name)):
        if child.is_dir() and not child.name.startswith("."):
            _class(found, child, split)
        elif not _of_the_system(found, child):
            name = child.relative_to(found.root)
            found.troubles.append(f"{shown(name)}: lies beside the class folders, has no class; left out")


def _class(found: Listing, folder: Path, split: str) -> None:
    label, before = unicodedata.normalize("NFC", folder.name), len(found.entries)
    troubles = len(found.troubles)
    for path in _files(found, folder, set()):
        _add(found, path.relative_to(found.root).as_posix(), shown(label), split)
    if len(found.entries) == before and len(found.troubles) == troubles:
        found.troubles.append(f"{shown(folder.relative_to(found.root))}/: an empty class folder; left out")


def _files(found: Listing, folder: Path, above: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the files below a folder, following links but never in a circle."""
    name = shown(folder.relative_to(found.root))
    try:
        status = folder.stat()
        children = sorted(folder.iterdir(), key=lambda child: os.fsencode(child.name))
    except OSError as error:
        found.troubles.append(f"{name}/: the folder cannot be read ({error.strerror}); left out")
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        found.troubles.append(f"{name}/: a link back to a folder above it; not followed")
        return
    for child in children:
        if _of_the_system(found, child):
            continue
        if child.is_dir():
            yield from _files(found, child, above | {here})
        else:
            yield child


def _add(found: Listing, path: str, label: str, split: str) -> None:
    place = found.root / path
    try:
        status = place.stat()
    except OSError as error:
        found.troubles.append(f"{shown(path)}: cannot be reached ({error.strerror}); left out")
        return
    if not stat.S_ISREG(status.st_mode):
        found.troubles.append(f"{shown(path)}: not a file; left out")
        return
    found.entries.append(Entry(path, label, split, status.st_size, status.st_mtime_ns))


def _of_the_system(found: Listing, path: Path) -> bool:
    """Say whether a file or folder is one that computers leave behind, and count it."""
    hidden = path.name.startswith(".") or path.name.casefold() in SYSTEM
    found.system += hidden
    return hidden


def _row(found: Listing, row: list[str], columns: dict[str, int], place: str) -> None:
    if max(columns["path"], columns["label"]) >= len(row):
        found.troubles.append(f"{place}: {len(row)} fields; expected a path and a label; left out")
        return
    path, label = row[columns["path"]].strip(), unicodedata.normalize("NFC", row[columns["label"]].strip())
    said = row[columns["split"]].strip() if columns.get("split", len(row)) < len(row) else ""
    split = SPLITS.get(said.casefold(), "")
    if not path or not label:
        found.troubles.append(f"{place}: the path or the label is empty; left out")
    elif "\0" in path:
        found.troubles.append(f"{place}: a path with a zero byte; left out")
    elif "split" in columns and not split:
        found.troubles.append(f'{place}: the split is "{said}"; expected train, valid or test; left out')
    else:
        _add(found, path, label, split)


def _columns(first: list[str]) -> dict[str, int]:
    """Return the place of each column that a header names; {} if the first row is no header."""
    words = [word.strip().casefold() for word in first]
    found = {
        column: words.index(word) for column, known in COLUMNS.items() for word in known if word in words
    }
    return found if {"path", "label"} <= set(found) else {}


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)
