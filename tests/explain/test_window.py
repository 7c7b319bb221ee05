import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.window import gives, reach, window
from pellucid.models.wavenet import Causal, First

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


OVER_TIME = {  # layers that keep time before the channels, and one number of what they see
    "causal, two taps": (Causal(3, 4, 2, 8), torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(2))),
    "causal, three taps": (Causal(5, 2, 3, 4), torch.randn(1, 5, 5, generator=torch.Generator().manual_seed(3))),
    "linear over time": (nn.Linear(6, 3), torch.randn(1, 7, 6, generator=torch.Generator().manual_seed(4))),
    "one-hot codes": (First(2, 5), torch.randint(256, (1, 12), generator=torch.Generator().manual_seed(5))),
}  # fmt: skip


@pytest.mark.parametrize("name", OVER_TIME)
def test_a_layer_over_time_that_describes_itself_gives_every_number_that_it_gives(name):
    module, inputs = OVER_TIME[name]
    with torch.no_grad():
        own = module(inputs)[0].numpy()
        truth = copy.deepcopy(module).double()(inputs.double() if inputs.is_floating_point() else inputs)[0]
    for moment, channel in np.ndindex(own.shape):
        found = window(module, inputs, channel, (moment,))
        assert found.output == own[moment, channel] == own[found.index]
        ours, theirs = np.float32(found.total), np.float32(truth[moment, channel])
        assert abs(float(ours) - float(theirs)) <= np.spacing(abs(theirs))
    assert np.array_equal(gives(module, inputs), own.T)
    with pytest.raises(UsageError, match="no output"):
        window(module, inputs, 0, (len(own),))


def test_the_taps_of_a_causal_layer_stand_at_their_dilated_places_and_the_left_is_padding():
    module, inputs = OVER_TIME["causal, two taps"]
    found = window(module, inputs, 1, (20,))
    assert (found.places[:, 0].tolist(), found.inside.tolist()) == ([12, 20], [True, True])
    assert np.array_equal(found.values, inputs[0, [12, 20]].numpy().T)
    early = window(module, inputs, 1, (5,))
    assert (early.places[:, 0].tolist(), early.inside.tolist()) == ([-3, 5], [False, True])
    assert early.values[:, 0].tolist() == [0, 0, 0]


def test_the_first_layer_sees_only_what_was_before():
    module, codes = OVER_TIME["one-hot codes"]
    found = window(module, codes, 0, (7,))
    assert found.places[:, 0].tolist() == [5, 6]
    assert found.values.argmax(0).tolist() == codes[0, 5:7].tolist()
    assert found.values.sum() == 2


def test_how_far_a_layer_over_time_looks_beyond_its_input():
    causal, inputs = OVER_TIME["causal, three taps"]
    assert reach(causal, inputs, inputs.shape[1]) == (-8, 4)
    assert reach(nn.Conv1d(1, 1, 4), torch.zeros(1, 1, 21), 18) == (0, 20)  # no padding
    assert reach(nn.Conv1d(1, 1, 5, padding=2, stride=2), torch.zeros(1, 1, 10), 5) == (-2, 10)
