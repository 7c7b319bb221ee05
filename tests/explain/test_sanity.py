"""The sanity checks: what they must catch, and their numbers against scipy and naive loops."""

import numpy as np
import pytest
import torch

from pellucid.errors import UsageError
from pellucid.explain.gradcam import gradcam
from pellucid.explain.gradients import integrated_gradients, saliency
from pellucid.explain.occlusion import occlusion
from pellucid.explain.sanity import cascade, compare, deletion, randomised, rank_correlation, sanity, ssim


def picture_edges(model, inputs, target):
    """No explanation at all: the edges of the picture, whatever the network."""
    return np.abs(np.gradient(inputs[:, 0].numpy(), axis=1))


def naive_ssim(x, y, side):
    values = []
    for row in range(x.shape[0] - side + 1):
        for column in range(x.shape[1] - side + 1):
            a, b = (each[row : row + side, column : column + side].ravel() for each in (x, y))
            covariance = np.cov(a, b)
            bright = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
            values.append(
                bright * (2 * covariance[0, 1] + 9e-4) / (covariance[0, 0] + covariance[1, 1] + 9e-4)
            )
    return np.mean(values)


def test_ssim_equals_the_papers_formula_in_plain_loops():
    x, y = np.random.default_rng(0).random((2, 12, 15))
    assert np.isclose(ssim(x, y), naive_ssim(x, y, 7), atol=1e-12)


def test_rank_correlation_equals_scipys_with_ties():
    from scipy.stats import spearmanr

    x, y = np.random.default_rng(0).integers(0, 9, (2, 200))
    assert np.isclose(rank_correlation(x, y + x), spearmanr(x, y + x).statistic, atol=1e-12)


def test_equal_maps_are_alike_by_both_numbers():
    maps = np.random.default_rng(0).normal(size=(2, 9, 9))
    found = compare(maps, maps.copy())
    assert np.allclose([found.ssim, found.rank_correlation], 1)


def test_a_background_that_both_maps_leave_at_zero_is_no_agreement():
    from scipy.stats import spearmanr

    maps = np.zeros((2, 1, 20, 20))
    maps[:, 0, 5:12, 5:12] = np.random.default_rng(0).normal(size=(2, 7, 7))
    inner = np.abs(maps[:, 0, 5:12, 5:12]).reshape(2, -1)
    found = compare(maps[:1], maps[1:])
    assert np.isclose(found.rank_correlation.item(), spearmanr(*inner).statistic)


def test_edges_that_ignore_the_network_fail_the_check(reader):
    model, pictures, labels = reader
    assert sanity(model, pictures[:8], labels[:8], picture_edges).rank_correlation.min() == 1


@pytest.mark.parametrize("explain", [saliency, gradcam])
def test_gradients_and_gradcam_pass_the_check_as_in_adebayo_2018(explain, reader):
    model, pictures, labels = reader
    found = sanity(model, pictures[:32], labels[:32], explain)
    assert (found.rank_correlation.mean() < 0.5, found.ssim.mean() < 0.5) == (True, True)


def test_the_randomised_copy_shares_no_weights_and_repeats_with_its_seed(reader):
    model, _, _ = reader
    first, second = (randomised(model, seed=2).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(torch.equal(first[name], each) for name, each in model.state_dict().items())


def test_cascade_goes_from_the_last_layer_to_the_first(reader):
    model, pictures, labels = reader
    names = [name for name, _ in cascade(model, pictures[:2], labels[:2], saliency)]
    assert names == ["scores", "hidden", "conv2", "conv1"]


def test_cascade_ends_where_the_whole_check_begins(reader):
    model, pictures, labels = reader
    *_, (_, last) = cascade(model, pictures[:2], labels[:2], saliency, seed=1)
    assert np.array_equal(
        last.randomised, sanity(model, pictures[:2], labels[:2], saliency, seed=1).randomised
    )


def test_deleting_what_integrated_gradients_name_beats_random_order(reader):
    model, pictures, labels = reader
    maps = integrated_gradients(model, pictures[:32], labels[:32], baseline=0.0).attributions
    found = deletion(model, pictures[:32], labels[:32], maps, value=0.0, steps=16)
    assert found.area < 0.8 * found.random_area


def test_deleting_what_occlusion_names_beats_random_order(reader):
    model, pictures, labels = reader
    maps = occlusion(model, pictures[:32], labels[:32], value=0.0, window=2, stride=1).per_pixel(8, 8)
    found = deletion(model, pictures[:32], labels[:32], maps, value=0.0, steps=16)
    assert found.area < found.random_area


def test_deletion_begins_with_the_whole_picture_and_ends_with_none(reader):
    model, pictures, labels = reader
    found = deletion(model, pictures[:4], labels[:4], np.zeros((4, 8, 8)), value=0.0, steps=4)
    ends = [
        torch.softmax(model(each), 1).gather(1, labels[:4, None]).mean().item()
        for each in (pictures[:4], 0 * pictures[:4])
    ]
    assert np.allclose([found.probabilities[0], found.probabilities[-1]], ends, atol=1e-6)


def test_deletion_removes_the_largest_values_first():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
    model[1].weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0], [0.0] * 4])
    maps = np.array([[[4.0, 3.0], [2.0, 1.0]]])
    found = deletion(model, torch.ones(1, 1, 2, 2), 0, maps, value=0.0, steps=4)
    assert np.allclose(found.probabilities, 1 / (1 + np.exp(-np.array([10, 6, 3, 1, 0]))), atol=1e-6)


def test_maps_of_another_size_are_refused(cnn, images):
    with pytest.raises(UsageError, match="of the inputs' size"):
        deletion(cnn, images, 0, np.zeros((4, 5, 5)), value=0.0)
