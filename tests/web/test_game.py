"""The game of drawing, as the server plays it: guesses, rules, the closest drawings, and what is refused."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import doodle, sketchbook
from pellucid.tasks import sketches
from pellucid.verbs import sketching
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served

ROOT = Path(__file__).parents[2]
RELEASED = "zoo.sketches.fifteen"
CAT = json.loads((ROOT / "docs/examples/cat.ndjson").read_text().splitlines()[0])["drawing"]


@pytest.fixture(scope="module")
def drawers(tmp_path_factory):
    """A studio with a network of pixels and one of strokes, both of made-up drawings."""
    runs = tmp_path_factory.mktemp("drawers") / "runs"
    for network in ("cnn", "strokes"):
        task = sketches.tiny()
        short = dataclasses.replace(task.training, steps=8)
        for _ in train(dataclasses.replace(task, network=network, training=short), runs / network):
            pass
    found = Served(studio.create_app(runs, token=TOKEN))
    found.runs = runs
    yield found
    found.close()


def ndjson(drawing):
    return [[*map(list, np.asarray(stroke, float).T.tolist())] for stroke in drawing]


def test_a_blank_canvas_gives_no_guess(served):
    for blank in ([], [[[], []]]):
        found = served.post(f"/runs/{RELEASED}/guess", {"strokes": blank})
        assert (found.status, found.body["words"], found.body["probabilities"]) == (200, [], None)


def test_a_guess_is_that_of_the_toolkit_with_the_temperature_of_its_evaluation(served):
    found = served.post(f"/runs/{RELEASED}/guess", {"strokes": CAT}).body
    ready = open_trained("sketches/fifteen")
    expected = sketching.guess(ready, [np.array(stroke, float).T for stroke in CAT])
    assert [word["name"] for word in found["words"]] == [name for name, _ in expected.words]
    assert [word["value"] for word in found["words"]] == pytest.approx(
        [p for _, p in expected.words], abs=1e-6
    )
    for word in found["words"]:
        ref = f"{found['probabilities']['ref']}[{word['index']}]"
        assert served.get(f"/trace?ref={ref}").body["value"] == word["value"]


def test_predict_takes_the_strokes_of_a_pen_and_shows_how_they_grew(served):
    found = served.post(f"/runs/{RELEASED}/predict", {"strokes": CAT}).body
    assert found["answer"]["text"] == "cat"
    assert [stage["name"] for stage in found["stages"]] == ["25%", "50%", "75%", "sample"]


def test_the_words_are_those_that_half_of_their_own_drawings_reach_and_no_others(served):
    rules = served.get("/runs/zoo.sketches.all/game").body
    marks = (open_trained("sketches/all").run.scores() or {})["evaluate"]["thresholds"]
    assert (rules["rounds"], rules["seconds"]) == (6, 20)
    assert {word["name"]: word["threshold"] for word in rules["words"]} == {
        word: mark for word, mark in marks.items() if mark > 0.1
    }


@pytest.mark.parametrize("strokes", [
    None, 1, "cat", {}, [1], [[]], [[[1]]], [[[1], [2], [3]]], [[[1, 2], [1]]], [[["1"], ["2"]]], [[[True], [1]]],
    [[[1e9], [0]]], [[[None], [0]]],
])  # fmt: skip
def test_what_is_no_drawing_is_refused_in_words(served, strokes):
    found = served.post(f"/runs/{RELEASED}/guess", {"strokes": strokes})
    assert (found.status, found.body["error"]["code"]) == (422, "strokes")


def test_a_drawing_of_too_many_points_or_strokes_is_refused(served):
    for strokes in ([[[1.0] * 5001, [1.0] * 5001]], [[[1], [1]]] * 501):
        for way in ("guess", "predict"):
            assert served.post(f"/runs/{RELEASED}/{way}", {"strokes": strokes}).status == 413


def test_a_network_that_takes_no_drawings_says_what_it_takes(served):
    for way, body in (("guess", {"strokes": CAT}), ("closest", {"strokes": CAT, "words": ["7"]})):
        found = served.post(f"/runs/tried/{way}", body)
        assert (found.status, "takes image" in found.body["error"]["message"]) == (415, True)
    assert served.get("/runs/tried/game").status == 415
    assert served.post("/runs/tried/predict", {"strokes": CAT}).status == 415


def test_without_the_training_drawings_the_game_goes_on_and_says_that_they_are_missing(
    served, monkeypatch, tmp_path
):
    monkeypatch.delenv("PELLUCID_MIRROR", raising=False)
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    served.app.state.library._data.clear()
    found = served.post(f"/runs/{RELEASED}/closest", {"strokes": CAT, "words": ["cat"]})
    assert (found.status, found.body["drawings"]) == (200, {})
    assert "PELLUCID_MIRROR" in found.body["missing"]
    assert str(tmp_path) not in found.body["missing"]


def test_the_closest_drawing_to_one_that_was_learned_from_is_that_drawing(drawers):
    book = sketchbook.tiny("train")
    learned = (~sketches.held_out(book.labels, len(book.classes))).nonzero()[:, 0]
    for number in (0, 7, 100):
        points, word = book.samples[learned[number]], book.classes[book.labels[learned[number]]]
        body = {"strokes": ndjson(doodle.unpack(points.numpy())), "words": [word]}
        found = drawers.post("/runs/cnn/closest", body).body["drawings"][word]
        assert found["numbers"][0] == number
        assert found["likeness"][0] == pytest.approx(1, abs=1e-5)
        assert found["likeness"] == sorted(found["likeness"], reverse=True)


def test_words_that_the_network_does_not_know_are_refused(drawers):
    for words in (["cat"], [[]], [1]):
        assert drawers.post("/runs/cnn/closest", {"strokes": CAT, "words": words}).status == 422
    for words in ([], "circle", ["circle"] * 5, None):
        assert drawers.post("/runs/cnn/closest", {"strokes": CAT, "words": words}).status == 422


def test_a_network_of_strokes_sees_the_same_however_many_points_a_pad_gives(drawers):
    corners = [np.array([[0.0, 0], [200, 30], [150, 200], [10, 120]]), np.array([[20.0, 20], [100, 180]])]
    along = np.linspace(0, 1, 60)[:, None]
    dense = [np.concatenate([a + along * (b - a) for a, b in itertools.pairwise(s)]) for s in corners]
    few, many = (
        drawers.post("/runs/strokes/guess", {"strokes": ndjson(each)}).body["words"]
        for each in (corners, dense)
    )
    assert [word["name"] for word in few] == [word["name"] for word in many]
    assert [word["value"] for word in few] == pytest.approx([word["value"] for word in many], abs=1e-5)
