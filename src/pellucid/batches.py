"""Batches of places in a training set, and a training set that is asked for a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset


def paired(batches: Sequence[Tensor]) -> list[Tensor]:
    """Join a last batch of a single sample to the one before it: batch normalisation needs two values."""
    if len(batches) > 1 and len(batches[-1]) == 1 < len(batches[-2]):
        return [*batches[:-2], torch.cat(tuple(batches[-2:]))]
    return list(batches)


class Whole(Dataset):
    """A split as torch's DataLoader wants it: one "sample" is one batch of indices."""

    def __init__(self, split: TensorDataset):
        self.split = split

    def __getitem__(self, indices: Tensor) -> Any:
        return self.split[indices]
