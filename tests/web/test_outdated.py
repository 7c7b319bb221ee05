"""Scores are of the weights that were tested; a training that goes on makes others, and everything says so."""

import json
import shutil

import pytest

from pellucid.cli.main import main
from pellucid.run import Run
from pellucid.verbs.evaluate import Evaluation
from pellucid.verbs.report import page_of
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served


@pytest.fixture
def run(trained_run, tmp_path):
    """A run that was tested."""
    found = Run.open(shutil.copytree(trained_run, tmp_path / "runs" / "tried"))
    step = found.weights()[1]["step"]
    found.save_scores({"evaluate": {**found.scores()["evaluate"], "step": step}})
    return found


@pytest.fixture
def pages(run):
    found = Served(studio.create_app(run.path.parent, token=TOKEN))
    yield found
    found.close()


def learn_on(run):
    """Leave what a resumed training leaves; return the step of the weights that were tested."""
    tensors, kept = run.weights()
    run.save_weights(tensors, step=kept["step"] + 7, scores=kept["scores"])
    return kept["step"]


def test_the_studio_says_of_which_step_scores_are_when_the_weights_are_of_another(pages, run):
    assert pages.get("/runs/tried").body["outdated"] is None
    assert pages.get("/runs/tried/mistakes").status == 200
    step = learn_on(run)
    assert pages.get("/runs/tried").body["outdated"] == step
    assert pages.get("/runs").body[0]["outdated"] == step
    for place in ("mistakes", "cell/0/0", "mistakes/0/sample", "compare/zoo.digits.mlp"):
        refused = pages.get(f"/runs/tried/{place}")
        assert refused.status == 422
        said = f"those of step {step}, and by now it has those of step {step + 7}; test it again"
        assert said in refused.body["error"]["message"]


def test_scores_of_before_the_step_was_recorded_count_as_they_did(pages, run):
    found = run.scores()["evaluate"]
    del found["step"]
    run.save_scores({"evaluate": found})
    learn_on(run)
    assert pages.get("/runs/tried").body["outdated"] is None
    assert pages.get("/runs/tried/mistakes").status == 200


def test_weights_that_cannot_be_read_take_the_scores_from_nobody(pages, run):
    (run.path / "weights.safetensors").write_bytes(b"cut off")
    line = pages.get("/runs/tried").body
    assert (line["status"], line["outdated"]) == ("finished", None)


def test_a_network_that_trains_is_not_tested(pages, run):
    with run.held():
        refused = pages.post("/runs/tried/evaluate")
    assert (refused.status, refused.body["error"]["code"]) == (409, "running")
    assert "still training" in refused.body["error"]["message"]


def test_the_list_of_the_command_line_says_it_too(run, monkeypatch, capsys):
    monkeypatch.chdir(run.path.parent.parent)
    step = learn_on(run)
    assert main(["list"]) == 0
    assert f"on 200 test samples (weights of step {step}; trained on since)" in capsys.readouterr().out
    assert main(["--json", "list"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["result"]["runs"]
    assert line["outdated"] == step


def test_the_report_says_of_which_step_its_weights_are(run):
    trained = open_trained(run.path)
    found = run.scores()["evaluate"]
    page = page_of(run, Evaluation({}, found, {}), {})
    assert f'<th scope="row">Weights</th><td>of step {trained.step}</td>' in page
