"""Our TextCNN and a plain PyTorch port in turn, sentences a second, into ``results.csv``.

    python benchmarks/sentences_speed.py [--rounds 3] [--threads 1]

Each round runs ours, then the port, each in a process of its own. Rates are sentences over processor
seconds, times threads, so that programs beside them do not count; the ratio is the median over the rounds of
our time / the port's.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys

import results
from results import FOLDER, number

MODES = {"train": "textcnn-training", "predict": "textcnn-prediction"}
OURS, PEER = "peers/textcnn_ours.py", "peers/textcnn_pytorch.py"


def main() -> None:
    """Measure, then write both benchmarks' rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60, help="updates of 50 sentences that are timed")
    options = parser.parse_args()
    for mode, name in MODES.items():
        rounds = [
            {script: run(script, mode, options) for script in (OURS, PEER)} for _ in range(options.rounds)
        ]
        ratio = statistics.median(each[PEER]["rate"] / each[OURS]["rate"] for each in rounds)
        rows = [
            row(name, "pellucid", OURS, rounds, mode, options.threads)
            | {"peer": "textcnn_pytorch", "ratio": number(ratio)},
            row(name, "textcnn_pytorch", PEER, rounds, mode, options.threads),
        ]
        kept = results.read(results.SPEED, results.SPEED_COLUMNS)
        results.write(results.SPEED, results.SPEED_COLUMNS, results.replaced(kept, rows, "benchmark"))
        print(f"{name}: ours {rows[0]['median']}/s, the port {rows[1]['median']}/s, time ratio {ratio:.2f}")


def run(script: str, mode: str, options: argparse.Namespace) -> dict[str, float]:
    """One process's answer with its rate, sentences a second of processor time on ``threads`` threads."""
    threads = options.threads
    words = [
        sys.executable,
        str(FOLDER / script),
        "--mode",
        mode,
        "--threads",
        str(threads),
        "--steps",
        str(options.steps),
    ]
    done = subprocess.run(words, capture_output=True, text=True, env=results.environment(threads))
    if done.returncode:
        sys.exit(f"{script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "rate": answer["sentences"] * threads / answer["processor"]}


def row(name: str, subject: str, script: str, rounds: list, mode: str, threads: int) -> results.Row:
    """Median and extremes of a system's rates."""
    rates = [each[script]["rate"] for each in rounds]
    return {
        "date": datetime.date.today().isoformat(),
        "benchmark": name,
        "subject": subject,
        "peer": "",
        "unit": "sentences/s",
        "median": number(statistics.median(rates)),
        "low": number(min(rates)),
        "high": number(max(rates)),
        "ratio": "",
        "n": str(len(rates)),
        "command": f"python benchmarks/{script} --mode {mode} --threads {threads}",
        "machine": results.machine(threads),
        "versions": f"torch {rounds[0][script]['torch']}",
    }


if __name__ == "__main__":
    main()
