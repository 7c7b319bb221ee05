"""The studio's films: a network that plays is watched, and others do not play."""

import io

import pytest
from PIL import Image

from pellucid.cli.main import main
from pellucid.web import app as studio

from .conftest import TOKEN, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    words = ["train", "atari", "--setting", "tiny", "--steps", "5", "--start", "60", "--replay", "200"]
    assert main([*words, "--out", str(runs / "player")]) == 0
    server = Served(studio.create_app(runs, token=TOKEN))
    yield server
    server.close()


def test_a_game_is_filmed_as_long_as_it_is_asked_to_be(served):
    answer = served.get("/runs/player/play/7.gif?seconds=0.4")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.headers["x-steps"] == "6"
    with Image.open(io.BytesIO(answer.bytes)) as film:
        assert 1 < film.n_frames <= 6


def test_a_moment_is_answered_with_what_each_action_is_worth(served):
    answer = served.post("/runs/player/predict", {"sample": "valid:3"}).body["answer"]
    assert set(answer["logits"]) == {"stay", "left", "right"}
    assert answer["text"] == max(answer["logits"], key=answer["logits"].get)


def test_a_moment_can_be_explained(served):
    found = served.get("/runs/player/explain?sample=valid:3").body
    assert found["classes"] == ["stay", "left", "right"]
    assert found["classes"][found["target"]] == found["answer"]


def test_the_game_can_be_looked_at(served):
    found = served.get("/tasks/atari/look?setting=tiny").body
    assert found["shape"] == [2, 10, 10]
    assert "samples" in found["pictures"]
    for name in found["pictures"]:
        assert served.get(f"/tasks/atari/look/{name}.png?setting=tiny").bytes[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("runs/zoo.digits.mlp/play/7.gif", 422),
        ("runs/player/play/-1.gif", 422),
        ("runs/player/play/one.gif", 422),
        ("runs/player/play/7.gif?seconds=1000", 422),
        ("runs/nobody/play/7.gif", 404),
    ],
)
def test_what_does_not_play_is_refused(served, address, status):
    assert served.get("/" + address).status == status
