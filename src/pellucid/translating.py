"""How translations are learned and found: batches of equal lengths, a search, and scores of what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import decoding, metrics, seeding
from pellucid.batches import paired
from pellucid.datasets import subwords
from pellucid.datasets.parallel import Pairs
from pellucid.decoding import Hypothesis
from pellucid.learners import Supervised
from pellucid.metrics import Score, translation
from pellucid.models.convs2s import END, PAD, UNKNOWN
from pellucid.processes import gather, rank, world

AT_ONCE = 64  # sentences that are translated together
LONGER, MORE = 2, 20  # a translation has at most so many times the pieces of its source, and so many more


@dataclass(frozen=True)
class Found:
    """What a search found for one sentence: the numbers that were read, and the hypotheses, best first."""

    source: list[int]
    hypotheses: list[Hypothesis]


class Translating(Supervised):
    """Supervised learning of pairs, judged by the loss and by greedy translations of the validation set."""

    def _wholes(self, epoch: int) -> Sequence[Tensor]:
        batches = paired(self.train.by_length(self._order(epoch), self.training.batch_size))
        return [batches[place] for place in seeding.order(self.training.seed, epoch, len(batches)).tolist()]

    def _weight(self, step: int) -> float:
        """Return this process's pieces in the batch of ``step`` over the mean of all processes."""
        epoch, position = divmod(step, self.clock.epoch_steps)
        whole, lengths = self._wholes(epoch)[position], self.train.targets.lengths
        share = whole.tensor_split(world())[rank()]
        share = share if len(share) else whole[:1]
        return float(lengths[share].sum() * world() / lengths[whole].sum())

    def validated(self) -> tuple[Tensor, Tensor]:
        """Return a row of sums for each validation sentence, as ``judged`` does, and the targets."""
        return judged(self._kept(), self.task, self.valid, self.facts)

    def _scores(self) -> dict[str, Score]:
        """Return BLEU and exact matches of greedy translations, the loss, and the share of right pieces."""
        written = [text for text, _ in translations(self._kept(), self.valid, self.facts, beam=1)]
        right, lower = [target for _, target in self.valid.texts], self.facts["lower"]
        pairs = zip(written, right, strict=True)
        exact = sum(mine == subwords.normal(theirs, lower=lower) for mine, theirs in pairs)
        return {
            "bleu": translation.bleu(written, right, lower=lower)[0],
            "exact": metrics.wilson(exact, len(right)),
            **self.task.metrics(*self.validated(), self.facts),
        }


def search(network: Any, source: Tensor, *, beam: int, penalty: float = 1.0) -> list[Found]:
    """Translate prepared sources ``(N, S)``, greedily with a beam of 1; each whatever the others are.

    Any network will do that has ``steps(source)``, which returns ``decoding.Steps``, and ``positions``.

    Sentences of one length are translated together, so that no step is spent on padding.
    """
    was_training = network.training
    where = next((weight.device for weight in network.parameters()), source.device)  # a file has no weights
    if was_training:
        network.eval()
    lengths = (source != PAD).sum(1)
    found: dict[int, Found] = {}
    with torch.inference_mode():
        for places in lengths.argsort(stable=True).split(AT_ONCE):
            some = source[places][:, : int(lengths[places].max())]
            longest = (LONGER * lengths[places] + MORE).clamp(max=network.positions)
            steps = network.steps(some.to(where))
            how: dict[str, Any] = {"end": END, "longest": longest, "never": (PAD,)}
            if beam == 1:
                hypotheses = [[best] for best in decoding.greedy(steps, **how)]
            else:
                hypotheses = decoding.beam_search(steps, beam=beam, penalty=penalty, **how)
            for place, row, each in zip(places.tolist(), some, hypotheses, strict=True):
                found[place] = Found(row[: int(lengths[place])].tolist(), each)
    if was_training:
        network.train()
    return [found[place] for place in range(len(source))]


def text_of(source: list[int], hypothesis: Hypothesis, facts: dict[str, Any]) -> str:
    """Return a hypothesis as text; for an unknown piece stands what it looked at most in the source."""
    cut, pieces = subwords.of(facts), []
    for place, number in enumerate(hypothesis.pieces):
        if number == UNKNOWN and hypothesis.attention is not None:
            looked = int(hypothesis.attention[place, : len(source) - 1].argmax())
            pieces.append(cut.piece(source[looked]))
        else:
            pieces.append(cut.piece(number))
    return subwords.text_of(pieces)


def translations(
    network: nn.Module, split: Pairs, facts: dict[str, Any], *, beam: int, penalty: float = 1.0
) -> list[tuple[str, Found]]:
    """Return the best translation of every sentence of a split; each in its place."""
    sources, _ = split[torch.arange(len(split))]
    found = search(network, sources, beam=beam, penalty=penalty)
    return [(text_of(each.source, each.hypotheses[0], facts), each) for each in found]


def judged(network: nn.Module, task: Any, split: Pairs, facts: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return ``(N, 2)``, a sentence's sum of -log p in nats and its pieces that were most probable; targets.

    Every piece is judged after the right ones before it. Several processes share the work.
    """
    was_training, where = network.training, next(network.parameters()).device
    network.eval()
    share = torch.arange(len(split)).tensor_split(world())[rank()]
    rows = torch.zeros(len(share), 2, dtype=torch.float64)
    order = split.sources.lengths[share].argsort(stable=True)
    with torch.inference_mode():
        for places in order.split(AT_ONCE):
            inputs, targets = task.prepare(*split[share[places]], facts=facts)
            targets = targets.to(where)
            logits = network(inputs.to(where)).float()
            losses = functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="none"
            )
            right = ((logits.argmax(-1) == targets) & (targets != PAD)).sum(1)
            rows[places] = torch.stack([losses.view(targets.shape).double().sum(1), right.double()], 1).cpu()
    network.train(was_training)
    _, targets = split[torch.arange(len(split))]
    return gather(rows, len(split)), targets
