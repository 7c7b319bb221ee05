"""Every task keeps the contract and goes through every verb; so does a stranger's, docs/examples/shapes.py."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pellucid import checks, config, sound
from pellucid.cli.arguments import find_kind
from pellucid.cli.main import VERBS, main
from pellucid.datasets import recordings
from pellucid.plots import canvas
from pellucid.run import Run
from pellucid.tasks import TASKS
from pellucid.tasks.digits import tiny
from pellucid.verbs.train import described
from pellucid.verbs.trained import STARTED, restored, started

STRANGER = str(Path(__file__).resolve().parent.parent / "docs" / "examples" / "shapes.py")
FIELD = {
    "digits": "hidden=8,16x8",
    "images": "covered=0.0,0.2",
    "sketches": "width=2,4",
    "sentences": "maps=2,3",
    "atari": "n-step=1,2",
    "translation": "beam=1,2",
    "speech": "skip=8,12",
    "words": "dropout=0.0,0.1",
    STRANGER: "maps=2,3",
}
INPUT = {  # photo.png elsewhere
    "sentences": "the plot is superb",
    "translation": "ba ko mi",
    "atari": "7",
    "speech": "low high",
    "words": "word.wav",
}
REFUSED = {  # verbs that make no sense for a task, and say so with code 2
    "translation": {"walk"},
    "atari": {"walk"},
    "speech": {"walk", "export"},
}
WITHOUT_RUN = {  # TASK stands for the task; everything is written into the folder of the test
    "look": ["look", "TASK", "--setting", "tiny", "--measure-steps", "2"],
    "model": ["model", "TASK", "--setting", "tiny"],
    "compare": ["compare", "TASK", "--setting", "tiny", "--steps", "4", "--seeds", "2", "--over", "FIELD"],
    "lr-find": ["lr-find", "TASK", "--setting", "tiny", "--range-steps", "20"],
    "check": ["check", "TASK"],
}
WITH_RUN = {
    "evaluate": ["evaluate", "runs/tiny"],
    "predict": ["predict", "runs/tiny", "valid:1", "INPUT", "--show", "pictures"],
    "explain": ["explain", "runs/tiny", "valid:1"],
    "walk": ["walk", "runs/tiny", "valid:1"],
    "export": ["export", "runs/tiny"],
}
ABOUT_NO_TASK = {"list", "doctor", "data", "train", "studio", "trace"}  # train makes the run of this file


def named(task: str) -> str:
    return Path(task).stem


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    """Draw the pictures with fewer pixels: what is in them is looked at in tests/plots."""
    monkeypatch.setattr(canvas, "DOTS_PER_INCH", 30)


@pytest.fixture(scope="module", params=[*TASKS, STRANGER], ids=named)
def trained(request, tmp_path_factory):
    """A task, and a folder with its tiny run and a photograph."""
    folder = tmp_path_factory.mktemp(named(request.param))
    assert main(["train", request.param, "--setting", "tiny", "--out", str(folder / "runs/tiny")]) == 0
    from PIL import Image

    word = recordings.made_up(8000, 1, seed=3)[0]
    sound.write(folder / "word.wav", sound.Sound(word.samples, 8000))
    Image.open(Path(STRANGER).parent.parent / "pictures/photo.jpg").save(folder / "photo.png")
    return request.param, folder


def said(words: list[str], capsys) -> dict:
    code = main(["--json", *words])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["ok"]) == (0, True), document.get("error")
    return document["result"]


def with_task(words: list[str], task: str) -> list[str]:
    return [*words, *([] if task in TASKS else ["--task", task])]


@pytest.mark.parametrize("verb", WITHOUT_RUN)
def test_a_task_goes_through_the_verb(verb, trained, monkeypatch, capsys):
    task, folder = trained
    monkeypatch.chdir(folder)
    words = [{"TASK": task, "FIELD": FIELD[task]}.get(word, word) for word in WITHOUT_RUN[verb]]
    assert said(words, capsys)


@pytest.mark.parametrize("verb", WITH_RUN)
def test_a_run_goes_through_the_verb(verb, trained, monkeypatch, capsys):
    task, folder = trained
    monkeypatch.chdir(folder)
    words = [INPUT.get(task, "photo.png") if word == "INPUT" else word for word in WITH_RUN[verb]]
    if verb == "predict" and task == "speech":
        words.remove("valid:1")  # either a recording again, or a text
    if verb in REFUSED.get(task, ()):
        assert main([*with_task(words, task), "--quiet"]) == 2
        return
    assert said(with_task(words, task), capsys)


def test_every_verb_is_in_one_of_the_two_tables():
    assert set(VERBS) == {*WITHOUT_RUN, *WITH_RUN, *ABOUT_NO_TASK}


def test_an_exported_task_answers_as_its_run_does(trained, monkeypatch, capsys):
    task, folder = trained
    if "export" in REFUSED.get(task, ()):
        pytest.skip(f"{task} has no one pass to export")
    monkeypatch.chdir(folder)
    said(with_task(["export", "runs/tiny", "--out", "one.onnx"], task), capsys)
    ours = said(with_task(["predict", "runs/tiny", "valid:2"], task), capsys)["answers"][0]
    theirs = said(with_task(["predict", "one.onnx", "valid:2"], task), capsys)["answers"][0]
    assert theirs["text"] == ours["text"]
    assert theirs["logits"] == pytest.approx(ours["logits"], abs=1e-4)


@pytest.mark.parametrize("task", [*TASKS, STRANGER], ids=named)
def test_a_tiny_task_keeps_every_promise(task):
    broken = [check for check in checks.check_task(checks.tiny_setting(find_kind(task))) if not check.kept]
    assert broken == []


@pytest.mark.parametrize(
    ("task", "given", "stays"),
    [
        ("images", {"folder": "mine", "weights": "mine/w.safetensors"}, {"network": "resnet18"}),
        ("sketches", {"folder": "mine"}, {"dataset": "tiny"}),
        ("sentences", {"dataset": "mine/films.csv", "vectors": "mine/v.bin"}, {"network": "static"}),
        ("sentences", {}, {"dataset": "mr", "network": "static", "vectors": "glove"}),
        ("translation", {"dataset": "mine/both.tsv"}, {}),
        ("translation", {"source": "mine/a.txt", "target": "mine/b.txt"}, {"dataset": "tiny"}),
        ("speech", {"own": "mine"}, {"dataset": "tiny"}),
        ("words", {"own": "mine"}, {"dataset": "tiny"}),
    ],
)
def test_what_a_run_was_given_by_a_relative_path_is_found_from_anywhere(
    task, given, stays, tmp_path, monkeypatch
):
    for name in ("mine", "mr", "tiny", "glove"):  # the last are names of sets, whatever lies there
        (tmp_path / name).mkdir()
    for name in given.values():
        (tmp_path / name).touch()
    made = find_kind(task)(**given, **stays)
    monkeypatch.chdir(tmp_path)
    place = {STARTED: started(Path("runs/run"))}
    run = Run.create(
        "runs/run", task=described(made), training=config.to_json(made.training), facts={}, environment=place
    )
    assert restored(run) == made
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = restored(Run.open("../runs/run"))
    assert found == dataclasses.replace(made, **{field: f"../{name}" for field, name in given.items()})


@pytest.mark.parametrize("network", ["mlp", "cnn", "lenet", "example"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adamw", "muon"])
def test_every_network_resumes_to_the_same_weights(network, optimizer):
    training = dataclasses.replace(tiny().training, optimizer=optimizer, learning_rate=None)
    task = dataclasses.replace(tiny(), network=network, training=training)
    checks.interrupted_and_resumed_equals_uninterrupted(task)


def test_another_optimizer_does_not_inherit_rates_that_were_found_for_the_first(tmp_path, capsys):
    words = ["train", "digits", "--dataset", "tiny", "--epochs", "1", "--optimizer", "sgd"]
    said([*words, "--out", str(tmp_path / "run")], capsys)
    training = json.loads((tmp_path / "run" / "training.json").read_text())
    assert (training["learning_rate"], training["weight_decay"], training["beta2"]) == (None, None, None)
