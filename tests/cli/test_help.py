"""What help says beyond the flags of one verb: where a task stands, what it adds, and what is installed."""

import tomllib
from pathlib import Path

import pytest
from house import command

from pellucid.cli import doctor

WITH_TASK = ("look", "model", "train", "compare", "lr-find")
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("verb", WITH_TASK)
def test_help_of_a_verb_says_where_the_task_stands_and_what_shows_its_flags(verb):
    said = flat(command([verb, "--help"]).out)
    assert f"usage: pellucid {verb} TASK [flags]" in said
    assert f"flags are shown as well by pellucid {verb} TASK --help." in said


def test_help_of_train_says_how_to_go_on():
    assert "pellucid train --resume RUN" in command(["train", "--help"]).out


@pytest.mark.parametrize(("task", "flag"), [("sketches", "--folder"), ("words", "--own")])
def test_help_of_a_task_that_learns_from_a_folder_shows_data(task, flag):
    said = flat(command(["model", task, "--help"]).out)
    assert f"--data PATH your own data; the task's flag {flag}" in said


def test_help_of_a_task_that_does_not_has_no_data():
    assert "--data " not in command(["model", "digits", "--help"]).out


def test_help_of_predict_tells_where_the_flags_of_a_player_are():
    assert "pellucid predict atari --help" in flat(command(["predict", "--help"]).out)


def test_doctor_looks_at_every_extra():
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"all", "docs", "dev"}


def test_doctor_says_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setitem(doctor.EXTRAS, "audio", ("soundfile", "no_such_module"))
    assert "missing: pip install 'pellucid[audio]'" in command(["doctor"]).out
