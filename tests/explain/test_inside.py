"""Activations, filters, exciting images and features against plain forward passes."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.inside import exciting, feature_maps, filters, first_weights, layers, penultimate


def test_each_layers_output_is_the_next_ones_input(cnn, images):
    found = layers(cnn, images)
    assert all(np.array_equal(a.after, b.before) for a, b in itertools.pairwise(found))


def test_the_last_layer_gives_the_networks_answer(cnn, images):
    assert np.array_equal(layers(cnn, images)[-1].after, cnn.eval()(images).detach().numpy())


def test_clipped_counts_the_negative_entries_before_the_relu():
    x = torch.tensor([[-1.0, 2.0, 0.0, -3.0, 5.0]])
    found = layers(nn.Sequential(nn.ReLU(), nn.Identity()), x)
    assert [(each.clipped, each.share_clipped) for each in found] == [(2, 0.4), (None, None)]


def test_a_relu_in_place_does_not_spoil_what_came_before():
    x = torch.tensor([[-1.0, 2.0]])
    found = layers(nn.Sequential(nn.Identity(), nn.ReLU(inplace=True)), x)
    assert [found[0].after.tolist(), found[1].before.tolist(), found[1].after.tolist()] == [
        [[-1, 2]],
        [[-1, 2]],
        [[0, 2]],
    ]


def test_feature_maps_are_the_convolution_of_the_images(cnn, images):
    assert np.array_equal(feature_maps(cnn, images, "conv1"), cnn.conv1(images).detach().numpy())


def test_a_layer_without_maps_is_refused(cnn, images):
    with pytest.raises(UsageError, match="no feature maps"):
        feature_maps(cnn, images, "scores")


def test_first_weights_of_an_mlp_are_pictures_of_the_input():
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 5))
    assert first_weights(model)[3, 2, 1] == model[1].weight[3, 2 * 28 + 1]


def test_first_weights_of_an_oblong_colour_input_keep_its_shape():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, 7))
    assert first_weights(model, shape=(3, 4, 5)).shape == (7, 3, 4, 5)


def test_first_weights_of_a_convolution_are_its_kernels(cnn):
    assert np.array_equal(first_weights(cnn), cnn.conv1.weight[:, 0].detach().numpy())


def test_weights_that_fill_no_square_ask_for_the_shape():
    with pytest.raises(UsageError, match="give the shape"):
        first_weights(nn.Sequential(nn.Flatten(), nn.Linear(60, 7)))


def test_filters_are_named_by_their_layers(cnn):
    assert {name: each.shape for name, each in filters(cnn).items()} == {
        "conv1": (8, 1, 3, 3),
        "conv2": (16, 8, 3, 3),
    }


def test_what_is_handed_out_is_a_copy(cnn):
    first_weights(cnn)[:] = 7
    assert cnn.conv1.weight.max() < 7


def test_units_that_lie_behind_time_are_found_on_their_axis():
    batches = [torch.randn(4, length, 3) for length in (7, 5)]  # (N, L, C): sentences differ in length
    found = exciting(nn.Sequential(nn.ReLU()), batches, "0", count=3, axis=2)
    largest = torch.cat([batch.relu().amax(1) for batch in batches])  # (N, C)
    assert found.units == (0, 1, 2)
    for unit in found.units:
        order = largest[:, unit].argsort(descending=True)[:3]
        assert found.activations[unit].tolist() == largest[order, unit].tolist()
        assert found.indices[unit].tolist() == order.tolist()


def test_exciting_finds_the_image_that_was_made_to_excite():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3, bias=False), nn.ReLU())
    pictures = torch.zeros(600, 1, 4, 4)
    pictures[417] = model[1].weight[2].detach().view(1, 4, 4)
    found = exciting(model, pictures, "2", 2, 1)
    assert found.indices.tolist() == [[417]]
    assert np.allclose(found.activations, model[1].weight[2].square().sum().item())


def test_exciting_sorts_like_numpy_over_all_images(cnn):
    pictures = torch.rand(700, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = exciting(cnn, pictures, "relu2", count=5)
    strength = cnn[:4](pictures).amax((2, 3)).detach().numpy()
    assert np.allclose(found.activations, -np.sort(-strength, axis=0)[:5].T, atol=1e-6)


def test_images_that_excite_equally_keep_their_order():
    found = exciting(nn.Sequential(nn.ReLU(), nn.Identity()), torch.zeros(500, 3), "0", 1, 4)
    assert found.indices.tolist() == [[0, 1, 2, 3]]


def test_the_position_of_the_maximum_is_where_the_map_has_it(cnn, images):
    found = exciting(cnn, images, "conv1", 4, 1)
    row, column = found.positions[0, 0]
    assert np.isclose(
        feature_maps(cnn, images, "conv1")[found.indices[0, 0], 4, row, column], found.activations[0, 0]
    )


def test_batches_and_one_tensor_give_the_same(cnn, images):
    whole = exciting(cnn, images, "relu2", [0, 3], 2)
    parts = exciting(cnn, iter(images.split(1)), "relu2", [0, 3], 2)
    assert np.array_equal(whole.indices, parts.indices)


def test_a_unit_that_does_not_exist_is_named(cnn, images):
    with pytest.raises(UsageError, match="0 to 7"):
        exciting(cnn, images, "conv1", 8)


def test_penultimate_features_are_what_the_last_layer_multiplies(cnn, images):
    features = penultimate(cnn, images.split(3))
    scores = features @ cnn.scores.weight.detach().numpy().T + cnn.scores.bias.detach().numpy()
    assert np.allclose(scores, cnn.eval()(images).detach().numpy(), atol=1e-6)
