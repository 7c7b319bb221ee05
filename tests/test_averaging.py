"""The mean of the weights at the last evaluations: their mean, what is scored and kept, the same when resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import Small, finished, small, stopped, trained
from torch import nn

from pellucid.averaging import Checkpoints, mean
from pellucid.errors import RunError, UsageError
from pellucid.learners import Supervised
from pellucid.run import Run
from pellucid.tasks import translation
from pellucid.training import Training
from pellucid.translating import translations
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained

EVALUATIONS = [6, 12, 18, 24, 30, 33]


@pytest.fixture(scope="module", params=[None, 0.9], ids=["alone", "of moving averages"])
def runs(request, tmp_path_factory):
    """One training twice: each evaluation by itself, and the mean of three."""
    folder, found = tmp_path_factory.mktemp("averaged"), []
    for averaged in (1, 3):
        task = small("cnn", steps=33, averaged=averaged, keep="last", ema=request.param)
        trained(task, folder / str(averaged))
        found.append(Run.open(folder / str(averaged)))
    return found


def test_what_is_kept_is_the_mean_of_the_last_evaluations_rounded_once(runs):
    alone, averaged = runs
    for place, step in enumerate(EVALUATIONS):
        last = EVALUATIONS[max(0, place - 2) : place + 1]  # the first evaluations have fewer before them
        each = [alone.snapshots.read(step)[0] for step in last]
        for name, tensor in averaged.snapshots.read(step)[0].items():
            expected = np.mean([weights[name].numpy().astype(np.float64) for weights in each], 0)
            if tensor.is_floating_point():
                assert np.array_equal(tensor.numpy(), expected.astype(np.float32)), (step, name)
    assert all(torch.equal(averaged.weights()[0][name], tensor) for name, tensor in
               averaged.snapshots.read(33)[0].items())  # fmt: skip


def test_the_training_itself_is_the_same(runs):
    alone, averaged = (run.state().state for run in runs)
    for name, tensor in alone["network"].items():
        assert torch.equal(tensor, averaged["network"][name]), name


def test_the_scores_are_those_of_the_mean(runs):
    _, averaged = runs
    opened = open_trained(averaged.path, Small)
    inputs, targets = opened.task.prepare(*opened.task.data().valid[:], facts=opened.facts)
    expected = opened.task.metrics(opened.network(inputs), targets, opened.facts)
    told = averaged.weights()[1]["scores"]
    assert told["loss"]["value"] == pytest.approx(expected["loss"].value)
    assert told == averaged.progress()[-1]["scores"] != runs[0].progress()[-1]["scores"]


def test_the_best_of_the_means_is_kept_where_the_best_is_asked_for(tmp_path):
    trained(small(steps=33, averaged=2), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    weights, saved = run.weights()
    values = {
        line["step"]: line["scores"]["accuracy"]["value"] for line in run.progress() if "scores" in line
    }
    assert values[saved["step"]] == max(values.values())
    then = run.snapshots.read(saved["step"])[0]
    assert all(torch.equal(then[name], tensor) for name, tensor in weights.items())


def test_a_counter_is_the_last_one_and_statistics_are_averaged():
    norm = nn.BatchNorm1d(2)
    checkpoints = Checkpoints(2)
    for shift in (0.0, 100.0, 3.0):
        norm.train()(torch.randn(8, 2) + shift)
        checkpoints.take(norm)
    taken = [weights["running_mean"].double() for weights in checkpoints.taken]
    assert len(taken) == 2
    assert checkpoints.network.num_batches_tracked == 3
    assert torch.equal(checkpoints.network.running_mean, ((taken[0] + taken[1]) / 2).float())


def test_a_mean_does_not_drown_small_numbers_in_large_ones():
    large, small_one = torch.tensor([2.0**24]), torch.tensor([1.0])
    found = mean([{"w": large}, {"w": small_one}, {"w": small_one}, {"w": -large}])
    assert found["w"].item() == 0.5  # in float32 both ones would be lost


@pytest.mark.parametrize("keep", ["best", "last"])
def test_stopped_at_any_step_the_mean_is_the_same_to_the_byte(tmp_path, keep):
    task = small(steps=33, averaged=3, keep=keep)
    expected = trained(task, tmp_path / "whole")
    for step in (2, 6, 7, 13, 18, 23, 25, 30, 32):
        stopped(task, tmp_path / str(step), step)
        assert finished(tmp_path / str(step)) == expected, f"stopped at step {step}"


def test_killed_in_any_evaluation_the_mean_is_the_same_to_the_byte(tmp_path, monkeypatch):
    def killed(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return plain(*arguments)

    task, plain, left = small(steps=33, averaged=3), Small.metrics, [0]
    expected = trained(task, tmp_path / "whole")
    monkeypatch.setattr(Small, "metrics", killed)
    for evaluation in range(1, 7):
        left[0] = evaluation
        with pytest.raises(KeyboardInterrupt):
            trained(task, tmp_path / str(evaluation))
        assert finished(tmp_path / str(evaluation)) == expected, f"killed in evaluation {evaluation}"


def test_patience_counts_the_scores_of_the_means(tmp_path):
    task = small(steps=400, averaged=3, patience=2, evaluate_every=2, learning_rate=1e-9)
    steps = [progress.step for progress in train(task, tmp_path / "run")]
    assert (steps[-1], Run.open(tmp_path / "run").finished) == (6, True)  # the first is never bettered


def test_a_state_of_another_network_is_refused():
    task = small(averaged=2)
    learner = Supervised(task, task.data())
    learner.evaluate()
    learner.evaluate()
    for place in range(2):
        state = learner.state_dict()
        weights = dict(state["checkpoints"][place])
        del weights["scores.bias"]
        state["checkpoints"] = [*state["checkpoints"][:place], weights, *state["checkpoints"][place + 1 :]]
        with pytest.raises(RunError, match="does not fit this network"):
            learner.load_state_dict(state)
    del state["checkpoints"]
    with pytest.raises(RunError, match="lacks checkpoints"):
        learner.load_state_dict(state)


@pytest.mark.parametrize("wrong", [0, -1, 101])
def test_a_number_out_of_range_is_refused(wrong):
    with pytest.raises(UsageError, match="--averaged"):
        Training(averaged=wrong)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_translation_is_scored_by_what_the_mean_writes(tmp_path, ema):
    task = translation.tiny()
    task = replace(task, training=replace(task.training, steps=9, evaluate_every=3, averaged=3, ema=ema))
    for _ in train(task, tmp_path / "run"):
        pass
    opened = open_trained(tmp_path / "run")
    saved, valid = opened.run.weights()[1], task.data().valid
    written = [text for text, _ in translations(opened.network, valid, opened.facts, beam=1)]
    exact = sum(mine == right for mine, (_, right) in zip(written, valid.texts, strict=True))
    assert saved["scores"]["exact"]["value"] == pytest.approx(exact / len(written))
    inputs, targets = task.prepare(*valid[torch.arange(len(valid))], facts=opened.facts)
    losses = nn.functional.cross_entropy(
        opened.network(inputs).flatten(0, 1), targets.flatten(), ignore_index=0
    )
    assert saved["scores"]["loss"]["value"] == pytest.approx(float(losses), rel=1e-5)
