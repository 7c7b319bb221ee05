"""Scores of the released networks for drawings, into ``sketches.csv``.

    python benchmarks/sketches.py                      every released network of the task
    python benchmarks/sketches.py fifteen              this one only

The scores are those that ``release.py`` found by ``pellucid evaluate`` with the weights as they are released,
in half precision, and wrote into the folder. Besides them come the accuracy over the ink, the calibration
error, the size of the weights, and the time of one guess from strokes (median of 50), measured here.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import time
from typing import Any

import numpy as np
import results
from results import Row

from pellucid.verbs import sketching
from pellucid.verbs.trained import open_trained
from pellucid.zoo import released

BARS = {  # network -> score -> what the plan asks for
    "fifteen": {"accuracy": "at least 96.0 %"},
    "all": {"accuracy": "at least 50 %", "top3": "at least 69 %"},
}
EVERY = {"calibration error": "at most 5 %", "one guess": "at most 20 ms", "weights": "at most 2 MB"}
GUESSES = 50


def main() -> None:
    """Evaluate and write what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [name.removeprefix("sketches/") for name in released() if name.startswith("sketches/")]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known) or 'none yet'}")
    for name in parser.parse_args().names or known:
        rows = results.read(results.SKETCHES, results.SKETCHES_COLUMNS)
        rows = results.replaced(rows, measured(name), "network")
        results.write(results.SKETCHES, results.SKETCHES_COLUMNS, rows)


def measured(name: str) -> list[Row]:
    """The rows of one network."""
    document = (open_trained(f"sketches/{name}").run.scores() or {})["evaluate"]
    found = [(score, document["scores"][score]) for score in ("accuracy", "top3")]
    found += [(f"accuracy with {row['share']:.0%} of the ink", row["accuracy"]) for row in document["ink"]]
    found.append(("calibration error", plain(document["calibration_with_temperature"]["ece"], document["n"])))
    weights = (released()[f"sketches/{name}"] / "weights.safetensors").stat().st_size
    here = [("one guess", plain(guess_seconds(name), GUESSES)), ("weights", plain(weights, 1))]
    sources = ((found, f"pellucid evaluate sketches/{name}"), (here, results.command()))
    return [row(name, score, numbers, command) for scores, command in sources for score, numbers in scores]


def plain(value: float, n: int) -> dict[str, Any]:
    """A number without an interval."""
    return {"value": value, "low": "", "high": "", "n": n}


def guess_seconds(name: str) -> float:
    """The median time of a guess from strokes: place, render, prepare, network, softmax."""
    trained = open_trained(f"sketches/{name}")
    angle = np.linspace(0, 2 * np.pi, 25)
    drawing = [np.column_stack([np.cos(angle + turn), np.sin(angle)]) for turn in (0, 1, 2, 3)]
    times = []
    for _ in range(GUESSES):
        start = time.perf_counter()
        sketching.guess(trained, drawing)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def row(name: str, score: str, numbers: dict, command: str) -> Row:
    """One line of the file."""
    number = {
        key: "" if numbers[key] in ("", None) else f"{numbers[key]:.6g}" for key in ("value", "low", "high")
    }
    bar = BARS.get(name, {}).get(score) or EVERY.get(score, "")
    return {
        "date": datetime.date.today().isoformat(),
        "network": name,
        "score": score,
        **number,
        "n": str(numbers["n"]),
        "bar": bar,
        "command": command,
        "machine": results.machine(len(os.sched_getaffinity(0))),
    }


if __name__ == "__main__":
    main()
