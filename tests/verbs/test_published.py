"""Published scores stand beside ours with what is otherwise: in the protocol, and in the data."""

import pytest

from pellucid.verbs.published import published


@pytest.mark.parametrize(
    ("dataset", "ours"),
    [
        ("mr", "9,596 of the 10,662"),
        ("subj", "8,500 of the 10,000"),
        ("cr", "3,209 of the 3,775"),
        ("mpqa", "9,015 of the 10,606"),
    ],
)
def test_a_set_that_we_do_not_hold_whole_says_so_in_every_row(dataset, ours):
    rows = published({"task": "sentences", "dataset": dataset})
    assert len(rows) == 4
    assert all("mean of ten folds" in row["note"] and ours in row["note"] for row in rows)


def test_a_set_with_a_test_set_of_its_own_has_no_folds():
    assert published({"task": "sentences", "dataset": "trec"})[0]["note"] == ""
