"""The CSV files of results: read, replace the rows of one key, write whole or not at all."""

from __future__ import annotations

import csv
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

Row = dict[str, str]

FOLDER = Path(__file__).resolve().parent
SLOW_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # when set for an old machine, they slow scikit-learn
SPEED = FOLDER / "results.csv"
SPEED_COLUMNS = (
    *("date", "benchmark", "subject", "peer", "unit"),
    *("median", "low", "high", "ratio", "n", "command", "machine", "versions"),
)
ACCURACY = FOLDER / "accuracy.csv"
ACCURACY_COLUMNS = (
    *("date", "setting", "seeds", "scores", "median", "min", "max", "n"),
    *("paper", "source", "seconds", "command", "machine"),
)
SKETCHES = FOLDER / "sketches.csv"
CANVAS = FOLDER / "canvas.csv"
SKETCHES_COLUMNS = ("date", "network", "score", "value", "low", "high", "n", "bar", "command", "machine")
SPEECH = FOLDER / "speech.csv"
SPEECH_COLUMNS = ("date", "score", "value", "low", "high", "n", "bar", "command", "machine")

SENTENCES = FOLDER / "sentences.csv"
SENTENCES_COLUMNS = (
    *("date", "name", "dataset", "score", "deviation", "scores", "n"),
    *("protocol", "paper", "source", "seconds", "command", "machine"),
)
ATARI = FOLDER / "atari.csv"
ATARI_COLUMNS = (
    *("date", "game", "player", "sticky", "steps", "score", "low", "high", "deviation", "n"),
    *("trainings", "asked", "command", "machine"),
)
TRANSLATION = FOLDER / "translation.csv"
TRANSLATION_COLUMNS = (
    *("date", "name", "search", "score", "value", "low", "high", "n", "bar", "signature"),
    *("parameters", "epochs", "seconds", "command", "machine"),
)
PAD = FOLDER / "pad.csv"
PAD_COLUMNS = ("date", "model", "plain", "redrawn", "points_lost", "n", "seed", "asked", "command")
FIRST_PAGE = FOLDER / "first_page.csv"
FIRST_PAGE_COLUMNS = ("date", "name", "unit", "median", "p95", "n", "asked", "command", "machine")
SOAK = FOLDER / "soak.csv"
SOAK_COLUMNS = (
    *("date", "name", "unit", "first", "last", "an_hour", "low", "high", "n", "minutes"),
    *("rate", "command", "machine"),
)
SERVE = FOLDER / "serve.csv"
SERVE_COLUMNS = (
    *("date", "model", "input", "phase", "rate", "seconds", "sent", "answered", "shed", "failed", "hung"),
    *("answers_per_second", "p50_ms", "p99_ms", "command", "machine"),
)


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows of a results file; none when there is no file yet.

    Raises:
        ValueError: the file's columns are not ``columns``.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="ascii") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != tuple(columns):
            raise ValueError(
                f"{path.name} has the columns {rows.fieldnames}, expected {list(columns)}; remove it"
            )
        return list(rows)


def replaced(rows: Iterable[Row], new: Sequence[Row], key: str) -> list[Row]:
    """``rows`` with ``new`` in the place of those that have one of its values under ``key``."""
    rows = list(rows)
    names = {row[key] for row in new}
    first = next((index for index, row in enumerate(rows) if row[key] in names), len(rows))
    before = [row for row in rows[:first] if row[key] not in names]
    return [*before, *new, *(row for row in rows[first:] if row[key] not in names)]


def write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write beside the file, then rename: an interrupted benchmark leaves the old results whole."""
    temporary = path.with_suffix(".writing")
    with temporary.open("w", newline="", encoding="ascii") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)


def number(value: float) -> str:
    """Four significant digits, as the files keep them."""
    return f"{value:.4g}"


def machine(threads: int) -> str:
    """How the files describe a machine: by the cores that were used, nothing else."""
    return "1 core" if threads == 1 else f"{threads} cores"


def command() -> str:
    """The line that started this process, as the files keep it: of a path only its last name."""
    words = [Path(word).name if os.sep in word and Path(word).exists() else word for word in sys.argv[1:]]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def environment(threads: int) -> dict[str, str]:
    """For a process that is measured: so many threads, our sources, and nothing that slows BLAS."""
    kept = {name: value for name, value in os.environ.items() if name not in SLOW_BLAS}
    paths = [str(FOLDER.parent / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return kept | limits | {"PYTHONPATH": os.pathsep.join(paths)}
