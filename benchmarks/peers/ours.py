"""Pellucid itself, by its own commands, answering with the same JSON line as the peers.

Everything that the benchmarks know of Pellucid's commands and of a run's files stands here (and, for
commands timed as a whole process, in ``speed.py``). The extra keys: ``training_seconds`` of the whole
run, ``command_seconds`` of ``pellucid train`` from start to exit, and the test score's ``low``, ``high``
and ``n``.
"""

import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import material
import numpy as np

DEFAULT = "default"
SOURCE = Path(__file__).resolve().parents[2] / "src"


def main():
    """Train by the command, read the times from the run, evaluate by the command."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        run = options.out or Path(folder) / "run"
        if not finished(run):
            pellucid([*train_command(options), "--out", str(run)], folder, options.threads)
        command_seconds = perf_counter() - start
        times = [json.loads(line) for line in (run / "speed.jsonl").read_text().splitlines()]
        progress = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
        score = (
            None
            if options.skip_test
            else pellucid(["evaluate", str(run), "--no-report"], folder, options.threads)
        )
    seconds = epoch_seconds(times, num_epochs(progress))
    answer = material.line(
        options,
        peer="pellucid",
        packages=["torch"],
        seconds=seconds,
        accuracy=score and accuracy(score)["value"],
    )
    answer["training_seconds"] = round(times[-1]["seconds"], 4)
    answer["command_seconds"] = round(command_seconds, 4)
    if score:
        answer |= {key: accuracy(score)[key] for key in ("low", "high", "n")}
    print(json.dumps(answer))


def arguments():
    """The common arguments, the setting, and whether to leave the test out (timing does not need it)."""
    parser = material.parser(__doc__)
    parser.set_defaults(epochs=None)
    parser.add_argument(
        "--setting", default=DEFAULT, help="a named setting of the task digits (default: none)"
    )
    parser.add_argument("--precision", help="in place of the setting's own")
    parser.add_argument("--skip-test", action="store_true", help="train only")
    parser.add_argument("--out", type=Path, help="keep the run here; a finished one is not trained again")
    options = parser.parse_args()
    material.use_cores(options.threads)
    return options


def finished(run):
    """Whether a run is there and came to its end."""
    try:
        return json.loads((run / "environment.json").read_text())["run"]["finished"] is not None
    except (OSError, KeyError):
        return False


def train_command(options):
    """The arguments of ``pellucid`` that train this setting; no ``--epochs`` means its own number."""
    command = ["train", "digits", "--seed", str(options.seed)]
    if options.setting != DEFAULT:
        command += ["--setting", options.setting]
    if options.precision is not None:
        command += ["--precision", options.precision]
    if options.epochs is not None:
        command += ["--epochs", str(options.epochs)]
    if options.images != material.TRAINING_IMAGES:
        command += ["--limit", str(options.images)]
    return command


def pellucid(command, folder, threads):
    """Run ``python -m pellucid COMMAND --json`` in ``folder``; returns the document's ``result``."""
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": str(threads)}
    whole = [sys.executable, "-m", "pellucid", *command, "--json"]
    done = subprocess.run(whole, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pellucid {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)["result"]


def accuracy(evaluated):
    """The score ``{"value", "low", "high", "n"}`` in the result of ``pellucid evaluate``."""
    return evaluated["scores"]["accuracy"]


def num_epochs(progress):
    """How many epochs ``progress.jsonl`` tells of, counted from 1."""
    return max(int(line["epoch"]) for line in progress)


def epoch_seconds(times, epochs):
    """Seconds of each epoch from the lines of ``speed.jsonl``, whose ``seconds`` count from the first step.

    Validation and saving are left out, because the peers do neither. Epochs are of
    equal length; an end between two lines is interpolated.
    """
    steps = [0, *(line["step"] for line in times)]
    elapsed = [0.0, *(line["seconds"] - line["evaluating"] - line["saving"] for line in times)]
    ends = [np.interp(steps[-1] * epoch / epochs, steps, elapsed) for epoch in range(epochs + 1)]
    return [float(end - start) for start, end in pairwise(ends)]


if __name__ == "__main__":
    main()
