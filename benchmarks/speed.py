"""Pellucid and its peers in turn, on the same cores, in one run: medians and ratios into ``results.csv``.

    python benchmarks/speed.py                           everything (about an hour)
    python benchmarks/speed.py --only paper-mlp --rounds 5
    python benchmarks/speed.py --quick --only paper-mlp  one epoch of 2,000 images; only prints

Each round runs A, B, C once, each in a process of its own with nothing else running. A process's first
sample (first epoch, first start) is left out when there are others: it holds compilation and cold caches.
The ratio is the median over the rounds of ours / theirs in that round, so what slows a whole round does
not count.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import results
from peers import material
from PIL import Image
from results import FOLDER, Row, number
from suite import BENCHMARKS, EPOCHS, PROCESS, Benchmark, System

PEERS_PYTHON = FOLDER / ".venv" / "bin" / "python"
STARTS = 6  # of a command timed as a whole process, in each round
MOST_BUSY = 0.1  # of the machine, by others, before the first round


@dataclass(frozen=True)
class Measurement:
    """What one process of one system showed: its samples, in the benchmark's unit, and its packages."""

    samples: list[float]
    versions: str


def main() -> None:
    """Run the benchmarks asked for; each one's rows are written as soon as it is done."""
    options = arguments()
    material.use_cores(options.threads)
    if not options.quick:
        refuse_company()
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        for name in options.only or BENCHMARKS:
            rounds = measure(BENCHMARKS[name], Path(folder), options)
            rows = tabulate(BENCHMARKS[name], rounds, options)
            print(
                "\n".join(f"{row['subject']} / {row['peer']}: {row['median']} {row['ratio']}" for row in rows)
            )
            if not options.quick:
                kept = results.read(results.SPEED, results.SPEED_COLUMNS)
                merged = results.replaced(kept, rows, "benchmark")
                results.write(results.SPEED, results.SPEED_COLUMNS, merged)


def arguments() -> argparse.Namespace:
    """What to run, how often, on how many threads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="the same for all")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one epoch of 2,000 images; print only"
    )
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON)
    options = parser.parse_args()
    options.peers_python = options.peers_python.absolute()  # not resolved: it is a link
    options.rounds = 1 if options.quick else options.rounds
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; give 1 or more")
    if not options.peers_python.is_file():
        parser.error(f"no peers' Python at {options.peers_python}; make bench sets it up (requirements.txt)")
    return options


def measure(benchmark: Benchmark, folder: Path, options: argparse.Namespace) -> list[dict[str, Measurement]]:
    """The rounds of one benchmark; in each, every system once, ours first."""
    rounds = []
    for index in range(options.rounds):
        measured = {}
        for system in (benchmark.ours, *benchmark.peers):
            print(f"{benchmark.name} round {index + 1}: {system.name}", file=sys.stderr)
            measured[system.name] = run(system, folder, options)
        rounds.append(measured)
    return rounds


def run(system: System, folder: Path, options: argparse.Namespace) -> Measurement:
    """Run one system once (a whole process: ``STARTS`` times) and take its samples, the first left out."""
    command = system.command(quick=options.quick, threads=options.threads)
    if system.takes == PROCESS:
        samples = [timed(command, system, folder, options)[0] for _ in range(STARTS)]
        return Measurement(samples[1:], "")
    answer = json.loads(timed(command, system, folder, options)[1].splitlines()[-1])
    versions = ", ".join(f"{package} {version}" for package, version in answer["versions"].items())
    if system.takes == EPOCHS:
        samples = answer["seconds_per_epoch"]
        return Measurement([system.times * value for value in samples[1:] or samples], versions)
    return Measurement([answer[system.takes]], versions)


def timed(
    command: Sequence[str], system: System, folder: Path, options: argparse.Namespace
) -> tuple[float, str]:
    """Seconds and standard output of one process on the chosen cores."""
    python = options.peers_python if system.is_peer else sys.executable
    whole = [str(python), *(str(FOLDER.parent / part) if part.endswith(".py") else part for part in command)]
    if system.is_peer:
        whole += ["--data", str(folder / "mnist.npz")]
    start = perf_counter()
    environment = results.environment(options.threads)
    done = subprocess.run(whole, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = perf_counter() - start
    if done.returncode:
        sys.exit(f"{system.name} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds, done.stdout


def tabulate(
    benchmark: Benchmark, rounds: Sequence[dict[str, Measurement]], options: argparse.Namespace
) -> list[Row]:
    """Ours against each peer (with the ratio), then each peer by itself (without)."""
    ours, peers = benchmark.ours, benchmark.peers
    rows = [row(benchmark, ours, rounds, options) | against(ours, peer, rounds) for peer in peers]
    rows += [row(benchmark, peer, rounds, options) for peer in peers]
    return rows or [row(benchmark, ours, rounds, options)]


def row(
    benchmark: Benchmark,
    system: System,
    rounds: Sequence[dict[str, Measurement]],
    options: argparse.Namespace,
) -> Row:
    """One system's median, extremes and number of samples over all rounds."""
    samples = [value for measured in rounds for value in measured[system.name].samples]
    return {
        "date": datetime.date.today().isoformat(),
        "benchmark": benchmark.name,
        "subject": system.name,
        "peer": "",
        "unit": benchmark.unit,
        "median": number(statistics.median(samples)),
        "low": number(min(samples)),
        "high": number(max(samples)),
        "ratio": "",
        "n": str(len(samples)),
        "command": " ".join(["python", *system.command(quick=options.quick, threads=options.threads)]),
        "machine": results.machine(options.threads),
        "versions": rounds[0][system.name].versions,
    }


def against(ours: System, peer: System, rounds: Sequence[dict[str, Measurement]]) -> Row:
    """The peer's name and the median over the rounds of ours / theirs."""
    ratios = [
        statistics.median(measured[ours.name].samples) / statistics.median(measured[peer.name].samples)
        for measured in rounds
    ]
    return {"peer": peer.name, "ratio": number(statistics.median(ratios))}


def refuse_company() -> None:
    """Stop when other programs use this machine: their share would be counted as ours or a peer's."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return
    before = [int(part) for part in stat.read_text().split("\n", 1)[0].split()[1:]]
    sleep(2)
    after = [int(part) for part in stat.read_text().split("\n", 1)[0].split()[1:]]
    spent = [late - early for early, late in zip(before, after, strict=True)]
    busy = 1 - (spent[3] + spent[4]) / sum(spent)  # idle and waiting for a disk
    if busy > MOST_BUSY:
        sys.exit(f"other programs use {busy:.0%} of this machine; stop them, or try things out with --quick")


def lay_out(folder: Path) -> None:
    """Put MNIST for every peer, and one digit to predict, into the folder the processes run in."""
    arrays = material.load(material.parser(None).parse_args([]))
    names = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(folder / "mnist.npz", **dict(zip(names, arrays, strict=True)))
    Image.fromarray(arrays[2][0]).save(folder / "digit.png")


if __name__ == "__main__":
    main()
