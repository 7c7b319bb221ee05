"""What look, evaluate and explain do where text becomes text: lengths, scores, attention, alignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pellucid.datasets import subwords
from pellucid.errors import UsageError
from pellucid.explain.watching import resting
from pellucid.metrics import Score, moses, translation
from pellucid.models.convs2s import END, PAD
from pellucid.plots import sequences
from pellucid.task import Data
from pellucid.translating import judged, translations
from pellucid.verbs.predict import answer_to, prepared
from pellucid.verbs.trained import Ready, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES = 20  # test sentences whose translation stands in the document, of your own data only
NAMED = (0, 1, 4, 19, 99, 499, 1999, 9999)  # ranks whose pieces stand in the picture


@dataclass(frozen=True)
class Explanation:
    """Where a translation comes from.

    Attributes:
        answer: the translation, with the pieces read and written.
        layers: decoder layer -> ``(T, S)``: where it looked while it wrote each piece.
        words: the words that were read, and those that were written.
        alignment: ``(words written, words read)``: shares of the layers' mean, joined from pieces to words.
    """

    answer: Any
    layers: dict[str, np.ndarray]
    words: tuple[list[str], list[str]]
    alignment: np.ndarray

    def pictures(self) -> Iterator[tuple[str, Figure]]:
        """Draw the attention of every layer, and the alignment of the words."""
        read, written = self.answer.source, self.answer.pieces
        yield "attention", sequences.attention(read, written, self.layers, title=self.answer.text)
        title = "Which words a word was written from"
        yield "alignment", sequences.alignment(*self.words, self.alignment, title=title)

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "answer": self.answer.to_json(),
            "layers": {name: values.tolist() for name, values in self.layers.items()},
            "words read": self.words[0],
            "words written": self.words[1],
            "alignment": self.alignment.tolist(),
        }

    def _repr_png_(self) -> bytes:
        from pellucid.plots import canvas

        return canvas.png(next(self.pictures())[1])


def explain(ready: Ready, sample: np.ndarray) -> Explanation:
    """Explain the translation of one raw sample, ``(S,)`` numbers of pieces."""
    network: Any = ready.network
    if not hasattr(network, "attend"):
        raise UsageError("an exported network does not show its attention; explain the run itself")
    answer: Any = answer_to(ready, sample)
    inputs = prepared(ready, sample)
    numbers = {piece: number for number, piece in enumerate(ready.facts["pieces"])}
    written = [numbers[piece] for piece in answer.pieces[:-1]]
    with torch.inference_mode(), resting(network):
        looks = network.attend(inputs[:, 0, : len(answer.source)], torch.tensor([[END, *written]]))
    layers = {f"decoder layer {place}": each[0].numpy() for place, each in enumerate(looks, 1)}
    mean = np.mean(list(layers.values()), axis=0)
    read_words, read_places = words_of(answer.source)
    words, places = words_of(answer.pieces)
    return Explanation(answer, layers, (read_words, words), joined(mean, places, read_places))


def words_of(pieces: list[str]) -> tuple[list[str], list[int]]:
    """Join pieces to words; return them, and for each piece the number of its word. An end is a word."""
    words: list[str] = []
    places = []
    for piece in pieces:
        if not words or piece.startswith(subwords.SPACE) or piece in subwords.MARKS:
            words.append("")
        words[-1] += piece.replace(subwords.SPACE, "")
        places.append(len(words) - 1)
    return words, places


def joined(shares: np.ndarray, rows: list[int], columns: list[int]) -> np.ndarray:
    """Join shares ``(T, S)`` of pieces to words: the sum over what is read, the mean over what is written.

    Rows that sum to 1 go on doing so.
    """
    found = np.zeros((rows[-1] + 1, columns[-1] + 1))
    np.add.at(found, (np.array(rows)[:, None], np.array(columns)[None, :]), shares)
    return found / np.bincount(rows)[:, None]


def looked(data: Data, index: int) -> dict[str, Any]:
    """Return how many pairs there are, how long, which pieces are frequent, and one pair as numbers."""
    facts, cut = data.facts, subwords.of(data.facts)
    counts = _counts(data)
    raw, targets = data.valid[torch.arange(len(data.valid))]
    known = len(facts["pieces"])
    unknown = int((raw >= known).sum() + (targets >= known).sum())
    sides = zip(data.train[torch.tensor([index])], facts["languages"], strict=True)
    sample = {
        language: [[cut.piece(number), number] for number in side[0].tolist() if number != PAD]
        for side, language in sides
    }
    lengths = dict(zip(facts["languages"], _lengths(data), strict=True))
    return {
        "splits": {"train": len(data.train), "valid": len(data.valid)},
        "languages": facts["languages"],
        "lengths": {
            language: {
                "shortest": int(long.min()),
                "mean": float(long.mean()),
                "95 % are at most": int(np.quantile(long, 0.95)),
                "longest": int(long.max()),
            }
            for language, long in lengths.items()
        },
        "pieces": {
            "number": known,
            "whole words": sum(piece.startswith(subwords.SPACE) for piece in facts["pieces"]),
            "most frequent": [facts["pieces"][number] for number, _ in counts.most_common(20)],
            "never in training": known - subwords.FIRST - len(counts),
        },
        "unknown letters in validation": unknown,
        "left out": {**facts.get("left out", {}), "too long": facts["counts"]["too long"]},
        "sample": sample,
        "licence": facts["licence"],
        "source": facts["source"],
    }


def pictures(data: Data) -> Iterator[tuple[str, Figure]]:
    """Draw the lengths of both sides, and how often each piece occurs."""
    sides = dict(zip(data.facts["languages"], _lengths(data), strict=True))
    yield "lengths", sequences.lengths(sides, unit="pieces")
    ranked = _counts(data).most_common()
    pieces = data.facts["pieces"]
    examples = {
        rank: pieces[ranked[rank][0]].replace(subwords.SPACE, "_") for rank in NAMED if rank < len(ranked)
    }
    yield "pieces", sequences.words_by_count(np.array([count for _, count in ranked]), examples)


def scored(trained: Trained, command: str, test: Any = None) -> tuple[dict[str, Score], dict[str, Any]]:
    """Translate a test set with the task's own search, and score what was written.

    Args:
        test: numbered pairs with their texts; None takes the test set of the task.
    Returns:
        The scores, and all of it as JSON. "bleu" and "chrf" compare detokenised text with the references as
        they are; "bleu_tokenised" compares lower-cased tokens as Moses leaves them, as is usual on Multi30k.
    """
    task: Any = trained.task
    facts, test = trained.facts, test or trained.data().test()
    found = translations(trained.network, test, facts, beam=task.beam, penalty=task.length_penalty)
    written, right = [text for text, _ in found], [target for _, target in test.texts]
    language, lower = facts["languages"][1], facts["lower"]
    tokens = [[moses.tokenised(text, language) for text in side] for side in (written, right)]
    scores, signatures = {}, {}
    scores["bleu"], signatures["bleu"] = translation.bleu(written, right, lower=lower, interval=True)
    scores["bleu_tokenised"], signatures["bleu_tokenised"] = translation.bleu(
        *tokens, tokenize="none", interval=True
    )
    signatures["bleu_tokenised"] += ", of lower-cased text tokenised by the rules of Moses"
    scores["chrf"], signatures["chrf"] = translation.chrf(written, right, interval=True)
    scores |= task.metrics(*judged(trained.network, task, test, facts), facts)
    document = {
        "command": command,
        "split": "test",
        "n": len(test),
        "scores": {name: score.to_json() for name, score in scores.items()},
        "signatures": signatures,
        "search": {"beam": task.beam, "length_penalty": task.length_penalty},
        "perplexity": float(np.exp(scores["loss"].value)),
        "pieces written": sum(len(each.hypotheses[0].pieces) + 1 for _, each in found),
        "pieces of the references": int((test[torch.arange(len(test))][1] != PAD).sum()),
    }
    if facts["licence"] == "your own" or facts["dataset"] == "tiny":  # others' sentences are not ours to copy
        document["examples"] = [
            {"source": source, "reference": reference, "translation": text}
            for (source, reference), text in list(zip(test.texts, written, strict=True))[:EXAMPLES]
        ]
    return scores, document


def _lengths(data: Data) -> list[np.ndarray]:
    train: Any = data.train
    return [side.lengths.numpy() for side in (train.sources, train.targets)]


def _counts(data: Data) -> Counter[int]:
    """Count the pieces of the training pairs, marks left out."""
    train: Any = data.train
    known = len(data.facts["pieces"])
    flat = np.concatenate([side.flat.numpy() for side in (train.sources, train.targets)])
    values, counts = np.unique(flat, return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return Counter({value: count for value, count in pairs if subwords.FIRST <= value < known})
