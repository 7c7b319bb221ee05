"""Covered, recoloured and mixed pictures, against what can be worked out by hand."""

import pytest
import torch

from pellucid.datasets import augment, mixing


def test_a_covered_square_has_its_size_and_is_zero():
    erased = mixing.erase(torch.ones(2, 3, 8, 8), torch.tensor([[0.5, 0.5], [0.0, 0.0]]), 0.5)
    assert (erased == 0).sum((1, 2, 3)).tolist() == [3 * 16, 3 * 4]  # the second lies in a corner
    assert (erased[0, :, 2:6, 2:6] == 0).all()


def test_the_middle_of_the_range_changes_no_colour():
    pictures = torch.rand(2, 3, 4, 4) * 255
    assert mixing.recolour(pictures, torch.full((2, 3), 0.5), 0.4) == pytest.approx(pictures, abs=1e-3)


def test_brightness_is_a_factor_and_no_saturation_is_grey():
    pictures = torch.full((1, 3, 2, 2), 100.0)
    assert (mixing.recolour(pictures, torch.tensor([[1.0, 0.5, 0.5]]), 0.5) - 150).abs().max() < 1e-3
    red = torch.zeros(1, 3, 1, 1)
    red[0, 0] = 100
    grey = mixing.recolour(red, torch.tensor([[0.5, 0.5, 0.0]]), 0.999)
    assert grey.flatten().tolist() == pytest.approx([29.9] * 3, abs=0.2)  # BT.601: 0.299 of red


def test_mixup_is_the_weighted_mean_of_neighbours():
    pictures = torch.tensor([0.0, 10.0]).view(2, 1, 1, 1)
    mixed, shares = mixing.mixup(pictures, torch.tensor([0, 1]), torch.tensor([[0.3], [0.9]]), 2)
    assert mixed.flatten().tolist() == pytest.approx([3.0, 9.0])  # 0.3 is folded to 0.7
    assert shares.tolist() == [pytest.approx([0.7, 0.3]), pytest.approx([0.1, 0.9])]


def test_cutmix_shares_are_areas():
    pictures = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
    mixed, shares = mixing.cutmix(pictures, torch.tensor([0, 1]), torch.tensor([[0.25, 0.5, 0.5]] * 2), 2)
    assert mixed[0].mean() == 0.25  # half of each side, from the neighbour of ones
    assert shares.tolist() == [[0.75, 0.25], [0.25, 0.75]]


def test_a_move_brings_in_the_mirror_image():
    row = torch.arange(4).view(1, 1, 4, 1).expand(1, 4, 4, 1).contiguous()
    uniform = torch.tensor([[0.5, 0.9]])  # 0 down, 1 right
    moved = augment.shift_and_mirror(row, uniform, pixels=1, mirrored=torch.tensor([False]))
    assert moved[0, 0, :, 0].tolist() == [1, 0, 1, 2]
    turned = augment.shift_and_mirror(row, uniform, pixels=1, mirrored=torch.tensor([True]))
    assert turned[0, 0, :, 0].tolist() == [2, 1, 0, 1]


def test_two_epochs_show_every_picture_both_ways():
    uniform = torch.rand(50)
    first, second, third = (augment.mirror_in_turns(epoch, uniform) for epoch in range(3))
    assert torch.equal(first, ~second)
    assert torch.equal(first, third)
    assert 0 < first.sum() < 50
