"""Sequences of different lengths in one flat array: nothing is stored for padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Ragged:
    """A split of sequences with classes; a batch is padded with 0 to its own longest sequence.

    Args:
        sequences: lists of whole numbers above 0.
        labels: the class of each.
    """

    def __init__(self, sequences: Sequence[Sequence[int] | np.ndarray], labels: Sequence[int]):
        if len(sequences) != len(labels):
            raise ValueError(f"{len(sequences)} sequences, but {len(labels)} labels; one each is expected")
        lengths = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
        flat = np.concatenate(
            [np.asarray(sequence, np.int32) for sequence in sequences] or [np.empty(0, np.int32)]
        )
        self.lengths, self.starts = lengths, lengths.cumsum(0) - lengths
        self.flat = torch.from_numpy(
            np.append(flat, np.int32(0))
        )  # a place to read where a sequence has ended
        self.labels = torch.tensor(labels, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return ``(N, longest)`` int32, 0 after the end of a sequence, and the classes ``(N,)`` int64."""
        indices = torch.as_tensor(indices)
        lengths = self.lengths[indices]
        places = torch.arange(max(1, int(lengths.max()) if len(lengths) else 1))
        inside = places < lengths[:, None]
        values = self.flat[(self.starts[indices][:, None] + places).where(inside, len(self.flat) - 1)]
        return values, self.labels[indices]
