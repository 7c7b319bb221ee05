"""Your own pictures, from a folder to answers: what the task promises beyond the contract."""

import contextlib
import csv
import dataclasses
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pellucid import metrics
from pellucid.cli.main import main
from pellucid.datasets import shapes, squares
from pellucid.errors import RunError, UsageError
from pellucid.learners import outputs_of
from pellucid.models.resnet import resnet
from pellucid.tasks.images import Images, paper, tiny
from pellucid.training import Training
from pellucid.verbs import evaluate, explain, predict
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("PELLUCID_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def photos(tmp_path_factory, cache):
    root = tmp_path_factory.mktemp("photos")
    shapes.write(root / "all", each=25)
    shutil.rmtree(root / "all" / "triangle")
    (root / "all" / "disc" / "notes.jpg").write_text("no picture")
    return root / "all"


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """Fifty pictures in two classes, trained from the command line as anyone would."""
    path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "images", "--data", str(photos), "--least-steps", "40", "--widths", "8", "16", "16",
                 "--size", "16", "--out", str(path)]) == 0  # fmt: skip
    return path


def said(capsys, *words):
    capsys.readouterr()
    code = main(["--json", *map(str, words)])
    return code, json.loads(capsys.readouterr().out)


def test_a_score_of_few_pictures_comes_with_a_wide_interval(run, capsys):
    code, document = said(capsys, "evaluate", run)
    score = document["result"]["scores"]["accuracy"]
    assert (code, score["n"]) == (0, 10)
    assert score["high"] - score["low"] > 0.2


def test_what_was_left_out_stands_in_the_run(run):
    found = json.loads((run / "facts.json").read_text())["found"]
    assert len(found["left out"]) == 1
    assert found["left out"][0].startswith("disc/notes.jpg: not a picture")


def test_look_tells_what_hurts(photos, capsys, tmp_path):
    code, document = said(
        capsys, "look", "images", "--data", photos, "--size", "16", "--out", tmp_path / "look"
    )
    assert code == 0
    assert document["result"]["found"]["left out"][0].startswith("disc/notes.jpg")


def test_predict_takes_folders_and_lists_and_goes_on_where_it_stopped(
    run, photos, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "answers.csv"
    code, _ = said(capsys, "predict", run, photos, "--out", out)
    assert code == 4  # one file is no picture
    rows = list(csv.DictReader(out.open()))
    assert (len(rows), sum(bool(row["problem"]) for row in rows)) == (51, 1)
    assert all(
        float(r["disc"]) + float(r["square"]) == pytest.approx(1, abs=1e-5) for r in rows if not r["problem"]
    )

    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:20]) + lines[20][:-9])  # killed in the middle of a line
    (photos / "disc" / "0.png").touch()
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{row['input']}\n" for row in rows)))
    said(capsys, "predict", run, "-", "--out", out)
    assert out.read_bytes() == whole


def test_json_lines_hold_the_same_answers(run, photos, tmp_path, capsys):
    out = tmp_path / "answers.jsonl"
    said(capsys, "predict", run, photos / "square", "--out", out)
    first = json.loads(out.read_text().splitlines()[0])
    assert set(first) == {"input", "answer", "probability", "probabilities", "problem"}
    assert set(first["probabilities"]) == {"disc", "square"}
    code, document = said(capsys, "predict", run, photos / "square", "--out", out)
    assert (code, document["result"]["answered before"], document["result"]["answers"]) == (0, 25, [])


def test_an_answers_file_of_something_else_is_left_alone(run, photos, tmp_path, capsys):
    out = tmp_path / "diary.csv"
    out.write_text("dear diary\n")
    code, _ = said(capsys, "predict", run, photos / "square", "--out", out)
    assert (code, out.read_text()) == (2, "dear diary\n")


def test_a_folder_given_by_a_relative_path_is_found_from_anywhere(photos, tmp_path, monkeypatch):
    shutil.copytree(photos, tmp_path / "here" / "photos")
    shapes.write(tmp_path / "there" / "photos", each=9)  # others, which were not meant
    monkeypatch.chdir(tmp_path / "here")
    task = Images(folder="photos", size=16, widths=(8, 8, 8), training=Training(steps=12, evaluate_every=4))
    for _ in train(task, "runs/whole"):
        pass
    with contextlib.closing(train(task, "runs/run")) as steps:
        for progress in steps:
            if progress.step == 6:
                break
    (tmp_path / "here").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "there")
    assert main(["train", "--resume", "../moved/runs/run"]) == 0
    run, whole = (Path("../moved/runs", name) for name in ("run", "whole"))
    assert (run / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert main(["evaluate", str(run)]) == 0
    told = [(run / name).read_text() for name in ("task.json", "environment.json", "report.html")]
    assert '"folder": "photos"' in told[0]
    assert not any(str(tmp_path) in text for text in told)


def test_grad_cam_is_laid_over_the_whole_photograph_and_only_where_the_network_looked(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    trained = open_trained(run)
    stages, _ = predict.stages_of(trained, str(tmp_path / "photo.png"))
    found = explain.explain(trained, predict.raw_sample(stages))
    assert len(explain.photo_picture(found, stages).axes) == 2
    laid = squares.over_the_photo(found.maps["Grad-CAM"] + 1, (120, 200))
    assert laid.shape == (120, 200)
    assert (laid[:, 40:160].min() > 0, laid[:, :40].max(), laid[:, 160:].max()) == (True, 0, 0)


def test_an_answer_below_the_threshold_is_not_sure():
    facts = {"classes": ["cat", "dog"], "sure_above": 0.8}
    task = Images()
    assert task.answer(torch.tensor([2.0, 0.0]), facts).text == "cat"  # 0.88
    assert task.answer(torch.tensor([1.0, 0.0]), facts).text == "not sure (cat?)"  # 0.73


def test_the_threshold_is_where_answers_are_right_often_enough():
    sure = np.array([0.95, 0.9, 0.8, 0.7, 0.6])
    probabilities = np.stack([sure, 1 - sure], 1)
    targets = np.array([0, 0, 0, 1, 0])  # the fourth is wrong
    assert metrics.sure_above(probabilities, targets, 0.95) == 0.8
    assert metrics.sure_above(probabilities, targets, 0.8) == 0.0  # 4 of 5 are right
    assert metrics.sure_above(probabilities, 1 - targets * 0, 0.95) == 1.0


def test_the_threshold_of_validation_travels_with_the_weights(run):
    trained = open_trained(run)
    assert trained.facts["sure_above"] == trained.run.weights()[1]["scores"]["sure_above"]["value"]


@pytest.mark.parametrize("views", [1, 2, 6])
def test_an_answer_weighs_its_looks_as_the_paper_does(views):
    picture = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    wide = np.pad(picture, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    upper, lower = wide[..., :32, :32], wide[..., 4:, 4:]
    weights = {1: (1,), 2: (0.5, 0.5), 6: (0.25, 0.25, 0.125, 0.125, 0.125, 0.125)}[views]
    looks = [picture, picture[..., ::-1], upper, upper[..., ::-1], lower, lower[..., ::-1]]
    expected = sum(weight * look for weight, look in zip(weights, looks, strict=False))
    task, inputs, targets = Images(views=views), torch.from_numpy(picture), torch.tensor([0, 1])
    given = task.ask(torch.nn.Flatten(), inputs, {})
    np.testing.assert_allclose(given, expected.reshape(2, -1), atol=1e-6)
    outputs, same = task.outcome(torch.nn.Flatten(), inputs, targets, {})
    assert torch.equal(outputs, given)
    assert torch.equal(same, targets)


def test_what_is_tested_is_what_answers(run, photos):
    trained = open_trained(run)
    trained = dataclasses.replace(trained, task=dataclasses.replace(trained.task, views=6))
    raw, _ = trained.task.data().test()[torch.arange(5)]
    answers = [predict.answer_to(trained, sample.numpy()) for sample in raw]
    expected = [list(answer.logits.values()) for answer in answers]
    np.testing.assert_allclose(evaluate._classify(trained, raw), expected, atol=1e-4)
    outputs, _ = outputs_of(trained.network, trained.task, trained.task.data().test(), trained.facts)
    np.testing.assert_allclose(outputs[:5], expected, atol=1e-4)


def test_few_pictures_are_seen_often_enough():
    task = dataclasses.replace(Images(), training=Training(epochs=2, batch_size=64), least_steps=100)
    training = task._with_enough_steps(30).training
    assert (training.batch_size, training.epochs) == (8, 25.0)  # 4 batches of 8 an epoch
    assert task._with_enough_steps(100_000) == task


def test_few_pictures_of_many_are_seen_often_enough():
    task = dataclasses.replace(tiny(), least_steps=100, training=Training(epochs=2, batch_size=64, limit=30))
    assert task.learner(task.data()).clock.steps == 100  # as 30 pictures alone would have


def test_class_weights_weigh_the_rare_class_more():
    facts = {"classes": ["a", "b"], "class_weights": [0.5, 5.0]}
    outputs, targets = torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1])
    plain = Images(label_smoothing=0.0).loss(outputs, targets, facts)
    weighted = Images(label_smoothing=0.0, balance="weights").loss(outputs, targets, facts)
    losses = -outputs.log_softmax(1)[[0, 1], targets]
    assert plain == pytest.approx(float(losses.mean()))
    assert weighted == pytest.approx(float((0.5 * losses[0] + 5 * losses[1]) / 2))


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_targets_train(mix, cache):
    task = dataclasses.replace(tiny(), mix=mix, training=Training(steps=2, batch_size=8))
    learner = task.learner(task.data())
    _, targets = batch = next(learner.batches(0))
    assert targets.sum(1) == pytest.approx(torch.ones(8))
    assert torch.isfinite(learner.update(batch, 0))


def fine_tuned(tmp_path, **more):
    torch.manual_seed(3)
    source = resnet("resnet20", 1000)
    save_file(
        {f"module.{name}": tensor for name, tensor in source.state_dict().items()}, tmp_path / "w.safetensors"
    )
    training = Training(steps=10, batch_size=8, optimizer="sgd", learning_rate=0.1)
    task = dataclasses.replace(paper(), size=16, weights=str(tmp_path / "w.safetensors"), frozen=0.5, least_steps=0,
                               training=training, **more)  # fmt: skip
    return source, task.learner(task.data())


def test_given_weights_rest_at_first_and_learn_later(tmp_path, cache):
    source, learner = fine_tuned(tmp_path)
    kept = {
        name: learner.network.state_dict()[name].clone()
        for name in ("conv1.weight", "bn1.running_mean", "fc.weight")
    }
    assert torch.equal(kept["conv1.weight"], source.conv1.weight)
    batches = learner.batches(0)
    for step in range(5):
        learner.update(next(batches), step)
    now = learner.network.state_dict()
    assert [torch.equal(now[name], kept[name]) for name in kept] == [True, True, False]
    learner.update(next(batches), 5)
    assert not torch.equal(learner.network.state_dict()["conv1.weight"], kept["conv1.weight"])


def test_weights_of_another_network_name_the_file(tmp_path, cache):
    with pytest.raises(RunError, match=r"w\.safetensors: the weights are of another network"):
        fine_tuned(tmp_path, network="resnet32")


def test_imagenet_weights_for_the_papers_strides_are_refused():
    with pytest.raises(UsageError, match=r"take --network resnet50-v1\.5"):
        Images(weights="w.safetensors", network="resnet50")
