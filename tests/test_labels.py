"""Doubtful labels: worked by hand, by definition, and those that were made wrong are found."""

import numpy as np
import pytest

from pellucid.errors import DataError
from pellucid.metrics import doubtful


def by_definition(probabilities, targets):
    classes = probabilities.shape[1]
    inside = [probabilities[targets == k, k] for k in range(classes)]
    thresholds = [each.mean() if len(each) else np.inf for each in inside]
    found = []
    for shares, label in zip(probabilities, targets, strict=True):
        reached = [k for k in range(classes) if shares[k] >= thresholds[k]]
        found.append(bool(reached) and max(reached, key=lambda k: shares[k]) != label)
    return np.array(found)


def test_a_case_worked_by_hand():
    shares = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.85, 0.15]])  # thresholds: 0.8 and 0.475
    assert doubtful(shares, np.array([0, 0, 1, 1])).tolist() == [False, False, False, True]


def test_any_probabilities_are_judged_as_the_equations_say():
    random = np.random.default_rng(3)
    for classes in (2, 3, 7):
        shares = random.dirichlet(np.full(classes, 0.5), 60)
        targets = random.integers(classes, size=60) % max(2, classes - 1)  # one class has no sample
        assert (doubtful(shares, targets) == by_definition(shares, targets)).all()


def test_labels_that_were_made_wrong_are_found():
    random = np.random.default_rng(4)
    truth = random.integers(5, size=2000)
    shares = 0.9 * np.eye(5)[truth] + 0.1 * random.dirichlet(np.ones(5), 2000)
    given = truth.copy()
    given[:100] = (given[:100] + 1) % 5
    found = doubtful(shares, given)
    assert found[:100].mean() > 0.9
    assert found[100:].mean() == 0


def test_labels_outside_the_classes_are_refused():
    with pytest.raises(DataError):
        doubtful(np.full((2, 2), 0.5), np.array([0, 2]))
