"""ale-py's C++ vector environment with the small network acting in it: steps a second.

python benchmarks/peers/atari_vector.py [--steps 1600]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from ale_py.vector_env import AtariVectorEnv

from pellucid.models.dqn import DQN


def main() -> None:
    """Measure, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--games", type=int, default=8)
    parser.add_argument("--mode", choices=("act",), default="act")
    options = parser.parse_args()
    torch.set_num_threads(1)
    env = AtariVectorEnv(
        "pong", options.games, num_threads=1, use_fire_reset=False, reward_clipping=False, noop_max=30
    )
    network = DQN((4, 84, 84), 6, body="small").to(memory_format=torch.channels_last)
    seen, _ = env.reset(seed=0)

    def act(seen: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            inputs = torch.from_numpy(seen).float().div_(255)
            return network(inputs.contiguous(memory_format=torch.channels_last)).argmax(1).numpy()

    for _ in range(20):
        seen, *_ = env.step(act(seen))
    began, processor, steps = time.perf_counter(), time.process_time(), 0
    while steps < options.steps:
        seen, *_ = env.step(act(seen))
        steps += options.games
    answer = {"steps": steps, "processor": time.process_time() - processor,
              "seconds": time.perf_counter() - began, "torch": torch.__version__}  # fmt: skip
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
