"""The studio under load: answers a second, twice and ten times what it can do for a minute, and how soon it
is well again.

    python benchmarks/serve.py [--seconds 60] [--input pixels|picture|sample] [--quick]

The server runs as people run it, on core 0; the load comes from this process, on core 1. The load is open:
requests are sent when their time has come, whether or not earlier ones were answered, and a latency counts
from that time, so waiting is never left out. Of ten times what it can do, that much is sent for which one of
``MOST_CONNECTIONS`` is free: a core cannot even refuse the rest. Rows go to ``serve.csv``; ``--quick`` only
prints.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import results

from pellucid.datasets import mnist
from pellucid.media import write_png
from pellucid.web.limits import raise_file_limit

TOKEN = "benchmark0token0of0serve"
MODEL = "zoo.digits.cnn"
FIRST_RATE, RUNG, SECONDS_OF_A_RUNG = 400.0, 1.2, 3.0  # of the ramp that finds the capacity
WHOLE, MISSES = 0.97, 2  # a rung is missed when less of it is answered; so many in turn end the ramp
MOST_CONNECTIONS = 1500
SECONDS_TO_HANG = 10.0
SLOW, TURNS, SECONDS_OF_A_TURN = 1000, 3, 10.0
NORMAL, SECONDS_AFTER = 1.5, 10  # times the latency before a flood that is normal again; looked at so long


@dataclass
class Tally:
    """What became of requests, seen from the client."""

    sent: int = 0
    answered: int = 0
    shed: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds, of the answered
    due: list[float] = field(default_factory=list)  # when each of them was due

    @property
    def hung(self) -> int:
        """Requests without any end."""
        return self.sent - self.answered - self.shed - self.failed

    def add(self, other: Tally) -> None:
        """Take in what became of other requests."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def percentile(self, part: float) -> float:
        """Return a percentile of the latencies, in ms."""
        return float(np.percentile(self.latencies, part)) * 1000 if self.latencies else float("nan")


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, load: Load, tally: Tally):
        self.free, self.all, self.tally, self.buffer, self.due = load.free, load.all, tally, b"", None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]

    def connection_made(self, transport) -> None:
        """Keep the transport."""
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Send a request."""
        self.due = due
        self.tally.sent += 1
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read answers."""
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        low = self.buffer[:head].lower()
        place = low.find(b"content-length:") + 15
        length = int(low[place : low.find(b"\r", place) if b"\r" in low[place:] else None])
        if len(self.buffer) < head + 4 + length:
            return
        self.end(int(self.buffer[9:12]))
        self.buffer = b""
        self.free.append(self)

    def end(self, status: int) -> None:
        """Count an answer."""
        if status == 200:
            self.tally.answered += 1
            self.tally.latencies.append(time.perf_counter() - self.due)
            self.tally.due.append(self.due)
        elif status == 503:
            self.tally.shed += 1
        else:
            self.tally.failed += 1
        self.due = None

    def connection_lost(self, error) -> None:
        """Count a request whose connection went away, and make room for another one."""
        self.all.discard(self)
        if self.due is not None:
            self.tally.failed += 1
            self.due = None


class Load:
    """Requests to one server."""

    def __init__(self, port: int, requests: list[bytes]):
        self.port, self.requests = port, requests
        self.free: deque[Connection] = deque()
        self.all: set[Connection] = set()
        self.tallies: list[Tally] = []

    async def connect(self, tally: Tally) -> Connection:
        """Open one connection more."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Connection(self, tally), "127.0.0.1", self.port)
        self.all.add(made)
        return made

    async def open(self, rate: float, seconds: float, *, drops: bool = False) -> Tally:
        """Send ``rate`` requests a second for so long, and wait for the last answers.

        Args:
            drops: whether a request for which no connection is free is left out; it waits for one otherwise.
        """
        tally, number = Tally(), 0
        self.tallies.append(tally)
        for _ in range(64):
            self.free.append(await self.connect(tally))
        begin = time.perf_counter()
        while (now := time.perf_counter()) < begin + seconds:
            while (due := begin + number / rate) <= now:
                number += 1
                request = self.requests[number % len(self.requests)]
                if drops and not self.free and len(self.all) >= MOST_CONNECTIONS:
                    continue
                connection = await self.available(tally)
                connection.send(request, due)
            await asyncio.sleep(max(0.0005, begin + number / rate - time.perf_counter()))
        end = time.perf_counter() + SECONDS_TO_HANG
        while tally.hung and time.perf_counter() < end:
            await asyncio.sleep(0.05)
        self.close()
        return tally

    async def available(self, tally: Tally) -> Connection:
        """Return a connection with nothing under way."""
        while True:
            while self.free:
                connection = self.free.popleft()
                if not connection.transport.is_closing():
                    return connection
            if len(self.all) < MOST_CONNECTIONS:
                return await self.connect(tally)
            await asyncio.sleep(0.001)

    def close(self) -> None:
        """Close all connections."""
        for connection in tuple(self.all):
            connection.due = None
            connection.transport.close()
        self.all.clear()
        self.free.clear()


def main() -> None:
    """Measure and write."""
    options = arguments()
    os.sched_setaffinity(0, {options.client_core})
    raise_file_limit()
    with served(options.server_core) as (_, port):
        load = Load(port, requests_of(port, options.input))
        found = asyncio.run(measure(load, options))
        check_counters(port, load)
    rows = [row(phase, rate, seconds, tally, options) for phase, rate, seconds, tally in found]
    for each in rows:
        print({name: each[name] for name in results.SERVE_COLUMNS[3:14]})
    if not options.quick:
        kept = [
            old for old in results.read(results.SERVE, results.SERVE_COLUMNS) if old["input"] != options.input
        ]
        results.write(results.SERVE, results.SERVE_COLUMNS, [*kept, *rows])


async def measure(load: Load, options: argparse.Namespace) -> list[tuple[str, float, float, Tally]]:
    """Run the phases: capacity, four fifths of it, floods with four fifths after each, then slow clients."""
    full = await ramp(load)
    capacity = full.answered / SECONDS_OF_A_RUNG
    print(f"capacity: {capacity:.0f} answers a second", file=sys.stderr)
    part = 0.8 * capacity
    calm = await load.open(part, options.seconds / 3)
    twice = await load.open(2 * capacity, options.seconds)
    after_twice = await load.open(part, SECONDS_AFTER)
    tenfold = await load.open(10 * capacity, options.seconds, drops=True)
    after_tenfold = await load.open(part, SECONDS_AFTER)
    for name, flood, after in (("twice", twice, after_twice), ("ten times", tenfold, after_tenfold)):
        ratio = flood.percentile(99) / calm.percentile(99)
        print(
            f"p99 at {name} the capacity is {ratio:.2f} times that at 0.8 of it; normal within "
            f"{seconds_to_normal(after, calm)} s",
            file=sys.stderr,
        )
    alone, beside = await beside_slow_clients(load, part)
    return [
        ("capacity", 0.0, SECONDS_OF_A_RUNG, full),
        ("0.8 of capacity", part, options.seconds / 3, calm),
        ("twice capacity", 2 * capacity, options.seconds, twice),
        ("0.8 at once after it", part, SECONDS_AFTER, after_twice),
        ("ten times capacity", 10 * capacity, options.seconds, tenfold),
        ("0.8 at once after that", part, SECONDS_AFTER, after_tenfold),
        ("0.8, in turn with the next", part, TURNS * SECONDS_OF_A_TURN, alone),
        ("0.8 beside slow and dead clients", part, TURNS * SECONDS_OF_A_TURN, beside),
    ]


def seconds_to_normal(after: Tally, calm: Tally) -> int | None:
    """Return the first second from which two in turn are within ``NORMAL`` times the calm percentile."""
    seconds: list[list[float]] = [[] for _ in range(SECONDS_AFTER)]
    begin = min(after.due)
    for late, due in zip(after.latencies, after.due, strict=True):
        seconds[min(int(due - begin), SECONDS_AFTER - 1)].append(late)
    bar = NORMAL * calm.percentile(99) / 1000
    normal = [bool(second) and np.percentile(second, 99) <= bar for second in seconds]
    return next((k for k in range(SECONDS_AFTER) if all(normal[k : k + 2])), None)


async def beside_slow_clients(load: Load, rate: float) -> tuple[Tally, Tally]:
    """Load alone and beside ``SLOW`` clients that never end a request, by turns; return what came of both."""
    found = {False: Tally(), True: Tally()}
    for turn in range(2 * TURNS):
        slow = turn % 2 == 1
        others = [
            asyncio.create_task(slow_client(load.port, number)) for number in range(SLOW if slow else 0)
        ]
        await asyncio.sleep(SECONDS_OF_A_TURN)
        found[slow].add(await load.open(rate, SECONDS_OF_A_TURN))
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    return found[False], found[True]


async def slow_client(port: int, number: int) -> None:
    """Send a head byte by byte, or nothing, or leave by a reset amid a body; begin again when let go."""
    head = (
        f"POST /api/v1/runs/{MODEL}/pad HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
    ).encode()
    await asyncio.sleep(SECONDS_OF_A_TURN * number / SLOW)  # they do not come at once
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if number % 20 == 0:
                    writer.write(head + b"abc")
                    await asyncio.sleep(1)
                    writer.transport.abort()
                for place in range(len(head) - 1 if number % 2 else 0):
                    if reader.at_eof():
                        break
                    writer.write(head[place : place + 1])
                    await asyncio.sleep(1)
                await reader.read()
            finally:
                writer.close()
        await asyncio.sleep(0.1)


async def ramp(load: Load) -> Tally:
    """Ask for more and more until a rung is missed twice; return the rung with the most answers."""
    rate, found = FIRST_RATE, [await load.open(FIRST_RATE, SECONDS_OF_A_RUNG)]  # the first warms up
    misses = 0
    while misses < MISSES:
        tally = await load.open(rate, SECONDS_OF_A_RUNG)
        found.append(tally)
        whole = tally.answered >= WHOLE * rate * SECONDS_OF_A_RUNG
        misses, rate = (0, rate * RUNG) if whole else (misses + 1, rate)
    return max(found, key=lambda each: each.answered)


def requests_of(port: int, kind: str) -> list[bytes]:
    """Return ready requests for a hundred test digits."""
    images, _ = mnist.test()
    found = []
    for number, image in enumerate(images[:100]):
        if kind == "picture":
            type_, body = "image/png", write_png(255 - np.kron(image, np.ones((10, 10), np.uint8)))
        elif kind == "pixels":
            type_, body = (
                "application/json",
                json.dumps({"pixels": image.tolist()}, separators=(",", ":")).encode(),
            )
        else:
            type_, body = "application/json", json.dumps({"sample": f"valid:{number}"}).encode()
        head = (
            f"POST /api/v1/runs/{MODEL}/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: {type_}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


@contextmanager
def served(core: int, folder: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the studio as people do, in a folder; return its first process and its port."""
    words = [sys.executable, "-m", "pellucid", "studio", "--port", "0", "--no-browser", "--token", TOKEN]
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=results.environment(1),
        start_new_session=True,  # Ctrl-C is for this process; it ends the studio itself
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().split(":")[2].split("/")[0])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def check_counters(port: int, load: Load) -> None:
    """Compare what the server counted with what the client saw."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/metrics") as answer:
        counts = json.load(answer)
    seen = {
        name: sum(getattr(tally, name) for tally in load.tallies)
        for name in ("sent", "answered", "shed", "failed")
    }
    print(f"the client saw {seen}, the server {counts}", file=sys.stderr)
    for name in ("answered", "shed"):
        assert counts.get(name, 0) == seen[name], f"the server's count of {name} is not the client's"


def row(phase: str, rate: float, seconds: float, tally: Tally, options: argparse.Namespace) -> results.Row:
    """Return a row of the file."""
    return {
        "date": datetime.date.today().isoformat(),
        "model": MODEL,
        "input": options.input,
        "phase": phase,
        "rate": results.number(rate) if rate else "",
        "seconds": results.number(seconds),
        **{name: str(getattr(tally, name)) for name in ("sent", "answered", "shed", "failed", "hung")},
        "answers_per_second": results.number(tally.answered / seconds),
        "p50_ms": results.number(tally.percentile(50)),
        "p99_ms": results.number(tally.percentile(99)),
        "command": results.command(),
        "machine": "1 core for the server, 1 for the load",
    }


def arguments() -> argparse.Namespace:
    """How long, and what is sent."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of the flood")
    parser.add_argument("--input", choices=["pixels", "picture", "sample"], default="pixels")
    parser.add_argument("--quick", action="store_true", help="only print")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
