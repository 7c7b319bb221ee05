"""What was mistaken is shown as a person takes it in, by what its task takes: a text, a recording, strokes."""

import numpy as np
import pytest
import torch

from pellucid import config, media, sound, tasks
from pellucid.datasets import doodle, tokens
from pellucid.run import Run
from pellucid.verbs.evaluate import evaluate
from pellucid.verbs.scene import name_of
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served

RUNS = {
    "sentences": ("sentences", []),
    "words": ("words", []),
    "strokes": ("sketches", ["--network", "strokes"]),
}


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """A studio over runs that hardly learned and were tested."""
    runs = tmp_path_factory.mktemp("mistaken") / "runs"
    for name, (task, words) in RUNS.items():
        for _ in train(barely(task, words), runs / name):
            pass
        trained = open_trained(runs / name)
        trained.run.save_scores({"evaluate": evaluate(trained).document})
    found = Served(studio.create_app(runs, token=TOKEN))
    found.runs = runs
    yield found
    found.close()


def barely(task, words):
    setting = config.setting(tasks.find(task), "tiny")
    return config.parse(setting, [*words, "--steps", "4"], program="x")


def worst(tested, run):
    """Return the worst mistake of a run, how it is shown, its raw sample and what is known of it."""
    trained = open_trained(tested.runs / run)
    found = tested.get(f"/runs/{run}/mistakes").body
    assert found["n"] == len(found["mistakes"]) > 0
    index = found["mistakes"][0]["index"]
    raw = trained.task.data().test()[torch.tensor([index])][0][0].numpy()
    return found["mistakes"][0], tested.get(f"/runs/{run}/mistakes/{index}/sample"), raw, trained


def test_an_evaluation_says_of_which_step_its_weights_are(tested):
    for run in RUNS:
        step = Run.open(tested.runs / run).weights()[1]["step"]
        assert tested.get(f"/runs/{run}/scores").body["evaluate"]["step"] == step > 0


def test_a_mistaken_text_is_read(tested):
    _, shown, raw, trained = worst(tested, "sentences")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    words = shown.bytes.decode().split()
    assert words
    assert words == tokens.spelled(raw, trained.facts)


def test_a_mistaken_recording_is_heard(tested, tmp_path):
    _, shown, raw, trained = worst(tested, "words")
    assert shown.headers["content-type"] == "audio/wav"
    (tmp_path / "heard.wav").write_bytes(shown.bytes)
    heard = sound.read(tmp_path / "heard.wav", rate_hz=trained.facts["rate_hz"])
    assert np.array_equal(np.round(heard.samples * 32768).astype(np.int16), raw)


def test_mistaken_strokes_are_drawn(tested):
    _, shown, raw, trained = worst(tested, "strokes")
    assert raw.dtype == np.float32
    drawn = doodle.render(doodle.unpack(raw), doodle.Form(**trained.facts["form"]))
    assert np.abs(media.picture(shown.bytes).astype(int) - drawn).max() <= 1


@pytest.mark.parametrize("run", RUNS)
def test_what_was_mistaken_is_kept_to_look_inside_with_it(tested, run):
    mistake, _, raw, _ = worst(tested, run)
    kept = tested.get(f"/runs/{run}/mistakes/{mistake['index']}/kept").body
    assert kept["sample"] == name_of(raw)
    answer = tested.post(f"/runs/{run}/predict", kept).body["answer"]
    assert answer["text"] == mistake["predicted"]
    assert tested.get(f"/runs/{run}/layers?sample={kept['sample']}").status == 200


@pytest.mark.parametrize("run", RUNS)
def test_training_samples_most_like_a_mistake_are_shown_the_same_way(tested, run):
    mistake, shown, *_ = worst(tested, run)
    found = tested.get(f"/runs/{run}/mistakes/{mistake['index']}/alike").body["alike"][0]
    other = tested.get(f"/runs/{run}/train/{found['index']}/sample")
    assert other.headers["content-type"] == shown.headers["content-type"]


def test_mistakes_are_chosen_and_paged_where_they_are_counted(tested):
    place = "/runs/words/mistakes"
    whole = tested.get(f"{place}?count=1000").body
    everyone = whole["mistakes"]
    assert [one["rank"] for one in everyone] == list(range(whole["n"]))
    assert whole["chosen"] == whole["n"] == len(everyone)
    assert set(whole["true"]) == {one["true"] for one in everyone}
    assert set(whole["predicted"]) == {one["predicted"] for one in everyone}
    for name in ("true", "predicted"):
        value = everyone[0][name]
        some = [one for one in everyone if one[name] == value]
        page = tested.get(f"{place}?{name}={value}&start=1&count=2").body
        assert (page["chosen"], page["mistakes"]) == (len(some), some[1:3])
    doubtful = tested.get(f"{place}?doubtful=1&count=1000").body
    assert doubtful["mistakes"] == [one for one in everyone if one["doubtful"]]
    assert tested.get(f"{place}?true=nothing").status == 404


def test_a_cell_is_paged_and_says_how_many_it_holds(tested):
    found = tested.get("/runs/words/scores").body["evaluate"]["confusion"]
    true, predicted = max(
        ((r, c) for r in range(len(found)) for c in range(len(found))), key=lambda at: found[at[0]][at[1]]
    )
    place = f"/runs/words/cell/{true}/{predicted}"
    whole = tested.get(place).body
    assert whole["n"] == len(whole["indices"]) == found[true][predicted] > 1
    assert tested.get(f"{place}?start=1&count=1").body == {"n": whole["n"], "indices": whole["indices"][1:2]}
