"""What the task ``images`` is held to, measured on pictures of CIFAR-10; rows go to ``results.csv``.

    python benchmarks/images.py --data CIFAR epoch           ours beside a plain DataLoader loop, in turn
    python benchmarks/images.py --data CIFAR decode          10,000 JPEG files into the cache
    python benchmarks/images.py small                        fifty pictures in two classes
    python benchmarks/images.py scores RUN                   the test score and training time of a run

The folder holds train/CLASS/*.jpg and test/CLASS/*.jpg. Everything runs on one thread; ``epoch`` counts
processor time, so that other programs on the machine do not count, and so do ``decode`` and ``small``.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import results
from results import FOLDER, Row, number

ROUNDS, STEPS = 3, 6
BATCH, TRAINED_ON = 256, 26_998


def main() -> None:
    """Measure one thing and keep its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("epoch", "decode", "small", "scores", "ours"))
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--precision", default="bf16")
    options = parser.parse_args()
    if options.what in ("epoch", "decode", "ours") and options.data is None:
        parser.error(f"{options.what} needs --data FOLDER")
    if options.what == "ours":
        print(json.dumps({"seconds": our_steps(options.data, options.precision)}))
        return
    rows = {"epoch": epoch, "decode": decode, "small": small, "scores": scores}[options.what](options)
    for row in rows:
        print(f"{row['benchmark']}: {row['subject']} {row['median']} {row['unit']} {row['ratio']}")
    kept = results.read(results.SPEED, results.SPEED_COLUMNS)
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        kept = results.replaced(kept, [row for row in rows if row["benchmark"] == name], "benchmark")
    results.write(results.SPEED, results.SPEED_COLUMNS, kept)


def epoch(options: argparse.Namespace) -> list[Row]:
    """Ours in both precisions beside the plain loop, in turn, each in a process of its own."""
    scripts = {
        "images-epoch": [__file__, "ours", "--precision", "bf16"],
        "images-epoch-fp32": [__file__, "ours", "--precision", "fp32"],
        "plain_images": [str(FOLDER / "peers" / "plain_images.py"), "--steps", str(STEPS)],
    }
    rounds = [
        {name: step_seconds([*words, "--data", str(options.data)]) for name, words in scripts.items()}
        for _ in range(ROUNDS)
    ]
    whole = TRAINED_ON / BATCH
    rows = []
    for name in ("images-epoch", "images-epoch-fp32"):
        ratios = [each[name] / each["plain_images"] for each in rounds]
        for subject, key in (("pellucid", name), ("plain_images", "plain_images")):
            ours = {"peer": "plain_images", "ratio": number(statistics.median(ratios))} if key == name else {}
            measured = [whole * each[key] for each in rounds]
            rows.append(row(name, subject, "processor s/epoch", measured) | ours)
    return rows


def our_steps(data: Path, precision: str) -> list[float]:
    """Return processor seconds of some steps of ``pellucid train images --setting cifar``."""
    import torch

    from pellucid.tasks.images import cifar

    torch.set_num_threads(1)
    training = dataclasses.replace(cifar().training, precision=precision)
    task = dataclasses.replace(cifar(), folder=str(data), training=training)
    learner = task.learner(task.data())
    seconds, start = [], process_time()
    for step, batch in enumerate(itertools.islice(learner.batches(0), STEPS)):
        learner.update(batch, step)
        now = process_time()
        seconds.append(now - start)
        start = now
    return seconds


def step_seconds(words: Sequence[str]) -> float:
    """Return the median of a process's steps, the first two left out."""
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, env=results.environment(1)
    )
    return statistics.median(json.loads(done.stdout.splitlines()[-1])["seconds"][2:])


def decode(options: argparse.Namespace) -> list[Row]:
    """Processor seconds from 10,000 JPEG files to the finished cache, scanning included; one process."""
    from pellucid.datasets import folder, squares

    seconds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["PELLUCID_CACHE"] = cache
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # a worker's time would not be counted
            start = process_time()
            listing = folder.scan(options.data)
            some = dataclasses.replace(listing, entries=listing.entries[:10_000])
            squares.decoded(some, 32)
            seconds.append(process_time() - start)
    return [row("images-decode", "pellucid", "processor s for 10,000 JPEGs", seconds)]


def small(options: argparse.Namespace) -> list[Row]:
    """Processor seconds of the whole command that trains on fifty pictures in two classes by default."""
    import shutil

    from pellucid.datasets import shapes

    with tempfile.TemporaryDirectory() as place:
        shapes.write(Path(place) / "photos", each=25, side=96)
        shutil.rmtree(Path(place) / "photos" / "triangle")
        words = ["-m", "pellucid", "train", "images", "--data", "photos"]
        start = os.times()
        subprocess.run(
            [sys.executable, *words], cwd=place, check=True, env=results.environment(1), capture_output=True
        )
        end = os.times()
    spent = end.children_user + end.children_system - start.children_user - start.children_system
    return [row("images-small", "pellucid", "processor s", [spent])]


def scores(options: argparse.Namespace) -> list[Row]:
    """Test accuracy with its interval and seconds of training of an evaluated run."""
    from pellucid.run import Run
    from pellucid.tasks.images import cifar
    from pellucid.verbs.trained import restored

    run, setting = Run.open(options.run), cifar()
    task = restored(run)
    training = dataclasses.replace(
        task.training, precision=setting.training.precision
    )  # it keeps what "auto" was
    if dataclasses.replace(task, folder=setting.folder, training=training) != setting:
        sys.exit(f"{options.run} was not trained with --setting cifar alone, as the row's command says")
    found = (run.scores() or {})["evaluate"]["scores"]["accuracy"]
    ends = {"low": number(found["low"]), "high": number(found["high"]), "n": str(found["n"])}
    command = "pellucid train images --setting cifar --data CIFAR"
    accuracy = row("images-cifar", "pellucid", "test accuracy", [found["value"]])
    return [accuracy | ends | {"command": command}]


def row(benchmark: str, subject: str, unit: str, measured: Sequence[float]) -> Row:
    """One line of the results file."""
    import torch

    return {
        "date": datetime.date.today().isoformat(),
        "benchmark": benchmark,
        "subject": subject,
        "peer": "",
        "unit": unit,
        "median": number(statistics.median(measured)),
        "low": number(min(measured)),
        "high": number(max(measured)),
        "ratio": "",
        "n": str(len(measured)),
        "command": results.command(),
        "machine": results.machine(1),
        "versions": f"torch {torch.__version__}",
    }


if __name__ == "__main__":
    main()
