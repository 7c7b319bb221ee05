"""Pictures decoded once: the right square, from the cache when it may be, and never half-written."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from pellucid import download
from pellucid.datasets import folder, shapes, squares
from pellucid.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    shapes.write(tmp_path / "photos", each=4)
    return tmp_path / "photos"


def decoded(root, size=16):
    return squares.decoded(folder.scan(root), size)


def test_a_picture_of_the_size_itself_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert np.array_equal(squares.square(pixels, 8), pixels)


def test_grey_becomes_colour_and_opacity_lies_on_white():
    grey = np.full((8, 8), 7, np.uint8)
    clear = np.zeros((8, 8, 4), np.uint8)
    assert (squares.square(grey, 8) == 7).all()
    assert (squares.square(clear, 8) == 255).all()


def test_a_panorama_is_read_from_its_middle(tmp_path):
    wide = np.zeros((20, 30_000, 3), np.uint8)
    wide[:, 14_990:15_010] = 200
    Image.fromarray(wide).save(tmp_path / "wide.jpg")
    record, pixels = squares.decode_one(tmp_path / "wide.jpg", 16)
    assert record["trouble"] == ""
    assert pixels.shape == (16, 16, 3)


def test_a_photograph_is_turned_as_its_exif_says(tmp_path):
    image = Image.new("RGB", (20, 10), "black")
    image.paste("white", (0, 0, 10, 10))
    tags = Image.Exif()
    tags[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    image.save(tmp_path / "turned.png", exif=tags)
    _, pixels = squares.decode_one(tmp_path / "turned.png", 10)
    assert pixels[0].mean() > 200  # the left half is above now
    assert pixels[-1].mean() < 50


@pytest.mark.parametrize("kind", ["webp", "gif", "png", "jpg"])
def test_webp_and_gif_are_read_like_png_and_jpeg(tmp_path, kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    more = {"save_all": True, "append_images": frames[1:]} if kind in ("webp", "gif") else {}
    frames[0].save(tmp_path / f"x.{kind}", **more)
    _, pixels = squares.decode_one(tmp_path / f"x.{kind}", 16)
    assert pixels.reshape(-1, 3).mean(0) == pytest.approx([254, 0, 0], abs=4)  # the first frame


def test_a_text_file_among_the_photos_is_told_and_the_others_are_read(photos):
    (photos / "disc" / "readme.jpg").write_text("no picture")
    found = decoded(photos)
    assert (found.rows >= 0).sum() == 12
    assert found.troubles == [
        "disc/readme.jpg: not a picture that can be read here; PNG, JPEG, WebP and GIF are taken, save it "
        "again as an 8-bit PNG or JPEG; left out"
    ]


def test_the_second_time_nothing_is_decoded(photos):
    first, second = decoded(photos), decoded(photos)
    assert (first.decoded, second.decoded) == (12, 0)
    assert np.array_equal(first.pixels[first.rows], second.pixels[second.rows])


def test_only_a_changed_picture_is_decoded_again(photos):
    decoded(photos)
    Image.new("RGB", (32, 32), "lime").save(photos / "disc" / "0.png")
    found = decoded(photos)
    assert found.decoded == 1
    assert (found.pixels[found.rows[0]] == (0, 255, 0)).all()


def test_pictures_in_memory_stay_while_the_folder_changes(photos):
    before = decoded(photos)
    copy = before.pixels[before.rows].copy()
    (photos / "disc" / "0.png").unlink()
    after = decoded(photos)
    assert len(after.rows) == 11
    assert np.array_equal(before.pixels[before.rows], copy)


@pytest.mark.parametrize("name", ["index.json", "pixels.bin"])
def test_a_damaged_cache_is_made_again(photos, name):
    first = decoded(photos)
    good = first.pixels[first.rows].copy()
    path = squares.place_of(folder.scan(photos), 16) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    second = decoded(photos)
    assert np.array_equal(second.pixels[second.rows], good)


def test_a_crash_while_decoding_leaves_no_cache_and_no_leftover(photos, monkeypatch):
    def crash(path, size):
        raise KeyboardInterrupt

    monkeypatch.setattr(squares, "decode_one", crash)
    with pytest.raises(KeyboardInterrupt):
        decoded(photos)
    assert os.listdir(download.cache() / "squares") == []


def test_workers_give_what_one_process_gives(photos, monkeypatch):
    listing = folder.scan(photos)
    paths = [photos / entry.path for entry in listing.entries]
    alone = [pixels for _, pixels in squares.decode_all(paths, 16)]
    monkeypatch.setattr(squares, "FEW", 0)
    monkeypatch.setattr(squares, "CHUNK", 3)
    monkeypatch.setattr(squares, "usable_cores", lambda: 2)
    shared = [pixels for _, pixels in squares.decode_all(paths, 16)]
    assert np.array_equal(alone, shared)


def kills(path, size):
    if path.name == "1.png":
        os._exit(9)
    return original(path, size)


original = squares.decode_one


def test_a_picture_that_brings_the_decoder_down_is_named(photos, monkeypatch):
    monkeypatch.setattr(squares, "FEW", 0)
    monkeypatch.setattr(squares, "CHUNK", 3)
    monkeypatch.setattr(squares, "usable_cores", lambda: 2)
    monkeypatch.setattr(squares, "decode_one", kills)  # workers are forks and inherit it
    paths = [photos / "disc" / f"{i}.png" for i in range(4)]
    found = [record["trouble"] for record, _ in squares.decode_all(paths, 16)]
    assert found == ["", "it brings the decoder down", "", ""]


def test_a_cache_that_cannot_be_written_says_so(photos, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="PELLUCID_CACHE"):
        decoded(photos)


def test_broken_indexes_are_no_cache(photos):
    decoded(photos)
    place = squares.place_of(folder.scan(photos), 16)
    index = json.loads((place / "index.json").read_text())
    for broken in (
        [],
        {},
        {**index, "count": -1},
        {**index, "rows": {"x": {"row": 99}}},
        {**index, "crc32": 1},
    ):
        (place / "index.json").write_text(json.dumps(broken))
        assert squares.read_cache(place, 16) is None
