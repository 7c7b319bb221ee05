"""One update does what torch's own pieces do, and training stops, evaluates and keeps when it is told to."""

from dataclasses import dataclass, replace

import pytest
import torch
from small import Small, small
from torch import nn
from torch.utils.data import TensorDataset

from pellucid import seeding
from pellucid.engine import best, exhausted, fit
from pellucid.errors import UsageError
from pellucid.learners import Supervised
from pellucid.metrics import Score
from pellucid.run import Run
from pellucid.schedules import plateau
from pellucid.training import Clock, Training
from pellucid.verbs.train import train


def plain(**training):
    """Return a task without dropout and shifts, trained by SGD at a constant rate."""
    given = {"optimizer": "sgd", "learning_rate": 0.1, "schedule": "constant", "ema": None, **training}
    return replace(small(**given), dropout=0.0, augment="none", label_smoothing=0.0)


def by_hand(task, steps, clip=None, weights=None):
    """A loop written here: the same order of samples, torch's loss and torch's SGD; yields loss and network."""
    data = task.data()
    torch.manual_seed(seeding.mix(task.training.seed, -1, "step of rank 0"))
    network = task.model(data.facts)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    images, labels = data.train.tensors
    for step in range(steps):
        epoch, place = divmod(step, 7)
        order = seeding.order(task.training.seed, epoch, 50)
        chosen = order[place * 8 : place * 8 + 8]
        inputs = ((images[chosen].float() / 255 - 0.5) / 0.29)[:, None]
        each = nn.functional.cross_entropy(network(inputs), labels[chosen], reduction="none")
        loss = (each if weights is None else each * weights[labels[chosen]]).mean()
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
        yield float(loss.detach()), network


def losses(task, steps):
    learner = Supervised(task, task.data())
    return [float(progress.loss) for progress, _ in zip(fit(learner), range(steps), strict=False)]


def test_the_losses_are_those_of_a_loop_written_by_hand():
    expected = [loss for loss, _ in by_hand(plain(), 9)]
    assert losses(plain(), 9) == pytest.approx(expected, rel=1e-5)


def test_clipping_is_that_of_torch():
    expected = [loss for loss, _ in by_hand(plain(), 6, clip=0.05)]
    assert losses(plain(clip=0.05), 6) == pytest.approx(expected, rel=1e-5)
    assert losses(plain(), 6) != pytest.approx(expected, rel=1e-5)


def test_balanced_classes_weigh_as_the_facts_say():
    weights = torch.tensor([1.0 + digit / 10 for digit in range(10)])
    expected = [loss for loss, _ in by_hand(plain(), 4, weights=weights)]
    assert losses(replace(plain(), class_weights="balanced"), 4) == pytest.approx(expected, rel=1e-5)


def test_the_average_follows_its_recursion():
    task = plain(ema=0.9)
    learner = Supervised(task, task.data())
    expected = None
    for step, batch in zip(range(6), learner.batches(0), strict=False):
        learner.update(batch, step)
        bias = learner.network.scores.bias.detach().double()
        expected = bias if expected is None else 0.9 * expected + 0.1 * bias
    assert torch.allclose(learner.weights()["scores.bias"].double(), expected, atol=1e-6)


def test_the_last_batch_of_an_epoch_has_what_is_left():
    task = plain()
    lengths = [
        len(targets)
        for _, (_, targets) in zip(range(14), Supervised(task, task.data()).batches(0), strict=False)
    ]
    assert lengths == [8, 8, 8, 8, 8, 8, 2] * 2


def test_an_epoch_shows_every_sample_once():
    assert sorted(seeding.order(3, 5, 50).tolist()) == list(range(50))


def test_a_limit_takes_so_many_samples():
    task = plain(limit=20)
    learner = Supervised(task, task.data())
    assert (learner.clock.epoch_steps, learner.count) == (3, 20)


@dataclass(frozen=True, kw_only=True)
class Sorted(Small):
    """Small's samples as many sets store them: class by class."""

    def data(self):
        data = super().data()
        images, labels = data.train.tensors
        order = labels.argsort(stable=True)
        return replace(data, train=TensorDataset(images[order], labels[order]))


def test_a_limit_takes_the_same_samples_in_every_epoch_from_all_over_the_data():
    task = Sorted(**vars(plain(limit=20)))
    learner = Supervised(task, task.data())
    epochs = [torch.cat(learner._wholes(epoch)) for epoch in (0, 1)]
    assert not torch.equal(*epochs)
    first, second = (set(each.tolist()) for each in epochs)
    assert first == second
    assert len(first) == 20
    assert (
        len(set(task.data().train.tensors[1][epochs[0]].tolist())) > 5
    )  # the first twenty are of four classes
    smaller = Sorted(**vars(plain(limit=5)))
    assert set(torch.cat(Supervised(smaller, smaller.data())._wholes(0)).tolist()) < first


@pytest.mark.parametrize(("size", "limit"), [(1, 7), (2, 7), (7, 50), (8, 49), (8, 50), (49, 50), (60, 1)])
def test_no_batch_has_a_single_sample_if_there_are_others_and_the_clock_counts_the_same(size, limit):
    task = plain(batch_size=size, limit=limit)
    learner = Supervised(task, task.data())
    lengths = [len(batch) for batch in learner._wholes(0)]
    assert sum(lengths) == limit
    assert len(lengths) == learner.clock.epoch_steps
    assert 1 not in lengths or size == 1 or limit == 1


@pytest.mark.parametrize("part", ["train", "valid"])
def test_an_empty_part_is_refused_before_anything_is_trained(part):
    data = plain().data()
    empty = replace(data, **{part: TensorDataset(*(each[:0] for each in data.valid.tensors))})
    with pytest.raises(UsageError, match=f"the {part}.* part is empty"):
        Supervised(plain(), empty)


def test_evaluations_come_every_so_many_steps_and_at_the_end():
    task = plain(steps=11, evaluate_every=4)
    found = [progress.step for progress in fit(Supervised(task, task.data())) if progress.scores]
    assert found == [4, 8, 11]


def test_without_evaluate_every_they_come_once_an_epoch():
    assert Clock.of(Training(epochs=2, batch_size=8), 50) == Clock(steps=14, evaluate_every=7, epoch_steps=7)


@pytest.fixture
def accuracies(monkeypatch):
    """Make the evaluations return these accuracies in turn."""
    planned = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9])
    monkeypatch.setattr(Small, "metrics", lambda *given: {"accuracy": Score(next(planned), None, None, 11)})


@pytest.mark.usefixtures("accuracies")
def test_training_stops_exactly_after_patience_and_keeps_the_best(tmp_path):
    steps = [progress.step for progress in train(plain(evaluate_every=2, patience=3), tmp_path / "run")]
    assert steps[-1] == 10  # the best was the second of five evaluations
    assert Run.open(tmp_path / "run").weights()[1]["step"] == 4


@pytest.mark.usefixtures("accuracies")
def test_the_last_weights_are_kept_where_that_is_asked_for(tmp_path):
    for _ in train(plain(evaluate_every=2, steps=6, keep="last"), tmp_path / "run"):
        pass
    assert Run.open(tmp_path / "run").weights()[1]["step"] == 6


def record(step, value):
    return {"step": step, "scores": {"accuracy": {"value": value}}}


def test_the_earliest_of_equals_is_the_best_and_a_minus_turns_it_round():
    log = [record(1, 0.5), {"step": 2}, record(3, 0.7), record(4, 0.7)]
    assert (best(log, "accuracy"), best(log, "-accuracy"), best([], "accuracy")) == (3, 1, None)


def test_patience_counts_evaluations_since_the_best():
    log = [record(1, 0.5), record(2, 0.4), record(3, 0.4)]
    assert [exhausted(log, "accuracy", patience) for patience in (None, 1, 2, 3)] == [
        False,
        True,
        True,
        False,
    ]


def test_the_plateau_schedule_divides_the_rate_and_ends_below_the_least(tmp_path):
    task = plain(evaluate_every=2, steps=200, schedule="plateau", learning_rate=50.0)  # no loss gets better
    rates = {step.step: step.learning_rate for step in train(task, tmp_path / "run")}
    records = [record for record in Run.open(tmp_path / "run").progress() if record.get("scores")]
    losses = [record["scores"]["loss"]["value"] for record in records]
    for done in range(1, len(losses)):
        assert rates[2 * done + 1] == 50.0 * plateau(losses[:done])
    assert 50.0 * plateau(losses) < 1e-4 <= 50.0 * plateau(losses[:-1])
    assert Run.open(tmp_path / "run").finished


def test_the_plateau_schedule_is_refused_where_no_loss_is_scored(tmp_path, monkeypatch):
    monkeypatch.setattr(Small, "metrics", lambda *given: {"accuracy": Score(0.5, None, None, 2)})
    with pytest.raises(UsageError, match="plateau follows the loss; the scores are accuracy"):
        list(train(plain(evaluate_every=2, steps=4, schedule="plateau"), tmp_path / "run"))


def test_an_unknown_goal_is_refused():
    with pytest.raises(UsageError, match='the goal is "speed"'):
        best([record(1, 0.5)], "speed")


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"ema": 1.0}, {"seed": -1}, {"learning_rate": float("nan")}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="--" + next(iter(wrong)).replace("_", "-")):
        Training(**wrong)
