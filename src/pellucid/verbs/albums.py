"""Albums: samples with what the network sees in them, to find those that another one is most like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.explain import inside
from pellucid.verbs.trained import Ready

AT_ONCE = 500  # samples through the network


@dataclass(frozen=True)
class Album:
    """Some samples of a split.

    Attributes:
        numbers: ``(N,)``: their places in the split.
        samples: ``(N, ...)`` raw.
        features: ``(N, F)`` unit vectors, see ``features_of``.
    """

    numbers: Tensor
    samples: Tensor
    features: Tensor

    def alike(self, features: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which ``count`` samples are most like ``(F,)`` features, and how much (cosine)."""
        likeness = (self.features @ features).numpy()
        chosen = (-likeness).argsort(kind="stable")[:count]
        return chosen, likeness[chosen]


def album(ready: Ready, samples: Tensor, numbers: Tensor) -> Album:
    """Return some of the raw samples ``(N, ...)`` of a split, by their numbers."""
    chosen = samples[numbers]
    return Album(numbers, chosen, features_of(ready, chosen))


def features_of(ready: Ready, samples: Tensor) -> Tensor:
    """Return what the last layer weighs of raw samples, as unit vectors ``(N, F)``."""
    prepared = (ready.task.prepare(part, facts=ready.facts)[0] for part in samples.split(AT_ONCE))
    found = torch.from_numpy(inside.penultimate(ready.network, prepared))
    return torch.nn.functional.normalize(found.float(), dim=1)
