"""Comparisons: a setting that diverges is one of the results, patience holds, and the best comes first."""

import dataclasses
import json

from pellucid.cli.main import main
from pellucid.tasks.digits import tiny
from pellucid.verbs import compare
from pellucid.verbs.compare import Course

COMPARE = ["compare", "digits", "--setting", "tiny", "--steps", "20"]
LOW, HIGH = ({"step": 1, "loss": 1.0, "scores": {"bits": {"value": value}}} for value in (1.0, 2.0))


def test_a_setting_that_diverges_leaves_the_others_their_scores_and_the_picture(tmp_path, capsys):
    words = ["--seeds", "2", "--out", str(tmp_path)]
    assert main(["--json", *COMPARE, *words, "--over", "learning-rate=0.004,1e30"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert list(found["scores"]) == ["0.004"]
    assert found["scores"]["0.004"]["n"] == 2
    assert list(found["diverged"]) == ["1e30"]
    assert all(1 <= step < 20 for step in found["diverged"]["1e30"])
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_comparison_of_nothing_but_divergence_is_drawn_all_the_same(tmp_path, capsys):
    words = ["--seeds", "1", "--out", str(tmp_path)]
    assert main([*COMPARE, *words, "--over", "learning-rate=1e29,1e30"]) == 0
    said = capsys.readouterr()
    assert "1e29, seed 0: diverged at step " in said.err
    assert "diverged at step" in said.out


def test_patience_ends_the_trainings_of_a_comparison():
    training = dataclasses.replace(
        tiny().training, steps=100, evaluate_every=5, learning_rate=1e-9, patience=2, ema=None
    )
    (course,) = compare.compare({"still": dataclasses.replace(tiny(), training=training)}, [0])
    assert course.records[-1]["step"] == 15  # the first evaluation, and two that were no better


def test_where_less_is_better_the_lowest_comes_first():
    courses = [Course("high", 0, [HIGH], 1.0), Course("low", 0, [LOW], 1.0)]
    assert list(compare.table(courses, "-bits")) == ["low", "high"]
    assert list(compare.table(courses, "bits")) == ["high", "low"]


def test_what_diverged_counts_for_no_score():
    courses = [Course("a", 0, [HIGH], 1.0), Course("a", 1, [LOW], 1.0, diverged=7)]
    assert compare.table(courses, "bits")["a"].n == 1
    assert compare.diverged(courses) == {"a": [7]}
