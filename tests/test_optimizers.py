import copy
import json
import math

import pytest
import torch
from torch import nn

from pellucid import optimizers
from pellucid.errors import RunError, UsageError

NAMES = list(optimizers.DEFAULTS)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
    )


def train(model, optimizer, steps):
    generator = torch.Generator().manual_seed(1)
    inputs, targets = torch.randn(32, 6, generator=generator), torch.randint(3, (32,), generator=generator)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


def decays(optimizer):
    """Weight decay of each parameter, by its identity."""
    return {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_lowers_the_loss_with_its_default_settings(name):
    model = network()
    found = train(model, optimizers.build(name, model), 60)
    assert found[-1] < 0.95 * found[0]


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_bit_for_bit_after_the_state_was_saved_and_loaded(name):
    first, second = network(), network()
    whole = optimizers.build(name, first)
    train(first, whole, 5)
    second.load_state_dict(first.state_dict())
    loaded = optimizers.build(name, second)
    loaded.load_state_dict(copy.deepcopy(whole.state_dict()))
    train(first, whole, 5)
    train(second, loaded, 5)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_tensors_and_json_only(name):
    model = network()
    optimizer = optimizers.build(name, model)
    train(model, optimizer, 1)
    state = optimizer.state_dict()
    json.dumps(state["param_groups"])
    assert all(torch.is_tensor(value) for held in state["state"].values() for value in held.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_reaches_every_group(name):
    model = network()
    optimizer = optimizers.build(name, model, learning_rate=0.02)
    optimizers.set_rate(optimizer, 0.0)
    before = [p.detach().clone() for p in model.parameters()]
    train(model, optimizer, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_loaded_muon_still_follows_the_schedule():
    model = network()
    optimizer = optimizers.build("muon", model)
    optimizer.load_state_dict(optimizer.state_dict())
    optimizers.set_rate(optimizer, 0.0)
    before = [p.detach().clone() for p in model.parameters()]
    train(model, optimizer, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_spares_biases_and_norms(name):
    model = network()
    decay = decays(optimizers.build(name, model, weight_decay=0.3))
    assert {decay[id(p)] for p in model.parameters() if p.ndim == 1} == {0.0}
    assert {decay[id(p)] for p in model.parameters() if p.ndim == 2} == {0.3}


def test_muon_gets_hidden_matrices_only():
    model = nn.Sequential(
        nn.Embedding(9, 4),
        nn.Conv1d(4, 4, 1),
        nn.Linear(4, 5),
        nn.BatchNorm1d(5),
        nn.Linear(5, 6),
        nn.Linear(6, 3),
    )
    groups = optimizers.build("muon", model).param_groups
    muons = {id(p) for group in groups if "ns_steps" in group for p in group["params"]}
    assert muons == {id(model[2].weight), id(model[4].weight)}


def test_muon_trains_every_parameter():
    model = network()
    before = [p.detach().clone() for p in model.parameters()]
    train(model, optimizers.build("muon", model), 3)
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_muon_runs_on_a_network_without_hidden_matrices():
    model = nn.Sequential(nn.Linear(6, 3))
    assert train(model, optimizers.build("muon", model), 20)[-1] < 1.2


def test_muon_refuses_the_state_of_another_network():
    saved = optimizers.build("muon", nn.Sequential(nn.Linear(6, 3))).state_dict()
    with pytest.raises(RunError, match="same network"):
        optimizers.build("muon", network()).load_state_dict(saved)


def test_rmsprop_has_the_settings_of_keras():
    (group, *_) = optimizers.build("rmsprop", network()).param_groups
    assert (group["lr"], group["alpha"], group["eps"]) == (1e-3, 0.9, 1e-7)


def test_the_fused_rmsprop_steps_as_that_of_torch_and_leaves_the_gradient():
    ours, theirs = network(), network()
    fused = optimizers.build("rmsprop", ours)
    plain = torch.optim.RMSprop(theirs.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    assert isinstance(fused, optimizers.FusedRMSprop)
    for step in range(30):
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step)) * 10.0 ** (
                step % 5 - 3
            )
            q.grad = p.grad.clone()
        fused.step()
        plain.step()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(p.grad, q.grad)
            torch.testing.assert_close(p, q, rtol=1e-6, atol=1e-7)
            torch.testing.assert_close(fused.state[p], {"square_avg": plain.state[q]["square_avg"]})


def test_rmsprop_with_weight_decay_is_that_of_torch():
    assert isinstance(optimizers.build("rmsprop", network(), weight_decay=0.1), torch.optim.RMSprop)


def test_frozen_parameters_are_left_out():
    model = network()
    model[0].requires_grad_(False)
    held = {id(p) for group in optimizers.build("adam", model).param_groups for p in group["params"]}
    assert held == {id(p) for p in model[1:].parameters()}


def test_an_unknown_optimiser_is_met_with_the_near_one():
    with pytest.raises(UsageError, match='Did you mean "nesterov"'):
        optimizers.build("nestorov", network())


def test_a_setting_of_another_optimiser_is_refused():
    with pytest.raises(UsageError, match="adam has no setting momentum"):
        optimizers.build("adam", network(), momentum=0.9)


@pytest.mark.parametrize(
    "bad", [{"learning_rate": 0.0}, {"learning_rate": math.nan}, {"rho": 1.0}, {"weight_decay": -1.0}]
)
def test_a_setting_out_of_range_is_refused(bad):
    with pytest.raises(UsageError, match=f"{next(iter(bad))} is"):
        optimizers.build("rmsprop", network(), **bad)


def test_a_model_without_trainable_parameters_is_refused():
    with pytest.raises(UsageError, match="no parameter to train"):
        optimizers.build("sgd", nn.ReLU())
