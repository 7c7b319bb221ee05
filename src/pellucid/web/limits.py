"""Connections that are slow or dead, which no application ever hears of.

uvicorn waits for the rest of a request's head for ever; here it has ``SECONDS_FOR_HEAD``, and when there are
too many connections, the one that has waited longest for the rest of its head makes room.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

SECONDS_FOR_HEAD = 10.0
MOST_HEAD = 2**15  # bytes
MOST_CONNECTIONS = 1500
MOST_FILES = 4096  # that a process may open, where the system lets it choose


class Patient(AutoHTTPProtocol):  # type: ignore[valid-type, misc]
    """uvicorn's side of one connection, with an end to its patience."""

    waiting: dict[Any, None]  # the connections whose next head is not whole, the oldest first

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_bytes, self._late = 0, None
        self._wait()
        if len(self.connections) > MOST_CONNECTIONS and self.waiting:
            next(iter(self.waiting)).give_up()

    def data_received(self, data: bytes) -> None:
        """Take bytes; between two requests they are the head of the next one."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle:
            self._head_bytes += len(data)
            self._wait()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif idle and self._head_bytes > MOST_HEAD:
            self.give_up()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(error)

    def give_up(self) -> None:
        """Close the connection at once."""
        self._stop_waiting()
        self.transport.abort()

    def send_400_response(self, message: str) -> None:
        """Refuse what is not HTTP, in the words of every other refusal."""
        error = {"code": "http", "message": "this is not a request of HTTP", "request_id": "-"}
        body = json.dumps({"error": error}).encode()
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"x-content-type-options: nosniff\r\ncontent-length: %d\r\n\r\n"
        )
        self.transport.write(head % len(body) + body)
        self.transport.close()

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(SECONDS_FOR_HEAD, self.give_up)
            self.waiting[self] = None

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        self._head_bytes = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None


def patience() -> type[asyncio.Protocol]:
    """Return the protocol of one server."""
    return type("PatientHere", (Patient,), {"waiting": {}})


def raise_file_limit() -> None:
    """Let this process open as many files as connections may come, if the system allows it."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
