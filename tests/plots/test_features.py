import numpy as np
import pytest

from pellucid.plots import features

from .looking import panel, pictures, words


def test_weights_have_a_scale_symmetric_about_zero():
    figure = features.weights(np.array([[[-1.0, 0.5]], [[0.25, 3.0]]]))
    assert {image.get_clim() for axes in figure.axes for image in axes.images} == {(-3.0, 3.0)}
    assert pictures(figure)[0].tolist() == [[-1.0, 0.5]]


def test_zero_weight_is_the_palest_colour():
    from pellucid.plots.canvas import SIGNED

    middle, *ends = (sum(SIGNED(place)[:3]) for place in (0.5, 0.0, 1.0))
    assert middle > 2.9
    assert max(ends) < 1.0


def test_more_units_than_fit_are_said_to_be_left_out():
    assert "the first 64 of 512 units" in words(features.weights(np.zeros((512, 2, 2))))


def test_filters_stand_in_the_row_of_their_output_and_the_column_of_their_input():
    kernels = np.arange(6.0).reshape(3, 2, 1, 1)
    figure = features.filters(kernels)
    assert [float(picture[0, 0]) for picture in pictures(figure)] == [0, 1, 2, 3, 4, 5]
    edges = [image.get_extent() for image in figure.axes[0].images]
    assert edges[0][0] == edges[2][0] == edges[4][0]
    assert edges[0][2] == edges[1][2]


def test_the_share_clipped_is_counted_for_each_map_and_for_all():
    before = np.array([[[-1.0, 1.0], [2.0, 3.0]], [[-1.0, -2.0], [-3.0, 4.0]]])
    said = words(features.feature_maps(before, np.maximum(before, 0)))
    assert "map 0\n25% clipped" in said
    assert "map 1\n75% clipped" in said
    assert "after: 50% of all values clipped to zero" in said


def test_a_value_that_was_zero_before_was_not_clipped():
    before = np.array([[[0.0, 0.0, -1.0, 2.0]]])
    assert "map 0\n25% clipped" in words(features.feature_maps(before, np.maximum(before, 0)))


def test_maps_before_and_after_must_have_one_shape():
    with pytest.raises(ValueError, match="expected the same shape"):
        features.feature_maps(np.zeros((1, 2, 2)), np.zeros((1, 3, 3)))


def test_a_map_is_drawn_as_given_with_its_twin_and_their_similarity(digit):
    map_ = np.linspace(0, 1, 784).reshape(28, 28)
    figure = features.heat(
        digit, {"saliency": map_}, twins={"saliency": 1 - map_}, similarity={"saliency": -0.5}
    )
    drawn = panel(figure, "saliency").images[0].get_array()
    twin = panel(figure, "similarity -0.50").images[0].get_array()
    assert np.array_equal(drawn, map_)
    assert np.array_equal(twin, 1 - map_)


def test_a_map_with_both_signs_is_drawn_about_zero(digit):
    figure = features.heat(digit, {"occlusion": np.linspace(-1, 3, 784).reshape(28, 28)})
    assert panel(figure, "occlusion").images[0].get_clim() == (-3.0, 3.0)


def test_a_map_with_nan_is_refused_by_name(digit):
    with pytest.raises(ValueError, match="Grad-CAM: 784 of 784 values are NaN"):
        features.heat(digit, {"Grad-CAM": np.full((28, 28), np.nan)})


def test_exciting_images_stand_in_the_row_of_their_unit(digit):
    figure = features.exciting(
        {"unit 3": digit[None], "unit 8": np.stack([digit, digit])},
        values={"unit 3": [9.5], "unit 8": [2.25, 1]},
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["unit 3", "unit 8"]
    assert [text for text in words(figure) if text in ("9.5", "2.25", "1")] == ["9.5", "2.25", "1"]
