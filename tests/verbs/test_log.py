"""Which steps have a line in the log: enough to draw, and never more than can be read back."""

from types import SimpleNamespace

from pellucid import journal
from pellucid.tasks.atari import paper
from pellucid.verbs.train import is_logged

LINE = 111  # bytes of a line without scores


def lines(total, steps):
    """Return the first ``steps`` of a training of ``total`` that are logged."""
    progress = (SimpleNamespace(step=step, steps=total, scores=None) for step in range(1, steps + 1))
    return [each.step for each in progress if is_logged(each)]


def test_every_tenth_step_is_logged():
    assert lines(800, 40) == [10, 20, 30, 40]


def test_an_evaluation_is_logged_whatever_its_step():
    assert is_logged(SimpleNamespace(step=7, steps=10**9, scores={"accuracy": {}}))


def test_the_log_of_the_longest_training_we_name_can_be_read_back():
    total = paper().training.steps
    assert len(lines(total, 10_000)) / 10_000 * total * LINE < journal.LIMIT / 8
