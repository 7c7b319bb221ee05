"""Parallel text: sentences and their translations, in training, validation and test, as numbers of pieces.

It is Multi30k, made up, or your own: two files with one sentence a line, or one tab-separated file.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pellucid.datasets import idx, multi30k, subwords
from pellucid.datasets.ragged import Ragged
from pellucid.datasets.sentences import decoded
from pellucid.errors import DataError, UsageError, near

Pair = tuple[str, str]
SPLIT_SEED = 20170508  # which pairs of your own validate and test is a fact of the data
CUT, MOST_CUT = 0.1, 1000  # share, and the largest number, of pairs that validate; as many are tested
MOST_BYTES = 2**30  # of a file of your own, unpacked
FEWEST = 10  # pairs of your own
WORDS = [consonant + vowel for consonant in "bdgklmn" for vowel in "aeio"]
TINY = {"train": 600, "valid": 100, "test": 100}  # made-up pairs
SETS = ("multi30k", "tiny")


@dataclass(frozen=True)
class Parallel:
    """Pairs of texts in three parts; ``test`` opens the third. ``facts`` says where they come from."""

    train: list[Pair]
    valid: list[Pair]
    test: Callable[[], list[Pair]]
    facts: dict[str, Any]


class Pairs:
    """A split of numbered pairs: ``[indices]`` is ``(N, S)`` and ``(N, T)`` int32, 0 after the end of each.

    Args:
        texts: the pairs themselves, where translations are to be compared with them.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        texts: Sequence[Pair] = (),
    ):
        self.sources, self.targets = (Ragged(rows, [0] * len(rows)) for rows in (sources, targets))
        self.texts = texts

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, indices: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
        return self.sources[indices][0], self.targets[indices][0]

    def by_length(self, order: Tensor, size: int) -> tuple[Tensor, ...]:
        """Cut an order of the pairs into batches of ``size`` pairs of equal lengths, the shortest first.

        A batch is padded to its longest pair, so pairs of one length waste nothing; which pairs of a length
        meet is the order's choice.
        """
        order = order[self.targets.lengths[order].argsort(stable=True)]
        return order[self.sources.lengths[order].argsort(stable=True)].split(size)


def is_file(dataset: str) -> bool:
    """Say whether ``dataset`` names a file rather than a set."""
    return Path(dataset).suffix.lower() in (".tsv", ".gz")


def read(
    dataset: str, languages: tuple[str, str], files: tuple[str | None, str | None] = (None, None)
) -> Parallel:
    """Read a set by name, a tab-separated file, or two files of your own.

    Args:
        languages: source and target; of your own text they are names only.
        files: source and target, one sentence a line; gzip is undone.
    Raises:
        DataError: what is asked for cannot be had or read.
        UsageError: no such set, one file without the other.
    """
    if (files[0] is None) != (files[1] is None):
        raise UsageError("--source and --target belong together: a file each, one sentence a line")
    if files[0] is not None and files[1] is not None:
        return _own(aligned(files[0], files[1]), f"{Path(files[0]).name}, {Path(files[1]).name}")
    if dataset == "multi30k":
        facts = {"dataset": dataset, "licence": multi30k.LICENCE, "source": multi30k.SOURCE}
        train, valid = (multi30k.read(part, *languages) for part in ("train", "val"))
        return Parallel(train, valid, lambda: multi30k.read("test_2016_flickr", *languages), facts)
    if dataset == "tiny":
        made = "made up by datasets.parallel.tiny: a sentence, and its words backwards"
        parts = {name: tiny(count, seed=seed) for seed, (name, count) in enumerate(TINY.items())}
        facts = {"dataset": dataset, "licence": "made here, Apache-2.0", "source": made}
        return Parallel(parts["train"], parts["valid"], lambda: parts["test"], facts)
    if is_file(dataset):
        return _own(columns(dataset), Path(dataset).name)
    raise UsageError(
        f"--dataset {dataset}: no such set; there are {', '.join(SETS)}, or give a .tsv file (source, tab, "
        f"target), or --source a.txt --target b.txt.{near(dataset, SETS)}"
    )


def aligned(source: str, target: str) -> list[Pair]:
    """Read two files whose lines with the same number are translations of each other.

    Raises:
        DataError: a file cannot be read, is not UTF-8, or they have different numbers of lines.
    """
    first, second = (_lines(path) for path in (source, target))
    if len(first) != len(second):
        raise DataError(
            f"{source} has {len(first):,} lines and {target} {len(second):,}; line by line they must be "
            "translations of each other, so the numbers must be equal"
        )
    return list(zip(first, second, strict=True))


def columns(path: str) -> list[Pair]:
    """Read a tab-separated file without a header: source, target, and what else there is.

    Raises:
        DataError: it cannot be read, is not UTF-8, or a line has one column only.
    """
    pairs = []
    for number, line in enumerate(_lines(path), 1):
        cells = line.split("\t")
        if len(cells) < 2 and line.strip():
            raise DataError(f"{path}, line {number}: one column, expected two: source, tab, target")
        if line.strip():
            pairs.append((cells[0], cells[1]))
    return pairs


def tiny(count: int, *, seed: int) -> list[Pair]:
    """Make up sentences of three to seven words whose translation is the same words backwards."""
    draw = random.Random(f"{SPLIT_SEED}/{seed}")
    rows = [draw.choices(WORDS, k=draw.randint(3, 7)) for _ in range(count)]
    return [(" ".join(row), " ".join(reversed(row))) for row in rows]


def numbered(pairs: list[Pair], facts: dict[str, Any], *, longest: int | None = None) -> tuple[Pairs, int]:
    """Return pairs as numbers, each with its END, and how many were left out.

    Args:
        longest: pairs with a side of more pieces, END included, are left out; None cuts them to the places
            that the network has, so that of a test set nothing is missing.
    """
    cut, rows = subwords.of(facts), []
    for source, target in pairs:
        both = [cut.encode(subwords.normal(text, lower=facts["lower"])) for text in (source, target)]
        if longest is not None and (max(map(len, both)) >= longest or not all(both)):
            continue
        rows.append([side[: facts["positions"] - 1] + [subwords.END] for side in both])
    numbers = [row[0] for row in rows], [row[1] for row in rows]
    return Pairs(*numbers, pairs if longest is None else ()), len(pairs) - len(rows)


def _own(pairs: list[Pair], name: str) -> Parallel:
    """Divide pairs of your own; the same source sentence never stands in two parts."""
    whole = [(source.strip(), target.strip()) for source, target in pairs]
    whole = [pair for pair in whole if all(pair)]
    by_source: dict[str, list[Pair]] = {}
    for pair in dict.fromkeys(whole):
        by_source.setdefault(pair[0], []).append(pair)
    if len(by_source) < FEWEST:
        raise DataError(
            f"{name}: {len(by_source)} different sentences with a translation; at least {FEWEST} are needed, "
            "and some ten thousand before a translation makes sense"
        )
    groups = list(by_source.values())
    random.Random(SPLIT_SEED).shuffle(groups)
    cut = max(1, min(MOST_CUT, round(CUT * len(groups))))
    valid, test, train = groups[:cut], groups[cut : 2 * cut], groups[2 * cut :]
    facts = {
        "dataset": name,
        "licence": "your own",
        "source": name,
        "left out": {"empty": len(pairs) - len(whole), "twice": len(whole) - len(set(whole))},
    }
    flat = [[pair for group in part for pair in group] for part in (train, valid, test)]
    return Parallel(flat[0], flat[1], lambda: flat[2], facts)


def _lines(path: str) -> list[str]:
    content = idx.unpacked(idx.contents(Path(path), MOST_BYTES), name=path, most_bytes=MOST_BYTES)
    if not content.strip():
        raise DataError(f"{path}: empty; expected one sentence a line")
    if b"\0" in content:
        raise DataError(f"{path}: holds zero bytes; this is no text, or not in UTF-8")
    return decoded(content, path).removesuffix("\n").split("\n")
