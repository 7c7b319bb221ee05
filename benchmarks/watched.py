"""What it costs a training to be watched: the same training with and without a studio that follows it.

    python benchmarks/watched.py [--rounds 4] [--steps 2000] [--core 0]

Training and studio share one core, which is the worst case; two pages follow the run's events, ask for the
list of runs every two seconds, and look into the network every ten. Prints the median time of a step in both
cases, the processor time that the studio took while it watched as a share of that of the training, and how
much of the core the training had then. Pages ask by the clock: if others take of it, the share is too large.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import results

TOKEN = "benchmark0token0of0watched"


def main() -> None:
    """Train by turns, watched and not, and print what came out."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        found: dict[bool, list[float]] = {False: [], True: []}
        shares, parts = [], []
        for number in range(2 * options.rounds):
            watched = number % 2 == 1
            seconds, share, part = once(Path(folder), f"run-{number}", watched, options)
            found[watched].append(seconds)
            shares += [share] if watched else []
            parts += [part] if watched else []
            print(f"{'watched' if watched else 'alone':>8}  {1000 * seconds:.3f} ms a step", file=sys.stderr)
    alone, watched = (statistics.median(found[case]) for case in (False, True))
    print(
        f"alone {1000 * alone:.3f} ms a step, watched {1000 * watched:.3f} ms: {watched / alone - 1:+.2%}; "
        f"the studio took {statistics.median(shares):.2%} of the training's processor time, "
        f"which had {statistics.median(parts):.0%} of the core"
    )


def once(folder: Path, name: str, watched: bool, options: argparse.Namespace) -> tuple[float, float, float]:
    """Train once; return the seconds of a step, and what part of it the studio took, and it of the core."""
    here = ["taskset", "-c", str(options.core), sys.executable, "-m", "pellucid"]
    environment = results.environment(1)
    studio = over = None
    share = 0.0
    if watched:
        words = [*here, "studio", "--port", "0", "--no-browser", "--token", TOKEN]
        studio = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
        address = studio.stdout.readline().split("#")[0]
        urllib.request.urlopen(f"{address}api/v1/runs").read()  # the pages stand before the training begins
    words = [*here, "train", "digits", "--steps", str(options.steps), "--out", f"runs/{name}", "--quiet"]
    training = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    log = folder / "runs" / name / "speed.jsonl"
    while not log.exists():  # importing is not training
        if training.poll() is not None:
            sys.exit(f"the training ended with {training.returncode} before its first step")
        time.sleep(0.05)
    if watched:
        over = threading.Event()
        for _ in range(2):
            threading.Thread(target=page, args=(address, name, over), daemon=True).start()
    before, began = (processor(studio), processor(training)), time.monotonic()
    _, _, used = os.wait4(training.pid, 0)
    trained = used.ru_utime + used.ru_stime - before[1]
    part = trained / (time.monotonic() - began)
    if studio is not None:
        share = (processor(studio) - before[0]) / trained
        over.set()
        studio.terminate()
        studio.wait(30)
        studio.stdout.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    first, last = lines[0], lines[-1]
    busy = [line["seconds"] - line["evaluating"] - line["saving"] for line in (first, last)]
    return (busy[1] - busy[0]) / (last["step"] - first["step"]), share, part


def page(address: str, name: str, over: threading.Event) -> None:
    """Do what a page does that shows a training: follow its events, and ask for the list."""

    def follow() -> None:
        while not over.is_set():
            try:
                with urllib.request.urlopen(f"{address}api/v1/runs/{name}/events") as events:
                    for _ in events:
                        if over.is_set():
                            return  # as a page that is closed
            except OSError:
                time.sleep(0.5)

    threading.Thread(target=follow, daemon=True).start()
    for turn in itertools.count():
        if over.wait(2):
            return
        try:
            urllib.request.urlopen(f"{address}api/v1/runs").read()
            if turn % 5 == 0:
                run = json.load(urllib.request.urlopen(f"{address}api/v1/runs/{name}"))
                moment = f"{address}api/v1/runs/{name}~{run['snapshots'][-1]}/moment"
                urllib.request.urlopen(moment).read()
        except IndexError:
            continue  # no evaluation yet
        except OSError as error:
            if not over.is_set():
                print(f"a page was sent away: {error}", file=sys.stderr)


def processor(process: subprocess.Popen | None) -> float:
    """Return the processor seconds that a process and its children have used."""
    return 0.0 if process is None else used_by(process.pid)


def used_by(number: int) -> float:
    """Return the processor seconds of a process and of those that it started and that still run."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return own + sum(used_by(int(child)) for child in children)


def arguments() -> argparse.Namespace:
    """How long, and where."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--core", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
