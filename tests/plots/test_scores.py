import numpy as np
import pytest

from pellucid.plots import scores

from .looking import panel, words

LOGITS = np.array([1.0, 3.0, 2.0])
CHANCES = np.array([0.09003057, 0.66524096, 0.24472847])  # softmax of 1, 3, 2, as printed in textbooks


def test_bars_are_as_long_as_scores_and_probabilities():
    figure = scores.bars(["a", "b", "c"], LOGITS, CHANCES)
    assert [bar.get_width() for bar in figure.axes[0].patches] == LOGITS.tolist()
    assert [bar.get_width() for bar in figure.axes[1].patches] == (CHANCES * 100).tolist()
    assert "66.5" in words(figure)


def test_the_winner_and_a_missed_truth_have_colours_of_their_own():
    figure = scores.bars(["a", "b", "c"], LOGITS, CHANCES, true="c")
    rest, winner, truth = (bar.get_facecolor() for bar in figure.axes[0].patches)
    assert len({rest, winner, truth}) == 3


def test_a_truth_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match='true is "d"; expected one of a, b, c'):
        scores.bars(["a", "b", "c"], LOGITS, CHANCES, true="d")


def test_softmax_steps_are_scores_differences_powers_and_shares():
    figure = scores.softmax_steps(LOGITS, classes=["a", "b", "c"])
    drawn = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert drawn[1] == [-2, 0, -1]
    assert drawn[2] == pytest.approx([0.1353353, 1.0, 0.3678794], abs=1e-6)
    assert drawn[3] == pytest.approx(CHANCES, abs=1e-6)
    assert "3. exp(z - max z)   (sum 1.5032)" in words(figure)


def test_softmax_of_huge_scores_stays_finite():
    figure = scores.softmax_steps(np.array([1000.0, 0.0]), classes=["a", "b"])
    assert [bar.get_width() for bar in figure.axes[3].patches] == [1.0, 0.0]


def test_the_point_of_this_image_lies_on_the_curve():
    figure = scores.cross_entropy(0.25, surer=(0.1, 0.5))
    axes = figure.axes[0]
    assert (axes.lines[2].get_xdata()[0], axes.lines[2].get_ydata()[0]) == pytest.approx((0.25, 1.3862944))
    said = words(figure)
    assert "were it surer: p = 0.5, loss = 0.6931" in said
    assert not any("p = 0.1," in text for text in said)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.5, float("nan")])
def test_a_probability_outside_zero_to_one_has_no_loss(probability):
    with pytest.raises(ValueError, match="expected more than 0 and at most 1"):
        scores.cross_entropy(probability)


def test_the_confusion_matrix_says_which_side_is_true():
    axes = scores.confusion(np.eye(2, dtype=int), ["a", "b"]).axes[0]
    assert axes.get_ylabel() == "true class (rows)"
    assert axes.get_xlabel() == "predicted class (columns)"


def test_each_count_stands_in_the_row_of_its_truth_and_the_column_of_its_prediction():
    matrix = np.array([[50, 2, 0], [1, 60, 3], [0, 0, 70]])
    axes = scores.confusion(matrix, ["a", "b", "c"]).axes[0]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text()) for t in axes.texts}
    assert written == {(true, said): matrix[true, said] for true in range(3) for said in range(3)}
    assert axes.images[0].get_array()[0, 1] == pytest.approx(2 / 52)


def test_a_matrix_of_another_size_than_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"matrix has shape \(2, 2\) but there are 3 classes"):
        scores.confusion(np.eye(2), ["a", "b", "c"])


BINS = [
    {"low": 0.0, "high": 0.5, "confidence": 0.0, "accuracy": float("nan"), "count": 0},
    {"low": 0.5, "high": 1.0, "confidence": 0.9, "accuracy": 0.8, "count": 1234},
]


def test_reliability_writes_the_error_and_the_counts_and_leaves_empty_bins_out():
    figure = scores.reliability(BINS, error=0.1)
    upper = panel(figure, "ECE 10.00%")
    assert [bar.get_height() for bar in upper.patches] == [0.8]
    assert "1,234" in words(figure)


def test_reliability_before_and_after_temperature_stand_side_by_side():
    figure = scores.reliability(BINS, error=0.1, after=BINS, error_after=0.02)
    assert panel(figure, "as trained: ECE 10.00%")
    assert panel(figure, "with temperature: ECE 2.00%")


def test_reliability_without_any_image_is_refused():
    with pytest.raises(ValueError, match="bins with images in them"):
        scores.reliability(BINS[:1], error=0.0)


def test_per_class_scores_carry_their_intervals():
    entry = {"value": 0.9, "low": 0.85, "high": 0.93, "n": 100}
    figure = scores.per_class({"zebra": {"recall": entry}})
    interval, dot = figure.axes[0].lines
    assert list(interval.get_xdata()) == [0.85, 0.93]
    assert list(dot.get_xdata()) == [0.9]
    assert "recall (line: 95 % interval)" in words(figure)


def test_each_image_is_one_point_and_each_mistake_one_ring(classes):
    points = np.arange(20.0).reshape(10, 2)
    figure = scores.embedding(points, np.arange(10), classes, wrong=np.arange(10) == 4)
    spots = [scatter.get_offsets().tolist() for scatter in figure.axes[0].collections]
    assert spots[:10] == [[point] for point in points.tolist()]
    assert spots[10] == [[8.0, 9.0]]
    assert "mistake (1)" in words(figure)
