"""Pictures that show the same are found, others are not."""

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from pellucid.datasets import duplicates, squares


def scene(seed, size=64):
    """A soft random picture: low frequencies as photographs have, and a few edges."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 6, 3), np.uint8)).resize((size, size), Image.BICUBIC)
    return coarse.filter(ImageFilter.GaussianBlur(1))


def recompressed(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


def pairs(*images):
    stack = np.stack([squares.square(np.asarray(image.convert("RGB")), 32) for image in images])
    return set(duplicates.near(stack))


def test_a_smaller_a_recompressed_and_a_brighter_copy_are_near():
    original = scene(0)
    for copy in (
        original.resize((40, 40)),
        recompressed(original),
        ImageEnhance.Brightness(original).enhance(1.1),
    ):
        assert pairs(scene(1), original, copy) == {(1, 2)}


def test_different_pictures_are_not_near():
    assert pairs(*[scene(seed) for seed in range(60)]) == set()


def test_flat_pictures_of_different_colours_are_not_near():
    assert pairs(*[Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]) == set()


def test_groups_join_what_is_joined_through_others():
    assert duplicates.groups(5, iter([(3, 1), (4, 3)])).tolist() == [0, 1, 2, 1, 1]


def test_empty_words_are_like_nothing():
    assert set(duplicates.equal(["a", "", "a", ""])) >= {(0, 2)}
    assert (1, 3) not in set(duplicates.equal(["a", "", "a", ""]))


def test_marks_of_copies_are_taken_off_names():
    names = ["cat/tom.jpg", "cat/tom (1).jpg", "cat/Tom_copy.png", "cat/tom-aug3.jpg",
             "cat/tom.rf.0123456789abcdef0123.jpg", "cat/tom copy 2.jpg"]  # fmt: skip
    assert {duplicates.name_of_original(name) for name in names} == {"cat/tom"}
    assert duplicates.name_of_original("cat/crop.jpg") == "cat/crop"
    assert duplicates.name_of_original("cat/0012.jpg") == "cat/0012"
