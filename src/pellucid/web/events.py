"""What happens in a run, as server-sent events, from its files: nothing is asked of the process that trains.

``progress`` is a line of progress.jsonl, and its id is the line's number, so that a browser that comes back
goes on where it left. ``rewound`` says that lines were dropped, as a resumed training does. ``speed`` is the
newest line of speed.jsonl, ``status`` the run's line in the list of runs, whenever it changes.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi.responses import Response

SECONDS = 0.2  # between two looks at the files
BETWEEN_STATUS = 5  # looks
BETWEEN_SIGNS = 75  # looks without an event, after which the connection is kept alive by a comment
SECONDS_TO_TAKE = 30.0  # for a browser that reads slowly
MOST_READ = 2**20  # bytes of a log in one look
LIKELY = 4096  # bytes at a log's end that hold its last line; twice as many, and again, where they do not
CHECKSUM = re.compile(rb',"crc":"[0-9a-f]{8}"}$')


class Tail:
    """The lines of a growing log, from a number on.

    Args:
        after: how many lines are known already.
    """

    def __init__(self, path: Path, after: int = 0):
        self.path, self.known = path, after
        self._file: tuple[int, int] | None = None  # device and inode of what was read
        self._offset = self._lines = 0

    def new(self) -> tuple[list[bytes], bool]:
        """Return the whole lines that are new, and whether known ones are gone."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_dev, status.st_ino) != self._file or status.st_size < self._offset:
                    self._file, self._offset, self._lines = (status.st_dev, status.st_ino), 0, 0
                file.seek(self._offset)
                data = file.read(MOST_READ)
                whole = data.rfind(b"\n") + 1
                at_end = self._offset + len(data) >= status.st_size
        except OSError:  # not there yet, or deleted
            return [], False
        lines = data[:whole].splitlines()
        first = self._lines
        self._offset, self._lines = self._offset + whole, first + len(lines)
        if self._lines < self.known and at_end:
            self.known = self._lines
            return [], True
        fresh = lines[max(0, self.known - first) :]
        self.known = max(self.known, self._lines)
        return fresh, False


class Stream(Response):
    """One browser's stream: answers with events until either side ends it.

    Args:
        path: of the run.
        status: returns the run's line in the list; asked in a thread.
        closing: says whether the server is about to end.
        streams: those that are open; this one is among them while it is.
    """

    def __init__(
        self,
        path: Path,
        *,
        after: int,
        status: Callable[[], dict[str, Any]],
        closing: Callable[[], bool],
        streams: set[Any],
    ):
        super().__init__()
        self.path, self.status, self.closing, self.streams = path, status, closing, streams
        self.tail = Tail(path / "progress.jsonl", after)
        self._said: bytes = b""

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Send events until the browser leaves or the server ends."""
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_disconnected(receive))
        looks = quiet = 0
        self.streams.add(self)
        try:
            while not gone.done() and not self.closing():
                events = self._progress()
                if looks % BETWEEN_STATUS == 0 or b"rewound" in events:
                    events += await to_thread.run_sync(self._status)
                looks, quiet = looks + 1, 0 if events else quiet + 1
                if quiet >= BETWEEN_SIGNS:
                    events, quiet = b": still here\n\n", 0
                if events:
                    body = {"type": "http.response.body", "body": events, "more_body": True}
                    await asyncio.wait_for(send(body), SECONDS_TO_TAKE)
                await asyncio.wait([gone], timeout=SECONDS)
            with suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self.streams.discard(self)

    def _progress(self) -> bytes:
        lines, rewound = self.tail.new()
        if rewound:
            return event("rewound", b'{"lines":%d}' % self.tail.known)
        found = [
            event("progress", data, number)
            for number, line in enumerate(lines, self.tail.known - len(lines) + 1)
            if is_json(data := CHECKSUM.sub(b"}", line))
        ]
        if found and (speed := last_line(self.path / "speed.jsonl")):
            found.append(event("speed", speed))
        return b"".join(found)

    def _status(self) -> bytes:
        said = event("status", json.dumps(self.status()).encode())
        if said == self._said:
            return b""
        self._said = said
        return said


async def _disconnected(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event(name: str, data: bytes, number: int | None = None) -> bytes:
    """Return one server-sent event; ``data`` is one line."""
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def is_json(data: bytes) -> bool:
    """Say whether a line is what it should be."""
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def last_line(path: Path) -> bytes:
    """Return the last whole line of a log, b"" if there is none."""
    most, lines = LIKELY, [b""]
    with suppress(OSError), path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while True:
            start = file.seek(max(0, end - most))
            lines = file.read(end - start).split(b"\n")
            if start == 0 or len(lines) > 2:  # the first may be cut off
                break
            most *= 2
    return lines[-2] if len(lines) > 1 and is_json(lines[-2]) else b""
