"""The weights of a run at its evaluations: the very weights, as many as fit, and nothing that training needs."""

import itertools
import math
import shutil

import pytest
import torch
from small import Small, finished, small, stopped, trained

from pellucid import vitals
from pellucid.errors import RunError
from pellucid.learners import Supervised
from pellucid.run import Run
from pellucid.snapshots import file_of, is_kept
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained

EVALUATIONS = [6, 12, 18, 20]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshots") / "run"
    trained(small(steps=20), path)
    return Run.open(path)


def test_every_evaluation_of_a_small_network_is_kept_and_the_last_is_what_the_run_keeps(tmp_path):
    trained(small(steps=20, keep="last"), tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert run.snapshots.steps() == EVALUATIONS
    kept, then = run.weights()[0], run.snapshots.read(20)[0]
    assert kept.keys() == then.keys()
    assert all(torch.equal(kept[name], then[name]) for name in kept)


def test_a_snapshot_scores_what_the_log_says_of_its_evaluation(run):
    for step in EVALUATIONS:
        opened = open_trained(run.path, Small, step=step)
        inputs, targets = opened.task.prepare(*opened.task.data().valid[:], facts=opened.facts)
        logits = opened.network(inputs)
        line = next(line for line in run.progress() if line["step"] == step)
        share = float((logits.argmax(1) == targets).double().mean())
        assert share == pytest.approx(line["scores"]["accuracy"]["value"])
        assert run.snapshots.read(step)[1]["scores"] == line["scores"]


def test_a_run_without_snapshots_trains_on_to_the_same_weights_and_log(tmp_path):
    expected = trained(small(steps=20), tmp_path / "whole")
    stopped(small(steps=20), tmp_path / "run", 14)
    shutil.rmtree(tmp_path / "run" / "snapshots")
    found = finished(tmp_path / "run")
    assert {name: found[name] for name in found if "snapshot" not in name} == {
        name: expected[name] for name in expected if "snapshot" not in name
    }


def test_none_are_kept_when_none_are_asked_for_or_none_fit(tmp_path):
    for place, most in enumerate((0.0, 0.01)):  # the network has 19 kilobytes
        path = tmp_path / str(place)
        for _ in train(small(steps=20, snapshots=most), path):
            pass
        assert not (path / "snapshots").exists()


def test_the_snapshots_of_another_run_are_refused(run, tmp_path):
    for _ in train(small(steps=20, seed=1), tmp_path / "other"):
        pass
    shutil.copy(file_of(run.path, 6), file_of(tmp_path / "other", 6))
    with pytest.raises(RunError, match="belongs to another run"):
        Run.open(tmp_path / "other").snapshots.read(6)


def test_a_snapshot_under_another_name_is_refused(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "copy")
    file_of(tmp_path / "copy", 6).rename(file_of(tmp_path / "copy", 7))
    with pytest.raises(RunError, match="saved at step 6"):
        Run.open(tmp_path / "copy").snapshots.read(7)


@pytest.mark.parametrize(
    ("steps", "every", "fitting"), [(1000, 10, 12), (1001, 10, 7), (95, 10, 100), (7, 7, 3)]
)
def test_the_kept_moments_are_even_few_enough_and_have_both_ends(steps, every, fitting):
    due = [step for step in range(1, steps + 1) if step % every == 0 or step == steps]
    kept = [step for step in due if is_kept(step, steps=steps, every=every, size=100, most=100 * fitting)]
    assert {due[0], due[-1]} <= set(kept)
    assert len(kept) <= fitting + 2
    assert len(kept) >= min(len(due), fitting // 2)
    gaps = {b - a for a, b in itertools.pairwise(kept[1:-1])}
    assert len(gaps) <= 1


def test_the_gradient_in_the_log_is_that_of_the_layer(tmp_path):
    seen = []

    def vitals_and_gradients(self):
        own = {}
        for name, parameter in self.network.named_parameters():
            own.setdefault(name.rpartition(".")[0], []).append(parameter.grad.double().square().sum().item())
        seen.append({name: math.sqrt(sum(parts)) for name, parts in own.items()})
        return plain(self)

    plain = Supervised.vitals
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Supervised, "vitals", vitals_and_gradients)
        trained(small(steps=12), tmp_path / "run")
    lines = [line["layers"] for line in Run.open(tmp_path / "run").progress() if line.get("layers")]
    assert len(lines) == len(seen) == 2
    for line, gradients in zip(lines, seen, strict=True):
        found = {name: one["gradient"] for name, one in line.items() if "gradient" in one}
        assert found == pytest.approx(gradients)
        assert min(found.values()) > 0


def test_a_unit_is_silent_only_if_no_sample_wakes_it_and_a_channel_if_no_place_does():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(12, 4), torch.nn.ReLU()
    )
    with torch.no_grad():
        network[0].weight[:] = torch.tensor([1.0, -1.0, 0.0]).view(3, 1, 1, 1)
        network[0].bias[:] = torch.tensor([0.0, 0.0, -1.0])
        network[3].weight.zero_()
        network[3].bias[:] = torch.tensor([1.0, -1.0, -1.0, -1.0])
    images = torch.zeros(5, 1, 2, 2)
    images[4, 0, 1, 1] = 2.0  # one pixel of one image: wakes the first channel; the others never
    network.train()
    assert vitals.silent(network, images) == {"1": {"silent": pytest.approx(2 / 3)}, "4": {"silent": 0.75}}
    assert network.training
    images[0, 0, 0, 0] = -1.0
    assert vitals.silent(network, images)["1"]["silent"] == pytest.approx(1 / 3)
