"""Each perturbation is as strong as its level says, and a curve begins with the untouched images."""

import math

import pytest
import torch

from pellucid.explain import robustness
from pellucid.explain.robustness import LEVELS, curves, perturbed


def dots(count=1, side=9, row=4, column=4):
    images = torch.zeros(count, side, side, dtype=torch.uint8)
    images[:, row, column] = 255
    return images


@pytest.mark.parametrize("name", LEVELS)
def test_level_zero_is_the_picture_itself(name):
    images = dots()
    assert perturbed(name, images, 0) is images


def test_noise_has_the_deviation_of_its_level():
    grey = torch.full((20, 28, 28), 128, dtype=torch.uint8)
    worse = perturbed("noise", grey, 0.1).double()
    assert worse.mean() == pytest.approx(128, abs=1)
    assert worse.std() == pytest.approx(25.5, rel=0.03)


def test_a_shift_moves_by_whole_pixels_in_all_of_eight_directions():
    places = perturbed("shift", dots(200), 3).nonzero()[:, 1:].tolist()
    assert len(places) == 200
    expected = {(row, column) for row in (1, 4, 7) for column in (1, 4, 7)} - {(4, 4)}
    assert {tuple(place) for place in places} == expected


@pytest.mark.parametrize("degrees", [10, 45])
def test_a_rotation_turns_by_its_degrees_either_way(degrees):
    images = torch.zeros(20, 29, 29, dtype=torch.uint8)
    images[:, 3:6, 13:16] = 200  # straight above the middle
    weights = perturbed("rotation", images, degrees).double()
    places = torch.arange(29.0, dtype=torch.float64) - 14
    rows, columns = (weights.sum(axis) @ places for axis in (2, 1))
    angles = [math.degrees(math.atan2(x, -y)) for x, y in zip(columns.tolist(), rows.tolist(), strict=True)]
    assert [abs(angle) for angle in angles] == pytest.approx([degrees] * 20, abs=0.5)
    assert min(angles) < 0 < max(angles)


@pytest.mark.parametrize("deviation", [1, 2])
def test_a_blur_has_the_deviation_of_its_level(deviation):
    edge = torch.zeros(1, 41, 41, dtype=torch.uint8)
    edge[:, :, 21:] = 255  # a blurred edge rises as the bell's integral does
    worse = perturbed("blur", edge, deviation)[0, 20, 9:33].double()
    bell, places = worse.diff() / 255, torch.arange(23.0, dtype=torch.float64) - 11
    assert bell.sum() == pytest.approx(1)
    assert (bell * places**2).sum().sqrt() == pytest.approx(deviation, rel=0.03)
    down = perturbed("blur", edge.mT, deviation)[0, 9:33, 20].double()
    assert (down - worse).abs().max() <= 1


@pytest.mark.parametrize(("name", "level"), [("noise", 0.2), ("shift", 2), ("rotation", 30), ("blur", 1)])
def test_the_colours_of_a_picture_share_their_chance_and_another_seed_has_another(name, level):
    coloured = dots(20, row=2)[..., None].expand(20, 9, 9, 3)
    worse = perturbed(name, coloured, level)
    assert worse.shape == coloured.shape
    assert torch.equal(worse[..., 0], worse[..., 2])
    assert torch.equal(worse, perturbed(name, coloured, level))
    assert torch.equal(worse, perturbed(name, coloured, level, seed=1)) == (name == "blur")


def test_a_curve_begins_with_the_untouched_images_and_follows_the_levels():
    def classify(images):  # class 1 where the dot is still in the middle
        return torch.nn.functional.one_hot((images[:, 4, 4] > 0).long(), 2).float()

    found = curves(classify, dots(5), torch.ones(5, dtype=torch.long))
    values = {name: [score.value for score in curve.accuracies] for name, curve in found.items()}
    moved = {"shift": [1, 0, 0, 0, 0]}
    assert values == {name: moved.get(name, [1] * 5) for name in LEVELS}
    assert {name: curve.levels for name, curve in found.items()} == LEVELS
    assert set(robustness.UNITS) == set(LEVELS)
