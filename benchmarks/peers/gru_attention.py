"""The recurrent peer of ConvS2S: torch's own GRU with attention; size, data, training and search are ours.

    python benchmarks/peers/gru_attention.py --out runs/gru [--epochs 24] [--precision bf16]

Two layers of a GRU read the source in both directions, two more write, and what they write looks at the
source through one attention (Luong et al. 2015, "general"); in training a whole sentence goes through that
GRU in one call, the fastest way there is for it. Embeddings and scores share one table, as in our default.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.models.convs2s import PAD, trimmed
from pellucid.tasks.translation import Translation


class GruTranslator(nn.Module):
    """Read with a bidirectional GRU, write with another that attends.

    Args:
        pieces: how many there are.
        size: of the vectors, and of the GRUs in each direction.
    """

    def __init__(self, pieces: int, *, size: int, dropout: float, positions: int):
        super().__init__()
        self.positions, self.dropout = positions, dropout
        self.table = nn.Embedding(pieces, size, padding_idx=PAD)
        nn.init.normal_(self.table.weight, std=0.1)
        self.reader = nn.GRU(size, size, 2, batch_first=True, bidirectional=True, dropout=dropout)
        self.bridge = nn.Linear(2 * size, 2 * size)
        self.writer = nn.GRU(size, size, 2, batch_first=True, dropout=dropout)
        self.keys = nn.Linear(2 * size, size)
        self.joined = nn.Linear(3 * size, size)
        self.bias = nn.Parameter(torch.zeros(pieces))

    def read(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return keys, values, what is padding, and the writer's first state."""
        lengths = (source != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.table(source)), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        values, last = self.reader(packed)
        values, _ = nn.utils.rnn.pad_packed_sequence(values, batch_first=True, total_length=source.shape[1])
        start = self.bridge(torch.cat([last[-2], last[-1]], -1)).tanh()
        state = torch.stack(start.chunk(2, -1))
        return self.keys(values), values, source == PAD, state

    def write(self, written: Tensor, memory: tuple, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores ``(N, T, V)``, attention ``(N, T, S)`` and the state after ``(N, T)`` pieces."""
        hidden, state = self.writer(self.drop(self.table(written)), state)
        scores, shares = self.look(hidden, memory)
        return scores, shares, state

    def look(self, hidden: Tensor, memory: tuple) -> tuple[Tensor, Tensor]:
        """Return scores and attention of what the writer holds."""
        keys, values, padded = memory
        scores = torch.bmm(hidden, keys.transpose(1, 2)) / math.sqrt(keys.shape[-1])
        shares = scores.float().masked_fill(padded[:, None], -math.inf).softmax(-1)
        context = torch.bmm(shares.to(values.dtype), values)
        last = self.drop(self.joined(torch.cat([hidden, context], -1)).tanh())
        return functional.linear(last, self.table.weight, self.bias), shares

    def forward(self, pairs: Tensor) -> Tensor:
        """Return scores ``(N, T, V)`` for prepared pairs ``(N, 2, L)``."""
        keys, values, padded, state = self.read(trimmed(pairs[:, 0]))
        return self.write(trimmed(pairs[:, 1]), (keys, values, padded), state)[0]

    def steps(self, source: Tensor) -> GruSteps:
        """Return the writer before its first piece."""
        return GruSteps(self, source)

    def drop(self, values: Tensor) -> Tensor:
        """Silence a part in training."""
        return functional.dropout(values, self.dropout, self.training)


class GruSteps:
    """One piece at a time, as ``pellucid.decoding`` asks for it."""

    def __init__(self, network: GruTranslator, source: Tensor):
        self.network = network
        *self.memory, self.state = network.read(source)  # state: (layers, N * B, C)

    def step(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Take ``(N, B)`` pieces."""
        vectors = self.network.table(pieces).flatten(0, 1)[:, None]
        hidden, self.state = self.network.writer(vectors, self.state)
        return self.network.look(hidden[:, 0].unflatten(0, pieces.shape), tuple(self.memory))

    def reorder(self, parents: Tensor) -> None:
        """Go on with other hypotheses."""
        before = self.state.shape[1] // len(parents)
        rows = (parents + before * torch.arange(len(parents))[:, None]).flatten()
        self.state = self.state.index_select(1, rows)

    def keep(self, sentences: Tensor) -> None:
        """Go on with some sentences."""
        count = len(self.memory[0])
        self.state = self.state.unflatten(1, (count, -1)).index_select(1, sentences).flatten(1, 2)
        self.memory = [part.index_select(0, sentences) for part in self.memory]


@dataclass(frozen=True, kw_only=True)
class GruTranslation(Translation):
    """Our task with the other network."""

    name: ClassVar[str] = "translation-gru"

    def model(self, facts: dict[str, Any]) -> Any:
        """Build the peer."""
        return GruTranslator(
            len(facts["pieces"]), size=self.size, dropout=self.dropout, positions=self.positions
        )


def main() -> None:
    """Train it as ours is trained."""
    from pellucid.verbs.train import train

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=24)
    parser.add_argument("--precision", default="fp32")
    options = parser.parse_args()
    task = GruTranslation()
    task = replace(task, training=replace(task.training, epochs=options.epochs, precision=options.precision))
    for progress in train(task, options.out):
        if progress.scores:
            scores = {name: round(score["value"], 4) for name, score in progress.scores.items()}
            print(
                progress.step, f"{float(progress.loss):.4f}", scores, f"{progress.seconds:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
