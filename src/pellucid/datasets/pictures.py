"""A data set from a folder of pictures: listed, decoded, freed of duplicates, split; and what was found."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.datasets import duplicates, folder, splits, squares
from pellucid.errors import DataError

SMALL, LARGE = 32, 64  # pixels along the side, chosen by what the pictures are
THUMBNAILS_UP_TO = 48  # pixels of the median shorter side
FEW_PICTURES = 1000  # below, a fifth validates and a fifth tests; above, a tenth each
TINY_CLASS, UNEVEN = 10, 5.0  # pictures in a class; the largest class against the smallest
MOST_TOLD = 200  # sentences that are kept of each kind


@dataclass(frozen=True)
class Pictures:
    """A part of a data set: pictures and classes, read from memory or from a memory map.

    Attributes:
        pixels: ``(M, S, S, 3)`` uint8 of the whole data set.
        rows: ``(N,)`` places of this part's pictures in ``pixels``.
        labels: ``(N,)`` int64.
        paths: where each picture came from.
    """

    pixels: np.ndarray
    rows: np.ndarray
    labels: Tensor
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: Any) -> tuple[Tensor, Tensor]:
        places = np.asarray(indices)
        return torch.from_numpy(self.pixels[self.rows[places]]), self.labels[torch.from_numpy(places)]


@dataclass(frozen=True)
class Collection:
    """A whole data set, in parts.

    Attributes:
        parts: "train", "valid", "test" -> pictures; a part may be empty.
        classes: the names, sorted.
        size: pixels along a side.
        found: what hurts, as JSON: ``left out``, ``duplicates``, ``warnings``, each a list of sentences.
        fingerprint: of the pictures used, their classes and parts.
    """

    parts: dict[str, Pictures]
    classes: list[str]
    size: int
    found: dict[str, Any]
    fingerprint: str


def collect(
    source: str | Path, *, size: int | None, shares: tuple[float | None, float | None], seed: int
) -> Collection:
    """Read a folder or a CSV of pictures.

    Args:
        size: pixels along a side; None takes 32 for thumbnails and 64 for photographs.
        shares: of the validation and test parts where they are not given; None takes a tenth, or a fifth of
            fewer than 1,000 pictures.
        seed: of the split.
    Raises:
        DataError: the source cannot be read, or there are not two classes with a picture to train on.
    """
    listing = folder.scan(source)
    if size is None:
        size = SMALL if squares.short_side(listing) <= THUMBNAILS_UP_TO else LARGE
    decoded = squares.decoded(listing, size)
    left_out = [*listing.troubles, *decoded.troubles]
    good = np.flatnonzero(decoded.rows >= 0)
    entries, rows = [listing.entries[i] for i in good], decoded.rows[good]
    sums = [decoded.sums[i] for i in good]
    classes = sorted({entry.label for entry in entries})
    labels = [classes.index(entry.label) for entry in entries]
    _require_classes(source, entries, left_out)

    alike, kinds = _groups(entries, labels, sums, decoded.pixels[rows])
    parts = _parts(entries, labels, alike, sums, shares, seed)
    told, dropped = _duplicates(entries, labels, parts, alike, kinds)
    left_out += [
        f"{folder.shown(entries[i].path)}: shows the same as a picture of another part; left out"
        for i in dropped
    ]
    kept = np.setdiff1d(np.arange(len(entries)), dropped)
    made = {part: _part(part, kept, parts, decoded.pixels, rows, labels, entries) for part in splits.PARTS}
    _require_training(source, made, classes)
    found = {
        "left out": _first(left_out),
        "duplicates": _first(told),
        "warnings": _warnings(listing, made, classes, entries, parts),
        "split": "given" if listing.given else "made here",
    }
    lines = sorted(f"{sums[i]} {classes[labels[i]]} {parts[i]}" for i in kept)
    return Collection(made, classes, size, found, hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16])


def balanced(part: Pictures, classes: int) -> Pictures:
    """Return a part in which the pictures of rarer classes are repeated until all classes have as many."""
    labels = part.labels.numpy()
    most = int(np.bincount(labels, minlength=classes).max())
    places = [np.flatnonzero(labels == label) for label in range(classes)]
    chosen = np.sort(np.concatenate([np.resize(found, most) for found in places if len(found)]))
    paths = tuple(part.paths[i] for i in chosen)
    return Pictures(part.pixels, part.rows[chosen], part.labels[torch.from_numpy(chosen)], paths)


def _groups(
    entries: Sequence[folder.Entry], labels: Sequence[int], sums: Sequence[str], pixels: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return each picture's group of what shows the same, and the same by each kind of likeness alone."""
    names = [duplicates.name_of_original(entry.path) for entry in entries]
    marked = {name for entry, name in zip(entries, names, strict=True)
              if name != duplicates.name_of_itself(entry.path)}  # fmt: skip
    copies = [name if name in marked else "" for name in names]
    pairs = {
        "equal": list(duplicates.equal(sums)),
        "near": list(duplicates.near(pixels)),
        "named as a copy": list(duplicates.equal(copies)),
    }
    count = len(entries)
    together = duplicates.groups(count, (pair for found in pairs.values() for pair in found))
    return together, {kind: duplicates.groups(count, iter(found)) for kind, found in pairs.items()}


def _parts(
    entries: Sequence[folder.Entry],
    labels: Sequence[int],
    alike: np.ndarray,
    sums: Sequence[str],
    shares: tuple[float | None, float | None],
    seed: int,
) -> list[str]:
    """Return the part of each picture: as given, and the parts that are not given cut from training."""
    given = {entry.split for entry in entries} - {""}
    parts = [entry.split or "train" for entry in entries]
    usual = 0.2 if len(entries) < FEW_PICTURES else 0.1
    wanted = tuple(
        0.0 if part in given else usual if share is None else share
        for part, share in zip(("valid", "test"), shares, strict=True)
    )
    training = [i for i, part in enumerate(parts) if part == "train"]
    outside = {group for group, part in zip(alike.tolist(), parts, strict=True) if part != "train"}
    free = [i for i in training if int(alike[i]) not in outside]
    made = splits.split(
        [labels[i] for i in free], alike[free], [sums[i] for i in free], (wanted[0], wanted[1]), seed
    )
    for i, part in zip(free, made, strict=True):
        parts[i] = part
    return parts


def _duplicates(
    entries: Sequence[folder.Entry],
    labels: Sequence[int],
    parts: list[str],
    alike: np.ndarray,
    kinds: dict[str, np.ndarray],
) -> tuple[list[str], list[int]]:
    """Return sentences about like pictures, and the pictures that must be left out to keep parts apart."""
    told = []
    for kind, found in kinds.items():
        sizes = Counter(found.tolist())
        for group in (group for group, size in sorted(sizes.items()) if size > 1):
            places = np.flatnonzero(found == group).tolist()
            words = ", ".join(f"{folder.shown(entries[i].path)} ({parts[i]})" for i in places[:6])
            more = f" and {len(places) - 6} more" if len(places) > 6 else ""
            clash = "; their classes differ" if len({labels[i] for i in places}) > 1 else ""
            told.append(f"{kind}: {words}{more}{clash}")
            if len(told) > 10 * MOST_TOLD:
                break
    return told, splits.keep_apart(parts, alike)


def _part(
    part: str,
    kept: np.ndarray,
    parts: Sequence[str],
    pixels: np.ndarray,
    rows: np.ndarray,
    labels: Sequence[int],
    entries: Sequence[folder.Entry],
) -> Pictures:
    places = [i for i in kept.tolist() if parts[i] == part]
    classes = torch.tensor([labels[i] for i in places], dtype=torch.int64)
    return Pictures(pixels, rows[places], classes, tuple(entries[i].path for i in places))


def _warnings(
    listing: folder.Listing,
    made: dict[str, Pictures],
    classes: list[str],
    entries: Sequence[folder.Entry],
    parts: Sequence[str],
) -> list[str]:
    """Say what hurts without being wrong: tiny classes, imbalance, small tests, names that leak."""
    counts = torch.bincount(made["train"].labels, minlength=len(classes)).tolist()
    warnings = [
        f"the class {name} has {count} training pictures; below {TINY_CLASS} hardly anything can be learned"
        for name, count in zip(classes, counts, strict=True)
        if count < TINY_CLASS
    ]
    most, least = max(counts), min(counts)
    if least and most / least >= UNEVEN:
        warnings.append(
            f"uneven classes: {classes[counts.index(most)]} has {most} training pictures, "
            f"{classes[counts.index(least)]} has {least}; try --balance weights or --balance sampling"
        )
    for part in ("valid", "test"):
        missing = [name for i, name in enumerate(classes) if not (made[part].labels == i).any()]
        if missing:
            warnings.append(f"no {part} picture of {', '.join(missing[:10])}: the score says nothing of it")
    if listing.given:
        warnings += _shared_names(entries, parts)
    return warnings


def _shared_names(entries: Sequence[folder.Entry], parts: Sequence[str]) -> list[str]:
    """Tell of file names that stand in two parts of a given split, unless they are mere numbers."""
    seen: dict[str, set[str]] = {}
    for entry, part in zip(entries, parts, strict=True):
        name = entry.path.rpartition("/")[2]
        if any(letter.isalpha() for letter in name.rpartition(".")[0]):
            seen.setdefault(name, set()).add(part)
    shared = sorted(name for name, found in seen.items() if len(found) > 1)
    if not shared:
        return []
    words = ", ".join(folder.shown(name) for name in shared[:5])
    return [f"{len(shared)} file names stand in two parts ({words}): are they of the same things?"]


def _require_classes(source: str | Path, entries: Sequence[folder.Entry], left_out: list[str]) -> None:
    classes = sorted({entry.label for entry in entries})
    if len(classes) < 2:
        more = "".join(f"\n  {trouble}" for trouble in left_out[:10])
        raise DataError(
            f"{folder.shown(source)}: one class only, {classes[0]} ({len(entries)} pictures); a network "
            f"learns to tell classes apart, so give at least two: {folder.EXAMPLE}{more}"
        )


def _require_training(source: str | Path, made: dict[str, Pictures], classes: list[str]) -> None:
    counts = torch.bincount(made["train"].labels, minlength=len(classes)).tolist()
    if sum(1 for count in counts if count) < 2 or not len(made["valid"]):
        raise DataError(
            f"{folder.shown(source)}: {sum(counts)} training and {len(made['valid'])} validation pictures; "
            "expected training pictures of two classes and a validation picture; add pictures"
        )


def _first(sentences: list[str]) -> list[str]:
    if len(sentences) <= MOST_TOLD:
        return sentences
    return [*sentences[:MOST_TOLD], f"and {len(sentences) - MOST_TOLD} more"]
