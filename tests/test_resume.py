"""R3, R4, R5: stopped anywhere, resumed, equal; each part of the state is needed; the same seed twice."""

import copy
import os

import pytest
import torch
from small import Small, finished, small, stopped, trained

from pellucid import seeding
from pellucid.errors import RunError
from pellucid.learners import Supervised
from pellucid.optimizers import DEFAULTS
from pellucid.run import Run
from pellucid.verbs.train import resume, train

NIGHT = bool(os.environ.get("PELLUCID_NIGHT"))
STEPS = 300 if NIGHT else 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(small(steps=STEPS + 3), tmp_path_factory.mktemp("runs") / "whole")


@pytest.mark.timeout(3600)
def test_stopped_at_any_step_a_run_ends_as_if_it_had_not(whole, tmp_path):
    for step in range(1, STEPS + 1):
        stopped(small(steps=STEPS + 3), tmp_path / str(step), step)
        assert finished(tmp_path / str(step)) == whole, f"stopped at step {step}"


def test_stopped_at_every_step_in_turn_a_run_ends_as_if_it_had_not(tmp_path):
    expected = trained(small(steps=20), tmp_path / "whole")
    stopped(small(steps=20), tmp_path / "run", 1)
    for _ in range(18):
        steps = resume(tmp_path / "run", Small)
        next(steps)
        steps.close()
    assert finished(tmp_path / "run") == expected


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(tmp_path, workers):
    task = small(steps=20, workers=workers)
    expected = trained(small(steps=20), tmp_path / "alone")
    del expected["step-000000000020.safetensors"]  # its header names the settings, and workers is one of them
    for step in range(1, 20) if NIGHT else (5, 14):
        stopped(task, tmp_path / str(step), step)
        found = finished(tmp_path / str(step))
        assert weights(tmp_path / str(step)) == weights(tmp_path / "alone")
        assert lines(found) == lines(expected)


def test_killed_in_any_evaluation_a_run_ends_as_if_it_had_not(whole, tmp_path, monkeypatch):
    def killed(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return plain(*arguments)

    plain, left = Small.metrics, [0]
    monkeypatch.setattr(Small, "metrics", killed)
    for evaluation in range(1, 8):
        left[0], path = evaluation, tmp_path / str(evaluation)
        with pytest.raises(KeyboardInterrupt):
            trained(small(steps=STEPS + 3), path)
        assert finished(path) == whole, f"killed in evaluation {evaluation}"


def test_a_finished_run_that_is_resumed_stays_as_it_is(tmp_path):
    expected = trained(small(steps=9), tmp_path / "run")
    assert finished(tmp_path / "run") == expected
    assert Run.open(tmp_path / "run").finished


@pytest.mark.parametrize("network", ["mlp", "cnn", "lenet", "example"])
def test_the_same_seed_gives_the_same_bits(tmp_path, network):
    steps = 12 if network == "mlp" else 3
    first = trained(small(network, steps=steps), tmp_path / "first")
    torch.manual_seed(99)  # what was drawn before must not matter
    assert trained(small(network, steps=steps), tmp_path / "second") == first


def test_another_seed_gives_other_weights(tmp_path):
    first = trained(small(steps=3), tmp_path / "first")
    assert trained(small(steps=3, seed=1), tmp_path / "second") != first


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_optimiser_resumes_exactly(tmp_path, name):
    expected = trained(small(steps=8, optimizer=name), tmp_path / "whole")
    stopped(small(steps=8, optimizer=name), tmp_path / "run", 5)
    assert finished(tmp_path / "run") == expected


def test_the_plateau_schedule_resumes_exactly(tmp_path):
    task = small(steps=60, schedule="plateau", learning_rate=50.0)
    expected = trained(task, tmp_path / "whole")
    for step in (1, 7, 8, 13, 15, 20):
        stopped(task, tmp_path / str(step), step)
        assert finished(tmp_path / str(step)) == expected, f"stopped at step {step}"


def after(steps, **training):
    """Return a learner that made some steps."""
    task = small(**training)
    learner = Supervised(task, task.data())
    go_on(learner, 0, steps)
    return learner


def go_on(learner, first, last):
    for step, batch in zip(range(first, last), learner.batches(first), strict=False):
        learner.update(batch, step)


def paths(node, path=()):
    """Yield the place of every entry of every dict in a state."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(node, dict):
            yield (*path, key)
        if isinstance(child, (dict, list)):
            yield from paths(child, (*path, key))


def reached(state, path):
    for key in path:
        state = state[key]
    return state


@pytest.mark.parametrize(
    "name", ["adamw", "momentum", "nadam", "rmsprop", "adagrad", "adadelta", "muon", "sgd"]
)
def test_a_state_without_any_one_of_its_parts_is_refused(name):
    state = after(5, optimizer=name).state_dict()
    places = list(paths(state))
    assert len(places) > 20
    for path in places:
        broken = copy.deepcopy(state)
        del reached(broken, path[:-1])[path[-1]]
        if path[0] == "optimizer" and path[-1] == "lr":
            continue  # the schedule sets it anew at every step
        with pytest.raises(RunError):
            after(0, optimizer=name).load_state_dict(broken)


@pytest.mark.parametrize("name", ["adamw", "momentum", "muon"])
def test_every_tensor_of_the_state_matters(name):
    learner = after(5, optimizer=name)
    state = copy.deepcopy(learner.state_dict())
    go_on(learner, 5, 9)
    expected = learner.state_dict()
    for path in paths(state):
        part = reached(state, path)
        if not isinstance(part, torch.Tensor):
            continue
        changed = copy.deepcopy(state)
        reached(changed, path[:-1])[path[-1]] = part + 1
        other = after(0, optimizer=name)
        other.load_state_dict(changed)
        go_on(other, 5, 9)
        assert not same(other.state_dict(), expected), f"{path} does not matter"


@pytest.mark.parametrize("part", ["network", "optimizer", "average", "samples"])
def test_the_state_of_another_training_is_refused(part):
    others = {
        "network": after(5),
        "optimizer": after(5, optimizer="momentum"),
        "average": after(5, ema=None),
        "samples": after(5, limit=48),
    }
    state = others[part].state_dict()
    if part == "network":
        state["network"]["hidden1.weight"] = torch.zeros(5, 784)
    with pytest.raises(RunError):
        after(0).load_state_dict(state)


def test_the_parity_test_sees_an_order_that_starts_anew(whole, tmp_path, monkeypatch):
    stopped(small(steps=STEPS + 3), tmp_path / "run", 10)
    plain = Supervised._places
    monkeypatch.setattr(Supervised, "_places", lambda self, start: plain(self, start // 7 * 7))
    assert finished(tmp_path / "run") != whole


def test_the_parity_test_sees_dropout_that_depends_on_the_past(tmp_path, monkeypatch):
    plain = seeding.seed_step
    monkeypatch.setattr(
        seeding, "seed_step", lambda seed, step, rank=0: plain(seed, step) if step < 0 else None
    )
    expected = trained(small(steps=12), tmp_path / "whole")
    stopped(small(steps=12), tmp_path / "run", 5)
    assert finished(tmp_path / "run") != expected


def test_the_parity_test_sees_an_average_that_is_not_restored(whole, tmp_path, monkeypatch):
    stopped(small(steps=STEPS + 3), tmp_path / "run", 10)
    plain = Supervised.load_state_dict

    def forgetful(self, state):
        plain(self, {**state, "average": dict(self.average.state_dict())})

    monkeypatch.setattr(Supervised, "load_state_dict", forgetful)
    assert finished(tmp_path / "run") != whole


def test_a_run_whose_data_changed_is_not_resumed(tmp_path, monkeypatch):
    stopped(small(), tmp_path / "run", 3)
    data = small().data()
    data.facts["mean"] = 0.4
    monkeypatch.setattr(Small, "data", lambda self: data)
    with pytest.raises(RunError, match="the data changed since the run was started \\(mean\\)"):
        next(resume(tmp_path / "run", Small))


def test_an_existing_run_is_not_overwritten(tmp_path):
    before = trained(small(steps=2), tmp_path / "run")
    with pytest.raises(ValueError, match="holds something already"):
        next(train(small(steps=2), tmp_path / "run"))
    assert finished(tmp_path / "run") == before


def weights(path):
    return {name: tensor.tolist() for name, tensor in Run.open(path).weights()[0].items()}


def lines(found):
    """The log without its chain, which starts from the settings."""
    return [line.rpartition(b',"crc"')[0] for line in found["progress.jsonl"].splitlines()]


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
