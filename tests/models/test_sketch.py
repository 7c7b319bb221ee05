import pytest
import torch

from pellucid.models.sketch import SketchCNN, StrokeNetwork


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def strokes(count, length, real):
    points = torch.randn(count, length, 4, generator=torch.Generator().manual_seed(0))
    points[..., 3] = (torch.arange(length) < real).float()
    return points * points[..., 3:]


def test_the_stroke_network_has_the_parameters_that_the_tutorials_layers_have():
    convolutions = (3 * 5 + 1) * 48 + (48 * 5 + 1) * 64 + (64 * 3 + 1) * 96
    first = 2 * 4 * 128 * (96 + 128 + 2)  # two directions, four gates, torch has two biases
    others = 2 * 2 * 4 * 128 * (256 + 128 + 2)
    assert parameters(StrokeNetwork(345)) == convolutions + first + others + (256 + 1) * 345


def test_padding_does_not_change_what_the_stroke_network_says():
    network = StrokeNetwork(7, nodes=16).eval()
    short, long = strokes(3, 20, 12), strokes(3, 40, 12)
    long[:, :20] = short
    assert torch.allclose(network(short), network(long), atol=1e-5)


def test_the_order_of_the_strokes_matters_to_the_stroke_network():
    network = StrokeNetwork(7, nodes=16).eval()
    points = strokes(3, 20, 20)
    assert not torch.allclose(network(points), network(points.flip(1)), atol=1e-4)


def test_the_stroke_networks_neighbours_in_a_batch_do_not_matter():
    network = StrokeNetwork(7, nodes=16).eval()
    points = strokes(4, 20, 15)
    points[1, 5:] = 0
    assert torch.allclose(network(points)[1], network(points[1:2])[0], atol=1e-5)


@pytest.mark.parametrize("side", [28, 32])
def test_the_cnn_takes_images_of_any_side(side):
    assert SketchCNN(4, 9)(torch.randn(2, 1, side, side)).shape == (2, 9)


def test_a_released_cnn_of_345_classes_is_below_two_megabytes_in_half_precision():
    assert 2 * parameters(SketchCNN(32, 345)) < 2e6


def test_what_the_cnn_says_does_not_change_with_its_neighbours():
    network, images = SketchCNN(4, 9).eval(), torch.randn(4, 1, 32, 32)
    assert torch.allclose(network(images)[1:2], network(images[1:2]), atol=1e-5)
