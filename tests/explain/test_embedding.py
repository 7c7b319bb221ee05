"""Embeddings keep what they promise: distances in a plane, neighbours in clusters."""

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.explain.embedding import embedding


def clusters():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    return generator.normal(size=(3, 20))[labels] * 20 + generator.normal(size=(120, 20)), labels


def test_pca_keeps_the_distances_of_points_that_lie_in_a_plane():
    generator = np.random.default_rng(1)
    plane, turn = generator.normal(size=(50, 2)), np.linalg.qr(generator.normal(size=(9, 9)))[0][:2]
    points = embedding(plane @ turn)
    distances = [np.linalg.norm(each[:, None] - each[None], axis=-1) for each in (plane, points)]
    assert np.allclose(*distances, atol=1e-5)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_nearest_neighbours_stay_in_their_cluster(method):
    features, labels = clusters()
    points = embedding(features, method=method)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(120) * 1e9
    assert (labels[distances.argmin(1)] == labels).all()


def test_tsne_is_the_same_for_the_same_seed():
    features, _ = clusters()
    first, second = (embedding(features, method="tsne", seed=3) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_unknown_method_is_answered_with_the_near_one():
    with pytest.raises(UsageError, match='Did you mean "tsne"'):
        embedding(np.zeros((9, 4)), method="t-sne")


@pytest.mark.parametrize(
    "features", [np.zeros((2, 4)), np.zeros((9, 1)), np.zeros(9), np.full((9, 4), np.nan)]
)
def test_features_that_cannot_be_embedded_are_refused(features):
    with pytest.raises(UsageError):
        embedding(features)
