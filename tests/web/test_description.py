"""What OpenAPI says of the interface is what is served: bodies, the token, errors."""

import numpy as np
import pytest

from pellucid import media, sound
from pellucid.web.bodies import JSON, PICTURES, SOUNDS

BODILESS = {"stop", "resume", "evaluate", "export", "session"}
FITTING = {  # a network for each example
    "sample": "tried", "text": "zoo.sentences.reviews", "strokes": "zoo.sketches.fifteen", "strokes and words": "zoo.sketches.fifteen",
    "seed": "zoo.atari.pong", "actions": "zoo.atari.pong", "text and seed": "zoo.speech.digits",
}  # fmt: skip


@pytest.fixture(scope="module")
def described(served):
    return served.get("/openapi.json").body


def posts(described):
    return {path: methods["post"] for path, methods in described["paths"].items() if "post" in methods}


def test_every_post_says_what_it_takes_and_that_it_takes_the_token(described):
    found = posts(described)
    assert {
        path.rpartition("/")[2] for path, route in found.items() if "requestBody" not in route
    } == BODILESS
    assert all(route["security"] == [{"token": []}] for route in found.values())
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_errors_are_described_as_they_are_sent(described, served):
    routes = [route for methods in described["paths"].values() for route in methods.values()]
    reference = {"$ref": "#/components/schemas/Error"}
    assert all(route["responses"]["default"]["content"][JSON]["schema"] == reference for route in routes)
    assert not any("422" in route["responses"] for route in routes)
    assert "HTTPValidationError" not in str(described)
    schema = described["components"]["schemas"]["Error"]["properties"]["error"]
    sent = [served.get("/tasks/digits/samples?count=x"), served.get("/runs/none"), served.post("/runs", [])]
    for refused in sent:
        assert refused.status >= 400
        assert set(refused.body) == {"error"}
        assert set(refused.body["error"]) == set(schema["properties"]) == set(schema["required"])


def examples(described):
    for path, route in posts(described).items():
        for name, example in (
            route.get("requestBody", {}).get("content", {}).get(JSON, {}).get("examples", {}).items()
        ):
            yield path, name, example["value"], route["requestBody"]["content"][JSON]["schema"]


def test_what_the_examples_hold_is_accepted_and_nothing_else_is(described, served, monkeypatch):
    started = []
    monkeypatch.setattr(
        served.app.state.jobs, "train", lambda task, stem, words: started.append(words) or "new-1"
    )
    match = served.post("/runs/zoo.atari.pong/match", {"seed": 7}).body["match"]
    tried = set()
    for path, name, value, schema in examples(described):
        where = path.removeprefix("/api/v1").replace("{run}", FITTING.get(name, "")).replace("{name}", match)
        assert set(value) <= set(schema["properties"])
        answer = served.post(where, value)
        assert 200 <= answer.status < 300, (where, value, answer.body)
        refused = served.post(where, {**value, "nothing": 1})
        assert refused.status == 422, (where, refused.body)
        tried.add(path)
    assert started == [["--setting", "tiny", "--epochs", "2"]]
    assert tried == {
        path
        for path, route in posts(described).items()
        if JSON in route.get("requestBody", {}).get("content", {})
    }


def test_bytes_are_accepted_as_what_they_are_described(described, served):
    content = posts(described)["/api/v1/runs/{run}/predict"]["requestBody"]["content"]
    assert set(content) == {JSON, *PICTURES, *SOUNDS}
    png = media.write_png(np.eye(28, dtype=np.uint8) * 200)
    for path in ("predict", "pad"):
        assert served.post(f"/runs/tried/{path}", png, headers={"Content-Type": "image/png"}).status == 200
    wave = sound.wav(sound.Sound(np.sin(np.arange(8000) / 9).astype(np.float32), 8000))
    assert (
        served.post("/runs/zoo.words.digits/predict", wave, headers={"Content-Type": "audio/wav"}).status
        == 200
    )
    refused = served.post("/runs/zoo.words.digits/predict", wave, headers={"Content-Type": "audio/ogg"})
    assert refused.status == 415
    assert all(kind in refused.body["error"]["message"] for kind in (*PICTURES, "audio/wav", "audio/flac"))


def test_only_the_methods_that_are_served_pass_the_guard(served):
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"):
        for path in ("/api/v1/health", "/api/v1/openapi.json"):
            assert served.ask(method, path).status == 405
