"""Parts of a data set: stratified, never through a group, the same for the same pictures."""

import numpy as np

from pellucid.datasets import splits

LABELS = [0] * 100 + [1] * 20 + [2] * 2 + [3]
SUMS = [f"sum {i}" for i in range(123)]
ALONE = np.arange(123)


def parts(labels=LABELS, groups=ALONE, sums=SUMS, shares=(0.1, 0.2), seed=0):
    return splits.split(labels, groups, sums, shares, seed)


def test_every_class_has_its_share_in_every_part():
    counts = {(label, part): sum(a == label and b == part for a, b in zip(LABELS, parts(), strict=True))
              for label in (0, 1) for part in splits.PARTS}  # fmt: skip
    assert counts == {
        (0, "train"): 70, (0, "valid"): 10, (0, "test"): 20, (1, "train"): 14, (1, "valid"): 2, (1, "test"): 4,
    }  # fmt: skip


def test_the_smallest_classes_still_train():
    found = parts()
    assert sorted(found[120:122]) == ["train", "valid"]
    assert found[122] == "train"


def test_a_group_is_never_divided():
    groups = np.arange(123) // 4 * 4
    found = parts(groups=groups)
    assert all(len({found[i] for i in np.flatnonzero(groups == g)}) == 1 for g in set(groups.tolist()))


def test_the_order_of_the_pictures_changes_nothing():
    order = np.random.default_rng(0).permutation(123)
    mixed = parts([LABELS[i] for i in order], ALONE, [SUMS[i] for i in order])
    assert [mixed[list(order).index(i)] for i in range(123)] == parts()


def test_another_seed_gives_another_split():
    assert parts(seed=1) != parts()


def test_the_stronger_part_keeps_a_group_that_a_given_split_divides():
    given = ["train", "valid", "train", "test", "valid", "train"]
    groups = np.array([0, 0, 2, 2, 2, 5])
    assert splits.keep_apart(given, groups) == [0, 2, 4]
