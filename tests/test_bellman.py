"""Targets and losses against the definitions written out, and the gradient against the paper's words."""

import numpy as np
import pytest
import torch

from pellucid import bellman


def test_the_gradient_of_the_loss_is_the_error_clipped_to_one():
    target = torch.zeros(7, 1)
    predicted = torch.tensor([-30.0, -1.5, -1.0, -0.3, 0.0, 0.7, 12.0])[:, None].requires_grad_()
    bellman.loss("mean", predicted, target).sum().backward()
    assert predicted.grad[:, 0].tolist() == pytest.approx([-1, -1, -1, -0.3, 0, 0.7, 1])


def test_quantile_loss_is_that_of_the_paper_term_by_term():
    chance = np.random.default_rng(0)
    theta, target = chance.normal(size=5) * 2, chance.normal(size=4) * 2
    total = 0.0
    for i in range(5):
        tau = (2 * i + 1) / 10
        for value in target:
            u = value - theta[i]
            huber = 0.5 * u * u if abs(u) <= 1 else abs(u) - 0.5
            total += abs(tau - (u < 0)) * huber / 4
    found = bellman.quantile_loss(torch.tensor(theta)[None], torch.tensor(target)[None])
    assert float(found) == pytest.approx(total)


def projected(returns, discount, chances, support):
    """Bellemare et al. 2017, algorithm 1, line by line."""
    low, high, width = support[0], support[-1], support[1] - support[0]
    mass = np.zeros(len(support))
    for chance, z in zip(chances, support, strict=True):
        b = (min(max(returns + discount * z, low), high) - low) / width
        below, above = int(np.floor(b)), int(np.ceil(b))
        if below == above:
            mass[below] += chance
        else:
            mass[below] += chance * (above - b)
            mass[above] += chance * (b - below)
    return mass


@pytest.mark.parametrize(
    ("returns", "discount"), [(0.0, 0.9), (1.0, 0.9), (-1.0, 0.0), (25.0, 0.9), (0.3, 1.0)]
)
def test_categorical_targets_are_those_of_the_algorithm(returns, discount):
    support = np.linspace(-2, 3, 11)
    chances = np.random.default_rng(1).dirichlet(np.ones(11))
    found = bellman.categorical_target(
        torch.tensor([returns]), torch.tensor([discount]), torch.tensor(chances)[None], torch.tensor(support)
    )
    np.testing.assert_allclose(found[0], projected(returns, discount, chances, support), atol=1e-6)
    assert float(found.sum()) == pytest.approx(1)


def test_cross_entropy_is_least_where_the_chances_agree():
    chances = torch.tensor([[0.2, 0.5, 0.3]])
    best = bellman.categorical_loss(chances.log(), chances)
    assert float(best) == pytest.approx(-sum(p * np.log(p) for p in (0.2, 0.5, 0.3)), abs=1e-6)
    assert float(bellman.categorical_loss(torch.zeros(1, 3), chances)) > float(best)
