"""The CNN over spectrograms: sizes worked out by hand; when a word is said does not matter, at which pitch does."""

import torch

from pellucid.models.wordcnn import WordCNN


def network():
    torch.manual_seed(0)
    return WordCNN(40, (8, 16, 24, 32), classes=10).eval()


def test_it_has_as_many_parameters_as_its_sizes_say():
    blocks = [9 * 1 * 8 + 2 * 8, 9 * 8 * 16 + 2 * 16, 9 * 16 * 24 + 2 * 24, 9 * 24 * 32 + 2 * 32]
    count = sum(parameter.numel() for parameter in network().parameters())
    assert count == sum(blocks) + (32 * 5 + 1) * 10  # 40 bands, halved three times


def test_a_recording_of_any_length_gives_one_score_a_class():
    assert [network()(torch.rand(2, 1, 40, frames)).shape for frames in (98, 51)] == [(2, 10)] * 2


def test_a_word_said_later_has_the_same_scores_and_one_said_higher_has_not():
    spectrogram = torch.zeros(1, 1, 40, 96)
    spectrogram[..., 16:24, 24:40] = torch.rand(8, 16, generator=torch.Generator().manual_seed(1))
    scores = network()(spectrogram)
    assert torch.allclose(
        network()(spectrogram.roll(16, 3)), scores, atol=1e-6
    )  # 8 frames are pooled into one
    assert not torch.allclose(network()(spectrogram.roll(8, 2)), scores, atol=1e-4)
