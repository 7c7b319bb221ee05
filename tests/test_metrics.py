"""Scores against scikit-learn, published intervals and cases worked by hand."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as oracle
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

import pellucid
from pellucid.metrics import (
    Score,
    accuracy,
    answered_from,
    calibration,
    confusion,
    cross_entropy,
    fit_temperature,
    mcnemar,
    per_class,
    spread,
    sure_above,
    top_k,
    wilson,
    worst,
)

NEWCOMBE_1998 = [  # Statistics in Medicine 17, table I, method 3
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.fixture
def made_up():
    """Return (200, 5) logits, their probabilities and targets that they often hit."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 5, 200)
    logits = rng.normal(size=(200, 5)) + 1.5 * np.eye(5)[targets]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return logits, shares, targets


@pytest.mark.parametrize(("correct", "n", "low", "high"), NEWCOMBE_1998)
def test_wilson_gives_the_published_intervals(correct, n, low, high):
    score = wilson(correct, n)
    assert (round(score.low, 4), round(score.high, 4)) == (low, high)


def test_wilson_of_all_correct_is_the_mirror_of_none_correct():
    none, every = wilson(0, 20), wilson(20, 20)
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1.0))


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_always_holds_its_value(pair):
    score = wilson(*pair)
    assert 0 <= score.low <= score.value <= score.high <= 1


@pytest.mark.parametrize(("correct", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(correct, n):
    with pytest.raises(ValueError, match=f"{correct} correct of {n}"):
        wilson(correct, n)


def test_a_proportion_is_written_in_percent_with_its_interval():
    assert str(wilson(9862, 10_000)) == "98.62 % (98.37 to 98.83, n = 10,000)"


def test_a_score_without_an_interval_is_written_plainly():
    assert str(Score(0.04561, None, None, 10_000)) == "0.0456 (n = 10,000)"


def test_a_score_survives_json():
    score = wilson(7, 9)
    assert Score.from_json(json.loads(json.dumps(score.to_json()))) == score


def test_a_score_with_a_missing_key_is_refused():
    with pytest.raises(ValueError, match="expected value, low, high and n"):
        Score.from_json({"value": 1.0})


def test_accuracy_is_scikit_learns(made_up):
    logits, _, targets = made_up
    assert accuracy(logits, targets).value == oracle.accuracy_score(targets, logits.argmax(axis=1))


def test_accuracy_of_tensors_is_that_of_arrays(made_up):
    logits, _, targets = made_up
    tensor = torch.tensor(logits, requires_grad=True)
    assert accuracy(tensor, torch.tensor(targets)) == accuracy(logits, targets)


def test_bfloat16_tensors_are_understood():
    outputs = torch.tensor([[1.0, 2.0], [3.0, 1.0]], dtype=torch.bfloat16)
    assert accuracy(outputs, torch.tensor([1, 1])).value == 0.5


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_is_scikit_learns(made_up, k):
    logits, _, targets = made_up
    assert top_k(logits, targets, k).value == oracle.top_k_accuracy_score(targets, logits, k=k)


def test_a_network_that_says_the_same_for_all_classes_is_right_about_the_first_only():
    assert accuracy(np.zeros((4, 4)), np.arange(4)).value == 0.25


def test_confusion_is_scikit_learns_with_true_rows(made_up):
    logits, _, targets = made_up
    assert (confusion(logits, targets) == oracle.confusion_matrix(targets, logits.argmax(axis=1))).all()


def test_confusion_counts_a_seven_read_as_a_one_in_row_seven():
    outputs = np.eye(10)[[1]]
    assert confusion(outputs, np.array([7]))[7, 1] == 1


def test_per_class_scores_are_scikit_learns(made_up):
    logits, _, targets = made_up
    expected = oracle.precision_recall_fscore_support(targets, logits.argmax(axis=1))
    ours = [
        (c.precision.value, c.recall.value, c.f1, c.support) for c in per_class(confusion(logits, targets))
    ]
    assert np.allclose(np.array(ours).T, expected)


def test_recall_carries_the_wilson_interval_of_its_support():
    assert per_class([[15, 133], [0, 1]])[0].recall == wilson(15, 148)


def test_of_a_class_never_predicted_nothing_is_known():
    precision = per_class([[3, 0], [2, 0]])[1].precision
    assert (precision.low, precision.high, precision.n) == (0.0, 1.0, 0)


def test_cross_entropy_is_torchs(made_up):
    logits, _, targets = made_up
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(targets))
    assert cross_entropy(logits, targets).value == pytest.approx(expected.item(), abs=1e-12)


def test_cross_entropy_of_huge_logits_is_exact():
    assert cross_entropy(np.array([[10_000.0, 0.0]]), np.array([1])).value == 10_000


def test_calibration_bins_are_scikit_learns(made_up):
    _, shares, targets = made_up
    right = shares.argmax(axis=1) == targets
    hits, sure = calibration_curve(right, shares.max(axis=1), n_bins=15)
    ours = calibration(shares, targets)
    full = ours.counts > 0
    assert np.allclose([ours.accuracy[full], ours.confidence[full]], [hits, sure])


def test_calibration_error_of_a_case_worked_by_hand():
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    # bin of 0.9: 1 of 2 right, off by 0.4; bin of 0.6: 2 of 2 right, off by 0.4
    assert calibration(shares, np.array([0, 1, 0, 0])).ece == pytest.approx(0.4)


def test_a_probability_on_an_edge_belongs_to_the_bin_below():
    assert calibration(np.array([[0.5, 0.5]]), np.array([0]), bins=2).counts.tolist() == [1, 0]


def test_calibration_is_strict_json_even_with_empty_bins(made_up):
    _, shares, targets = made_up
    json.dumps(calibration(shares, targets).to_json(), allow_nan=False)


def test_calibration_refuses_logits(made_up):
    logits, _, targets = made_up
    with pytest.raises(ValueError, match="apply softmax"):
        calibration(logits, targets)


def test_temperature_of_a_case_worked_by_hand():
    # right 3 times in 4, the logits differ by 5: softmax(5 / T) = 3 / 4 at T = 5 / log 3
    logits = np.array([[5.0, 0.0]] * 4)
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(5 / np.log(3), rel=1e-9)


def test_temperature_beats_its_neighbours(made_up):
    logits, _, targets = made_up
    best = fit_temperature(3 * logits, targets)
    losses = [cross_entropy(3 * logits / t, targets).value for t in (best / 1.001, best, best * 1.001)]
    assert min(losses) == losses[1]


def test_temperature_undoes_a_scale(made_up):
    logits, _, targets = made_up
    assert fit_temperature(4 * logits, targets) == pytest.approx(4 * fit_temperature(logits, targets))


def test_temperature_never_changes_an_answer(made_up):
    logits, _, targets = made_up
    assert accuracy(logits / fit_temperature(logits, targets), targets) == accuracy(logits, targets)


def test_temperature_is_one_when_every_answer_is_right():
    assert fit_temperature(np.eye(3), np.arange(3)) == 1.0


def test_temperature_of_answers_that_are_always_wrong_is_the_hottest():
    assert fit_temperature(np.eye(3), (np.arange(3) + 1) % 3) == pytest.approx(20)


def test_mcnemar_of_a_case_worked_by_hand():
    # 6 differences, 5 on one side: p = 2 * (1 + 6) / 2 ** 6
    a = np.array([1, 1, 1, 1, 1, 0, 1, 0], dtype=bool)
    b = np.array([0, 0, 0, 0, 0, 1, 1, 0], dtype=bool)
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b, found.p) == (5, 1, 14 / 64)


def test_mcnemar_is_scipys_binomial_test():
    from scipy.stats import binomtest

    a = np.r_[np.ones(60), np.zeros(95), np.ones(845)]
    b = np.r_[np.zeros(60), np.ones(95), np.ones(845)]
    assert mcnemar(a, b).p == pytest.approx(binomtest(60, 155).pvalue, rel=1e-9)


def test_mcnemar_of_equal_models_is_one():
    assert mcnemar([True, False], [True, False]).p == 1.0


def test_mcnemar_of_ten_thousand_differences_does_not_overflow():
    assert mcnemar(np.ones(10_000), np.zeros(10_000)).p == 0.0


def test_spread_of_an_even_number_of_seeds_takes_the_middle_of_two():
    found = spread([0.4, 0.1, 0.2, 0.3])
    assert (found.median, found.low, found.high, found.n) == (0.25, 0.1, 0.4, 4)


def test_worst_lists_only_mistakes_and_the_surest_first():
    shares = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [1.0, 0.0]])
    assert worst(shares, np.array([1, 1, 1, 1]), 5).tolist() == [3, 1, 0]


BAD = {
    "targets are too few": (np.zeros((3, 2)), np.zeros(2, int), "one class per sample"),
    "outputs have no classes": (np.zeros(3), np.zeros(3, int), "a row of K scores"),
    "outputs are empty": (np.zeros((0, 2)), np.zeros(0, int), "a row of K scores"),
    "a label is too large": (np.zeros((2, 2)), np.array([0, 2]), "a label 2, the outputs know 0 to 1"),
    "a label is negative": (np.zeros((2, 2)), np.array([-1, 0]), "a label -1"),
    "an output is NaN": (np.array([[0.0, np.nan]]), np.array([0]), "NaN"),
    "an output is infinite": (np.array([[0.0, np.inf]]), np.array([0]), "infinite"),
    "targets are not whole": (np.zeros((2, 2)), np.array([0.0, 1.0]), "expected integers"),
    "rows are ragged": ([[0.0, 1.0], [0.0]], np.array([0, 1]), "unequal length"),
}


@pytest.mark.parametrize("score", [accuracy, confusion, cross_entropy, calibration, fit_temperature])
@pytest.mark.parametrize("case", BAD)
def test_every_score_refuses_it_clearly_when(case, score):
    outputs, targets, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        score(outputs, targets)


def test_metrics_import_neither_torch_nor_scikit_learn():
    code = (
        "import sys, pellucid.metrics; print([m for m in ('torch', 'sklearn', 'scipy') if m in sys.modules])"
    )
    place = os.path.dirname(os.path.dirname(pellucid.__file__))
    env = os.environ | {"PYTHONPATH": place}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert out.stdout.strip() == "[]"


def test_withholding_unsure_answers_counts_those_that_are_left():
    sure = np.array([0.95, 0.9, 0.8, 0.7, 0.6])
    targets = np.array([0, 0, 0, 1, 0])  # the fourth is wrong
    found = answered_from(np.stack([sure, 1 - sure], 1), targets, [0, 0.65, 0.7, 0.75, 0.95, 0.96])
    counts = [(round(score.value * score.n), score.n) if score else None for score in found]
    assert counts == [(4, 5), (3, 4), (3, 4), (3, 3), (1, 1), None]
    assert found[0] == wilson(4, 5)


def test_withholding_agrees_with_the_threshold_that_is_right_often_enough(made_up):
    _, shares, targets = made_up
    every = np.unique(shares.max(1))
    for wanted in (0.8, 0.9, 0.95):
        good = [
            sure
            for sure, score in zip(every, answered_from(shares, targets, every), strict=True)
            if score.value >= wanted
        ]
        assert sure_above(shares, targets, wanted) == min(good)
