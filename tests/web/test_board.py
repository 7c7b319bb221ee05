"""Beside a score: what it cost, and how much it changes with the seed."""

from dataclasses import replace

import pytest

from pellucid.metrics import Score
from pellucid.run import Run
from pellucid.tasks.digits import tiny
from pellucid.verbs.train import train
from pellucid.web import app as studio
from pellucid.web.board import seconds

from .conftest import TOKEN, Served

ACCURACIES = {"one": 0.9, "two": 0.7, "three": 0.8}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """A studio over three runs that differ in the seed, one that differs in more, and an untested one."""
    runs = tmp_path_factory.mktemp("seeds") / "runs"

    def run(name, seed, steps, accuracy=None):
        training = replace(tiny().training, seed=seed, steps=steps)
        for _ in train(replace(tiny(), hidden=(4,), training=training), runs / name):
            pass
        if accuracy is not None:
            scores = {"accuracy": Score(accuracy, 0.0, 1.0, 200).to_json()}
            Run.open(runs / name).save_scores({"evaluate": {"scores": scores}})

    for seed, (name, accuracy) in enumerate(ACCURACIES.items()):
        run(name, seed, 3, accuracy)
    run("again", 1, 3, 0.7)  # the seed of "two"
    run("longer", 3, 4, 0.1)
    run("untested", 4, 3)
    found = Served(studio.create_app(runs, token=TOKEN))
    yield found
    found.close()


def test_runs_that_differ_in_the_seed_alone_have_their_spread_beside_the_score(seeds):
    found = seeds.get("/runs/three/board").body["seeds"]
    assert found["scores"] == {"accuracy": {"median": 0.8, "low": 0.7, "high": 0.9, "n": 3}}
    assert {"one", "three"} < set(found["runs"])
    assert "two" in seeds.get("/runs/two/board").body["seeds"]["runs"]
    for name in ("longer", "untested"):
        assert seeds.get(f"/runs/{name}/board").body["seeds"] is None


def test_a_score_says_how_many_parameters_and_how_much_time_it_took(seeds):
    found = seeds.get("/runs/one/board").body
    assert found["parameters"] == 28 * 28 * 4 + 4 + 4 * 10 + 10
    assert 0 < found["seconds"] < 60
    assert seeds.get("/runs/zoo.digits.mlp/board").body["seconds"] is None


def test_the_time_of_a_resumed_training_is_that_of_all_its_parts():
    clock = [1.0, 2.0, 5.0, 0.5, 4.0, 3.0]
    assert seconds([{"step": i, "seconds": each} for i, each in enumerate(clock)]) == 5.0 + 4.0 + 3.0
