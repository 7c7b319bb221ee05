import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.plots import curves

from .looking import panel, words


def run(losses, accuracy=0.9):
    records = [{"step": index + 1, "loss": loss, "learning_rate": 0.1} for index, loss in enumerate(losses)]
    records[-1]["scores"] = {"accuracy": {"value": accuracy, "low": 0.8, "high": 1.0, "n": 10}}
    return records


@given(st.floats(-1e6, 1e6), st.floats(0, 0.9999), st.integers(1, 200))
def test_a_constant_stays_that_constant_under_every_smoothing(value, smoothing, count):
    assert (curves.smooth(np.full(count, value), smoothing) == value).all()


def test_smoothing_weighs_each_value_less_than_the_next():
    smoothed = curves.smooth(np.array([1.0, 2.0, 6.0]), 0.5)
    assert smoothed == pytest.approx([1.0, (0.5 * 1 + 2) / 1.5, (0.25 * 1 + 0.5 * 2 + 6) / 1.75])


def test_no_smoothing_changes_nothing():
    assert curves.smooth(np.array([3.0, 1.0, 2.0]), 0).tolist() == [3.0, 1.0, 2.0]


def test_smoothing_of_one_would_never_move_and_is_refused():
    with pytest.raises(ValueError, match="smoothing is 1; expected at least 0 and less than 1"):
        curves.smooth(np.ones(3), 1)


def test_the_raw_loss_is_visible_under_the_smoothed():
    raw, smoothed = panel(curves.training(run([4.0, 2.0, 3.0])), "Training loss").lines
    assert raw.get_ydata().tolist() == [4.0, 2.0, 3.0]
    assert raw.get_alpha() >= 0.3
    assert raw.get_zorder() <= smoothed.get_zorder()
    assert smoothed.get_ydata().tolist() != [4.0, 2.0, 3.0]


def test_a_constant_loss_is_drawn_as_a_level_line():
    for line in panel(curves.training(run([0.7] * 30)), "Training loss").lines:
        assert set(line.get_ydata()) == {0.7}


def test_training_labels_its_axes_with_units():
    said = words(curves.training(run([2.0, 1.0])))
    assert {"loss", "step (batches seen)", "learning rate", "accuracy"} <= set(said)


def test_validation_scores_stand_at_their_steps():
    (line,) = panel(curves.training(run([2.0, 1.5, 1.0], accuracy=0.75)), "Validation accuracy").lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([3], [0.75])


def test_a_loss_that_is_nan_is_refused():
    with pytest.raises(ValueError, match="loss: 1 of 2 values are NaN"):
        curves.training(run([1.0, float("nan")]))


def test_a_run_without_records_is_refused():
    with pytest.raises(ValueError, match="records: got nothing to draw"):
        curves.training([])


def test_a_record_without_loss_is_refused_by_name():
    with pytest.raises(ValueError, match='a progress record has no "loss"'):
        curves.training([{"step": 1}])


def test_comparison_draws_the_median_of_the_seeds_and_their_spread():
    runs = {"adam": [run([1.0, 1.0]), run([2.0, 2.0]), run([6.0, 6.0])]}
    axes = panel(curves.comparison(runs), "Training loss")
    assert axes.lines[0].get_ydata() == pytest.approx([2.0, 2.0])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((1.0, 6.0))


def test_comparison_shows_every_seed_and_ranks_by_the_median():
    runs = {"adam": [run([1.0], 0.7), run([1.0], 0.9), run([1.0], 0.8)], "sgd": [run([1.0], 0.95)]}
    axes = panel(curves.comparison(runs), "Final accuracy")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["adam", "sgd"]
    assert axes.lines[0].get_xdata().tolist() == [0.7, 0.9, 0.8]
    assert [text.get_text() for text in axes.texts] == ["0.8000", "0.9500"]


def test_comparison_draws_what_diverged_up_to_a_cross_and_gives_it_no_final_score():
    lost = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 8.0}]
    figure = curves.comparison({"calm": [run([1.0], 0.7)], "wild": []}, diverged={"wild": [lost, []]})
    cross = next(line for line in panel(figure, "Training loss").lines if line.get_marker() == "x")
    assert (cross.get_xdata().tolist(), cross.get_markevery(), cross.get_label()) == ([1, 2], [-1], "wild")
    axes = panel(figure, "Final accuracy")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wild", "calm"]
    assert [text.get_text() for text in axes.texts] == ["diverged", "0.7000"]


def test_where_less_is_better_the_lowest_is_on_top():
    runs = {"low": [run([1.0], 0.1)], "high": [run([1.0], 0.9)]}
    axes = panel(curves.comparison(runs, score="-accuracy"), "Final accuracy")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["high", "low"]


def test_seeds_without_a_common_step_cannot_be_compared():
    late = [{"step": 9, "loss": 1.0, "scores": {"accuracy": 1.0}}]
    with pytest.raises(ValueError, match="setting adam: its seeds have no step in common"):
        curves.comparison({"adam": [run([1.0]), late]})


def test_a_comparison_without_the_score_says_so():
    with pytest.raises(ValueError, match='no record has the score "bleu"'):
        curves.comparison({"adam": [run([1.0])]}, score="bleu")


def test_the_suggested_learning_rate_is_marked_and_written():
    figure = curves.learning_rates(np.logspace(-4, 0, 9), np.linspace(2, 1, 9), 0.01)
    raw, _, mark = figure.axes[0].lines
    assert raw.get_ydata().tolist() == np.linspace(2, 1, 9).tolist()
    assert set(mark.get_xdata()) == {0.01}
    assert "suggestion: 0.010" in words(figure)


def test_histograms_count_every_pixel_and_write_mean_and_deviation():
    figure = curves.histograms({"raw": np.array([[0, 0], [0, 4]], dtype=np.uint8)})
    edges = {round(bar.get_x(), 3): bar.get_height() for bar in figure.axes[0].patches[:52]}
    assert [count for count in edges.values() if count > 0] == [3, 1]
    assert any("mean 1.000 (line)\ndeviation 1.732 (band)" in text for text in words(figure))


def test_robustness_names_the_unit_of_each_perturbation():
    figure = curves.robustness({"rotation (degrees)": (np.array([0, 30]), np.array([0.99, 0.5]))})
    assert figure.axes[0].get_xlabel() == "rotation (degrees)"
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.99, 0.5]
