"""Two runs on the same test images; one that may withhold its unsure answers."""

import shutil

import pytest
import torch
from scipy.stats import binomtest

from pellucid import tensorfile
from pellucid.learners import outputs_of
from pellucid.run import Run
from pellucid.verbs.trained import open_trained


@pytest.fixture
def other(trained_run):
    """A run that says something else: the same network with some of its weights taken away."""
    path = trained_run.parent / "other"
    if not path.exists():
        shutil.copytree(trained_run, path)
        run = Run.open(path)
        weights, about = tensorfile.read_tensors(path / "weights.safetensors")
        weights = {
            name: tensor * (torch.arange(tensor.numel()).reshape(tensor.shape) % 3 > 0)
            for name, tensor in weights.items()
        }
        tensorfile.write_tensors(path / "weights.safetensors", weights, about)
        assert run.scores()
    return "other"


def test_a_run_compared_with_itself_agrees_everywhere_and_chance_explains_it(served):
    found = served.get("/runs/tried/compare/tried").body
    assert (found["only_first"], found["only_second"], found["p"]) == (0, 0, 1.0)
    assert found["both"] + found["neither"] == found["n"] == 200


def test_a_comparison_counts_what_the_two_lists_of_mistakes_say_and_p_is_binomial(served, other):
    wrong = {
        run: {one["index"] for one in served.get(f"/runs/{run}/mistakes?count=1000").body["mistakes"]}
        for run in ("tried", other)
    }
    found = served.get(f"/runs/tried/compare/{other}").body
    assert {one["index"] for one in found["first"]} == wrong[other] - wrong["tried"]
    assert {one["index"] for one in found["second"]} == wrong["tried"] - wrong[other]
    assert found["neither"] == len(wrong["tried"] & wrong[other])
    discordant = found["only_first"] + found["only_second"]
    assert discordant > 0
    assert found["p"] == pytest.approx(binomtest(found["only_first"], discordant).pvalue)


def test_withheld_answers_are_counted_on_both_parts_and_chosen_by_validation(served, trained_run):
    trained, found = open_trained(trained_run), served.get("/runs/tried/abstain").body
    data = trained.task.data()
    for name, part in (("valid", data.valid), ("test", data.test())):
        logits, targets = outputs_of(trained.network, trained.task, part, trained.facts)
        sure, answers = logits.double().softmax(1).max(1)
        for threshold, score in zip(found["thresholds"], found[name]["accuracy"], strict=True):
            given = sure >= threshold
            right = int((answers == targets)[given].sum())
            assert (score["n"], round(score["value"] * score["n"])) == (int(given.sum()), right)
        assert found[name]["n"] == len(targets) == found[name]["accuracy"][0]["n"]
    scores = served.get("/runs/tried/scores").body["evaluate"]["scores"]
    assert found["test"]["accuracy"][0] == scores["accuracy"]
    assert all(score["n"] for score in found["valid"]["accuracy"])
