"""N-grams: an answer falls apart exactly, and the words that were planted are the words that are found."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain import ngrams
from pellucid.models.textcnn import TextCNN


@pytest.fixture
def network():
    torch.manual_seed(2)
    network = TextCNN(30, 5, (2, 3), 4, 3).initialise_as("wildml", 1.0).eval()
    network.keep = 0.5
    return network


@pytest.fixture
def words():
    return torch.tensor([[0, 0, 4, 9, 2, 7, 4, 0, 0]])


def test_bias_and_what_the_n_grams_moved_add_up_to_the_scores(network, words):
    found = ngrams.parts(network, words)
    np.testing.assert_allclose(found.bias + sum(each.moved for each in found.fired), found.scores, atol=1e-5)
    torch.testing.assert_close(torch.from_numpy(found.scores), network(words)[0].detach())


def test_a_filter_that_knows_one_bigram_fires_on_it(network, words):
    with torch.no_grad():
        pair = network.embedded(torch.tensor([[9, 2]]))[0]
        network.convolutions[0].weight[1] = pair.T * 10
    fired = next(each for each in ngrams.parts(network, words).fired if (each.width, each.number) == (2, 1))
    assert words[0, fired.start : fired.start + 2].tolist() == [9, 2]


def test_what_padding_and_words_moved_is_all_that_was_moved(network, words):
    found = ngrams.parts(network, words)
    inside = [each for each in found.fired if each.start >= 2 and each.start + each.width <= 7]
    found = ngrams.Parts(inside, found.bias, found.scores)
    np.testing.assert_allclose(found.by_word(5, 2).sum(0), sum(each.moved for each in inside), atol=1e-6)


def test_integrated_gradients_add_up_to_the_difference_from_no_words(network, words):
    shares = ngrams.word_gradients(network, words, 1)
    with torch.no_grad():
        difference = network(words)[0, 1] - network(torch.zeros_like(words))[0, 1]
    assert shares.sum() == pytest.approx(float(difference), rel=0.06, abs=0.01)
    assert np.abs(shares[[0, 1, 7, 8]]).max() == 0


def test_the_nearest_input_is_the_input_itself(network, words):
    others = torch.randint(1, 30, (20, 9), generator=torch.Generator().manual_seed(0))
    (place, cosine), *_ = ngrams.nearest(network, words, [others, words], 3)
    assert (place, round(cosine, 4)) == (20, 1.0)


def test_the_n_grams_of_a_filter_are_those_of_its_greatest_answers(network):
    inputs = torch.randint(1, 30, (40, 9), generator=torch.Generator().manual_seed(0))
    first = ngrams.strongest(network, [inputs[:25], inputs[25:]], 1)[0]
    layer = network.convolutions[network.widths.index(first["width"])]
    answers = layer(network.embedded(inputs).transpose(1, 2))[:, first["filter"]]
    assert first["grams"][0][1] == pytest.approx(float(answers.max()), abs=1e-5)


def test_another_network_is_refused(words):
    with pytest.raises(UsageError, match="no filters over words"):
        ngrams.parts(nn.Sequential(nn.Linear(2, 2)), words)
