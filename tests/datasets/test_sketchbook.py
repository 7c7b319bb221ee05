import json

import numpy as np
import pytest
import torch

from pellucid import media
from pellucid.datasets import doodle, sketchbook
from pellucid.datasets.sketchbook import DrawingInput
from pellucid.errors import DataError, UsageError

FACTS = {"form": doodle.GOOGLE.to_json(), "strokes": False, "shape": [28, 28], "reads": "pixels"}


def line(random):
    points = random.integers(0, 255, (2, 6)).tolist()
    return json.dumps({"word": "x", "drawing": [points, [[1, 2], [3, 4]]]})


def of_strokes(folder, *names, count=40):
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).write_text("\n".join(line(random) for _ in range(count)))
    return folder


def of_pictures(folder, *names, count=40):
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir()
        for number in range(count):
            image = doodle.render([random.random((5, 2))], doodle.GOOGLE)
            (folder / name / f"{number}.png").write_bytes(
                media.write_png(255 - image.repeat(6, 0).repeat(6, 1))
            )
    return folder


def test_files_of_strokes_make_a_book_of_strokes_with_the_files_names_as_classes(tmp_path):
    book = sketchbook.own(of_strokes(tmp_path, "cat.ndjson", "dog.ndjson"), "train")
    assert (book.classes, book.strokes, book.samples.shape[1:]) == (("cat", "dog"), True, (192, 3))


def test_one_folder_of_pictures_makes_everything_images(tmp_path):
    of_strokes(of_pictures(tmp_path, "cat"), "dog.ndjson")
    book = sketchbook.own(tmp_path, "train")
    assert (book.classes, book.strokes, book.samples.shape[1:]) == (("cat", "dog"), False, (28, 28))


def test_training_and_testing_share_no_drawing_and_together_are_all(tmp_path):
    of_strokes(tmp_path, "cat.ndjson", "dog.ndjson")
    train, test = (sketchbook.own(tmp_path, split).samples for split in ("train", "test"))
    rows = [{row.numpy().tobytes() for row in each} for each in (train, test)]
    assert (len(rows[0] & rows[1]), len(train) + len(test)) == (0, 80)


def test_another_drawing_moves_no_drawing_between_the_splits(tmp_path):
    of_strokes(tmp_path, "cat.ndjson", "dog.ndjson")
    before = sketchbook.own(tmp_path, "test").samples
    with (tmp_path / "cat.ndjson").open("a") as file:
        file.write("\n" + line(np.random.default_rng(9)))
    after = {row.numpy().tobytes() for row in sketchbook.own(tmp_path, "test").samples}
    assert {row.numpy().tobytes() for row in before} <= after


@pytest.mark.parametrize("count", [3, 4, 7, 20])
def test_every_class_of_a_small_folder_trains_validates_and_tests(count):
    random = np.random.default_rng(count)
    for _ in range(300):  # one in eight by chance leaves a class of 20 without a test in 7 of 100
        sums = [random.bytes(32) for _ in range(count)]
        tests = sketchbook.tested(sums)
        assert 1 <= len(tests) <= count - 2


def test_a_folder_of_small_classes_can_be_tested(tmp_path):
    names = [f"class-{number}.ndjson" for number in range(10)]
    of_strokes(tmp_path, *names, count=4)
    labels = [sketchbook.own(tmp_path, split).labels for split in ("train", "test")]
    assert [sorted(set(each.tolist())) for each in labels] == [list(range(10))] * 2


def test_two_different_drawings_are_too_few(tmp_path):
    of_strokes(tmp_path, "cat.ndjson", "dog.ndjson")
    (tmp_path / "dog.ndjson").write_text("\n".join([line(np.random.default_rng(n % 2)) for n in range(30)]))
    with pytest.raises(DataError, match=r"dog.ndjson: 2 different drawings are too few"):
        sketchbook.own(tmp_path, "train")


@pytest.mark.parametrize("names", [(), ("cat.ndjson",), ("cat.txt", "dog.txt")])
def test_fewer_than_two_classes_are_refused(names, tmp_path):
    with pytest.raises(DataError, match="two or more"):
        sketchbook.own(of_strokes(tmp_path, *names), "train")


def test_a_class_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="twice"):
        sketchbook.own(of_strokes(tmp_path, "cat.ndjson", "cat.json", "dog.ndjson"), "train")


def test_a_broken_picture_is_refused_by_its_name(tmp_path):
    of_pictures(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "7.png").write_text("no picture")
    with pytest.raises(DataError, match=r"7\.png"):
        sketchbook.own(tmp_path, "train")


def test_the_stroke_network_refuses_images(tmp_path):
    with pytest.raises(UsageError, match="--network strokes reads pen strokes"):
        sketchbook.needs_strokes(sketchbook.own(of_pictures(tmp_path, "cat", "dog"), "train"))


def test_a_picture_strokes_and_a_file_of_strokes_give_the_same_image(tmp_path):
    path = of_strokes(tmp_path, "cat.ndjson") / "cat.ndjson"
    drawing = sketchbook.drawing_of(path)
    image = doodle.render(drawing, doodle.GOOGLE)
    found = [list(DrawingInput().read(source, FACTS).values())[-1] for source in (image, drawing, path)]
    assert all(np.array_equal(each, image) for each in found)


def test_strokes_come_with_how_they_grew():
    stages = DrawingInput().read([np.array([[0.0, 0], [9, 9]])], FACTS)
    assert list(stages) == ["25%", "50%", "75%", "sample"]


def test_a_network_of_strokes_refuses_a_picture():
    with pytest.raises(UsageError, match="reads pen strokes"):
        DrawingInput().read(np.zeros((50, 50), np.uint8), FACTS | {"strokes": True, "reads": "strokes"})


def test_the_made_up_drawings_are_the_same_every_time_and_differ_between_the_splits():
    first, again, other = (sketchbook.tiny(split).samples for split in ("train", "train", "test"))
    assert torch.equal(first, again)
    assert not torch.equal(first[:100], other)
