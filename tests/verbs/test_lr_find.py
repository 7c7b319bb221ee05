"""The range test: the rate rises as it says, and the suggestion is where a loss falls most steeply."""

import numpy as np
import pytest
from small import small

from pellucid.errors import UsageError
from pellucid.verbs.lr_find import _steepest, range_test


@pytest.mark.parametrize("steepest", [1e-4, 1e-2])
def test_the_suggestion_is_where_the_loss_falls_most_steeply(steepest):
    rates = np.geomspace(1e-6, 1, 601)
    losses = 1 / (1 + (rates / steepest) ** 2)  # an S of ten steps' width over the logarithm
    losses[rates > 0.5] = 40
    losses[:20] += np.linspace(0.1, 0, 20)
    assert _steepest(rates.tolist(), losses.tolist()) == pytest.approx(steepest, rel=0.15)


def test_the_rate_rises_a_million_fold_by_equal_factors():
    found = range_test(small(), highest=1e-3, steps=25)
    assert found.rates == pytest.approx(np.geomspace(1e-9, 1e-3, 25))
    assert len(found.losses) == 25
    assert 1e-9 < found.suggestion < 1e-3


def test_a_loss_that_explodes_ends_the_test():
    found = range_test(small(), highest=1e2, steps=60)
    assert 10 <= len(found.rates) < 60
    assert found.losses[-1] > 4 * found.losses.min()


@pytest.mark.parametrize(("highest", "steps", "said"), [(0.1, 19, "at least 20"), (1e30, 20, "below 1e")])
def test_a_test_that_can_show_nothing_is_refused(highest, steps, said):
    with pytest.raises(UsageError, match=said):
        range_test(small(), highest=highest, steps=steps)
