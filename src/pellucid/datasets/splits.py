"""Training, validation and test parts of pictures that come without them: stratified, grouped, reproducible.

Which part a group of like pictures goes to follows from the content of its pictures, not from their order or
names, so the same pictures always fall into the same parts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

PARTS = ("train", "valid", "test")


def split(
    labels: Sequence[int], groups: np.ndarray, sums: Sequence[str], shares: tuple[float, float], seed: int
) -> list[str]:
    """Say for each picture "train", "valid" or "test".

    Within each class whole groups go to the test part until it has its share, then to the validation part. A
    class with two groups has none in the test part, one with a single group is in the training part alone.

    Args:
        labels: the class of each picture.
        groups: the group of each picture, which is never divided.
        sums: a word for each picture's content.
        shares: of the validation and of the test part, each in [0, 1), together below 1.
        seed: another one gives another split.
    """
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(i)
    names = {group: min(sums[i] for i in places) for group, places in members.items()}
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}|{names[group]}".encode()).digest())
    classes: dict[int, list[int]] = {}
    for group in order:  # a group of several classes belongs to the most frequent of them
        counts = Counter(labels[i] for i in members[group])
        classes.setdefault(min(counts, key=lambda label: (-counts[label], label)), []).append(group)
    parts = ["train"] * len(labels)
    for found in classes.values():
        for group, part in zip(found, _parts([len(members[g]) for g in found], shares), strict=True):
            for i in members[group]:
                parts[i] = part
    return parts


def keep_apart(parts: list[str], groups: np.ndarray) -> list[int]:
    """Return the pictures to leave out so that no group is in two parts of a split that was given.

    The test part keeps its pictures, then the validation part: what is measured stays what it was.
    """
    strongest: dict[int, int] = {}
    for part, group in zip(parts, groups.tolist(), strict=True):
        strongest[group] = max(strongest.get(group, 0), PARTS.index(part))
    return [
        i
        for i, (part, group) in enumerate(zip(parts, groups.tolist(), strict=True))
        if PARTS.index(part) < strongest[group]
    ]


def _parts(sizes: list[int], shares: tuple[float, float]) -> list[str]:
    """Return the part of each group of one class, given the groups' sizes."""
    total = sum(sizes)
    valid, test = (max(1, round(share * total)) if share else 0 for share in shares)
    parts, taken = [], {"valid": 0, "test": 0}
    for place, size in enumerate(sizes):
        left = len(sizes) - place - 1  # groups after this one: one of them must train
        if taken["valid"] < valid and left >= 1 and (taken["valid"] == 0 or taken["test"] >= test):
            part = "valid"
        elif taken["test"] < test and left >= 1:
            part = "test"
        elif taken["valid"] < valid and left >= 1:
            part = "valid"
        else:
            part = "train"
        if part != "train":
            taken[part] += size
        parts.append(part)
    return parts
