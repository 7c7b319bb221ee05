"""The command line where the network plays: films, scores, moments, and every way to ask for the wrong thing."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from pellucid.cli.main import main
from pellucid.tasks.atari import tiny
from pellucid.verbs import games
from pellucid.verbs.trained import Ready, open_trained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("player")
    words = [
        "train",
        "atari",
        "--setting",
        "tiny",
        "--steps",
        "40",
        "--start",
        "60",
        "--out",
        str(folder / "run"),
    ]
    assert main([*words, "--replay", "400"]) == 0
    return str(folder / "run")


@pytest.fixture(autouse=True)
def away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def said(words, capsys, code=0):
    capsys.readouterr()
    assert main(["--json", *words]) == code
    return json.loads(capsys.readouterr().out)


def test_a_match_is_scored_and_filmed_and_its_actions_reproduce_the_score(run, tmp_path, capsys):
    (answer,) = said(["predict", run, "7", "-o", "match.gif"], capsys)["result"]["answers"]
    with Image.open(tmp_path / "match.gif") as film:
        assert film.format == "GIF"
        assert film.size == (160 * 2 + 150, 160 * 2)
        assert 1 < film.n_frames <= answer["steps"]  # Pillow joins frames that are alike
        assert film.info["duration"] % 60 < 20  # 15 a second
    assert len(answer["actions"]) == answer["steps"]
    assert games.replay(open_trained(run).task, 7, answer["actions"]) == answer["score"]


def test_the_same_seed_is_the_same_match_and_sticky_actions_change_it(run, capsys):
    one, two, other = (
        said(["predict", run, "7", "--epsilon", "1", *more], capsys)["result"]["answers"][0]["actions"]
        for more in ([], [], ["--sticky", "0.9"])
    )
    assert one == two
    assert one != other


def test_a_film_is_as_long_as_it_is_asked_to_be(run, tmp_path, capsys):
    said(["predict", run, "3", "--out", "short.gif", "--seconds", "0.5"], capsys)
    with Image.open(tmp_path / "short.gif") as film:
        assert film.n_frames <= 8


def test_without_a_seed_the_first_game_is_played(run, capsys):
    assert said(["predict", run], capsys)["result"]["answers"][0]["seed"] == 0


def test_evaluating_gives_every_player_s_episodes_beside_random_play(run, capsys):
    found = said(["evaluate", run, "--no-report"], capsys)["result"]
    assert set(found["scores"]) == {"score", "random", "score sticky", "random sticky"}
    row, score = found["players"]["score"], found["scores"]["score"]
    assert len(row["episodes"]) == score["n"] == tiny().episodes
    assert score["value"] == pytest.approx(sum(row["episodes"]) / score["n"])
    assert score["low"] <= score["value"] <= score["high"]
    assert found["published"] is None


@pytest.mark.parametrize(
    ("trained", "worlds"),
    [(0.0, {"": 0.0, " sticky": 0.25}), (0.1, {"": 0.1, " not sticky": 0.0, " sticky": 0.25}), (0.25, {"": 0.25, " not sticky": 0.0})],
)  # fmt: skip
def test_the_score_is_that_of_the_game_that_was_learned(trained, worlds):
    task = replace(tiny(), sticky=trained, episodes=2)
    facts = task.data().facts
    found = games.evaluate(Ready(task=task, facts=facts, network=task.model(facts))).document["players"]
    assert {name: row["sticky"] for name, row in found.items()} == {
        f"{who}{name}": chance for name, chance in worlds.items() for who in ("score", "random")
    }


def test_a_gate_holds_the_score_against_what_was_asked(run, capsys):
    assert said(["evaluate", run, "--no-report", "--at-least", "score=1000"], capsys, 6)["error"]
    assert said(["evaluate", run, "--no-report", "--at-least", "score=-1"], capsys)["ok"]


def test_explaining_a_moment_gives_values_advantages_and_the_shares_of_the_frames(run, capsys):
    found = said(["explain", run, "7:3"], capsys)["result"]
    assert set(found["values"]) == set(found["advantages"]) == {"stay", "left", "right"}
    assert found["action"] == max(found["values"], key=found["values"].get)
    assert sum(found["shares"]) == pytest.approx(1)
    for name, value in found["values"].items():
        assert found["worth"] + found["advantages"][name] == pytest.approx(value, abs=1e-5)
    assert len(found["saliency"]) == 2
    other = said(["explain", run, "7:3", "--target", "left"], capsys)["result"]
    assert other["action"] == "left"


def test_the_same_is_explained_from_python(run):
    import numpy as np

    from pellucid import api

    found = api.explain(run, "7:3")
    again = api.explain(run, found.sample, list(found.values).index(found.action))
    assert again.values == found.values
    np.testing.assert_allclose(again.shares, found.shares)
    assert found._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["predict", "RUN", "match"], 4, "expected the seed of a game"),
        (["predict", "RUN", "1", "-o", "match.mp4"], 2, "no encoder for .mp4"),
        (["predict", "RUN", "1", "-o", "match.png"], 2, "match.gif"),
        (["predict", "RUN", "1", "--epsilon", "2"], 2, "--epsilon is 2"),
        (["predict", "RUN", "1", "--seconds", "0"], 2, "--seconds is 0"),
        (["predict", "atari", "--game", "Brakeout"], 2, 'Did you mean "Breakout"'),
        (["predict", "atari", "--game", "Zaxxon"], 2, "no player of it is released"),
        (["explain", "RUN", "7"], 2, "expected SEED:STEP"),
        (["explain", "RUN", "7:100000"], 2, "this game is over after"),
        (["explain", "RUN", "7:1", "--target", "rigth"], 2, 'Did you mean "right"'),
        (["walk", "RUN"], 2, "pellucid explain"),
        (["train", "atari", "--game", "Pung"], 2, 'Did you mean "Pong"'),
        (["train", "atari", "--setting", "tiny", "--ema", "0.9"], 2, "--ema is not for"),
        (["train", "atari", "--setting", "tiny", "--network", "nature"], 2, "take --network minatar"),
        (["look", "atari", "--game", "Seaqest"], 2, 'Did you mean "Seaquest"'),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_is_one_clear_error(run, words, code, text, capsys):
    found = said([run if word == "RUN" else word for word in words], capsys, code)
    assert text in json.dumps(found["error"]).replace('\\"', '"')


def test_a_film_that_cannot_be_written_loses_no_score(run, tmp_path, capsys, monkeypatch):
    from pellucid.cli import pictures
    from pellucid.errors import PellucidError

    def full(*given):
        raise PellucidError("match.gif: no space left on the disk")

    monkeypatch.setattr(pictures, "write_bytes", full)
    found = said(["predict", run, "7", "-o", "match.gif"], capsys, 1)
    assert "no space left" in found["error"]["message"]
    assert found["error"]["found"]["answers"][0]["seed"] == 7


def test_a_film_s_folder_is_made_sure_of_before_the_game(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    found = said(["predict", run, "7", "-o", "file/match.gif"], capsys, 2)
    assert "file" in found["error"]["message"]


def test_films_hold_few_colours_and_the_screen_s_own():
    import numpy as np

    from pellucid.plots.games import film

    chance = np.random.default_rng(0)
    screens = chance.choice(np.array([0, 90, 200], np.uint8), (4, 20, 30, 3))
    content = film([(screen, np.array([0.1, 0.4]), 1, 3.0) for screen in screens], ["left", "right"])
    with Image.open(io.BytesIO(content)) as made:
        made.seek(2)
        shown = np.asarray(made.convert("RGB"))[:40:2, :60:2]
    np.testing.assert_array_equal(shown, screens[2])
