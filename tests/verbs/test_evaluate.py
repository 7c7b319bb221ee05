"""What a test set must be before it is opened, and the bounds that scores are held against."""

from types import SimpleNamespace

import pytest
from small import Small, small, trained

from pellucid import metrics
from pellucid.errors import GateFailed, RunError
from pellucid.task import Data
from pellucid.verbs import evaluate as evaluating
from pellucid.verbs import report
from pellucid.verbs.evaluate import Evaluation, Gate, evaluate
from pellucid.verbs.trained import check_unchanged, open_trained


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    place = tmp_path_factory.mktemp("evaluate") / "run"
    trained(small(), place)
    return place


def changed(monkeypatch, **facts):
    """Let the data say something else of themselves; fail if a test set is opened."""
    plain = Small.data

    def data(self):
        found = plain(self)
        return Data(found.train, found.valid, lambda: pytest.fail("opened"), found.facts | facts)

    monkeypatch.setattr(Small, "data", data)


@pytest.mark.parametrize("test", [evaluate, evaluating.tested])
def test_data_that_are_not_those_of_the_training_are_not_tested_on(path, monkeypatch, test):
    opened = open_trained(path, Small)
    opened.run.save_scores({"evaluate": evaluate(opened).document})
    changed(monkeypatch, mean=0.4)
    with pytest.raises(RunError, match=r"the data changed since the run was started \(mean\)"):
        test(opened)


def test_a_licence_that_is_worded_anew_and_facts_that_came_later_change_nothing():
    run = SimpleNamespace(path="run", facts={"licence": "CC BY", "mean": 0.5})
    now = Data(None, None, None, {"licence": "CC BY 4.0", "mean": 0.5, "newer": 1})
    check_unchanged(run, now, advice="")


def test_a_task_says_which_of_its_facts_must_last(path, monkeypatch):
    opened = open_trained(path, Small)
    changed(monkeypatch, mean=0.4)
    monkeypatch.setattr(Small, "lasting", ("classes", "shape"))
    opened.data()
    changed(monkeypatch, classes=["one"])
    with pytest.raises(RunError, match="classes"):
        opened.data()


@pytest.mark.parametrize(
    ("gate", "good", "bad"), [(Gate("accuracy", 0.9), 0.9, 0.89), (Gate("bits", 3.0, smaller=True), 3.0, 3.1)]
)
def test_a_gate_lets_pass_what_keeps_its_bound(gate, good, bad):
    gate.check(metrics.Score(good, None, None, 10))
    with pytest.raises(GateFailed, match=f"asked for was --at-(least|most) {gate.name}={gate.bound:g}"):
        gate.check(metrics.Score(bad, None, None, 10))


def test_a_test_part_of_two_samples_has_every_picture_but_the_map(path):
    opened = open_trained(path, Small)
    found = evaluate(opened)
    whole = [name for name, _, _ in report.pictures(opened, found)]
    few = {name: found.arrays[name][:2] for name in ("features", "embedded", "embedded_wrong")}
    cut = Evaluation(found.scores, found.document, {**found.arrays, **few})
    assert [name for name, _, _ in report.pictures(opened, cut)] == [n for n in whole if n != "embedding"]
