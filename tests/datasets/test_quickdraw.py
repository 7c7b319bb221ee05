import hashlib
import io

import numpy as np
import pytest
import torch

from pellucid.datasets import doodle, drawings, quickdraw, sketchbook
from pellucid.errors import DataError

SIZES = {("fifteen", "train"): (20_300, 28), ("fifteen", "test"): (4_350, 28),
         ("all", "train"): (27_600, 32), ("all", "test"): (3_450, 32)}  # fmt: skip


def hashes(images):
    return {hashlib.sha256(image.tobytes()).digest() for image in images}


@pytest.mark.mirror
@pytest.mark.parametrize(("pack", "split"), SIZES)
def test_a_pack_has_as_many_drawings_as_its_readme_says(pack, split):
    images, labels, classes = quickdraw.bitmaps(pack, split)
    assert (len(images), images.shape[1]) == SIZES[pack, split]
    assert set(labels) == set(range(len(classes)))


@pytest.mark.mirror
@pytest.mark.parametrize("pack", ["fifteen", "all"])
def test_no_test_image_is_a_training_image(pack):
    train, test = (quickdraw.bitmaps(pack, split)[0] for split in ("train", "test"))
    assert not hashes(train) & hashes(test)


@pytest.mark.mirror
def test_the_strokes_are_345_classes_and_no_drawing_is_in_both_splits():
    train, test = (quickdraw.strokes(split) for split in ("train", "test"))
    assert (len(train), len(test), len({each.word for each in train})) == (6_013, 1_411, 345)
    both = ({doodle.flat(each.strokes).tobytes() for each in split} for split in (train, test))
    assert not set.intersection(*both)


@pytest.mark.mirror
def test_our_renderer_draws_what_google_drew():
    images, labels, classes = quickdraw.bitmaps("fifteen", "train")
    found = []
    for each in quickdraw.strokes("train"):
        if each.word in ("cat", "house", "bicycle", "apple"):
            theirs = images[labels == classes.index(each.word)].astype(int)
            found.append(np.abs(theirs - doodle.render(each.strokes, doodle.GOOGLE)).mean((1, 2)).min())
    same = [value for value in found if value < 8]  # the nearest other drawing differs by 15 or more
    assert len(same) > len(found) / 3  # the others are not in the training part of the pack
    assert np.median(same) < 3  # of 255 levels


@pytest.mark.mirror
def test_drawings_that_the_packs_share_are_found_though_drawn_otherwise():
    train = sketchbook.read("all", "", "train")
    found = [each for each in quickdraw.strokes("train") if each.word in ("cat", "tree", "clock")]
    mine = doodle.render_batch(doodle.pack([each.strokes for each in found]), doodle.GOOGLE)
    test = sketchbook.read("all", "", "test")
    everything = torch.cat([train.samples, test.samples])
    names = torch.cat([train.labels, test.labels])
    chosen = everything[
        torch.isin(names, torch.tensor([train.classes.index(w) for w in ("cat", "tree", "clock")]))
    ]
    assert (
        quickdraw.shared(mine, chosen).float().mean() > 0.8
    )  # one in ten is held back by whoever made the pack


def test_a_drawing_is_known_again_in_other_lines_and_margins():
    random = np.random.default_rng(0)
    drawings = [[random.random((14, 2))] for _ in range(20)]
    thick, thin = (doodle.render_batch(doodle.pack(drawings), form) for form in (doodle.GOOGLE, doodle.THIN))
    assert quickdraw.shared(thick, thin).all()
    assert not quickdraw.shared(thick[:10], thin[10:]).any()


def test_the_official_addresses_are_those_of_the_data_sets_page():
    base = "https://storage.googleapis.com/quickdraw_dataset/full/"
    assert quickdraw.address("house plant", "bitmap") == f"{base}numpy_bitmap/house%20plant.npy"
    assert quickdraw.address("cat", "ndjson") == f"{base}simplified/cat.ndjson"
    assert quickdraw.address("cat", "binary") == f"{base}binary/cat.bin"


def test_centring_moves_ink_to_the_middle_and_changes_none():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, :4, :2] = 9
    moved = quickdraw.centred(image, 32)[0]
    assert (moved.sum(), moved[14:18, 15:17].sum()) == (72, 72)


@pytest.mark.parametrize("form", quickdraw.FORMS)
def test_a_class_is_fetched_in_each_of_googles_forms_into_a_folder_that_can_be_learned_from(
    form, tmp_path, monkeypatch
):
    place, ending = quickdraw.FORMS[form]
    mirror = tmp_path / "mirror" / "quickdraw" / "full" / place
    mirror.mkdir(parents=True)
    for number, word in enumerate(("cat", "house plant")):
        (mirror / f"{word}.{ending}").write_bytes(as_googles(form, word, number))
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    for word in ("cat", "house plant"):
        path, digest = quickdraw.of_class(word, form, tmp_path / "mine")
        assert digest == hashlib.sha256((mirror / path.name).read_bytes()).hexdigest()
    book = sketchbook.read("", str(tmp_path / "mine"), "train")
    assert book.classes == ("cat", "house plant")
    assert book.strokes == (form != "bitmap")


def as_googles(form, word, number):
    """Forty drawings: a line of its own slope each."""
    ends = [(10 + i, 20 + 3 * i + number) for i in range(40)]
    if form == "ndjson":
        each = [drawings.Sketch(word, [np.array([[0, 0], end], float)], True) for end in ends]
        return "".join(f"{drawings.line(one)}\n" for one in each).encode()
    if form == "binary":  # key, country, recognized, time; then strokes: points, x, y
        return b"".join(
            bytes(8) + b"CH" + b"\1" + bytes(4) + b"\1\0" + b"\2\0" + bytes([0, x, 0, y]) for x, y in ends
        )
    images = np.zeros((40, 784), np.uint8)
    for row, (x, y) in zip(images, ends, strict=True):
        row[x : 5 * y] = 255
    content = io.BytesIO()
    np.save(content, images)
    return content.getvalue()


def test_a_class_that_google_does_not_have_is_an_error_with_its_address(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    with pytest.raises(DataError, match=r"put https://storage\.googleapis\.com/.*/house%20plants\.ndjson at"):
        quickdraw.of_class("house plants", "ndjson", tmp_path)


def test_what_is_not_a_drawing_is_not_taken_for_a_class(tmp_path, monkeypatch):
    file = tmp_path / "mirror" / "quickdraw" / "full" / "simplified" / "cat.ndjson"
    file.parent.mkdir(parents=True)
    file.write_text("<html>no such object</html>\n")
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    with pytest.raises(DataError, match="line 1: not JSON"):
        quickdraw.of_class("cat", "ndjson", tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []
