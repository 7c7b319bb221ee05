"""The loop that people write: one gymnasium environment in wrappers, whole stacks in a replay, Adam.

    python benchmarks/peers/atari_plain.py --mode learn|act [--steps 1600]

The order of things is that of CleanRL's single-file DQN for Atari; the code is our own. The network is that
of 2013, so that both sides compute the same. Pillow resizes, because the environment has no OpenCV.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque

import ale_py
import gymnasium
import numpy as np
import torch
from PIL import Image
from torch import nn

gymnasium.register_envs(ale_py)


class Skip(gymnasium.Wrapper):
    """Repeat an action four times, keep the maximum of the last two screens, clip the reward."""

    def step(self, action):
        total, screens = 0.0, deque(maxlen=2)
        for _ in range(4):
            screen, reward, terminated, truncated, info = self.env.step(action)
            screens.append(screen)
            total += reward
            if terminated or truncated:
                break
        return np.maximum(screens[0], screens[-1]), np.sign(total), terminated, truncated, info


class Small(gymnasium.ObservationWrapper):
    """Grey, 84 x 84."""

    def observation(self, observation):
        grey = Image.fromarray(observation).convert("L")
        return np.asarray(grey.resize((84, 84), Image.Resampling.BILINEAR))


class Stack(gymnasium.Wrapper):
    """The last four frames."""

    def reset(self, **options):
        frame, info = self.env.reset(**options)
        self.frames = deque([frame] * 4, maxlen=4)
        return np.stack(self.frames), info

    def step(self, action):
        frame, *rest = self.env.step(action)
        self.frames.append(frame)
        return np.stack(self.frames), *rest


class Network(nn.Module):
    """The network of 2013, pixels divided inside, as CleanRL's does."""

    def __init__(self, actions):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU(), nn.Flatten(),
            nn.Linear(2592, 256), nn.ReLU(), nn.Linear(256, actions),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x / 255.0)


def main() -> None:
    """Measure, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("learn", "act"), required=True)
    parser.add_argument("--steps", type=int, default=1600)
    options = parser.parse_args()
    torch.set_num_threads(1)
    game = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
    env = Stack(Small(Skip(game)))
    actions, size = env.action_space.n, 10_000
    online, target = Network(actions), Network(actions)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-4)
    kept = np.zeros((size, 4, 84, 84), np.uint8), np.zeros((size, 4, 84, 84), np.uint8)
    done = np.zeros(size, np.int64), np.zeros(size, np.float32), np.zeros(size, np.float32)
    chance = np.random.default_rng(0)
    seen, _ = env.reset(seed=0)
    warm = 420
    for step in range(warm + options.steps):
        if step == warm:
            began, processor = time.perf_counter(), time.process_time()
        if step < 400 or chance.random() < 0.01:
            action = int(chance.integers(actions))
        else:
            with torch.no_grad():
                action = int(online(torch.Tensor(seen[None])).argmax())
        after, reward, terminated, truncated, _ = env.step(action)
        place = step % size
        kept[0][place], kept[1][place] = seen, after
        done[0][place], done[1][place], done[2][place] = action, reward, terminated
        seen = env.reset()[0] if terminated or truncated else after
        if options.mode == "learn" and step >= 400 and step % 4 == 0:
            rows = chance.integers(0, step + 1, 32)
            with torch.no_grad():
                best = target(torch.Tensor(kept[1][rows])).max(1).values
                goal = torch.Tensor(done[1][rows]) + 0.99 * best * (1 - torch.Tensor(done[2][rows]))
            worth = online(torch.Tensor(kept[0][rows])).gather(1, torch.tensor(done[0][rows])[:, None])[:, 0]
            loss = nn.functional.mse_loss(goal, worth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    answer = {"steps": options.steps, "processor": time.process_time() - processor,
              "seconds": time.perf_counter() - began, "torch": torch.__version__}  # fmt: skip
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
