"""A network at one moment of its training, as the pages ask for it: RUN~STEP."""

import base64
import time

import numpy as np
import pytest
from small import Small, small, trained

from pellucid import config, tasks
from pellucid.run import Run
from pellucid.verbs.published import published
from pellucid.verbs.train import train
from pellucid.web import app as studio
from pellucid.web.inside.racing import own_race
from pellucid.web.inside.scenes import Scenes
from pellucid.web.library import Library

from .conftest import TOKEN, Served

SECONDS = 0.2  # of a processor, for a moment that nobody has looked at yet


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A studio over one run of made-up digits with four moments."""
    runs = tmp_path_factory.mktemp("moments") / "runs"
    words = ["--steps", "80", "--evaluate-every", "20", "--hidden", "16"]
    task = config.parse(config.setting(tasks.find("digits"), "tiny"), words, program="x")
    for _ in train(task, runs / "seen"):
        pass
    found = Served(studio.create_app(runs, token=TOKEN))
    found.run = Run.open(runs / "seen")
    yield found
    found.close()


def test_a_run_says_which_moments_were_kept(watched):
    assert watched.get("/runs/seen").body["snapshots"] == [20, 40, 60, 80]


@pytest.mark.parametrize("step", [20, 60])
def test_the_filters_and_weights_are_those_of_the_moment(watched, step):
    found = watched.get(f"/runs/seen~{step}/moment").body
    weights = watched.run.snapshots.read(step)[0]
    block = found["filters"]["weights"]
    first = weights[block["ref"].partition("weight:")[2]]
    values = np.frombuffer(base64.b64decode(block["data"]), np.float32)
    assert np.array_equal(values.reshape(block["shape"]), first[: block["shape"][0]].numpy())
    said = {row["name"]: row["mean"] for row in found["weights"]}
    assert said == {
        name: pytest.approx(float(tensor.double().mean()))
        for name, tensor in weights.items()
        if tensor.ndim > 1
    }
    traced = watched.get(f"/trace?ref={block['ref']}[0,3]").body
    assert traced["value"] == float(first[0, 3])


def test_the_confusion_of_a_moment_counts_every_sample_once_and_agrees_with_its_accuracy(watched):
    found = watched.get("/runs/seen~40/moment").body["validation"]
    matrix = np.array(found["confusion"])
    assert matrix.sum() == found["n"]
    assert np.trace(matrix) / found["n"] == pytest.approx(found["accuracy"]["value"])
    line = next(line for line in watched.run.progress() if line["step"] == 40)
    assert found["n"] == line["scores"]["accuracy"]["n"]
    assert found["accuracy"]["value"] == pytest.approx(line["scores"]["accuracy"]["value"])


def test_every_look_inside_takes_a_moment_as_well(watched):
    early, late = (watched.get(f"/runs/seen~{step}/layers?sample=valid:3").body for step in (20, 80))
    assert early["layers"][-1]["after"]["data"] != late["layers"][-1]["after"]["data"]
    kept = watched.post("/runs/seen~80/predict", {"sample": "valid:3"}).body
    assert kept["output"]["ref"].startswith("seen~80@")


def test_a_moment_that_was_not_kept_and_one_that_is_none_are_refused(watched):
    assert watched.get("/runs/seen~21/moment").status == 409
    assert watched.get("/runs/seen~x/moment").status == 422
    assert watched.get("/runs/none~20/moment").status == 404
    for way in ("stop", "resume", "evaluate", "export"):
        assert watched.post(f"/runs/seen~20/{way}").status in (404, 409)
    assert not (watched.run.path.parent / "seen~20").exists()


def test_scrubbing_to_a_moment_costs_little(watched):
    watched.get("/runs/seen~20/moment")  # the data are read once
    watched.app.state.scenes.excited.clear()
    began = time.process_time()
    for step in (40, 60, 80):
        assert watched.get(f"/runs/seen~{step}/moment").status == 200
    assert (time.process_time() - began) / 3 < SECONDS


def test_optimisers_race_on_the_plane_in_which_this_training_moved(watched):
    found = watched.get("/runs/seen/race?rates=sgd,adam=0.5&steps=5").body
    way = np.frombuffer(base64.b64decode(found["training"]["data"])).reshape(found["training"]["shape"])
    assert len(way) == len(watched.run.snapshots.steps())
    assert found["start"] == way[0].tolist()
    assert 0.5 < found["share"] <= 1
    rates = {path["name"]: path["learning_rate"] for path in found["paths"]}
    assert rates == {"sgd": found["learning_rates"]["sgd"], "adam": 0.5}
    first = np.frombuffer(base64.b64decode(found["paths"][0]["points"]["data"]))[:2]
    assert first.tolist() == found["start"]
    assert watched.get("/runs/seen/race?rates=none").status == 422


def test_published_scores_stand_only_beside_runs_on_the_same_test_set(watched):
    assert watched.get("/runs/seen/published").body == []  # made-up digits
    found = {row["system"]: row for row in watched.get("/runs/zoo.digits.mlp/published").body}
    assert found["LeNet-5"]["accuracy"] == 0.9905
    assert all("19" in row["source"] or "20" in row["source"] for row in found.values())


def test_scores_of_clothing_are_rows_of_the_table_that_they_name():
    rows = published({"task": "digits", "dataset": "fashion"})
    table = {"MLP": 0.9, "2 conv": 0.925, "support vector machine on HOG": 0.926, "WRN-40-4": 0.967}
    found = {name: row["accuracy"] for name in table for row in rows if row["system"].startswith(name)}
    assert found == table
    assert len(rows) == len(table)
    assert all("fashion-mnist at commit 02cf067" in row["source"] for row in rows)
    assert all("did not test" in row["note"] for row in rows)


def test_a_race_takes_as_many_training_samples_as_there_are(tmp_path):
    trained(small(steps=6), tmp_path / "runs" / "few")
    look = Scenes(Library(tmp_path / "runs", {"digits": Small}))
    assert own_race("few", look, steps=1)["samples"] == 50
