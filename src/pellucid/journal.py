"""The metric log: JSON lines chained by CRCs, so that a change anywhere in it is noticed.

Each line ends with ``"crc":"xxxxxxxx"``, the CRC-32 of everything before it in the file. A power cut may
tear what was added since the last sync: an unended last line or a stretch of zeros, never anything else.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

from pellucid.disk import Disk, again, from_json, read, replace, to_json, unwritable
from pellucid.errors import RunError

LIMIT = 512 * 2**20  # bytes
END = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
END_LENGTH = 18  # bytes
HOLE = b"\0" * 8  # what a file system shows where data were promised and never arrived


class Journal:
    """progress.jsonl, deterministic and checked, and speed.jsonl beside it, neither.

    Args:
        identity: text that differs from run to run; the first CRC starts from it.
    """

    def __init__(self, path: Path, speed_path: Path, disk: Disk, identity: str):
        self.path, self.speed_path, self.disk = path, speed_path, disk
        self._start = zlib.crc32(identity.encode())
        self._good: list[tuple[bytes, int]] = []  # lines known to be on the disk, each with its CRC
        self._ready = False  # whether the file is exactly self._good

    def append(self, lines: list[dict[str, Any]], times: list[dict[str, Any]]) -> None:
        """Add lines to both files.

        Raises:
            PellucidError: the disk refused; the next call starts again from what is good.
        """
        if not self._ready:
            self._write(self._read()[0])
        added = []
        crc = self._crc()
        for line in lines:
            text, crc = chained(line, crc)
            added.append((text, crc))
        self._ready = False
        append(self.disk, self.path, b"".join(text for text, _ in added))
        self._good += added
        self._ready = True
        append(self.disk, self.speed_path, b"".join(to_json(line, "times") + b"\n" for line in times))

    def sync(self) -> None:
        """Make the metric log durable. Lost times would be no loss."""
        try:
            again(self.disk.sync, self.path)
        except OSError as error:
            self._ready = False
            raise unwritable(self.disk, self.path, 0, error) from error

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines; raise RunError if one in the middle was changed."""
        good, rest = self._read()
        if b"\n" in rest and HOLE not in rest:
            raise RunError(f"{self.path} is damaged: line {len(good) + 1} does not match its CRC")
        return [self._parsed(text) for text, _ in good]

    def speed(self) -> list[dict[str, Any]]:
        """Return the times that can be read."""
        found = []
        for line in read(self.disk, self.speed_path, LIMIT).splitlines():
            try:
                found.append(from_json(line, self.speed_path))
            except RunError:
                continue
        return found

    def mark(self) -> str:
        """Return how far the good lines reach: their number and last CRC."""
        good = self._good if self._ready else self._read()[0]
        return f"{len(good)}:{good[-1][1] if good else self._start:08x}"

    def reaches(self, mark: str) -> bool:
        """Return whether the file holds, unchanged, what it held when ``mark`` was taken."""
        good = self._read()[0]
        count = int(mark.split(":")[0]) if re.fullmatch(r"\d{1,12}:[0-9a-f]{8}", mark) else len(good) + 1
        return count <= len(good) and mark == f"{count}:{good[count - 1][1] if count else self._start:08x}"

    def rewind(self, step: int) -> None:
        """Drop the lines after ``step`` and everything damaged."""
        self._write([pair for pair in self._read()[0] if self._parsed(pair[0])["step"] <= step])
        times = [line for line in self.speed() if line.get("step", 0) <= step]
        replace(self.disk, self.speed_path, b"".join(to_json(line, "times") + b"\n" for line in times))

    def _write(self, good: list[tuple[bytes, int]]) -> None:
        self._ready = False
        data = b"".join(text for text, _ in good)
        if data != read(self.disk, self.path, LIMIT):
            replace(self.disk, self.path, data)
        self._good, self._ready = good, True

    def _crc(self) -> int:
        return self._good[-1][1] if self._good else self._start

    def _read(self) -> tuple[list[tuple[bytes, int]], bytes]:
        """Return the good lines from the start of the file, and the rest."""
        data = read(self.disk, self.path, LIMIT)
        good: list[tuple[bytes, int]] = []
        crc, begin = self._start, 0
        while (end := data.find(b"\n", begin) + 1) and (
            crc_here := checked(data[begin:end], crc)
        ) is not None:
            good.append((data[begin:end], crc := crc_here))
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


def checked(text: bytes, crc: int) -> int | None:
    """Return the CRC of a whole line if it is right."""
    crc = zlib.crc32(text[: -END_LENGTH - 1], crc)
    return crc if text[-END_LENGTH - 1 :] == b',"crc":"%08x"}\n' % crc else None


def append(disk: Disk, path: Path, data: bytes) -> None:
    """Add ``data`` to ``path``, or raise PellucidError."""
    try:
        again(disk.append, path, data)
    except OSError as error:
        raise unwritable(disk, path, len(data), error) from error
