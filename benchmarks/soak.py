"""Two hours of work: do the studio's memory, files, threads or waiting times grow?

    python benchmarks/soak.py [--minutes 120] [--part 0.7] [--every 10] [--quick]

The server runs as people run it, on core 0, under an open load (see ``serve.py``) of seven tenths of its
capacity. Beside it digits are trained again and again, two pages follow each training (see ``watched.py``),
and a run is deleted when the next but one begins. Every ten seconds the server is looked at. The first tenth
warms up; of the rest medians of a twentieth are taken, and their slope is Theil's and Sen's, with its
interval of 95 %. Rows go to ``soak.csv``; Ctrl-C ends it early and writes what there is; ``--quick`` only
prints.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import results
import serve
import watched
from scipy.stats import theilslopes

WARM, BLOCKS = 0.1, 20  # parts of the time
ONE_CORE = "1 core for the server, the load and the trainings"
TWO_CORES = "1 core for the server, 1 for the load and the trainings"
COUNTED = ("sent", "answered", "shed", "failed", "hung")
KEPT = 2  # runs that lie in the folder
UNITS = {"memory": "MB", "open files": "", "threads": "", "99th percentile": "ms", "its folder": "MB"}


def main() -> None:
    """Work, look, and write."""
    options = arguments()
    os.sched_setaffinity(0, {options.client_core})
    with (
        tempfile.TemporaryDirectory() as name,
        serve.served(options.server_core, Path(name)) as (studio, port),
    ):
        load = serve.Load(port, serve.requests_of(port, "pixels"))
        rate = options.part * asyncio.run(serve.ramp(load)).answered / serve.SECONDS_OF_A_RUNG
        print(f"{rate:.0f} requests a second for {options.minutes:g} minutes", file=sys.stderr)
        server, counts = child_of(studio.pid), Counter[str]()
        with trained(Path(name), f"http://127.0.0.1:{port}/") as trainings:
            looks = asyncio.run(work(load, rate, server, Path(name), counts, options))
        assert child_of(studio.pid) == server, "the server died on the way"
    seconds = looks["seconds"][-1]
    print(f"{dict(counts)}; {len(trainings)} trainings in {seconds / 60:.1f} minutes", file=sys.stderr)
    rows = [row(name, looks, rate, options) for name in UNITS]
    for each in rows:
        print({name: each[name] for name in results.SOAK_COLUMNS[1:10]})
    if not options.quick:
        results.write(results.SOAK, results.SOAK_COLUMNS, rows)


async def work(
    load: serve.Load,
    rate: float,
    server: int,
    folder: Path,
    counts: Counter[str],
    options: argparse.Namespace,
) -> dict[str, list[float]]:
    """Ask at ``rate`` until the time is over, and look at the server again and again."""
    looks: dict[str, list[float]] = {name: [] for name in ("seconds", *UNITS)}
    begin = time.monotonic()
    try:
        while time.monotonic() < begin + 60 * options.minutes:
            tally = await load.open(rate, options.every)
            load.tallies.clear()
            counts.update({name: getattr(tally, name) for name in COUNTED})
            found = {
                "seconds": time.monotonic() - begin,
                "99th percentile": tally.percentile(99),
                "its folder": size(folder) / 1e6,
                **of_process(server),
            }
            for name, value in found.items():
                looks[name].append(value)
            print({name: round(value, 1) for name, value in found.items()}, dict(counts), file=sys.stderr)
    except asyncio.CancelledError:  # Ctrl-C
        load.close()
    return looks


@contextmanager
def trained(folder: Path, address: str) -> Iterator[list[str]]:
    """Train one run after the other while this is open, two pages watching; yield the names of what began."""
    names: list[str] = []
    over = threading.Event()

    def again() -> None:
        while not over.is_set():
            names.append(f"soak-{len(names)}")
            words = ["train", "digits", "--out", f"runs/{names[-1]}", "--quiet"]
            command = ["nice", "-n", "10", sys.executable, "-m", "pellucid", *words]
            training = subprocess.Popen(
                command, cwd=folder, env=results.environment(1), start_new_session=True
            )
            gone, log = threading.Event(), folder / "runs" / names[-1] / "speed.jsonl"
            while training.poll() is None and not log.exists() and not over.wait(0.2):
                pass  # importing is not training
            for _ in range(2):
                threading.Thread(target=watched.page, args=(address, names[-1], gone), daemon=True).start()
            while training.poll() is None and not over.wait(0.2):
                pass
            training.terminate()
            training.wait()
            gone.set()
            for old in names[:-KEPT]:
                shutil.rmtree(folder / "runs" / old, ignore_errors=True)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield names
    finally:
        over.set()
        thread.join()


def child_of(process: int) -> int:
    """Return the process that serves: the one that the studio's first process keeps."""
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])


def of_process(number: int) -> dict[str, float]:
    """Return what a process holds."""
    place = Path(f"/proc/{number}")
    pages = int((place / "statm").read_text().split()[1])
    return {
        "memory": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "open files": len(os.listdir(place / "fd")),
        "threads": len(os.listdir(place / "task")),
    }


def size(folder: Path) -> int:
    """Return the bytes of all files below; a file that goes meanwhile counts nothing."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.stat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return found


def growth(seconds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Return the blocks' medians and what a value gains in an hour, with its interval of 95 %."""
    warm = seconds >= WARM * seconds[-1]
    times, kept = (np.array_split(each[warm], min(BLOCKS, warm.sum())) for each in (seconds, values))
    medians = np.array([np.median(block) for block in kept])
    slope, _, low, high = theilslopes(medians, [np.mean(block) / 3600 for block in times])
    return medians, float(slope), float(low), float(high)


def row(name: str, looks: dict[str, list[float]], rate: float, options: argparse.Namespace) -> results.Row:
    """Return a row of the file."""
    seconds, values = np.array(looks["seconds"]), np.array(looks[name])
    medians, *slope = growth(seconds, values)
    return {
        "date": datetime.date.today().isoformat(),
        "name": name,
        "unit": UNITS[name],
        **{
            key: results.number(value)
            for key, value in zip(
                ("first", "last", "an_hour", "low", "high"), (medians[0], medians[-1], *slope), strict=True
            )
        },
        "n": str(len(values)),
        "minutes": results.number(seconds[-1] / 60),
        "rate": results.number(rate),
        "command": results.command(),
        "machine": ONE_CORE if options.server_core == options.client_core else TWO_CORES,
    }


def arguments() -> argparse.Namespace:
    """How long, and how much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--part", type=float, default=0.7, help="of the capacity")
    parser.add_argument("--every", type=float, default=10.0, help="seconds from look to look")
    parser.add_argument("--quick", action="store_true", help="only print")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
