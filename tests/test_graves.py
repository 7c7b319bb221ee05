"""Graves' RMSProp by hand, and where it differs from torch's."""

import math

import pytest
import torch

from pellucid.graves import GravesRMSprop


def steps(gradients, **settings):
    weight = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = GravesRMSprop([weight], **settings)
    for gradient in gradients:
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
    return float(weight.detach())


def test_two_steps_are_those_of_a_hand_calculation():
    # g = 2: mean 0.1, square 0.2; 0.2 - 0.01 + 0.01 = 0.2
    first = 1 - 2.5e-4 * 2 / math.sqrt(0.2)
    # g = -1: mean 0.095 - 0.05 = 0.045, square 0.19 + 0.05 = 0.24; 0.24 - 0.002025 + 0.01 = 0.247975
    second = first + 2.5e-4 * 1 / math.sqrt(0.247975)
    assert steps([2.0]) == pytest.approx(first, abs=1e-15)
    assert steps([2.0, -1.0]) == pytest.approx(second, abs=1e-15)


def test_the_constant_stands_below_the_root():
    tiny = 1e-6  # a gradient of nothing: the step is rate * g / sqrt(0.01), ten times the gradient
    assert 1 - steps([tiny], lr=1.0) == pytest.approx(10 * tiny, rel=1e-3)


def test_there_is_no_other_momentum():
    moved = steps([1.0], lr=0.1)
    assert steps([1.0, 0.0, 0.0, 0.0], lr=0.1) == moved
