"""R9: a NaN or an infinity, wherever it appears, stops training in its own step and is never saved."""

import math

import pytest
import torch
from small import Small, outcome, small
from torch import nn

from pellucid.engine import fit
from pellucid.errors import NonFinite
from pellucid.learners import Supervised, finite
from pellucid.metrics import Score
from pellucid.run import Run
from pellucid.verbs.train import train

BAD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
LAST = 12  # evaluated and saved; then the next step but one goes wrong
STEP = LAST + 2

MLP = ["hidden1.weight", "hidden1.bias", "scores.weight", "scores.bias"]
CNN = {name for name, _ in small("cnn").model(small().data().facts).named_parameters()}


def spoil(tensor, value):
    with torch.no_grad():
        tensor[tuple(length // 2 for length in tensor.shape)] = value


def at_step(monkeypatch, do):
    """Call ``do(learner)`` before the update of ``STEP``."""
    plain = Supervised.update

    def update(self, batch, step):
        if step + 1 == STEP:
            batch = do(self, batch) or batch
        return plain(self, batch, step)

    monkeypatch.setattr(Supervised, "update", update)


def stops(tmp_path, task=None, step=STEP):
    """Train until NonFinite; check that it came at ``step`` and what is left; return its text."""
    seen, before = 0, {}
    with pytest.raises(NonFinite) as caught:
        for progress in train(task or small(), tmp_path / "run"):
            seen = progress.step
            if progress.scores:
                before = outcome(tmp_path / "run")
    assert seen == step - 1
    after = outcome(tmp_path / "run") if before else {}
    # the log may have a line of a good step more
    assert {name: data for name, data in after.items() if "jsonl" not in name} == {
        name: data for name, data in before.items() if "jsonl" not in name
    }
    run = Run.open(tmp_path / "run")
    if before:
        assert all_finite(run.state().state)
        assert all_finite(run.weights()[0])
    assert all(math.isfinite(line["loss"]) for line in run.progress())
    assert f"step {step}:" in str(caught.value)
    return str(caught.value)


def all_finite(part):
    if isinstance(part, dict):
        return all(map(all_finite, part.values()))
    return not isinstance(part, torch.Tensor) or bool(torch.isfinite(part).all())


@pytest.mark.parametrize("value", BAD)
def test_in_the_input(tmp_path, monkeypatch, value):
    at_step(monkeypatch, lambda learner, batch: spoil(batch[0], BAD[value]))
    assert "first seen in the input" in stops(tmp_path)


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", MLP)
def test_in_a_weight_of_the_mlp(tmp_path, monkeypatch, name, value):
    at_step(monkeypatch, lambda learner, batch: spoil(learner.network.get_parameter(name), BAD[value]))
    assert f"the weight {name}" in stops(tmp_path)


@pytest.mark.parametrize("name", sorted(CNN))
def test_in_a_weight_of_the_cnn(tmp_path, monkeypatch, name):
    at_step(monkeypatch, lambda learner, batch: spoil(learner.network.get_parameter(name), -math.inf))
    assert f"the weight {name}" in stops(tmp_path, small("cnn", evaluate_every=LAST))


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("name", MLP)
def test_in_a_gradient(tmp_path, monkeypatch, name, clip, value):
    def plant(learner, batch):
        learner.network.get_parameter(name).register_hook(lambda gradient: gradient.clone().fill_(BAD[value]))

    at_step(monkeypatch, plant)
    assert f"the gradient of {name}" in stops(tmp_path, small(clip=clip))


def test_in_a_gradient_the_weights_stay_as_they_were(monkeypatch):
    task = small()
    learner = Supervised(task, task.data())
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    learner.network.hidden1.bias.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(NonFinite):
        learner.update(next(learner.batches(0)), 0)
    assert all(torch.equal(before[name], tensor) for name, tensor in learner.network.state_dict().items())


@pytest.mark.parametrize("layer", ["hidden1", "relu1", "dropout1", "scores"])
def test_in_the_output_of_a_layer(tmp_path, monkeypatch, layer):
    def plant(learner, batch):
        learner.network.get_submodule(layer).register_forward_hook(
            lambda module, given, output: output * math.nan
        )

    at_step(monkeypatch, plant)
    assert f"layer {layer}" in stops(tmp_path)


@pytest.mark.parametrize("value", BAD)
def test_in_the_loss(tmp_path, monkeypatch, value):
    plain, count = Small.loss, [0]

    def loss(self, outputs, targets, facts):
        count[0] += 1
        return plain(self, outputs, targets, facts) + (BAD[value] if count[0] == STEP else 0)

    monkeypatch.setattr(Small, "loss", loss)
    text = stops(tmp_path)
    assert f"the loss is {value}" in text
    assert "first seen in the loss" in text


@pytest.mark.parametrize("moment", ["exp_avg", "exp_avg_sq"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_in_a_moment_of_the_optimiser(tmp_path, monkeypatch, moment, value):
    def plant(learner, batch):
        held = learner.optimizer.state[learner.network.scores.bias]
        spoil(held[moment], BAD[value])

    at_step(monkeypatch, plant)
    if (moment, value) == ("exp_avg_sq", "inf"):  # stops this weight for ever and harms no number but itself
        text = stops_at_saving(tmp_path)
        assert "optimizer/state" in text
    else:
        assert "the weight scores.bias" in stops(tmp_path)


def stops_at_saving(tmp_path):
    with pytest.raises(NonFinite) as caught:
        for _ in train(small(), tmp_path / "run"):
            pass
    assert Run.open(tmp_path / "run").state().step == LAST
    return str(caught.value)


@pytest.mark.parametrize("value", BAD)
def test_in_the_average(tmp_path, monkeypatch, value):
    evaluation = LAST + 6

    def plant(learner, batch):
        spoil(learner.average.module.scores.weight, BAD[value])

    at_step(monkeypatch, plant)
    text = stops(tmp_path, step=evaluation)
    assert "the weight scores.weight" in text


def test_in_a_buffer_of_a_normalisation(tmp_path, monkeypatch):
    def plant(learner, batch):
        spoil(learner.network.norm.running_var, math.inf)

    plain = Small.model

    def model(self, facts):
        network = plain(self, facts)
        network.add_module("norm", nn.BatchNorm1d(10))
        return network

    monkeypatch.setattr(Small, "model", model)
    at_step(monkeypatch, plant)
    with pytest.raises(NonFinite, match="first in layer norm"):
        for _ in train(small(), tmp_path / "run"):
            pass
    assert Run.open(tmp_path / "run").weights()[1]["step"] <= LAST


@pytest.mark.parametrize("value", BAD)
def test_in_the_outputs_of_an_evaluation(tmp_path, monkeypatch, value):
    plain, count = Small.model, [0]

    def model(self, facts):
        def hook(module, given, output):
            if not module.training:
                count[0] += 1
                if count[0] == 5:  # the third evaluation; after each, silent units are looked for as well
                    return output.index_fill(0, torch.tensor([4]), BAD[value])
            return output

        network = plain(self, facts)
        network.scores.register_forward_hook(hook)
        return network

    monkeypatch.setattr(Small, "model", model)
    text = stops(tmp_path, step=LAST + 6)
    assert "validation sample 4" in text
    assert "the loss is" in text


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("name", ["accuracy", "loss"])
def test_in_a_score(tmp_path, monkeypatch, name, value):
    plain, count = Small.metrics, [0]

    def metrics(self, outputs, targets, facts):
        count[0] += 1
        found = plain(self, outputs, targets, facts)
        return found | ({name: Score(BAD[value], None, None, 11)} if count[0] == 3 else {})

    monkeypatch.setattr(Small, "metrics", metrics)
    assert f"the validation score {name} is {value}" in stops(tmp_path, step=LAST + 6)


def test_a_learning_rate_that_explodes_is_stopped(tmp_path):
    with pytest.raises(NonFinite, match="try a smaller --learning-rate"):
        for _ in train(small(optimizer="sgd", learning_rate=1e30, ema=None), tmp_path / "run"):
            pass


def test_the_check_sees_one_bad_number_anywhere():
    for value in BAD.values():
        for place in (0, 1, 500, 998, 999):
            tensor = torch.zeros(1000)
            tensor[place] = value
            assert not finite([torch.ones(3), tensor])


def test_infinities_of_both_signs_do_not_cancel():
    assert not finite([torch.tensor([math.inf, -math.inf])])
    assert not finite([torch.tensor([math.inf]), torch.tensor([-math.inf])])


def test_finite_numbers_whose_sum_overflows_are_finite():
    assert finite([torch.full((4,), 3e38), torch.ones(2)])


def test_training_that_is_finite_is_left_alone():
    task = small(steps=8)
    assert len(list(fit(Supervised(task, task.data())))) == 8
