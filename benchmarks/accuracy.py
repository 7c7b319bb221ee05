"""Test scores of the settings over several seeds, beside the paper's, into ``accuracy.csv``.

    python benchmarks/accuracy.py                                  every setting with its usual seeds
    python benchmarks/accuracy.py paper cnn --seeds 0 1 2          these only
    python benchmarks/accuracy.py paper --seeds 3 --again          once more, in place of the kept score

Every score is ``pellucid train`` followed by ``pellucid evaluate``. It is written as soon as it is known,
and seeds that are already there are skipped: stop and go on whenever you like, in any order.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import results
from results import FOLDER, Row, number


@dataclass(frozen=True)
class Claim:
    """What the source of a setting says it reaches, in [0, 1], and how many seeds we run."""

    seeds: int
    paper: float | None = None
    source: str = ""


CLAIMS = {
    "paper": Claim(3, 0.9840, "keras-team/keras examples/mnist_mlp.py: 98.40 % after 20 epochs"),
    "lenet": Claim(3),
    "default": Claim(5),
    "cnn-one-epoch": Claim(5),
    "cnn": Claim(5),
    "cnn-best": Claim(3),
}


def main() -> None:
    """Train and evaluate what is missing."""
    options = arguments()
    for setting in options.settings or CLAIMS:
        for seed in options.seeds or range(CLAIMS[setting].seeds):
            if not options.again and seed in scores(kept(setting)):
                print(f"{setting} seed {seed}: kept", file=sys.stderr)
                continue
            answer = train_and_evaluate(setting, seed, options)
            row = merged(kept(setting), setting, seed, answer)
            print(
                f"{setting} seed {seed}: {answer['accuracy']:.4f} (median {row['median']} of {row['seeds']})"
            )
            rows = results.read(results.ACCURACY, results.ACCURACY_COLUMNS)
            rows = results.replaced(rows, [row], "setting")
            results.write(results.ACCURACY, results.ACCURACY_COLUMNS, rows)


def arguments() -> argparse.Namespace:
    """Which settings and seeds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "settings", nargs="*", metavar="SETTING", help=f"of {', '.join(CLAIMS)} (default: all)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="default: 0, 1, ... as many as the setting asks")
    parser.add_argument("--again", action="store_true", help="run seeds that are already there, too")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--keep", type=Path, help="keep the runs here; one that is finished is not trained again"
    )
    options = parser.parse_args()
    unknown = [setting for setting in options.settings if setting not in CLAIMS]
    if unknown:
        parser.error(f"unknown setting {unknown[0]!r}; there are {', '.join(CLAIMS)}")
    return options


def kept(setting: str) -> Row | None:
    """The row of this setting, read anew: another process may have added a seed."""
    rows = results.read(results.ACCURACY, results.ACCURACY_COLUMNS)
    return next((row for row in rows if row["setting"] == setting), None)


def scores(row: Row | None) -> dict[int, float]:
    """Test accuracy by seed."""
    return _by_seed(row, "scores")


def merged(row: Row | None, setting: str, seed: int, answer: dict) -> Row:
    """The row of a setting with one more seed (or that seed's new score in place of the old)."""
    values = dict(sorted((scores(row) | {seed: answer["accuracy"]}).items()))
    seconds = dict(sorted((_by_seed(row, "seconds") | {seed: answer["training_seconds"]}).items()))
    claim = CLAIMS[setting]
    flags = [] if setting == "default" else ["--setting", setting]
    return {
        "date": datetime.date.today().isoformat(),
        "setting": setting,
        "seeds": _joined(values),
        "scores": _joined(f"{value:.4f}" for value in values.values()),
        "median": f"{statistics.median(values.values()):.4f}",
        "min": f"{min(values.values()):.4f}",
        "max": f"{max(values.values()):.4f}",
        "n": str(answer["n"]),
        "paper": "" if claim.paper is None else f"{claim.paper:.4f}",
        "source": claim.source,
        "seconds": _joined(number(value) for value in seconds.values()),
        "command": " ".join(["pellucid train digits", *flags, "--seed SEED"]),
        "machine": results.machine(answer["threads"]),
    }


def train_and_evaluate(setting: str, seed: int, options: argparse.Namespace) -> dict:
    """The JSON line of ``peers/ours.py``: accuracy in [0, 1], training seconds, number of test images."""
    script = FOLDER / "peers" / "ours.py"
    command = [
        sys.executable,
        str(script),
        "--setting",
        setting,
        "--seed",
        str(seed),
        "--threads",
        str(options.threads),
    ]
    if options.keep:
        command += ["--out", str(options.keep.absolute() / f"{setting}-{seed}")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{setting} seed {seed} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _by_seed(row: Row | None, column: str) -> dict[int, float]:
    if row is None:
        return {}
    seeds: Sequence[str] = row["seeds"].split()
    return {int(seed): float(value) for seed, value in zip(seeds, row[column].split(), strict=True)}


def _joined(values) -> str:
    return " ".join(str(value) for value in values)


if __name__ == "__main__":
    main()
