"""The task of drawings: its data, its augmentation, its guesses."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch

from pellucid import checks, seeding
from pellucid.datasets import doodle, sketchbook
from pellucid.errors import DataError, UsageError
from pellucid.tasks import sketches
from pellucid.verbs import sketching
from pellucid.verbs.export import _drawings, export, open_onnx
from pellucid.verbs.predict import predict
from pellucid.verbs.train import train
from pellucid.verbs.trained import Ready, open_trained

STROKES = dataclasses.replace(sketches.tiny(), network="strokes")
CIRCLE = [np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 6.28, 13)])]
CROSS = [np.array([[0.0, 0], [1, 1]]), np.array([[1.0, 0], [0, 1]])]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("sketches") / "run"
    task = sketches.tiny()
    for _ in train(task, path):
        pass
    return open_trained(path)


@pytest.fixture(scope="module")
def ready():
    """The stroke network, untrained."""
    data = STROKES.data()
    return Ready(task=STROKES, facts=data.facts, network=STROKES.model(data.facts).eval())


@pytest.mark.parametrize("network", ["cnn", "strokes"])
def test_the_contract_is_kept_by_each_network(network):
    task = dataclasses.replace(sketches.tiny(), network=network)
    assert [check for check in checks.check_task(task) if not check.kept] == []


def test_images_and_the_strokes_that_they_come_from_are_prepared_alike():
    task = sketches.tiny()
    facts = task.data().facts
    points = doodle.pack([CIRCLE, CROSS])
    both = (task.prepare(each, facts=facts)[0] for each in (points, doodle.render_batch(points, doodle.THIN)))
    assert torch.equal(*both)


@pytest.mark.parametrize("network", ["cnn", "strokes"])
def test_augmentation_is_a_function_of_seed_epoch_and_index_whoever_the_neighbours_are(network):
    task = dataclasses.replace(sketches.tiny(), network=network, partial=0.5)
    data = task.data()

    def prepared(indices, epoch=3):
        places = torch.tensor(indices)
        draws = seeding.Draws(7, epoch, places)
        return task.prepare(*data.train[places], facts=data.facts, draws=draws)[0]

    assert torch.allclose(prepared([4, 9, 2])[1], prepared([9, 5])[0], atol=1e-5)
    assert not torch.allclose(prepared([4]), prepared([4], epoch=4))


@pytest.fixture(scope="module")
def by_strokes(tmp_path_factory):
    path = tmp_path_factory.mktemp("strokes") / "run"
    task = dataclasses.replace(STROKES, training=dataclasses.replace(STROKES.training, steps=6))
    for _ in train(task, path):
        pass
    return open_trained(path)


def test_a_file_guesses_from_strokes_of_any_length_as_the_network_does(by_strokes, tmp_path, capfd):
    capfd.readouterr()
    assert export(by_strokes, tmp_path / "x.onnx").difference <= 1e-4
    assert "".join(capfd.readouterr()) == ""  # torch warns from C++ that it cannot infer a shape
    ready = open_onnx(tmp_path / "x.onnx")
    for drawing in (CIRCLE, CROSS, [np.array([[0.0, 0]])], [each[:1] for each in CROSS] * 40):
        ours, theirs = (predict(each, drawing).logits for each in (by_strokes, ready))
        assert theirs == pytest.approx(ours, abs=1e-5)
    several, _ = STROKES.prepare(doodle.pack([CROSS, CIRCLE, CROSS * 9]), facts=by_strokes.facts)
    assert torch.allclose(ready.network(several), by_strokes.network(several), atol=1e-5)


def test_what_an_export_compares_has_strokes_of_several_lengths_and_none_is_the_longest_of_all_first():
    lengths = [steps[..., 3].sum(1) for (steps,) in _drawings()]
    assert all(each.min() >= 1 for each in lengths)
    assert any(each[0] < each.max() for each in lengths)
    assert any(each.max() < steps.shape[1] for each, (steps,) in zip(lengths, _drawings(), strict=True))


def test_a_network_on_pixels_that_learned_from_strokes_is_exported(trained, tmp_path):
    learned = dataclasses.replace(trained, facts={**trained.facts, "strokes": True, "shape": [96, 3]})
    export(learned, tmp_path / "x.onnx")
    ours, theirs = (predict(each, CIRCLE).logits for each in (learned, open_onnx(tmp_path / "x.onnx")))
    assert theirs == pytest.approx(ours, abs=1e-5)


def test_an_image_of_another_size_is_refused_with_its_size():
    task = sketches.tiny()
    with pytest.raises(UsageError, match=r"\(1, 20, 20\)"):
        task.prepare(torch.zeros(1, 20, 20, dtype=torch.uint8), facts=task.data().facts)


def test_one_in_sixteen_drawings_of_each_class_validates():
    labels = torch.arange(320) % 5
    held = sketches.held_out(labels, 5)
    assert torch.bincount(labels[held]).tolist() == [4] * 5


def test_validation_drawings_are_not_trained_on():
    data = sketches.tiny().data()
    train, valid = ({row.numpy().tobytes() for row in split.tensors[0]} for split in (data.train, data.valid))
    assert not train & valid


def test_a_blank_canvas_gives_no_guess(trained):
    assert sketching.guess(trained, []).words == ()
    assert [each.words for each in sketching.guesses(trained, [np.zeros((0, 2))])] == [()] * 4
    with pytest.raises(DataError, match="no ink"):
        predict(trained, np.full((200, 200), 255, np.uint8))


def test_the_tiny_network_knows_a_circle_from_a_cross(trained):
    assert [sketching.guess(trained, each).words[0][0] for each in (CIRCLE, CROSS)] == ["circle", "cross"]


def test_the_guess_at_all_of_the_ink_is_the_answer_to_the_drawing(trained):
    answer = predict(trained, CIRCLE)
    assert sketching.guesses(trained, CIRCLE)[-1].words[0][0] == answer.text


def test_news_never_says_the_same_word_twice_in_a_row_nor_wild_ones(trained):
    told = list(sketching.news(trained, CROSS))
    words = [each.words[0][0] for each in told]
    assert all(a != b for a, b in itertools.pairwise(words))
    assert all(each.words[0][1] >= sketching.SURE for each in told)


def test_a_drawing_of_the_training_is_its_own_nearest_neighbour(trained):
    images, _ = trained.task.data().train[torch.tensor([0])]
    points = sketchbook.tiny("train")
    place = int(
        (doodle.render_batch(points.samples, doodle.THIN) == images[0]).flatten(1).all(1).nonzero()[0]
    )
    drawing = doodle.unpack(points.samples[place].numpy())
    word = points.classes[int(points.labels[place])]
    found, likeness = sketching.nearest(trained, drawing, word)
    assert np.array_equal(found[0], images[0].numpy())
    assert likeness[0] == pytest.approx(1, abs=1e-4)
    assert likeness[0] >= likeness[1]


def test_a_word_that_the_network_does_not_know_is_refused_with_the_near_one(trained):
    with pytest.raises(UsageError, match='Did you mean "circle"'):
        sketching.threshold(trained, "circel")


def test_the_stroke_that_makes_the_cross_is_the_one_that_counts(trained):
    tail = [*CROSS, np.array([[0.5, 0.5], [0.52, 0.5]])]  # a speck in the middle changes nothing
    first, second, speck = sketching.occlusion(trained, tail, "cross")
    assert max(first, second) > 0.05
    assert abs(speck) < max(first, second)


def test_the_stroke_network_guesses_too(ready):
    assert len(sketching.guess(ready, CIRCLE).words) == 3
    assert len(sketching.occlusion(ready, CROSS, "cross")) == 2


def test_evaluating_tells_thresholds_and_accuracy_over_the_ink(trained):
    from pellucid.verbs.evaluate import evaluate

    document = evaluate(trained).document
    assert json.loads(json.dumps(document)) == document
    assert [row["share"] for row in document["ink"]] == [0.25, 0.5, 0.75, 1.0]
    assert all(0.1 <= value <= 0.6 for value in document["thresholds"].values())
    assert document["ink"][-1]["accuracy"]["value"] > document["ink"][0]["accuracy"]["value"]


def test_labels_that_mean_nothing_give_chance():
    task = dataclasses.replace(sketches.tiny(), partial=0.0)
    data = task.data()
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    images, labels = data.train.tensors
    shuffled = dataclasses.replace(data, train=torch.utils.data.TensorDataset(images, labels[order]))
    learner = task.learner(shuffled)
    from pellucid import engine

    for _ in engine.fit(learner):
        pass
    test = data.test()
    logits = sketching.logits_of(
        Ready(task=task, facts=data.facts, network=learner.network.eval()), test.tensors[0]
    )
    right = float((logits.argmax(1) == test.tensors[1]).float().mean())
    assert right < 0.2 + 4 * (0.2 * 0.8 / len(test)) ** 0.5  # five classes: chance and four deviations
