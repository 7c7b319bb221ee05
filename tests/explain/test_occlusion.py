"""Occlusion of a linear model, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.occlusion import occlusion


def two_classes():
    """Score of class 0 is 2 * pixel (0, 0) + pixel (1, 3); that of class 1 is 0."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.zero_()
        model[1].weight[0, 0], model[1].weight[0, 7] = 2, 1
    return model


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_drop_of_a_linear_model_is_worked_out_by_hand():
    found = occlusion(two_classes(), torch.ones(1, 1, 4, 4), 0, value=0.0, window=2, stride=2)
    expected = [[sigmoid(3) - sigmoid(1), sigmoid(3) - sigmoid(2)], [0, 0]]
    assert np.allclose(found.drop[0], expected, atol=1e-6)


def test_covering_with_another_value_counts_that_value():
    found = occlusion(two_classes(), torch.ones(1, 1, 4, 4), 0, value=-1.0, window=2, stride=2)
    assert np.allclose(found.drop[0, 0], [sigmoid(3) - sigmoid(-1), sigmoid(3) - sigmoid(1)], atol=1e-6)


def test_each_input_is_judged_by_its_own_class():
    found = occlusion(two_classes(), torch.ones(2, 1, 4, 4), [0, 1], value=0.0, window=2, stride=2)
    assert np.allclose(found.drop[0], -found.drop[1], atol=1e-6)


def test_the_last_window_lies_flush_with_the_border():
    found = occlusion(two_classes(), torch.ones(1, 1, 4, 4), 0, value=0.0, window=3, stride=2)
    assert found.tops.tolist() == [0, 1]


def test_each_pixel_gets_the_mean_of_the_windows_over_it():
    # windows of 3 at rows and columns 0 and 1; pixel (0, 0) lies in the first one only, (1, 1) in all four
    found = occlusion(two_classes(), torch.ones(1, 1, 4, 4), 0, value=0.0, window=3, stride=1)
    pixels = found.per_pixel(4, 4)[0]
    assert np.allclose([pixels[0, 0], pixels[1, 1]], [found.drop[0, 0, 0], found.drop[0].mean()])


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (9, 1), (3, 0)])
def test_a_window_that_does_not_fit_is_refused(window, stride, cnn, images):
    with pytest.raises(UsageError, match="does not fit"):
        occlusion(cnn, images, 0, value=0.0, window=window, stride=stride)
