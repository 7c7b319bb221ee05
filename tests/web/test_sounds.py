"""The studio speaks and listens: what can be said, saying it, recordings as WAV, and what is refused."""

import base64
import contextlib
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from pellucid import sampling, sound
from pellucid.datasets import mulaw, recordings, utterances
from pellucid.sampling import Draw
from pellucid.verbs import speech, utterance
from pellucid.verbs.train import train
from pellucid.web import app as studio
from pellucid.web.inside import scenes

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
    assert speaking.get("/runs/speech/samples/1.wav").bytes == found.bytes
    assert speaking.get("/tasks/digits/samples/1.wav?setting=tiny").status == 415
    assert "voices" in speaking.get("/tasks/speech/look?setting=tiny").body
    assert set(speaking.get("/tasks/words/look?setting=tiny").body["classes"]) == {"high", "low"}


def decoded(block):
    return np.frombuffer(base64.b64decode(block["data"]), block["dtype"]).reshape(block["shape"])


@pytest.mark.parametrize("how", [{}, {"temperature": 0.6, "nucleus": 0.9}, {"temperature": 0}])
def test_what_is_watched_is_what_the_network_draws_step_by_step(speaking, how):
    asked = {"text": "low", "voice": "bass", "seed": 3, **how}
    query = urlencode(asked)
    found = speaking.get(f"/runs/speech/utterance?{query}").body
    codes, uniform = decoded(found["codes"]), decoded(found["uniform"])

    ready = speaking.app.state.library.open("speech").trained
    draw = Draw(seed=3, **how)
    voice, units = speech.plan(ready.facts, speech.Request(text="low", voice="bass"))
    (length,), _ = speech.timed(ready.facts, voice, units, 1.0, np.random.default_rng(3))
    blank = utterances.blank(length, 1, ready.facts["units"].index("low"), None)
    inputs = speech.batch(ready, [blank])
    truth = draw.uniform(1, inputs.shape[2])
    with torch.inference_mode():
        stepped = list(sampling.steps(ready.network, inputs, draw, truth))[:length]
    assert codes.tolist() == [int(code) for _, code in stepped]
    assert codes.tolist() == sampling.generate(ready.network, inputs, draw)[0, :length].tolist()
    assert uniform.tolist() == truth[0, :length].tolist()

    start = length - 5
    part = speaking.get(f"/runs/speech/softmaxes?{query}&start={start}&count=64").body
    kept = torch.cat([sampling.kept(logits, draw) for logits, _ in stepped[start:]]).numpy()
    assert decoded(part["probabilities"]).shape == (5, 256)  # what there is until the end
    assert np.array_equal(decoded(part["probabilities"]), kept)
    if not how:
        terms = speaking.get(f"/runs/speech/next?sample={found['sample']}&place={start}&count=64").body
        listed = [one["index"] for one in terms["listed"]]
        assert terms["came"] == codes[start]
        assert decoded(terms["probabilities"]) == pytest.approx(kept[0][listed], rel=1e-3)
    sums = decoded(part["cumulated"])
    below = np.pad(sums, ((0, 0), (1, 0)))[np.arange(5), codes[start:]]
    reached = uniform[start:] * sums[:, -1]
    assert ((below <= reached) & (reached < sums[np.arange(5), codes[start:]])).all() or how == {
        "temperature": 0
    }


def test_what_is_watched_sounds_like_what_is_said_and_can_be_looked_into(speaking):
    found = speaking.get("/runs/speech/utterance?text=high&voice=alto&seed=5").body
    said = speaking.post("/runs/speech/say", {"text": "high", "voice": "alto", "seed": 5}).body
    heard, whole = (sound.read(base64.b64decode(each["wav"])) for each in (found, said))
    assert np.array_equal(heard.samples, whole.samples[: len(heard.samples)])
    assert np.array_equal(mulaw.decode(decoded(found["codes"])), decoded(found["samples"]))
    inside = speaking.get(f"/runs/speech/tensor?sample={found['sample']}&node=raw").body
    assert (decoded(inside)[utterances.HEADER :] - 1).tolist() == decoded(found["codes"]).tolist()


@pytest.mark.parametrize("what", ["say", "play/7.gif?seconds=1"])
def test_what_takes_long_waits_for_its_turn_and_is_sent_away(speaking, monkeypatch, what):
    speaking.get("/runs/speech/utterance?text=low")
    monkeypatch.setattr(scenes, "PATIENCE", 0.05)
    with contextlib.ExitStack() as turns:
        for _ in range(scenes.AT_ONCE):
            turns.enter_context(speaking.app.state.scenes.turn())
        if what == "say":
            found = speaking.post("/runs/speech/say", {"text": "low"})
        else:
            found = speaking.get(f"/runs/zoo.atari.pong/{what}")
    assert (found.status, found.body["error"]["code"]) == (503, "busy")
    assert found.headers["retry-after"] == "1"


def test_an_utterance_is_drawn_once_however_often_it_is_asked_for(speaking, monkeypatch):
    drawn = []
    watched = sampling.watched
    monkeypatch.setattr(sampling, "watched", lambda *a, **k: drawn.append(1) or watched(*a, **k))
    for start in (0, 1, 0):
        assert speaking.get(f"/runs/speech/softmaxes?text=low&seed=77&start={start}").status == 200
    assert len(drawn) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "text to say"),
        ("text=hello", "high, low"),
        ("text=low high", "one at a time"),
        ("text=low&melody=C3:1", "either"),
        ("melody=/etc/passwd", "C3:1"),
        ("text=low&voice=tenor", "alto"),
        ("text=low&temperature=99", "temperature"),
        ("text=low&temperature=nan", "temperature"),
        ("text=low&seed=-1", "seed"),
        ("text=low&speed=0.001", "speed"),
        ("text=" + "low" * 100, "text"),
        ("text=low&start=999999", "sample"),
        ("text=low&count=65", "count"),
    ],
)
def test_what_cannot_be_watched_is_refused(speaking, query, said):
    found = speaking.get(f"/runs/speech/softmaxes?{query.replace(' ', '%20')}")
    assert 400 <= found.status < 500
    assert said in found.body["error"]["message"]


def test_only_what_speaks_is_watched(speaking):
    assert speaking.get("/runs/words/utterance?text=low").status == 415
    assert speaking.get("/runs/nothing/utterance?text=low").status == 404


def test_a_sound_too_long_to_keep_is_refused(speaking, monkeypatch):
    monkeypatch.setattr(utterance, "MOST_SAMPLES", 100)
    found = speaking.get("/runs/speech/utterance?text=low&seed=123")
    assert (found.status, "at most 100" in found.body["error"]["message"]) == (422, True)


def elements(speaking, ref):
    return speaking.get(f"/trace?{urlencode({'ref': ref})}").body


@pytest.mark.parametrize(
    ("layer", "taps"),
    [
        ("layers.3.convolution", [72, 80]),
        ("layers.0.convolution", [79, 80]),
        ("layers.2.out", [80]),
        ("last", [80]),
        ("first", [78, 79]),
        ("phase", [80]),
        ("condition.near", [78, 79, 80, 81, 82]),
    ],
)
def test_the_kernel_walk_goes_through_a_wavenet_and_every_number_is_the_tensors(speaking, layer, taps):
    channel, asked = 5, {"sample": "valid:0", "layer": layer}
    if layer == "condition.near":
        taps, at = [0, 1, 2, 3, 4], 2  # frames, not samples
    else:
        at = 80
    found = speaking.get(
        f"/runs/speech/kernel?{urlencode({**asked, 'channel': channel, 'position': at})}"
    ).body
    scene = speaking.app.state.scenes._scene(
        speaking.app.state.library.open("speech"),
        speaking.app.state.library.sample(speaking.app.state.library.open("speech"), "valid:0"),
    )[0]
    activation = scene.activation(layer)
    module = dict(scene.ready.network.named_modules())[layer]
    with torch.no_grad():
        after = module(torch.from_numpy(activation.before))[0]
    spot = (channel, at) if layer == "condition.near" else (at, channel)
    assert found["output"]["value"] == float(after[spot])
    assert elements(speaking, found["output"]["ref"])["value"] == found["output"]["value"]
    assert [t for (t,) in found["places"]] == taps
    products, total = decoded(found["products"]), float(decoded(found["sum"]))
    assert np.array_equal(products, decoded(found["values"]).astype(float) * decoded(found["kernel"]))
    bias = decoded(found["bias"])[channel] if found["bias"] else 0.0
    assert products.sum() + bias == pytest.approx(total, rel=1e-9)
    assert total == pytest.approx(found["output"]["value"], rel=1e-5, abs=1e-6)

    for number in range(min(3, len(decoded(found["values"])))):
        query = urlencode({**asked, "side": "before", "channel": number})
        seen = speaking.get(f"/runs/speech/line?{query}").body
        assert decoded(seen)[taps].tolist() == decoded(found["values"])[number].tolist()
        if layer != "first":
            ref = seen["ref"].replace("{}", str(taps[0]))
            assert elements(speaking, ref)["value"] == decoded(seen)[taps[0]]
    given = speaking.get(
        f"/runs/speech/line?{urlencode({**asked, 'side': 'after', 'channel': channel})}"
    ).body
    assert decoded(given)[at] == found["output"]["value"]
    assert elements(speaking, given["ref"].replace("{}", str(at)))["value"] == found["output"]["value"]


def test_the_layers_say_which_of_them_can_be_walked(speaking):
    found = speaking.get("/runs/speech/layers?sample=valid:0").body["layers"]
    walked = {layer["name"]: layer["channels"] for layer in found}
    assert walked["layers.0.convolution"] == walked["first"] == walked["last"] == "last"
    assert (walked["condition.near"], walked["condition.voice"]) == ("first", None)


@pytest.mark.parametrize(
    "query",
    [
        "layer=condition.voice&side=before",
        "layer=first&side=before&channel=256",
        "layer=nothing&side=before",
        "layer=first&side=within",
    ],
)
def test_a_line_that_is_not_there_is_refused(speaking, query):
    assert speaking.get(f"/runs/speech/line?sample=valid:0&{query}").status == 422
