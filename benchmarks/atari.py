"""Playing: how fast we learn and act beside others, and what a run scores beside the published curves.

    python benchmarks/atari.py speed [--rounds 3]
    python benchmarks/atari.py scores RUN [RUN ...]

"speed" runs ours and a plain loop in turn, each in a process of its own, and writes rows of ``results.csv``:
steps of the player over processor seconds, so that programs beside them do not count. "scores" takes the
tests of evaluated runs of one game, which differ in their seed only, and writes the game's rows of
``atari.csv``; docs/atari.md shows them. Of several runs the score is the mean, lowest to highest.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import results
from results import FOLDER, number

if TYPE_CHECKING:
    from pellucid.run import Run

LEARN, ACT = "atari-learning", "atari-acting"
ROUNDS = {  # benchmark -> ours, then the peers: name -> (script, words)
    LEARN: {
        "pellucid": ("peers/atari_ours.py", ["--mode", "learn"]),
        "atari_plain": ("peers/atari_plain.py", ["--mode", "learn"]),
    },
    ACT: {
        "pellucid": ("peers/atari_ours.py", ["--mode", "act"]),
        "atari_plain": ("peers/atari_plain.py", ["--mode", "act"]),
        "atari_vector": ("peers/atari_vector.py", []),
    },
}
ASKED = {  # mean of the games without sticky actions
    "Pong": "0", "Breakout": "15", "Freeway": "20",
    "minatar/breakout": "8.5", "minatar/freeway": "45", "minatar/space_invaders": "30",
}  # fmt: skip
# Dopamine's public curves (Castro et al. 2018, arXiv:1812.06110; its baselines' JSON): sticky actions, mean
# of five runs, epsilon 0.01, an update every 4 steps; the mean score in the 250,000 steps that end there.
AT = (250_000, 500_000, 750_000, 1_000_000, 2_000_000, 5_000_000)
DOPAMINE = {
    ("Pong", "DQN"): (-20.3, -19.1, -17.6, -16.6, -8.5, 5.7),
    ("Pong", "DQN, Adam"): (-20.2, -18.5, -16.3, -13.9, -0.8, 15.8),
    ("Pong", "Rainbow"): (-20.4, -20.6, -18.7, -16.5, 10.7, 18.4),
    ("Pong", "QR-DQN, n-step 3, prioritised"): (-19.9, -15.8, -9.5, 1.6, 14.3, 18.3),
    ("Breakout", "DQN, Adam"): (1.8, 6.5, 15.2, 18.9, 38.3, 85.8),
    ("Breakout", "QR-DQN, n-step 3, prioritised"): (4.5, 18.7, 27.8, 32.1, 30.9, 31.9),
    ("Freeway", "DQN"): (0.0, 1.3, 0.4, 2.6, 6.9, 19.6),
    ("Freeway", "Rainbow"): (0.3, 8.2, 22.3, 27.5, 31.9, 32.6),
    ("Freeway", "QR-DQN, n-step 3, prioritised"): (2.8, 26.0, 31.2, 31.7, 32.2, 33.1),
}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    timed = verbs.add_parser("speed")
    timed.add_argument("--rounds", type=int, default=3)
    timed.add_argument("--steps", type=int, default=1600, help="of the player that are timed")
    scored = verbs.add_parser("scores")
    scored.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    if options.verb == "speed":
        for name, systems in ROUNDS.items():
            write_speed(name, systems, options)
    else:
        write_scores(options.runs)


def write_speed(name: str, systems: dict, options: argparse.Namespace) -> None:
    """Run every system in turn, some rounds, and write the benchmark's rows."""
    rounds = [
        {peer: run(script, words, options.steps) for peer, (script, words) in systems.items()}
        for _ in range(options.rounds)
    ]
    rows = []
    for peer in systems:
        rates = [each[peer]["rate"] for each in rounds]
        script, words = systems[peer]
        row = {
            "date": datetime.date.today().isoformat(), "benchmark": name, "subject": peer, "peer": "",
            "unit": "steps/s", "median": number(statistics.median(rates)), "low": number(min(rates)),
            "high": number(max(rates)), "ratio": "", "n": str(len(rates)),
            "command": " ".join(["python", f"benchmarks/{script}", *words]),
            "machine": results.machine(1), "versions": f"torch {rounds[0][peer]['torch']}",
        }  # fmt: skip
        rows.append(row)
    ours, others = rows[0], rows[1:]
    compared = [
        ours | {
            "peer": other["subject"],
            "ratio": number(statistics.median(
                each[other["subject"]]["rate"] / each["pellucid"]["rate"] for each in rounds  # of time
            )),
        }
        for other in others
    ]  # fmt: skip
    kept = results.read(results.SPEED, results.SPEED_COLUMNS)
    every = results.replaced(kept, [*compared, *others], "benchmark")
    results.write(results.SPEED, results.SPEED_COLUMNS, every)
    for row in [*compared, *others]:
        print(f"{name}: {row['subject']} {row['median']} steps/s, {row['ratio']} of {row['peer']}")


def run(script: str, words: list[str], steps: int) -> dict[str, float]:
    """One process's answer with its rate, steps a second of processor time."""
    every = [sys.executable, str(FOLDER / script), *words, "--steps", str(steps)]
    done = subprocess.run(every, capture_output=True, text=True, env=results.environment(1))
    if done.returncode:
        sys.exit(f"{script} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "rate": answer["steps"] / answer["processor"]}


def write_scores(paths: list[Path]) -> None:
    """Write the rows of one game."""
    from pellucid.run import Run  # the tables need this file, and no torch

    rows = scored([Run.open(path) for path in paths])
    kept = results.read(results.ATARI, results.ATARI_COLUMNS)
    results.write(results.ATARI, results.ATARI_COLUMNS, results.replaced(kept, rows, "game"))
    print(f"{rows[0]['game']}: {len(rows)} rows")


def scored(runs: list[Run]) -> list[results.Row]:
    """Return the rows of a game: the tests of one training, or of the same training with several seeds."""
    tests = [tested(run) for run in runs]
    same = [(run.task, run.training | {"seed": None}) for run in runs]
    if any(each != same[0] for each in same):
        sys.exit("these runs differ in more than their seed; give one of them, or such as do not")
    rows = []
    for name in tests[0]["players"]:
        scores = [test["scores"][name] for test in tests]
        means = [score["value"] for score in scores]
        ends = scores[0] if len(scores) == 1 else {"low": min(means), "high": max(means)}
        rows.append({
            "date": datetime.date.today().isoformat(), "game": tests[0]["game"], "player": name,
            "sticky": f"{tests[0]['players'][name]['sticky']:g}",
            "steps": " ".join(str(actions(run)) for run in runs), "score": number(statistics.mean(means)),
            "low": number(ends["low"]), "high": number(ends["high"]),
            "deviation": number(statistics.mean(test["players"][name]["deviation"] for test in tests)),
            "n": str(scores[0]["n"]), "trainings": " ".join(map(number, means)),
            "asked": ASKED.get(tests[0]["game"], "") if name == "score" else "",
            "command": tests[0]["command"], "machine": results.machine(1),
        })  # fmt: skip
    return rows


def tested(run: Run) -> dict[str, Any]:
    """Return the test of a run."""
    found = (run.scores() or {}).get("evaluate")
    if not found or "players" not in found:
        sys.exit(f"{run.path}: evaluate it first: pellucid evaluate {run.path}")
    return found


def actions(run: Run) -> int:
    """Return the actions that were done until the run's weights."""
    return run.task["start"] + run.task["steps_per_update"] * run.weights()[1]["step"]


if __name__ == "__main__":
    main()
