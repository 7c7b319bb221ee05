"""What it costs to look for NaN in every step: steps with and without the two looks, in turn, in one process.

    python benchmarks/checks.py            rows into results.csv
    python benchmarks/checks.py --quick    a few blocks; only prints

A block of steps is timed with the looks at the gradients and the weights, then one without; the ratio is the
median over the pairs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from time import perf_counter

import results
import torch
from results import number

from pellucid import learners
from pellucid.tasks import digits

STEPS = 40  # of a block
SETTINGS = {"default": digits.Digits, "paper": digits.paper, "cnn": digits.cnn}


def main() -> None:
    """Measure each setting."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for setting in SETTINGS:
        pairs = measure(setting, 2 if options.quick else options.pairs)
        rows += rows_of(setting, pairs, options.threads)
        print(f"{setting}: {rows[-2]['ratio']} of a step without the looks")
    if not options.quick:
        kept = results.read(results.SPEED, results.SPEED_COLUMNS)
        results.write(results.SPEED, results.SPEED_COLUMNS, results.replaced(kept, rows, "benchmark"))


def measure(setting: str, count: int) -> list[tuple[float, float]]:
    """Seconds a step with and without the looks, block after block."""
    task = SETTINGS[setting]()
    learner = learners.Supervised(task, task.data())
    batches, step, look = learner.batches(0), 0, learners.finite
    pairs = []
    for index in range(count + 1):
        seconds = []
        for finite in (look, lambda tensors: True):
            learners.finite = finite
            start = perf_counter()
            for _ in range(STEPS):
                learner.update(next(batches), step)
                step += 1
            seconds.append((perf_counter() - start) / STEPS)
        if index:  # the first pair holds cold caches
            pairs.append((seconds[0], seconds[1]))
    learners.finite = look
    return pairs


def rows_of(setting: str, pairs: list[tuple[float, float]], threads: int) -> list[results.Row]:
    """Steps with the looks against those without (and the ratio), then those without."""
    rows = []
    for subject, seconds in zip(("pellucid", "without_looks"), zip(*pairs, strict=True), strict=True):
        ratio = number(statistics.median(first / second for first, second in pairs))
        rows.append(
            {
                "date": datetime.date.today().isoformat(),
                "benchmark": f"finite-check-{setting}",
                "subject": subject,
                "peer": "without_looks" if subject == "pellucid" else "",
                "unit": "s/step",
                "median": number(statistics.median(seconds)),
                "low": number(min(seconds)),
                "high": number(max(seconds)),
                "ratio": ratio if subject == "pellucid" else "",
                "n": str(len(pairs)),
                "command": results.command(),
                "machine": results.machine(threads),
                "versions": f"torch {torch.__version__}",
            }
        )
    return rows


if __name__ == "__main__":
    main()
