"""A folder becomes a data set, and everything that was left out or hurts is told."""

import shutil

import pytest
import torch
from PIL import Image

from pellucid.datasets import pictures, shapes
from pellucid.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    shapes.write(tmp_path / "photos", each=20)
    return tmp_path / "photos"


def collect(root, size=16, shares=(None, None)):
    return pictures.collect(root, size=size, shares=shares, seed=0)


def test_sixty_pictures_are_split_in_three_fifths_and_two_fifths(photos):
    found = collect(photos)
    assert {part: len(held) for part, held in found.parts.items()} == {"train": 36, "valid": 12, "test": 12}
    assert found.classes == ["disc", "square", "triangle"]


def test_a_part_gives_pixels_and_classes_of_the_places_asked_for(photos):
    train = collect(photos).parts["train"]
    inputs, targets = train[torch.tensor([3, 0])]
    assert (inputs.shape, inputs.dtype, targets.tolist()) == ((2, 16, 16, 3), torch.uint8, [0, 0])


def test_a_copy_in_the_test_folder_is_kept_there_and_left_out_of_training(photos, tmp_path):
    root = tmp_path / "given"
    for part, numbers in {"train": range(12), "valid": range(12, 16), "test": range(16, 20)}.items():
        for kind in shapes.CLASSES:
            (root / part / kind).mkdir(parents=True)
            for number in numbers:
                shutil.copy(photos / kind / f"{number}.png", root / part / kind)
    shutil.copy(root / "test" / "disc" / "16.png", root / "train" / "disc" / "leak.png")
    found = collect(root)
    assert (
        "train/disc/leak.png: shows the same as a picture of another part; left out"
        in found.found["left out"]
    )
    assert any(line.startswith("equal: test/disc/16.png (test), train/disc/leak.png (train)")
               for line in found.found["duplicates"])  # fmt: skip
    assert {part: len(held) for part, held in found.parts.items()} == {"train": 36, "valid": 12, "test": 12}
    assert found.found["split"] == "given"


def test_copies_fall_into_one_part_of_a_split_made_here(photos):
    for number in range(10):
        shutil.copy(photos / "disc" / f"{number}.png", photos / "disc" / f"again{number}.png")
    found = collect(photos)
    place = {path: part for part, held in found.parts.items() for path in held.paths}
    assert all(place[f"disc/{n}.png"] == place[f"disc/again{n}.png"] for n in range(10))


def test_the_same_picture_in_two_classes_is_told(photos):
    shutil.copy(photos / "disc" / "3.png", photos / "square" / "x.png")
    assert any("their classes differ" in line for line in collect(photos).found["duplicates"])


def test_tiny_classes_and_imbalance_are_told(photos):
    for number in range(4, 20):
        (photos / "disc" / f"{number}.png").unlink()
    warnings = " ".join(collect(photos).found["warnings"])
    assert "the class disc has 2 training pictures" in warnings
    assert "uneven classes: square has 12 training pictures, disc has 2" in warnings


def test_one_class_only_is_refused_with_what_was_left_out(tmp_path):
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "one" / "dog").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "one" / "cat" / "1.png")
    with pytest.raises(
        DataError, match=r"one class only, cat \(1 pictures\)[\s\S]*dog/: an empty class folder"
    ):
        collect(tmp_path / "one")


def test_the_fingerprint_is_of_the_pictures_and_not_of_their_place(photos, tmp_path):
    before = collect(photos).fingerprint
    shutil.copytree(photos, tmp_path / "moved")
    assert collect(tmp_path / "moved").fingerprint == before
    (tmp_path / "moved" / "disc" / "0.png").unlink()
    assert collect(tmp_path / "moved").fingerprint != before


def test_balanced_shows_every_class_as_often():
    part = pictures.Pictures(torch.zeros(5, 2, 2, 3).byte().numpy(), torch.arange(5).numpy(),
                             torch.tensor([0, 0, 0, 0, 1]), tuple("abcde"))  # fmt: skip
    again = pictures.balanced(part, 2)
    assert (again.labels.tolist(), again.paths) == ([0, 0, 0, 0, 1, 1, 1, 1], tuple("abcdeeee"))
