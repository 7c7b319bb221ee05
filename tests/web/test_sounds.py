"""The studio speaks and listens: what can be said, saying it, recordings as WAV, and what is refused."""

import base64

import pytest

from pellucid import sound
from pellucid.datasets import recordings
from pellucid.verbs.train import train
from pellucid.web import app as studio

from .conftest import TOKEN, Served


@pytest.fixture(scope="module")
def speaking(tmp_path_factory):
    from dataclasses import replace

    from pellucid.tasks import speech, words

    folder = tmp_path_factory.mktemp("sounds") / "runs"
    for task in (speech.tiny(), words.tiny()):
        short = replace(task, training=replace(task.training, steps=2, evaluate_every=2))
        for _ in train(short, folder / task.name):
            pass
    found = Served(studio.create_app(folder, token=TOKEN))
    yield found
    found.close()


def test_the_voices_and_what_they_can_say_are_listed(speaking):
    found = speaking.get("/runs/speech/voices").body
    assert found["speak"] == ["alto", "bass"]
    assert found["vocabulary"]["alto"] == ["high", "low"]


def test_a_text_is_said_and_comes_as_wav(speaking):
    found = speaking.post("/runs/speech/say", {"text": "low high", "voice": "bass", "seed": 3})
    assert found.status == 200
    heard = sound.read(base64.b64decode(found.body["wav"]))
    assert heard.rate_hz == 8000
    assert heard.seconds == pytest.approx(found.body["answer"]["seconds"], abs=1e-3)
    assert [part["unit"] for part in found.body["answer"]["parts"]] == ["low", "high"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"text": "hello"}, 400, "high, low"),
        ({"text": 3}, 422, "text"),
        ({"text": "low", "volume": 3}, 422, "voice"),
        ({"melody": "/etc/passwd"}, 422, "C3:1"),
        ({"text": "low", "temperature": 99}, 400, "temperature"),
    ],
)
def test_what_cannot_be_said_is_refused(speaking, body, status, said):
    found = speaking.post("/runs/speech/say", body)
    assert 400 <= found.status < 500
    assert said in found.body["error"]["message"]
    assert status != 422 or found.status == 422


def test_a_recording_is_recognised_and_a_picture_is_refused(speaking):
    word = recordings.made_up(4000, 1, seed=3)[0]
    content = sound.wav(sound.Sound(word.samples, 4000))
    found = speaking.post("/runs/words/predict", content, headers={"Content-Type": "audio/wav"})
    assert set(found.body["answer"]["probabilities"]) == {"high", "low"}
    refused = speaking.post("/runs/words/predict", b"\x89PNG", headers={"Content-Type": "image/png"})
    assert (refused.status, refused.body["error"]["code"]) == (415, "kind")
    assert speaking.post("/runs/words/say", {"text": "low"}).status == 415


def test_recordings_of_the_data_can_be_played_and_looked_at(speaking):
    found = speaking.get("/tasks/speech/samples/1.wav?setting=tiny")
    assert found.bytes[:4] == b"RIFF"
    assert found.headers["content-type"] == "audio/wav"
    assert speaking.get("/tasks/speech/samples/99.wav?setting=tiny").status == 404
    assert speaking.get("/tasks/digits/samples/1.wav?setting=tiny").status == 415
    assert "voices" in speaking.get("/tasks/speech/look?setting=tiny").body
    assert set(speaking.get("/tasks/words/look?setting=tiny").body["classes"]) == {"high", "low"}
