"""Feature visualisation reaches what algebra says is the top, and beats real images."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.ascent import ascend
from pellucid.explain.inside import exciting


def test_a_linear_unit_is_driven_to_white_where_its_weight_is_positive():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    *_, last = ascend(model, "1", 2, shape=(1, 6, 6), low=-1, high=2, steps=256)
    top = torch.where(model[1].weight[2] > 0, 2.0, -1.0)
    assert np.isclose(last.activation, float(model[1](top)[2]), rtol=1e-3)


def test_every_step_reports_the_activation_of_its_image(cnn):
    for each in ascend(cnn, "conv2", 3, shape=(1, 8, 8), low=0, high=1, steps=4):
        image = torch.from_numpy(each.image)[None]
        assert np.isclose(each.activation, float(cnn[:3](image)[0, 3].max().detach()), atol=1e-6)


def test_images_stay_within_the_values_of_an_input(cnn):
    images = [
        each.image
        for each in ascend(cnn, "scores", 3, shape=(1, 8, 8), low=-0.4, high=2.8, steps=30, smooth=0.1)
    ]
    assert (np.float32(-0.4) <= np.min(images), np.max(images) <= np.float32(2.8)) == (True, True)


def test_the_same_seed_climbs_to_the_same_image(cnn):
    first, second = (
        [*ascend(cnn, "scores", 1, shape=(1, 8, 8), low=0, high=1, steps=5, seed=s)] for s in (2, 2)
    )
    assert np.array_equal(first[-1].image, second[-1].image)


@pytest.mark.parametrize("layer", ["relu1", "relu2", "scores"])
def test_four_units_in_five_exceed_the_top_training_image(layer, reader):
    model, pictures, _ = reader
    top = exciting(model, pictures, layer, count=1).activations[:, 0]
    reached = []
    for unit in range(len(top)):
        *_, last = ascend(model, layer, unit, shape=(1, 8, 8), low=0, high=1, steps=64)
        reached.append(last.activation)
    assert np.mean(np.array(reached) >= top - 1e-5) >= 0.8


def test_a_unit_that_does_not_exist_is_named(cnn):
    with pytest.raises(UsageError, match="0 to 9"):
        next(ascend(cnn, "scores", 10, shape=(1, 8, 8), low=0, high=1))
