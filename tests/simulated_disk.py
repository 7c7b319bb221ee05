"""A file system in memory whose power can be cut: it knows what a real one is allowed to forget.

File contents and directory entries live twice: as the program sees them and as they are on the platter.
Only ``sync`` and ``sync_directory`` copy one to the other. Until then the platter may hold the old, the
new, or the new torn at sector borders; of the pending names any beginning, or all but one.
"""

from __future__ import annotations

import copy
import errno
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.disk import Disk


@dataclass
class File:
    seen: bytes = b""
    platter: bytes = b""

    def copy(self) -> File:
        return File(self.seen, self.platter)


@dataclass
class Directory:
    seen: dict[str, int] = field(default_factory=dict)
    platter: dict[str, int] = field(default_factory=dict)
    pending: list[tuple] = field(default_factory=list)

    def copy(self) -> Directory:
        return Directory(dict(self.seen), dict(self.platter), list(self.pending))


class SimulatedDisk(Disk):
    """``fault(number, name)`` may raise before a call; sync number ``skip`` is left out, as by a bug."""

    def __init__(self, *, skip: int | None = None, fault: Callable[[int, str], None] | None = None):
        self.nodes: dict[int, File | Directory] = {0: Directory()}
        self.skip, self.fault = skip, fault
        self.calls = self.syncs = self.skipped_at = 0
        self.history: list[dict] | None = []  # what was there after each call; None: do not record

    def find(self, path: Path) -> File | Directory:
        node = self.nodes[0]
        for name in path.parts[1:]:
            if isinstance(node, File):
                raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(path))
            if name not in node.seen:
                raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
            node = self.nodes[node.seen[name]]
        return node

    def begin(self, name: str) -> None:
        self.calls += 1
        if self.fault:
            self.fault(self.calls - 1, name)

    def end(self) -> None:
        if self.history is not None:
            self.history.append({number: node.copy() for number, node in self.nodes.items()})

    def enter(self, path: Path, *changes: tuple) -> None:
        directory = self.find(path.parent)
        change(directory.seen, changes)
        directory.pending.append(changes)

    def read(self, path: Path, limit: int) -> bytes:
        self.begin("read")
        node = self.find(path)
        if isinstance(node, Directory):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
        if len(node.seen) > limit:
            raise OSError(errno.EFBIG, "too large")
        return node.seen

    def names(self, directory: Path) -> list[str]:
        self.begin("names")
        node = self.find(directory)
        if isinstance(node, File):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(directory))
        return sorted(node.seen)

    def add(self, path: Path, node: File | Directory) -> None:
        self.nodes[len(self.nodes)] = node
        self.enter(path, (path.name, len(self.nodes) - 1))

    def write(self, path: Path, data: bytes, old: bytes = b"") -> None:
        if path.name not in self.find(path.parent).seen:
            self.add(path, File())
            self.end()
        try:
            self.begin("write")
        except OSError as error:
            if error.errno == errno.ENOSPC:  # a full disk takes what fits
                self.find(path).seen = old + data[: len(data) // 2]
            raise
        self.find(path).seen = old + data
        self.end()

    def append(self, path: Path, data: bytes) -> None:
        there = path.name in self.find(path.parent).seen
        self.write(path, data, self.find(path).seen if there else b"")

    def counted(self) -> bool:
        """Count a sync and say whether it is to be made."""
        self.syncs += 1
        if self.syncs - 1 != self.skip:
            return True
        self.skipped_at = len(self.history or [])
        return False

    def sync(self, path: Path) -> None:
        self.begin("sync")
        node = self.find(path)
        if self.counted():
            node.platter = node.seen
        self.end()

    def sync_directory(self, path: Path) -> None:
        self.begin("sync_directory")
        node = self.find(path)
        if self.counted():
            node.platter, node.pending = dict(node.seen), []
        self.end()

    def rename(self, source: Path, target: Path) -> None:
        self.begin("rename")
        number = self.find(source.parent).seen[source.name]
        self.enter(target, (source.name, None), (target.name, number))
        self.end()

    def unlink(self, path: Path) -> None:
        self.begin("unlink")
        self.find(path)
        self.enter(path, (path.name, None))
        self.end()

    def mkdir(self, path: Path) -> None:
        self.begin("mkdir")
        if path.name in self.find(path.parent).seen:
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        self.add(path, Directory())
        self.end()

    def rmdir(self, path: Path) -> None:
        self.unlink(path)

    def free(self, directory: Path) -> int:
        self.find(directory)
        return 1234


def change(entries: dict[str, int], changes: tuple) -> None:
    """Apply one entry, one removal, or both sides of a rename, which are never seen apart."""
    for name, number in changes:
        if number is None:
            entries.pop(name, None)
        else:
            entries[name] = number


def after_power_cut(nodes: dict, sector: int, every: int = 1) -> Iterator[SimulatedDisk]:
    """Yield each ``every``-th disk that may be found after the power went while ``nodes`` were as they are."""
    numbers = [number for number, node in nodes.items() if outcomes(node, sector)[1:]]
    choices = [outcomes(nodes[number], sector) for number in numbers]
    for choice in itertools.islice(itertools.product(*choices), 0, None, every):
        disk = SimulatedDisk()
        disk.history = None
        chosen = dict(zip(numbers, choice, strict=True))
        for number, node in nodes.items():
            content = chosen.get(number, outcomes(node, sector)[0])
            kind = File if isinstance(node, File) else Directory
            disk.nodes[number] = kind(copy.copy(content), copy.copy(content))
        yield disk


def outcomes(node: File | Directory, sector: int) -> list:
    """Return the contents that a file or directory may have after the power cut."""
    return torn(node, sector) if isinstance(node, File) else half_named(node)


def torn(file: File, sector: int) -> list[bytes]:
    """Return old, new, new cut at a sector's border, and new with one sector never written."""
    new = file.seen
    kept = len(file.platter) if new.startswith(file.platter) else 0
    borders = range(kept // sector * sector, len(new), sector)
    cut = [new[:border] for border in borders if border >= kept]
    holes = [
        new[: max(border, kept)]
        + bytes(min(border + sector, len(new)) - max(border, kept))
        + new[border + sector :]
        for border in borders
    ]
    return list(dict.fromkeys([file.platter, new, *cut, *holes])) if new != file.platter else [new]


def half_named(directory: Directory) -> list[dict[str, int]]:
    """Return the entries after any beginning of the pending changes, and after all but one."""
    pending = directory.pending
    kept = [pending[:count] for count in range(len(pending) + 1)]
    kept += [pending[:gap] + pending[gap + 1 :] for gap in range(len(pending))]
    found: list[dict[str, int]] = []
    for changes in kept:
        entries = dict(directory.platter)
        for one in changes:
            change(entries, one)
        if entries not in found:
            found.append(entries)
    return found
