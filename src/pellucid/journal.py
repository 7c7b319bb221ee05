"""The metric log: JSON lines chained by CRCs, so that a change anywhere in it is noticed.

Each line ends with ``"crc":"xxxxxxxx"``, the CRC-32 of everything before it in the file. A power cut may
tear what was added since the last sync: an unended last line or a stretch of zeros, never anything else.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.disk import Disk, again, listing, read, replace, unwritable
from pellucid.errors import RunError
from pellucid.sealed import from_json, to_json

LIMIT = 128 * 2**20  # bytes
END_LENGTH = len(b',"crc":"00000000"}\n')
HOLE = b"\0" * 8  # what a file system shows where data were promised and never arrived


class Journal:
    """progress.jsonl, deterministic and checked, and speed.jsonl beside it, neither.

    Args:
        identity: text that differs from run to run; the first CRC starts from it.
    """

    def __init__(self, path: Path, speed_path: Path, disk: Disk, identity: str):
        self.path, self.speed_path, self.disk = path, speed_path, disk
        self._start = self._crc = zlib.crc32(identity.encode())
        self.added = 0  # lines that append wrote
        self._count: int | None = None  # lines that are ours, of which the last has self._crc
        self._clean = False  # whether nothing stands behind them in the file
        self._durable = False  # whether they would survive a power cut

    def append(self, lines: list[dict[str, Any]], times: list[dict[str, Any]]) -> None:
        """Add lines to both files.

        Raises:
            PellucidError: the disk refused; the next call first removes what was half written.
        """
        if not self._clean:
            good = self._read()[0] if self._count is not None else self._intact()
            self._write(good[: self._count])
        added, crc = [], self._crc
        for line in lines:
            text, crc = chained(line, crc)
            added.append(text)
        data = b"".join(added)
        self._clean = self._durable = False
        try:
            again(self.disk.append, self.path, data)
        except OSError as error:
            raise unwritable(self.disk, self.path, len(data), error) from error
        self.added += len(lines)
        self._count, self._crc, self._clean = (self._count or 0) + len(lines), crc, True
        with suppress(OSError):  # times that are lost change no result
            again(self.disk.append, self.speed_path, lines_of(times))

    def sync(self) -> None:
        """Make the metric log durable. Lost times would be no loss."""
        if self._durable:
            return
        try:
            again(self.disk.sync, self.path)
        except OSError as error:
            self._clean = False  # what could not be synced may have been thrown away
            raise unwritable(self.disk, self.path, 0, error) from error
        self._durable = True

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines; raise RunError if one was changed."""
        return [self._parsed(text) for text, _ in self._intact()]

    def _intact(self) -> list[tuple[bytes, int]]:
        """Return the lines, dropping what a power cut tore and refusing what else is wrong."""
        good, rest = self._read()
        if b"\n" in rest and HOLE not in rest:
            raise RunError(f"{self.path} is damaged: line {len(good) + 1} does not match its CRC")
        return good

    def speed(self) -> list[dict[str, Any]]:
        """Return the times that can be read, of each step the last: a resumed run does some steps again."""
        if self.speed_path.name not in (listing(self.disk, self.speed_path.parent) or []):
            return []
        found = {}
        for text in read(self.disk, self.speed_path, LIMIT).splitlines():
            with suppress(RunError):
                line = from_json(text, self.speed_path)
                if isinstance(step := line.get("step"), int):
                    found[step] = line
        return list(found.values())

    def mark(self) -> str:
        """Return how far the good lines reach: their number and last CRC."""
        return f"{self._count}:{self._crc:08x}" if self._clean else self._mark(self._read()[0])

    def _mark(self, good: list[tuple[bytes, int]]) -> str:
        return f"{len(good)}:{good[-1][1] if good else self._start:08x}"

    def ends_at(self, mark: str) -> bool:
        """Return whether the file holds what it held when ``mark`` was taken, and nothing more."""
        good, rest = self._read()
        return not rest and self._mark(good) == mark

    def reaches(self, mark: str) -> bool:
        """Return whether the file holds, unchanged, what it held when ``mark`` was taken."""
        good = self._read()[0]
        marks = (f"{count}:{crc:08x}" for count, (_, crc) in enumerate(good, 1))
        return mark == self._mark([]) or mark in marks

    def rewind(self, step: int) -> None:
        """Drop the lines after ``step`` and everything damaged."""
        self._write([pair for pair in self._read()[0] if self._parsed(pair[0])["step"] <= step])

    def _write(self, good: list[tuple[bytes, int]]) -> None:
        """Make ``good`` the content of the file, which holds them already."""
        self._clean = False
        data = b"".join(text for text, _ in good)
        if data != read(self.disk, self.path, LIMIT):
            replace(self.disk, self.path, data)
            self._durable = True
        self._count, self._crc, self._clean = len(good), good[-1][1] if good else self._start, True

    def _read(self) -> tuple[list[tuple[bytes, int]], bytes]:
        """Return the good lines from the start of the file, and the rest."""
        data = read(self.disk, self.path, LIMIT)
        good: list[tuple[bytes, int]] = []
        begin, crc = 0, self._start
        while end := data.find(b"\n", begin) + 1:
            text = data[begin:end]
            crc = zlib.crc32(text[:-END_LENGTH], crc)
            if text[-END_LENGTH:] != b',"crc":"%08x"}\n' % crc:
                break
            good.append((text, crc))
            begin = end
        return good, data[begin:]

    def _parsed(self, text: bytes) -> dict[str, Any]:
        line = from_json(text, self.path)
        if type(line.get("step")) is not int:
            raise RunError(f"{self.path} is damaged: a line has no step")
        return {key: value for key, value in line.items() if key != "crc"}


def chained(line: dict[str, Any], crc: int) -> tuple[bytes, int]:
    """Return ``line`` as bytes that end with a CRC over them and all before, and that CRC."""
    body = to_json(line, f"step {line.get('step')} of the log")[:-1]
    crc = zlib.crc32(body, crc)
    return body + b',"crc":"%08x"}\n' % crc, crc


def lines_of(documents: list[dict[str, Any]]) -> bytes:
    """Return one line of JSON for each."""
    return b"".join(to_json(document, "times") + b"\n" for document in documents)
