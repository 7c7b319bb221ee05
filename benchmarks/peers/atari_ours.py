"""Our deep Q-learning on Pong with the small network: steps a second, learning or only acting.

    python benchmarks/peers/atari_ours.py --mode learn|act [--recipe plain|default] [--steps 1600]

"plain" is what the loop beside it does: one network of 2013, one-step returns, no target network's help in
choosing, Adam, an update of 32 for every 4 steps.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time

import torch

from pellucid.tasks.atari import Atari

PLAIN = {"returns": "mean", "priority": None, "n_step": 1}


def main() -> None:
    """Measure, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("learn", "act"), required=True)
    parser.add_argument("--recipe", choices=("plain", "default"), default="plain")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--games", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = PLAIN if options.recipe == "plain" else {}
    task = dataclasses.replace(
        Atari(game="Pong", steps_per_update=4, start=400, games=options.games, exploration=1), **settings
    )
    learner = task.learner(task.data())
    batches = learner.batches(0)
    for step in range(5):
        learner.update(next(batches), step)
    began, processor, before = time.perf_counter(), time.process_time(), learner.played
    if options.mode == "act":
        learner._play(learner.played + options.steps, task.epsilon)
    else:
        for step in range(5, 5 + options.steps // 4):
            learner.update(next(batches), step)
    answer = {"steps": learner.played - before, "processor": time.process_time() - processor,
              "seconds": time.perf_counter() - began, "torch": torch.__version__}  # fmt: skip
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
