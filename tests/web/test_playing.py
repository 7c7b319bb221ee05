"""The studio's films and matches: a network that plays is watched, played against, and others do not play."""

import base64
import io

import pytest
from PIL import Image

from pellucid import playing
from pellucid.cli.main import main
from pellucid.qlearning import values_of
from pellucid.verbs import games
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    words = ["train", "atari", "--setting", "tiny", "--steps", "5", "--start", "60", "--replay", "200"]
    assert main([*words, "--out", str(runs / "player")]) == 0
    server = Served(studio.create_app(runs, token=TOKEN))
    server.player = runs / "player"
    yield server
    server.close()


@pytest.fixture(scope="module")
def trained(served):
    return open_trained(served.player)


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


def moved(served, name, actions):
    return served.post(f"/runs/player/match/{name}", {"actions": actions}).body["moments"]


def test_a_match_that_the_network_plays_alone_is_the_game_that_it_plays(served, trained):
    begun = served.post("/runs/player/match", {"seed": 7}).body
    assert begun["actions"] == ["stay", "left", "right"]
    moments = [begun["moment"]]
    while not moments[-1]["over"]:
        moments += moved(served, begun["match"], [None] * 16)
    _, alone = games.play(trained, 7)
    assert [each["done"] for each in moments[1:]] == alone["actions"]
    assert moments[-1]["score"] == alone["score"]
    beside = served.get(f"/runs/player/match/{begun['match']}/alone").body
    assert (beside["score"], beside["steps"]) == (alone["score"], alone["steps"])


def test_who_takes_over_is_obeyed_and_the_game_can_be_played_again_from_its_actions(served, trained):
    begun = served.post("/runs/player/match", {"seed": 3}).body
    moments = moved(served, begun["match"], [1, 1, None, 2, None])
    assert [moments[i]["done"] for i in (0, 1, 3)] == [1, 1, 2]
    assert moments[2]["done"] == moments[1]["action"]  # what it said it would do
    while not moments[-1]["over"]:
        moments += moved(served, begun["match"], [0] * 16)
    done = [each["done"] for each in moments]
    assert games.replay(trained.task, 3, done) == moments[-1]["score"]
    with Image.open(io.BytesIO(base64.b64decode(moments[0]["screen"]))) as screen:
        assert screen.mode == "RGB"


def test_the_values_of_a_moment_are_what_the_network_gives_the_frames(served, trained):
    begun = served.post("/runs/player/match", {"seed": 5}).body
    first = next(iter(playing.watch(trained.task.maker(), values_of(trained.network, trained.task, trained.facts),
                                    playing.seeds(5, 1, "person")[0], stack=trained.task.stack, epsilon=0.0)))  # fmt: skip
    assert begun["moment"]["values"] == pytest.approx(first.values.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("place", "body", "status"),
    [
        ("runs/player/match", {}, 422),
        ("runs/player/match", {"seed": -1}, 422),
        ("runs/player/match", {"seed": True}, 422),
        ("runs/player/match", {"seed": 2**63}, 422),
        ("runs/zoo.digits.mlp/match", {"seed": 1}, 422),
        ("runs/player/match/none", {"actions": [0]}, 404),
    ],
)
def test_a_match_that_cannot_be_is_refused(served, place, body, status):
    assert served.post("/" + place, body).status == status


@pytest.mark.parametrize("actions", [[], [3], [-1], ["left"], [True], [0] * 17, None])
def test_moves_that_cannot_be_are_refused_and_the_match_goes_on(served, actions):
    name = served.post("/runs/player/match", {"seed": 7}).body["match"]
    assert served.post(f"/runs/player/match/{name}", {"actions": actions}).status == 422
    assert moved(served, name, [0])[0]["step"] == 1


def test_a_game_that_is_over_takes_no_move(served):
    name = served.post("/runs/player/match", {"seed": 7}).body["match"]
    while not moved(served, name, [0] * 16)[-1]["over"]:
        pass
    answer = served.post(f"/runs/player/match/{name}", {"actions": [0]})
    assert (answer.status, "over" in answer.body["error"]["message"]) == (422, True)


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
