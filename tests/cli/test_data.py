"""The data verb knows what the tasks learn from when nothing else is asked."""

import json

import pytest

from pellucid.cli.data import SOURCES
from pellucid.cli.main import main
from pellucid.tasks import TASKS

WITHOUT_FILES = {"images", "atari"}  # a folder of one's own, and an emulator


def files(capsys, *words):
    assert main(["--json", "data", "where", *words]) == 0
    return {row["file"] for row in json.loads(capsys.readouterr().out)["result"]["files"]}


def test_every_task_with_files_is_known():
    assert set(SOURCES) == set(TASKS) - WITHOUT_FILES


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["words", "--dataset", "digits"], {"fsdd/fsdd.tar.gz"}),
        (["words", "--dataset", "commands"], {"speech-commands-mini/speech-commands-mini.tar.gz"}),
        (
            ["speech"],
            {"fsdd/fsdd.tar.gz", "sung-notes/sung-notes.tar.gz", "piano-notes/piano-notes.tar.gz"},
        ),
    ],
)
def test_the_default_data_of_words_and_speech_are_found(words, expected, capsys):
    assert files(capsys, *words) == expected


def test_all_data_of_words_are_listed(capsys):
    assert len(files(capsys, "words")) == 3
