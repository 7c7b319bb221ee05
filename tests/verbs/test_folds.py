"""Cross-validation: every text tested once, runs used again, mistakes explained."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pellucid.cli.main import main
from pellucid.errors import RunError, UsageError
from pellucid.tasks.sentences import tiny
from pellucid.verbs import folds
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("folds") / "run"
    task = tiny()
    for _ in train(replace(task, folds=3, fold=1, training=replace(task.training, epochs=1.0)), path):
        pass
    return path


def test_each_text_is_tested_once_and_finished_runs_are_used_again(run, monkeypatch, capsys):
    assert main(["--json", "evaluate", str(run), "--folds", "3"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert found["n"] == sum(fold["accuracy"]["n"] for fold in found["folds"]) == 600
    assert found["mean"] == pytest.approx(sum(f["accuracy"]["value"] for f in found["folds"]) / 3)
    assert [fold["run"] for fold in found["folds"]][1] == str(run)
    monkeypatch.setattr(folds, "train", None)  # would fail if anything were trained again
    again = folds.summary(list(folds.cross_validate(open_trained(run), 3)))
    assert again["mean"] == found["mean"]


def test_another_number_of_folds_is_refused(run):
    with pytest.raises(UsageError, match="trained on 3 folds"):
        next(folds.cross_validate(open_trained(run), 10))


def test_a_fold_trained_in_another_way_is_refused(run):
    task = open_trained(run).task
    path = run.with_name("other")
    for _ in train(task, path):
        pass
    strange = run.with_name("other-folds") / "fold-0"
    for _ in train(replace(task, fold=0, maps=2), strange):
        pass
    with pytest.raises(RunError, match="other settings"):
        next(folds.cross_validate(open_trained(path), 3))


def test_the_folds_of_a_released_network_do_not_lie_in_the_package():
    reviews = open_trained("sentences/reviews")
    other = (reviews.facts["fold"] + 1) % 10
    assert folds._place(reviews, other) == Path(f"runs/released-sentences-reviews-folds/fold-{other}")


def test_a_run_that_is_named_by_a_point_has_its_folds_beside_it(run, monkeypatch):
    monkeypatch.chdir(run)
    assert folds._place(open_trained("."), 2) == run.with_name("run-folds") / "fold-2"


def test_data_with_a_test_set_are_not_folded():
    from pellucid.verbs.trained import locate
    from pellucid.zoo import released

    if "digits/cnn" not in released():
        pytest.skip("the zoo is empty")
    with pytest.raises(UsageError, match="test set of their own"):
        next(folds.cross_validate(open_trained(locate("digits")), 10))
