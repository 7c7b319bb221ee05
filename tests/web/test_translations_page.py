"""The studio with a network that translates: the answer has its attention, the data have pages, what cannot be says so."""

import base64
import time
from urllib.parse import urlencode

import numpy as np
import pytest
import torch

from pellucid.tasks.translation import tiny
from pellucid.verbs.export import open_onnx
from pellucid.verbs.predict import answer_to
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served


@pytest.fixture(scope="module")
def translating(tmp_path_factory):
    path = tmp_path_factory.mktemp("translating") / "runs" / "backwards"
    for _ in train(tiny(), path):
        pass
    found = Served(studio.create_app(path.parent, token=TOKEN))
    yield found, open_trained(path)
    found.close()


def test_a_text_is_translated_with_its_attention_as_the_command_line_does_it(translating):
    served, trained = translating
    found = served.post("/runs/backwards/predict", {"text": "ba ko mi"})
    assert found.status == 200
    answer = found.body["answer"]
    sample = trained.task.takes.read("ba ko mi", trained.facts)["sample"]
    assert answer["text"] == answer_to(trained, sample).text
    assert answer["source"] == ["\u2581ba", "\u2581ko", "\u2581mi", "</s>"]
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in answer["attention"])
    assert len(answer["attention"]) == len(answer["pieces"])
    assert found.body["output"] is None


def test_a_text_that_cannot_be_translated_is_refused_with_a_reason(translating):
    served, _ = translating
    found = served.post("/runs/backwards/predict", {"text": "   "})
    assert found.status in (400, 422)
    assert "nothing to translate" in str(found.body)


def test_an_exported_network_can_be_downloaded_and_translates_the_same(translating, tmp_path):
    served, trained = translating
    assert served.post("/runs/backwards/export", {}).status == 202
    end = time.monotonic() + 240
    while (
        not (jobs := served.get("/runs/backwards").body["jobs"].get("export", {}))
        or jobs["state"] == "running"
    ):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert jobs["state"] == "done", jobs
    (tmp_path / "backwards.onnx").write_bytes(served.get("/runs/backwards/model.onnx").bytes)
    sample = trained.task.takes.read("ba ko mi", trained.facts)["sample"]
    assert answer_to(open_onnx(tmp_path / "backwards.onnx"), sample).text == answer_to(trained, sample).text


def test_the_data_have_their_numbers_and_pictures(translating):
    served, _ = translating
    found = served.get("/tasks/translation/look?setting=tiny")
    assert found.body["splits"] == {"train": 600, "valid": 100}
    assert found.body["pictures"] == ["lengths", "pieces"]
    picture = served.get("/tasks/translation/look/lengths.png?setting=tiny")
    assert picture.bytes.startswith(b"\x89PNG")


def test_what_only_classifiers_have_is_refused(translating):
    served, _ = translating
    assert served.get("/runs/backwards/mistakes").status == 404


def test_every_piece_is_shown_with_the_softmax_that_it_was_chosen_from(translating):
    served, trained = translating
    answer = served.post("/runs/backwards/predict", {"text": "ba ko mi"}).body
    sample, pieces = answer["sample"], answer["answer"]["pieces"]
    raw = torch.from_numpy(trained.task.takes.read("ba ko mi", trained.facts)["sample"])[None]
    numbers = [trained.facts["pieces"].index(piece) for piece in pieces]
    inputs, targets = trained.task.prepare(raw, torch.tensor([numbers]), facts=trained.facts)
    scores = trained.network(inputs)[0]
    log_probability = 0.0
    for place, number in enumerate(targets[0].tolist()):
        query = urlencode({"sample": sample, "place": place, "temperature": 2, "count": 3})
        found = served.get(f"/runs/backwards/next?{query}").body
        listed = [one["index"] for one in found["listed"]]
        expected = (scores[place] / 2).double().softmax(0)
        assert found["places"] == len(pieces)
        assert (found["came"], found["before"]) == (number, pieces[:place])
        assert listed[:3] == expected.topk(3).indices.tolist()
        assert decoded(found["probabilities"]) == pytest.approx(expected[listed].detach().numpy(), rel=1e-5)
        log_probability += float(scores[place].double().log_softmax(0)[number])
        ref = f"{found['probabilities']['ref']}[{number}]"
        traced = served.get(f"/trace?{urlencode({'ref': ref})}").body
        assert traced["value"] == decoded(found["probabilities"])[listed.index(number)]
    assert log_probability == pytest.approx(answer["answer"]["hypotheses"][0]["log_probability"], abs=1e-3)
    assert served.get(f"/runs/backwards/next?sample={sample}&place=99").status == 422


def decoded(block):
    return np.frombuffer(base64.b64decode(block["data"]), block["dtype"]).reshape(block["shape"])
