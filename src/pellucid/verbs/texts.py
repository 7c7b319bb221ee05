"""What look and explain say where the input is text: lengths, words, and which words moved the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pellucid.datasets import tokens
from pellucid.explain import ngrams, sanity
from pellucid.plots import sequences
from pellucid.task import Answer, Data, Task
from pellucid.verbs.predict import answer_to, prepared
from pellucid.verbs.trained import Ready

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 12  # n-grams that are told
NEAREST = 5  # training texts that are told
SEARCHED = 20_000  # training texts among which they are looked for
BATCH = 500
NAMED = (0, 1, 4, 19, 99, 499, 1999, 9999)  # ranks whose words stand in the picture


@dataclass(frozen=True)
class Explanation:
    """Why a network answered as it did, in words.

    Attributes:
        answer: what it said.
        target: the class that is explained.
        words: of the text, as the network got them.
        shares: method -> ``(L,)``: what each word added to the score of the target. "n-grams" adds up what
            the fired filters moved, shared among their words; "integrated gradients" comes from the gradient.
        similarity: method -> rank correlation with the same of a network with random weights.
        grams: the n-grams that moved the target most: {"words", "width", "filter", "value", "moved" (K,)}.
        nearest: the training texts with the most similar features: {"text", "class", "similarity"}.
    """

    answer: Answer
    target: str
    words: list[str]
    shares: dict[str, np.ndarray]
    similarity: dict[str, float]
    grams: list[dict[str, Any]]
    nearest: list[dict[str, Any]]

    def picture(self) -> Figure:
        """Draw the words, coloured, and the n-grams."""
        column = list(self.answer.probabilities).index(self.target)
        grams = [
            (gram["words"], gram["moved"][column], f"filter {gram['filter']} of width {gram['width']}")
            for gram in self.grams
        ]
        rows = {method: (self.words, values) for method, values in self.shares.items()}
        return sequences.coloured(rows, grams, target=self.target, title=f"Why {self.target}?")

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "answer": self.answer.to_json(),
            "target": self.target,
            "words": self.words,
            "shares": {method: values.tolist() for method, values in self.shares.items()},
            "similarity_to_random": self.similarity,
            "ngrams": self.grams,
            "nearest": self.nearest,
        }

    def _repr_png_(self) -> bytes:
        from pellucid.plots import canvas

        return canvas.png(self.picture())


def explain(ready: Ready, sample: np.ndarray, target: int | None = None) -> Explanation:
    """Explain the answer to one raw sample, ``(L,)`` numbers of words; ``target`` picks another class."""
    inputs, answer = prepared(ready, sample), answer_to(ready, sample)
    names = list(answer.probabilities)
    chosen = names.index(answer.text) if target is None else target
    words = tokens.spelled(sample, ready.facts)
    shares = _shares(ready.network, inputs, len(words), chosen)
    twins = _shares(sanity.randomised(ready.network, seed=0), inputs, len(words), chosen)
    similarity = {
        method: sanity.rank_correlation(values, twins[method]) if len(words) > 1 else 0.0
        for method, values in shares.items()
    }
    return Explanation(
        answer,
        names[chosen],
        words,
        shares,
        similarity,
        _grams(ready, inputs, words, chosen),
        _nearest(ready, inputs),
    )


def looked(task: Task, data: Data) -> dict[str, Any]:
    """Return how many texts each split and class has, how long they are, and what of their words is known."""
    facts = data.facts
    (raw, labels), (valid, valid_labels) = (
        split[torch.arange(len(split))] for split in (data.train, data.valid)
    )
    long = (raw != tokens.PAD).sum(1).numpy()
    known, there = int((valid == tokens.UNKNOWN).sum()), int((valid != tokens.PAD).sum())
    counts = np.bincount(raw.flatten().numpy(), minlength=len(facts["words"]) + tokens.FIRST)[tokens.FIRST :]
    return {
        "splits": {"train": len(labels), "valid": len(valid_labels)},
        "classes": {
            name: {"train": int((labels == i).sum()), "valid": int((valid_labels == i).sum())}
            for i, name in enumerate(facts["classes"])
        },
        "lengths": {
            "shortest": int(long.min()),
            "mean": float(long.mean()),
            "95 % are at most": int(np.quantile(long, 0.95)),
            "longest": int(long.max()),
        },
        "vocabulary": {
            "words": len(facts["words"]),
            "seen once in training": int((counts == 1).sum()),
            "most frequent": [facts["words"][i] for i in np.argsort(-counts, kind="stable")[:20].tolist()],
        },
        "unknown in validation": {"words": known, "of": there, "share": known / max(1, there)},
        "vectors": facts.get("vectors"),
        "splitter": facts["splitter"],
        "licence": facts.get("licence", ""),
        "source": facts.get("source", ""),
        "note": facts.get("note", ""),
    }


def pictures(data: Data) -> Iterator[tuple[str, Figure]]:
    """Draw the lengths of the texts and how often each word occurs."""
    raw, labels = data.train[torch.arange(len(data.train))]
    long = (raw != tokens.PAD).sum(1).numpy()
    names = data.facts["classes"]
    yield "lengths", sequences.lengths({name: long[labels.numpy() == i] for i, name in enumerate(names)})
    counts = Counter(raw.flatten().tolist())
    ranked = [(number, count) for number, count in counts.most_common() if number >= tokens.FIRST]
    examples = {
        rank: data.facts["words"][ranked[rank][0] - tokens.FIRST] for rank in NAMED if rank < len(ranked)
    }
    yield "words", sequences.words_by_count(np.array([count for _, count in ranked]), examples)


def filters(ready: Ready, count: int = 8) -> list[dict[str, Any]]:
    """Return the filters that move the classes most, each with the training n-grams that fire it most."""
    found = ngrams.strongest(ready.network, list(_batches(ready, ready.task.data().train)), count)
    return [
        {
            "filter": each["filter"],
            "width": each["width"],
            "moves": dict(zip(ready.facts["classes"], each["moves"].tolist(), strict=True)),
            "n-grams": [
                {"words": " ".join(tokens.spelled(np.array(gram), ready.facts)), "value": value}
                for gram, value in each["grams"]
            ],
        }
        for each in found
    ]


def _shares(network: Any, inputs: Tensor, words: int, target: int) -> dict[str, np.ndarray]:
    first, _ = ngrams.places_of_words(inputs)
    return {
        "n-grams": ngrams.parts(network, inputs).by_word(words, first)[:, target],
        "integrated gradients": ngrams.word_gradients(network, inputs, target)[first : first + words],
    }


def _grams(ready: Ready, inputs: Tensor, words: list[str], target: int) -> list[dict[str, Any]]:
    """Return the fired filters by how much they moved the target, filters on the same n-gram one by one."""
    first, _ = ngrams.places_of_words(inputs)
    fired = [each for each in ngrams.parts(ready.network, inputs).fired if each.value > 0]
    fired.sort(key=lambda each: -abs(float(each.moved[target] - each.moved.mean())))
    found = []
    for each in fired[:TOP]:
        places = range(each.start - first, each.start - first + each.width)
        gram = " ".join(words[place] if 0 <= place < len(words) else "_" for place in places)
        found.append(
            {
                "words": gram,
                "width": each.width,
                "filter": each.number,
                "value": each.value,
                "moved": each.moved.tolist(),
            }
        )
    return found


def _nearest(ready: Ready, inputs: Tensor) -> list[dict[str, Any]]:
    """Return the most similar training texts; none where the training texts cannot be had."""
    from pellucid.errors import DataError

    try:
        train = ready.task.data().train
    except DataError:
        return []
    found = ngrams.nearest(ready.network, inputs, list(_batches(ready, train)), NEAREST)
    texts = []
    for place, similarity in found:
        raw, label = train[torch.tensor([place])]
        texts.append(
            {
                "text": " ".join(tokens.spelled(raw[0].numpy(), ready.facts)),
                "class": ready.facts["classes"][int(label[0])],
                "similarity": similarity,
            }
        )
    return texts


def _batches(ready: Ready, split: Any) -> Iterator[Tensor]:
    for indices in torch.arange(min(len(split), SEARCHED)).split(BATCH):
        yield ready.task.prepare(split[indices][0], facts=ready.facts)[0]
