"""A corpus: labelled texts, split into words, divided into training, validation and test, and numbered.

It comes from one of Kim's sets by name, or from a file of your own. What has no test set is divided into
folds, one of which is tested; a tenth of what is left validates.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.datasets import labelled, sentences, tokens
from pellucid.datasets.ragged import Ragged
from pellucid.datasets.sentences import Text
from pellucid.errors import UsageError, near

SPLIT_SEED = 20140825  # which texts validate, and are in which fold of a file, is a fact of the data
VALIDATION = 0.1  # of what is not tested, as in Kim's code
TINY = 600  # made-up sentences


@dataclass(frozen=True)
class Corpus:
    """Texts in three parts; ``test`` opens the third. ``facts`` says where they come from."""

    train: list[Text]
    valid: list[Text]
    test: Callable[[], list[Text]]
    classes: list[str]
    splitter: str
    facts: dict[str, Any]


def known(dataset: str) -> bool:
    """Say whether ``dataset`` is one of the sets, or names a file of a format that can be read."""
    return dataset in (*sentences.SOURCES, "tiny") or is_file(dataset)


def is_file(dataset: str) -> bool:
    """Say whether ``dataset`` names a file rather than a set."""
    return Path(dataset).suffix.lower() in labelled.FORMATS


def read(
    dataset: str,
    *,
    fold: int = 0,
    folds: int = 10,
    phrases: bool = False,
    columns: tuple[str | None, str | None] = (None, None),
) -> Corpus:
    """Read a set by name, or a file.

    Args:
        fold: the one that is tested, where there is no test set.
        folds: how many there are.
        phrases: train on every labelled phrase of a treebank (SST), not on its sentences only.
        columns: names of the text's and the class's column in a file of your own; guessed where None.
    Raises:
        DataError: what is asked for cannot be had or read.
        UsageError: no such set, or no phrases in it.
    """
    if not known(dataset):
        names = [*sentences.SOURCES, "tiny"]
        raise UsageError(
            f"--dataset {dataset}: no such set; there are {', '.join(names)}, or give a file that ends in "
            f"{', '.join(labelled.FORMATS)}.{near(dataset, names)}"
        )
    if phrases and not (dataset in sentences.SOURCES and sentences.SOURCES[dataset].trees):
        raise UsageError(f"--phrases: {dataset} has no labelled phrases; only sst1 and sst2 have")
    if is_file(dataset):
        return _own(dataset, fold, folds, columns)
    if dataset == "tiny":
        facts = {
            "dataset": "tiny",
            "licence": "made here, Apache-2.0",
            "source": "made up by datasets.sentences.tiny",
        }
        return _folded(
            sentences.tiny(TINY, seed=1), ["negative", "positive"], "kim", facts, fold=fold, folds=folds
        )
    source = sentences.SOURCES[dataset]
    facts = {"dataset": dataset, "licence": source.licence, "source": source.source, "note": source.note}
    if "all" in source.files:
        texts = sentences.read(dataset, "all")
        return _folded(texts, list(source.classes), source.splitter, facts, fold=fold, folds=folds)
    train = sentences.phrases(dataset, "train") if phrases else sentences.read(dataset, "train")
    if "valid" in source.files:
        valid = sentences.read(dataset, "valid")
    else:
        train, valid = _cut(train, 0)
    return Corpus(
        train, valid, lambda: sentences.read(dataset, "test"), list(source.classes), source.splitter, facts
    )


def vocabulary(words: Iterable[list[str]], least: int = 1) -> tuple[list[str], list[str]]:
    """Return the words that occur ``least`` times or more, sorted, and those of them that occur once."""
    counts = Counter(word for sentence in words for word in sentence)
    kept = sorted(word for word, count in counts.items() if count >= least)
    return kept, [word for word in kept if counts[word] == 1]


def numbered(texts: list[list[str]], labels: list[int], words: list[str], longest: int) -> Ragged:
    """Return texts as numbers of words, the first ``longest`` of each text."""
    numbers = {word: number for number, word in enumerate(words, tokens.FIRST)}
    rows = [[numbers.get(word, tokens.UNKNOWN) for word in text[:longest]] for text in texts]
    return Ragged(rows, labels)


def _own(dataset: str, fold: int, folds: int, columns: tuple[str | None, str | None]) -> Corpus:
    found = labelled.read(dataset, text=columns[0], label=columns[1])
    classes = found.classes
    places = {name: place for place, name in enumerate(classes)}
    texts = [Text(text, places[label]) for text, label in zip(found.texts, found.labels, strict=True)]
    facts = {
        "dataset": Path(dataset).name,
        "licence": "your own",
        "source": Path(dataset).name,
        "columns": {"text": found.text_column, "label": found.label_column, "rows left out": found.skipped},
    }
    return _folded(texts, classes, "words", facts, fold=fold, folds=folds)


def _folded(
    texts: list[Text], classes: list[str], splitter: str, facts: dict[str, Any], *, fold: int, folds: int
) -> Corpus:
    """Test one fold, and train and validate on the others."""
    places = [text.fold for text in texts]
    if folds != 10 or None in places:  # the sets come with ten folds
        places = _stratified([text.label for text in texts], folds)
    if fold >= folds:
        raise UsageError(f"--fold is {fold}; with --folds {folds} it is 0 to {folds - 1}")
    test = [text for text, place in zip(texts, places, strict=True) if place == fold]
    rest = [text for text, place in zip(texts, places, strict=True) if place != fold]
    if min(len(test), len(rest)) < 2:
        raise UsageError(
            f"{len(texts)} texts are too few for {folds} folds; give more texts or fewer --folds"
        )
    train, valid = _cut(rest, fold + 1)
    facts = {**facts, "fold": fold, "folds": folds}
    return Corpus(train, valid, lambda: test, classes, splitter, facts)


def _cut(texts: list[Text], number: int) -> tuple[list[Text], list[Text]]:
    """Cut a tenth off at random to validate on; the rest keeps its order."""
    chosen = list(range(len(texts)))
    random.Random(f"{SPLIT_SEED}/{number}").shuffle(chosen)
    valid = set(chosen[: max(1, round(VALIDATION * len(texts)))])
    return [t for i, t in enumerate(texts) if i not in valid], [t for i, t in enumerate(texts) if i in valid]


def _stratified(labels: list[int], folds: int) -> list[int | None]:
    """Give each text a fold, so that each class is spread evenly."""
    order = list(range(len(labels)))
    random.Random(SPLIT_SEED).shuffle(order)
    order.sort(key=lambda index: labels[index])  # stable: shuffled within a class
    places: list[int | None] = [None] * len(labels)
    for place, index in enumerate(order):
        places[index] = place % folds
    return places
