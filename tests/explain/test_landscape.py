"""The plane through a network's weights: what spans it, and that the surface on it is the network's own loss."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain import landscape
from pellucid.explain.race import race


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)
    ).eval()


INPUTS = torch.randn(20, 1, 4, 4, generator=torch.Generator().manual_seed(1))
TARGETS = torch.arange(20) % 4


def loss(outputs):
    return nn.functional.cross_entropy(outputs, TARGETS)


def moved(network, *steps):
    """Snapshots whose weights moved along one and then another direction."""
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    found = []
    for first, second in steps:
        each = {name: value.clone() for name, value in weights.items()}
        each["0.weight"] = each["0.weight"] + first
        each["4.bias"] = each["4.bias"] + second * torch.tensor([1.0, -1.0, 0.0, 0.0])
        found.append(each)
    return found


def test_a_way_that_lies_in_a_plane_is_found_whole_and_its_end_is_the_origin(network):
    ways = [(0.3, 0.0), (0.2, 0.5), (0.0, 0.4), (0.0, 0.0)]
    plane = landscape.path_plane(network, moved(network, *ways))
    assert plane.share == pytest.approx(1)
    lengths = [np.hypot(first * np.sqrt(27), second * np.sqrt(2)) for first, second in ways]
    assert np.linalg.norm(plane.path, axis=1) == pytest.approx(lengths, abs=1e-5)
    for place, each in zip(plane.path, moved(network, *ways), strict=True):
        here = plane.weights(torch.from_numpy(place).float())
        assert all(torch.allclose(here[name], each[name], atol=1e-5) for name in here)


def test_a_random_direction_is_filter_by_filter_as_long_as_the_network_and_leaves_biases_alone(network):
    plane = landscape.random_plane(network, seed=3)
    for direction in plane.directions:
        for name in ("0.weight", "4.weight"):
            mine, own = (
                direction[name].flatten(1).norm(dim=1),
                network.state_dict()[name].flatten(1).norm(dim=1),
            )
            assert torch.allclose(mine, own, rtol=1e-5)
        assert not any(direction[name].any() for name in ("0.bias", "1.weight", "1.bias", "4.bias"))
    first, again = (landscape.random_plane(network, seed=3).directions[0]["0.weight"] for _ in range(2))
    assert torch.equal(first, again)


def test_the_surface_is_the_loss_of_the_network_with_these_weights_and_its_gradient_is_its_slope(network):
    plane = landscape.random_plane(network)
    surface = landscape.surface(network, plane, INPUTS, loss)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert surface.value(np.zeros(2)) == pytest.approx(float(loss(network(INPUTS)).detach()), rel=1e-6)
    point, step = np.array([0.3, -0.4]), 1e-2
    slope = [
        (surface.value(point + step * axis) - surface.value(point - step * axis)) / (2 * step)
        for axis in np.eye(2)
    ]
    assert surface.gradient(point) == pytest.approx(slope, rel=0.02, abs=1e-3)
    other = copy.deepcopy(network)
    weights = plane.weights(torch.tensor(point).float())
    other.load_state_dict({**other.state_dict(), **weights})
    assert surface.value(point) == pytest.approx(float(loss(other(INPUTS)).detach()), rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_racers_go_down_on_a_networks_own_loss(network):
    surface = landscape.surface(network, landscape.random_plane(network), INPUTS, loss)
    paths = race(
        surface, learning_rates={name: surface.learning_rates[name] for name in ("sgd", "adam")}, steps=40
    )
    for path in paths.values():
        assert surface.value(path[-1]) < surface.value(path[0])


def test_two_moments_span_no_plane(network):
    with pytest.raises(UsageError, match="2 snapshots"):
        landscape.path_plane(network, moved(network, (0.1, 0.0), (0.0, 0.0)))
