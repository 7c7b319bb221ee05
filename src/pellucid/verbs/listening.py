"""Listening: what look says of recorded words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pellucid.datasets import logmel
from pellucid.plots import sounds
from pellucid.task import Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 4  # recordings of a class on the sheet
MOST_CLASSES = 12


def looked(data: Data) -> dict[str, Any]:
    """Return how many recordings each split and class has, and how loud they are."""
    facts = data.facts
    raw, labels = data.train[torch.arange(len(data.train))]
    _, valid = data.valid[torch.arange(len(data.valid))]
    peaks = raw.int().abs().amax(1).numpy() / 32768
    return {
        "splits": {"train": len(labels), "valid": len(valid)},
        "classes": {
            name: {
                "train": int((labels == i).sum()),
                "valid": int((valid == i).sum()),
                "median peak": float(np.median(peaks[labels.numpy() == i])),
            }
            for i, name in enumerate(facts["classes"])
        },
        "seconds": facts["samples"] / facts["rate_hz"],
        "rate_hz": facts["rate_hz"],
        "source": facts["source"],
        "licence": facts["licence"],
    }


def pictures(data: Data, index: int) -> Iterator[tuple[str, Figure]]:
    """Draw one recording as the network hears it, and a sheet of spectrograms for each class."""
    facts = data.facts
    rate = facts["rate_hz"]
    raw, labels = data.train[torch.arange(len(data.train))]
    wave = raw[index].numpy() / np.float32(32768)
    name = f"training recording {index}, {facts['classes'][int(labels[index])]}"
    yield "recording", sounds.spoken({name: wave}, {name: logmel.spectrogram(wave, rate)}, rate)
    scaled = torch.from_numpy(wave / max(1e-6, np.abs(wave).max()))[None]
    bands = logmel.log_mel(scaled, rate, facts["bands"])
    bands = (bands - bands.mean()) / bands.std().clamp(min=1e-3)
    truth = {name: float(i == int(labels[index])) for i, name in enumerate(facts["classes"])}
    yield "bands", sounds.heard(wave, rate, bands[0].numpy(), truth)
    rows = {}
    for i, each in enumerate(facts["classes"][:MOST_CLASSES]):
        chosen = np.flatnonzero(labels.numpy() == i)[:SHOWN]
        waves = raw[chosen].numpy() / np.float32(32768)
        rows[each] = [("", logmel.spectrogram(w / max(1e-6, np.abs(w).max()), rate)) for w in waves]
    yield "classes", sounds.sheet(rows, title="Recordings of each class, as spectrograms")
