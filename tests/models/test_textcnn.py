"""TextCNN: sizes from the paper, the fast way against the definition written out, bounds that hold."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.models.textcnn import BoundedLinear, FromVectors, TextCNN, WordVectors


def wild(network, seed=0):
    """Give a network weights that make every part of it matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        for channel in network.channels.values():
            channel.constrain()
    return network.eval()


def small(**changes):
    settings = {"words": 40, "size": 6, "widths": (2, 3, 5), "maps": 4, "classes": 3, **changes}
    return wild(TextCNN(**settings).initialise_as("kim", 0.25))


def sentences(lengths, places=None, seed=1):
    """Numbers of words with four zeros before and as many as fit after."""
    generator = torch.Generator().manual_seed(seed)
    places = places or max(lengths) + 8
    rows = torch.zeros(len(lengths), places, dtype=torch.int64)
    for row, length in zip(rows, lengths, strict=True):
        row[4 : 4 + length] = torch.randint(1, 40, (length,), generator=generator)
    return rows


def by_definition(network, words):
    """Kim 2014, equations 2 to 4, window by window, channel by channel, in double precision."""
    features = torch.zeros(len(words), 0, dtype=torch.float64)
    channels = [channel.weight.double() for channel in network.channels.values()]
    for convolution in network.convolutions:
        maps, _, width = convolution.weight.shape
        strongest = torch.full((len(words), maps), -torch.inf, dtype=torch.float64)
        for start in range(words.shape[1] - width + 1):
            found = [
                torch.einsum(
                    "nhd,mdh->nm", channel[words[:, start : start + width]], convolution.weight.double()
                )
                for channel in channels
            ]
            strongest = torch.maximum(strongest, (sum(found) + convolution.bias.double()).relu())
        features = torch.cat([features, strongest], 1)
    return features * 0.5 @ network.scores.weight.double().T + network.scores.bias.double()


@pytest.mark.parametrize("channels", [("tuned",), ("fixed",), ("fixed", "tuned")])
def test_the_fast_way_gives_what_the_definition_gives(channels):
    network, words = small(channels=channels), sentences([1, 3, 9, 20, 20])
    torch.testing.assert_close(network(words).double(), by_definition(network, words), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [("tuned",), ("fixed", "tuned")])
def test_the_fast_gradients_are_those_of_plain_torch_layers(channels):
    network, words = small(channels=channels), sentences([2, 7, 15, 15])
    found = []
    for way in (network, network.layers()):
        network.zero_grad()
        functional.cross_entropy(way(words), torch.tensor([0, 1, 2, 0])).backward()
        found.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-6, rtol=1e-4, msg=name)


def test_the_paper_s_network_for_mr_has_as_many_parameters_as_its_sizes_say():
    network = TextCNN(18_766)  # 18,765 words and the padding
    filters = sum(100 * 300 * width + 100 for width in (3, 4, 5))
    assert sum(p.numel() for p in network.parameters()) == 18_766 * 300 + filters + 300 * 2 + 2 == 5_990_702


def test_more_padding_changes_no_logit():
    network, words = small(), sentences([3, 11, 20], places=29)
    torch.testing.assert_close(network(functional.pad(words, (0, 37))), network(words), atol=0, rtol=0)


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch():
    network, words = small(), sentences([3, 11, 20, 7])
    alone = torch.cat([network(row[None]) for row in words])
    torch.testing.assert_close(network(words), alone, atol=1e-6, rtol=1e-6)


def test_a_text_of_padding_alone_is_answered_from_the_biases():
    network = small()
    expected = by_definition(network, torch.zeros(1, 9, dtype=torch.int64))
    torch.testing.assert_close(network(torch.zeros(1, 9, dtype=torch.int64)).double(), expected)


def test_the_first_answers_are_zero_because_the_last_layer_is():
    network = TextCNN(40, 6).initialise_as("kim", 0.25)
    assert network(sentences([5, 9])).abs().max() == 0


def test_first_weights_are_in_kim_s_ranges():
    network = TextCNN(5000, 30).initialise_as("kim", 0.25)
    vectors = network.channels["tuned"].weight[1:]
    assert 0.249 < vectors.abs().max() <= 0.25
    assert all(
        0.0099 < c.weight.abs().max() <= 0.01 and c.bias.abs().max() == 0 for c in network.convolutions
    )


def test_dropout_is_kim_s_test_features_are_halved_and_training_features_are_not_enlarged():
    network = small()
    words = sentences([12, 12])
    features = network.features(words)
    expected = features * 0.5 @ network.scores.weight.T + network.scores.bias
    torch.testing.assert_close(network(words), expected)
    network.train()
    seen = []
    network.scores.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    for _ in range(30):
        network(words)
    ratios = {round(float(v), 4) for v in (torch.stack(seen) / features)[:, features > 0].unique()}
    assert ratios == {0.0, 1.0}


def test_padding_has_no_gradient_and_row_zero_stays_zero():
    network = small(by_rows=True).train()
    functional.cross_entropy(network(sentences([3, 4])), torch.tensor([0, 1])).backward()
    gradient = network.channels["tuned"].weight.grad.coalesce()
    assert gradient.indices().min() > 0
    with torch.no_grad():
        network.channels["tuned"].weight += 1
    network.channels["tuned"].constrain()
    assert network.channels["tuned"].weight[0].abs().max() == 0
    assert network.channels["tuned"].weight[1:].abs().min() > 0


def test_rows_longer_than_the_bound_are_scaled_and_shorter_ones_left():
    layer = BoundedLinear(2, 2, max_norm=3.0)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[30.0, 40.0], [0.3, 0.4]]))
    layer.constrain()
    torch.testing.assert_close(layer.weight, torch.tensor([[1.8, 2.4], [0.3, 0.4]]), atol=1e-5, rtol=1e-5)


def test_fixed_vectors_take_no_gradient_and_both_channels_begin_alike():
    network = TextCNN(40, 6, channels=("fixed", "tuned")).initialise_as("kim", 0.25)
    assert torch.equal(network.channels["fixed"].weight, network.channels["tuned"].weight)
    assert [channel.weight.requires_grad for channel in network.channels.values()] == [False, True]


def test_plain_layers_above_given_vectors_are_the_network():
    network, words = small(channels=("fixed", "tuned")), sentences([4, 6])
    torch.testing.assert_close(FromVectors(network)(network.embedded(words)), network(words))


@pytest.mark.parametrize("wrong", [{"words": 0}, {"widths": (0,)}, {"channels": ("loud",)}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="textcnn"):
        TextCNN(**{"words": 10, **wrong})


def test_a_text_shorter_than_a_filter_is_refused():
    with pytest.raises(ValueError, match="padding included"):
        small()(torch.ones(1, 3, dtype=torch.int64))


def test_every_layer_that_is_bounded_says_so_in_one_way():
    bounded = [m for m in TextCNN(9).modules() if hasattr(m, "constrain")]
    assert {type(m) for m in bounded} == {WordVectors, BoundedLinear}
    assert all(isinstance(m, nn.Module) for m in itertools.chain(bounded))
