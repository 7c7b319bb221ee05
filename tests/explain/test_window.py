from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.window import window

LAYERS = {
    "2-D": (nn.Conv2d(3, 4, 3, padding=1), (3, 9, 8)),
    "2-D, stride": (nn.Conv2d(1, 2, 5, stride=2, padding=2), (1, 28, 28)),
    "2-D, dilated": (nn.Conv2d(2, 3, 3, dilation=3, padding=2), (2, 12, 11)),
    "2-D, groups": (nn.Conv2d(4, 6, (1, 3), groups=2, bias=False), (4, 5, 7)),
    "2-D, same": (nn.Conv2d(2, 2, (3, 4), padding="same", dilation=(1, 2)), (2, 6, 9)),
    "1-D, dilated": (nn.Conv1d(5, 4, 2, dilation=4), (5, 20)),
    "3-D": (nn.Conv3d(2, 2, 2, stride=2), (2, 4, 4, 4)),
    "transposed": (nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), (3, 4, 5)),
    "transposed, dilated, groups": (nn.ConvTranspose1d(4, 6, 3, stride=3, dilation=2, groups=2), (4, 7)),
    "linear": (nn.Linear(50, 4), (50,)),
}


def places(shape):
    return [tuple(map(int, at)) for at in np.ndindex(shape)]


@pytest.mark.parametrize("name", LAYERS)
def test_the_sum_is_within_one_ulp_of_what_the_framework_gives_in_double_precision(name):
    module, shape = LAYERS[name]
    inputs = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1))
    truth = module.double()(inputs.double())[0].detach()
    module.float()
    for channel, *position in places(truth.shape)[::3]:
        found = window(module, inputs, channel, tuple(position))
        ours, theirs = np.float32(found.total), np.float32(truth[(channel, *position)])
        assert abs(float(ours) - float(theirs)) <= np.spacing(abs(theirs))


def test_the_products_of_a_window_worked_by_hand():
    module = nn.Conv2d(1, 1, 2, dilation=2, padding=1)
    module.weight.data = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    module.bias.data = torch.tensor([0.5])
    inputs = torch.arange(16.0).view(1, 1, 4, 4)
    found = window(module, inputs, 0, (0, 1))  # taps at rows -1, 1 and columns 0, 2
    assert found.values.tolist() == [[[0.0, 0.0], [4.0, 6.0]]]
    assert found.products.tolist() == [[[0.0, 0.0], [12.0, 24.0]]]
    assert found.inside.tolist() == [[False, False], [True, True]]
    assert found.places.tolist() == [[[-1, 0], [-1, 2]], [[1, 0], [1, 2]]]
    assert (found.total, found.output) == (36.5, 36.5)


def test_how_far_a_layer_is_apart_counts_units_in_the_last_place():
    module, shape = LAYERS["linear"]
    found = window(module, torch.zeros(1, *shape), 0)
    assert found.apart == 0
    off = replace(found, output=1.0, total=1.0 + 3 * 2**-23)  # the last place of 1 in float32 is 2^-23
    assert off.apart == 3


def test_a_layer_that_is_no_weighted_sum_is_refused():
    with pytest.raises(UsageError, match="no weighted sum"):
        window(nn.ReLU(), torch.zeros(1, 3), 0)


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no output"):
        window(nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 5, 5), 0, (3, 0))
