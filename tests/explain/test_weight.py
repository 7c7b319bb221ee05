import math

import pytest
import torch
from torch import nn

from pellucid import optimizers
from pellucid.errors import UsageError
from pellucid.explain.walk import walk
from pellucid.explain.weight import one_weight

CLASSES = [str(k) for k in range(10)]
WEIGHTS = [
    ("conv1.weight", (3, 0, 1, 2)),
    ("conv2.weight", (5, 1, 0, 0)),
    ("hidden.weight", (7, 100)),
    ("scores.weight", (2, 3)),
]


@pytest.fixture
def walked(cnn, images):
    return cnn, images[:1], walk(cnn, images[:1], 4, classes=CLASSES)


@pytest.mark.parametrize(("name", "index"), WEIGHTS)
def test_the_chain_adds_up_to_what_autograd_says(walked, name, index):
    model, images, walk_ = walked
    model.eval()
    nn.functional.cross_entropy(model(images), torch.tensor([4])).backward()
    truth = float(dict(model.named_parameters())[name].grad[index])
    found = one_weight(model, walk_, name, index)
    assert found.chain.total == pytest.approx(truth, rel=1e-6, abs=1e-9)
    assert found.gradient == truth


@pytest.mark.parametrize(("name", "index"), [*WEIGHTS, ("conv1.bias", (2,))])
def test_nudging_the_weight_gives_the_same_slope(walked, name, index):
    model, _, walk_ = walked
    double = one_weight(model, walk_, name, index).difference
    assert one_weight(model, walk_, name, index).gradient == pytest.approx(double, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("optimizer", list(optimizers.DEFAULTS))
def test_each_optimiser_moves_the_weight_as_torch_does(walked, optimizer):
    model, images, walk_ = walked
    name, index = "hidden.weight", (7, 100)
    move = next(
        m for m in one_weight(model, walk_, name, index, learning_rate=0.01).moves if m.optimizer == optimizer
    )
    model.eval()
    nn.functional.cross_entropy(model(images), torch.tensor([4])).backward()
    optimizers.build(optimizer, model, learning_rate=0.01).step()
    truth = float(dict(model.named_parameters())[name].detach()[index])
    rounding = 3e-4 if optimizer == "muon" else 2e-7  # torch's Muon computes in bfloat16
    assert math.isclose(move.after, truth, abs_tol=rounding)


def test_adamw_does_not_shrink_a_bias(walked):
    model, _, walk_ = walked
    moves = {
        m.optimizer: m.after for m in one_weight(model, walk_, "conv1.bias", (2,), learning_rate=0.5).moves
    }
    assert moves["adamw"] == moves["adam"]


def test_muon_leaves_kernels_and_the_last_matrix_to_adamw(walked):
    model, _, walk_ = walked
    for name, index in (WEIGHTS[0], WEIGHTS[-1]):
        assert [m.after for m in one_weight(model, walk_, name, index).moves if m.optimizer == "muon"] == [
            None
        ]


def test_a_name_that_is_nearly_right_is_suggested(walked):
    model, _, walk_ = walked
    with pytest.raises(UsageError, match=r"conv1\.weight"):
        one_weight(model, walk_, "conv1.weigth", (0, 0, 0, 0))


def test_an_element_that_is_not_there_is_refused(walked):
    model, _, walk_ = walked
    with pytest.raises(UsageError, match="no element"):
        one_weight(model, walk_, "conv1.weight", (8, 0, 0, 0))
