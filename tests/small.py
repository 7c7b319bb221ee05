"""A task that trains in a blink: everything that has a state, on fifty small pictures."""

from contextlib import closing
from dataclasses import dataclass, replace

import torch
from torch.utils.data import TensorDataset

from pellucid.task import Data
from pellucid.tasks.digits import Digits
from pellucid.training import Training
from pellucid.verbs.train import resume, train

TRAINING = Training(steps=40, batch_size=8, evaluate_every=6, ema=0.9)


@dataclass(frozen=True, kw_only=True)
class Small(Digits):
    """Digits on random pictures: 50 to train on, so that the seventh batch of an epoch has 2, and 11 to validate."""

    def data(self):
        generator = torch.Generator().manual_seed(7)
        images = torch.randint(256, (61, 28, 28), generator=generator, dtype=torch.uint8)
        labels = torch.arange(61) % 10
        facts = {
            "classes": [str(digit) for digit in range(10)],
            "shape": [28, 28],
            "mean": 0.5,
            "std": 0.29,
            "class_weights": [1.0 + digit / 10 for digit in range(10)],
        }
        train, valid = TensorDataset(images[:50], labels[:50]), TensorDataset(images[50:], labels[50:])
        return Data(train, valid, lambda: valid, facts)


def small(network="mlp", **training):
    """Return the task; keywords change its training."""
    return Small(network=network, hidden=(6,), dropout=0.3, training=replace(TRAINING, **training))


def stopped(task, path, step):
    """Train into ``path`` and stop after ``step``."""
    with closing(train(task, path)) as steps:
        for progress in steps:
            if progress.step == step:
                return


def finished(path, kind=Small):
    """Go on to the end."""
    for _ in resume(path, kind):
        pass
    return outcome(path)


def trained(task, path):
    """Train into ``path`` to the end and return the outcome."""
    for _ in train(task, path):
        pass
    return outcome(path)


def outcome(path):
    """Return the bytes of what must be the same: weights, now and then, the last state, the log."""
    last = max((path / "resume").glob("step-*"))
    files = (path / "weights.safetensors", last, path / "progress.jsonl")
    moments = {f"snapshot {file.name}": file for file in (path / "snapshots").iterdir()}
    return {name: file.read_bytes() for name, file in ({file.name: file for file in files} | moments).items()}
