"""Sequences that are written one piece at a time: greedily, or with a beam of hypotheses.

Any network can be decoded that answers as ``Steps`` does; what it keeps between two pieces is its business.
What is found for one sentence depends on that sentence alone, not on its neighbours in the batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Steps(Protocol):
    """A network in the middle of N sentences with B hypotheses each."""

    def step(self, pieces: Tensor) -> tuple[Tensor, Tensor | None]:
        """Take the newest piece of every hypothesis and score what may follow.

        Args:
            pieces: ``(N, B)`` whole numbers; in the first step B is 1.
        Returns:
            ``(N, B, V)`` scores before softmax, and where the network looked: ``(N, B, S)`` or None.
        """

    def reorder(self, parents: Tensor) -> None:
        """Go on with other hypotheses: ``(N, B)``, each the number of the old one that it continues."""

    def keep(self, sentences: Tensor) -> None:
        """Go on with some of the sentences only: their numbers, in order."""


@dataclass(frozen=True)
class Hypothesis:
    """One finished sequence.

    Attributes:
        pieces: its numbers, without the end.
        log_probability: of all of them, in nats.
        score: what hypotheses are compared by: the log-probability over a power of the length.
        attention: ``(T + 1, S)``, where the network looked while it wrote each piece and the end; None if it
            does not say.
    """

    pieces: list[int]
    log_probability: float
    score: float
    attention: np.ndarray | None


def greedy(steps: Steps, *, end: int, longest: Tensor, never: Sequence[int] = ()) -> list[Hypothesis]:
    """Write the most probable piece each time; the last one that a length allows is the end.

    Args:
        end: the number of the piece that ends a sentence, and stands before its first piece.
        longest: ``(N,)`` most pieces of each sentence, the end included.
        never: numbers that are never written.
    """
    history, alive = _History(len(longest)), torch.arange(len(longest))
    totals = torch.zeros(len(alive))
    pieces = torch.full((len(alive), 1), end)
    while len(alive):
        scores, attention = steps.step(pieces)
        options = _log_probabilities(scores, longest[alive] == len(history) + 1, end, never)
        values, pieces = options.max(-1)  # (n, 1)
        totals = totals + values[:, 0]
        ended = pieces[:, 0] == end
        for place in ended.nonzero()[:, 0].tolist():
            history.finish(int(alive[place]), 0, float(totals[place]))
        history.add(alive, pieces, torch.zeros_like(pieces), attention)
        if bool(ended.any()):
            kept = (~ended).nonzero()[:, 0]
            alive, pieces, totals = alive[kept], pieces[kept], totals[kept]
            steps.keep(kept)
    return [found[0] for found in history.hypotheses(penalty=1.0)]


def beam_search(
    steps: Steps, *, end: int, longest: Tensor, beam: int, penalty: float = 1.0, never: Sequence[int] = ()
) -> list[list[Hypothesis]]:
    """Keep the ``beam`` most probable beginnings; return each sentence's finished hypotheses, best first.

    An end counts if it is among the ``beam`` best continuations, and a sentence is done when it has ``beam``
    finished hypotheses or is as long as it may be.

    Args:
        penalty: the power of the length by which a log-probability is divided; 0 compares sums, which prefers
            short sentences, 1 means per piece.
    Raises:
        ValueError: the beam is empty.
    """
    if beam < 1:
        raise ValueError(f"the beam is {beam}; at least one hypothesis must be kept")
    history, alive = _History(len(longest)), torch.arange(len(longest))
    totals = torch.zeros(len(alive), 1)
    pieces = torch.full((len(alive), 1), end)
    while len(alive):
        scores, attention = steps.step(pieces)
        last = longest[alive] == len(history) + 1
        options = totals[..., None] + _log_probabilities(scores, last, end, never)  # (n, B, V)
        values, places = options.flatten(1).topk(min(2 * beam, options[0].numel()), dim=1)
        parents, candidates = places // options.shape[-1], places % options.shape[-1]
        ended = (candidates == end) & values.isfinite()
        for row, column in ended[:, :beam].nonzero().tolist():
            history.finish(int(alive[row]), int(parents[row, column]), float(values[row, column]))
        # The open candidates, best first: a stable sort moves the ends behind them.
        first = (candidates == end).to(torch.int8).argsort(dim=1, stable=True)[:, :beam]
        parents, pieces = parents.gather(1, first), candidates.gather(1, first)
        totals = values.masked_fill(candidates == end, -math.inf).gather(1, first)
        history.add(alive, pieces, parents, attention)
        done = last | (history.counts[alive] >= beam) | totals.isneginf().all(1)
        if bool(done.any()):
            kept = (~done).nonzero()[:, 0]
            alive, pieces, parents, totals = alive[kept], pieces[kept], parents[kept], totals[kept]
            steps.keep(kept)
        if len(alive):
            steps.reorder(parents)
    return [found[:beam] for found in history.hypotheses(penalty)]


def _log_probabilities(scores: Tensor, last: Tensor, end: int, never: Sequence[int]) -> Tensor:
    """Return what may be written with the network's log-probability, all else with that of 0.

    Of the ``last`` sentences only the end may; it keeps the probability that the network gives it.
    """
    values = scores.float().log_softmax(-1)
    if never:
        values[..., list(never)] = -math.inf
    if bool(last.any()):
        only = torch.full_like(values, -math.inf)
        only[..., end] = values[..., end]
        values = only.where(last[:, None, None], values)
    return values


class _History:
    """What every hypothesis wrote, step by step, and which of them ended; read backwards at the end."""

    def __init__(self, sentences: int):
        self.counts = torch.zeros(sentences, dtype=torch.int64)
        self.ends: list[list[tuple[int, int, float]]] = [[] for _ in range(sentences)]
        self.steps: list[tuple[Tensor, Tensor, Tensor, Tensor | None]] = []

    def __len__(self) -> int:
        return len(self.steps)

    def finish(self, sentence: int, parent: int, log_probability: float) -> None:
        """Note that the hypothesis ``parent`` ends with the step that is added next."""
        self.ends[sentence].append((len(self.steps), parent, log_probability))
        self.counts[sentence] += 1

    def add(self, alive: Tensor, pieces: Tensor, parents: Tensor, attention: Tensor | None) -> None:
        """Note a step: sentences ``(n,)``, new pieces and parents ``(n, B)``, attention ``(n, B', S)``."""
        self.steps.append((alive, pieces, parents, attention))

    def hypotheses(self, penalty: float) -> list[list[Hypothesis]]:
        """Return the finished hypotheses of each sentence, best first; among equals the earlier one."""
        steps = [
            (
                {sentence: row for row, sentence in enumerate(alive.tolist())},
                pieces.tolist(),
                parents.tolist(),
                None if attention is None else attention.numpy(),
            )
            for alive, pieces, parents, attention in self.steps
        ]
        found = [[_read(steps, n, *each, penalty) for each in ends] for n, ends in enumerate(self.ends)]
        return [sorted(each, key=lambda hypothesis: -hypothesis.score) for each in found]


def _read(
    steps: list, sentence: int, step: int, parent: int, log_probability: float, penalty: float
) -> Hypothesis:
    """Follow a hypothesis from its end back to its beginning."""
    pieces: list[int] = []
    looks: list[np.ndarray] = []
    while True:
        rows, _, _, attention = steps[step]
        if attention is not None:
            looks.append(attention[rows[sentence], parent])
        if step == 0:
            break
        step -= 1
        row = steps[step][0][sentence]
        pieces.append(steps[step][1][row][parent])
        parent = steps[step][2][row][parent]
    pieces.reverse()
    score = log_probability / (len(pieces) + 1) ** penalty
    return Hypothesis(pieces, log_probability, score, np.array(looks[::-1]) if looks else None)
