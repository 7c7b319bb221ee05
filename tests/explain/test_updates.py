import numpy as np
import pytest
import torch

from pellucid import optimizers
from pellucid.explain.updates import UPDATES, muon, orthogonal

STEPS = 50
PLAIN_TORCH = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-7),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "muon": lambda p: torch.optim.Muon(p, lr=0.01, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
}


@pytest.fixture
def full_precision(monkeypatch):
    """Torch's Muon rounds to bfloat16 and its NAdam keeps one factor in the default type: all to float64."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def gradient_at(parameter, step):
    """A curved, uneven bowl whose bottom wanders: every optimiser meets both large and small gradients."""
    scale = np.logspace(-3, 1, parameter.size).reshape(parameter.shape)
    return scale * (parameter - np.sin(step + np.arange(parameter.size).reshape(parameter.shape)))


def start(shape=(6, 4)):
    return np.random.default_rng(0).normal(size=shape)


def largest_difference(name, optimizer, parameter, **settings):
    ours, state, worst = start(), {}, 0.0
    for step in range(1, STEPS + 1):
        parameter.grad = torch.from_numpy(gradient_at(parameter.detach().numpy(), step))
        optimizer.step()
        ours = UPDATES[name](ours, gradient_at(ours, step), state, step, **settings)
        worst = max(worst, float(np.abs(ours - parameter.detach().numpy()).max()))
    return worst


@pytest.mark.parametrize("name", PLAIN_TORCH)
def test_the_reference_equals_torch_for_fifty_steps(name, full_precision):
    parameter = torch.nn.Parameter(torch.from_numpy(start()))
    assert largest_difference(name, PLAIN_TORCH[name]([parameter]), parameter, learning_rate=0.01) < 1e-12


@pytest.mark.parametrize("name", UPDATES)
def test_what_build_returns_follows_the_reference_with_the_default_settings(name, full_precision):
    parameter, scores = (torch.nn.Parameter(torch.from_numpy(start())) for _ in range(2))
    optimizer = optimizers.build(name, [parameter, scores])
    assert largest_difference(name, optimizer, parameter, **optimizers.DEFAULTS[name]) < 1e-12


def test_muon_in_torchs_own_half_precision_stays_within_its_rounding():
    parameter = torch.nn.Parameter(torch.from_numpy(start()))
    optimizer = PLAIN_TORCH["muon"]([parameter])
    parameter.grad = torch.from_numpy(gradient_at(start(), 1))
    optimizer.step()
    ours = muon(start(), gradient_at(start(), 1), {}, 1, learning_rate=0.01)
    moved = np.abs(ours - start()).max()
    assert np.abs(ours - parameter.detach().numpy()).max() < 0.03 * moved


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (1, 2)])
def test_muon_brings_all_singular_values_near_one(shape):
    values = np.linalg.svd(orthogonal(start(shape)), compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_there_is_a_reference_for_every_optimiser_that_can_be_built():
    assert set(UPDATES) == set(optimizers.DEFAULTS)
