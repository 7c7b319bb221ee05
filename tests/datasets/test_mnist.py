import hashlib
import subprocess
import sys

import numpy as np
import pytest
from commands import environment

from pellucid import download
from pellucid.datasets import idx, mnist
from pellucid.errors import DataError

OFFICIAL_MD5 = {  # of the unpacked official files
    "train images": "6bbc9ace898e44ae57da46a324031adb",
    "train labels": "a25bea736e30d166cdddb491f175f624",
    "test images": "2646ac647ad5339dbf082846283269ea",
    "test labels": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PELLUCID_MIRROR", raising=False)
    return tmp_path / "cache"


def md5(array):
    return hashlib.md5(idx.encode(array)).hexdigest()


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_package_holds_the_official_numbers(split):
    images, labels = getattr(mnist, split)()
    assert (md5(images), md5(labels)) == (OFFICIAL_MD5[f"{split} images"], OFFICIAL_MD5[f"{split} labels"])


def test_the_packed_files_are_smaller_than_the_npz_of_the_same_data():
    assert sum(path.stat().st_size for path in mnist.PACKED.glob("*.xz")) < 11_490_559


def test_a_second_load_comes_from_the_cache(monkeypatch):
    first = mnist.test()[0]
    monkeypatch.setattr(mnist, "load", lambda part: np.zeros(0))
    assert (mnist.test()[0] == first).all()


def test_a_damaged_cache_is_made_again(own_cache):
    mnist.test()
    [path] = (own_cache / "mnist").glob("*.npy")
    content = bytearray(path.read_bytes())
    content[5_000_000] ^= 1
    path.write_bytes(content)
    assert md5(mnist.test()[0]) == OFFICIAL_MD5["test images"]
    assert path.read_bytes() != content


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'a': 1}         \n", b"\x80\x04N."]
)
def test_a_cache_of_other_bytes_is_made_again(own_cache, content):
    mnist.test()
    [path] = (own_cache / "mnist").glob("*.npy")
    path.write_bytes(content)
    assert md5(mnist.test()[0]) == OFFICIAL_MD5["test images"]


def test_an_unwritable_cache_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file"))
    assert len(mnist.test()[0]) == 10000


def test_the_cache_keeps_no_temporary_file(own_cache):
    mnist.test()
    assert [path.suffix for path in (own_cache / "mnist").iterdir()] == [".npy"]


def test_an_altered_package_file_is_refused(monkeypatch, tmp_path):
    for path in mnist.PACKED.glob("*.xz"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / path.name).write_bytes(content)
    monkeypatch.setattr(mnist, "PACKED", tmp_path)
    with pytest.raises(DataError, match="altered"):
        mnist.test()


def test_training_never_opens_the_test_files():
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pellucid.datasets import mnist
mnist.train(); mnist.train()
assert any("train-images" in name for name in opened)
assert not any("t10k" in name for name in opened), opened
assert "torch" not in sys.modules and "scipy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


def write_official(folder, packed):
    images, labels = mnist.test()
    suffix = ".gz" if packed else ""
    idx.write(folder / f"t10k-images-idx3-ubyte{suffix}", images)
    idx.write(folder / f"t10k-labels-idx1-ubyte{suffix}", labels)


@pytest.mark.parametrize("packed", [False, True])
def test_the_original_files_of_a_folder_are_read(tmp_path, packed):
    write_official(tmp_path, packed)
    images, labels = mnist.read(tmp_path, "test")
    assert (md5(images), md5(labels)) == (OFFICIAL_MD5["test images"], OFFICIAL_MD5["test labels"])


def test_an_original_file_with_other_numbers_is_refused(tmp_path):
    write_official(tmp_path, False)
    idx.write(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(10000, np.uint8))
    with pytest.raises(DataError, match="not the official"):
        mnist.read(tmp_path, "test")


def test_official_files_offline_say_what_to_do(monkeypatch):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    with pytest.raises(DataError, match=r"PELLUCID_OFFLINE forbids the network.*t10k-images-idx3-ubyte\.gz"):
        mnist.official("test")


def test_each_official_address_has_the_known_length():
    assert [next(iter(a.accepted.values())) for a in mnist.ARCHIVES.values()] == [
        9912422,
        28881,
        1648877,
        4542,
    ]


def test_tiny_has_the_format_of_mnist_and_every_class():
    images, labels = mnist.tiny(30, 0)
    assert (images.shape, images.dtype, labels.dtype) == ((30, 28, 28), np.uint8, np.uint8)
    assert np.bincount(labels).tolist() == [3] * 10


def test_tiny_is_a_pure_function_of_its_seed():
    assert (mnist.tiny(20, 7)[0] == mnist.tiny(20, 7)[0]).all()
    assert (mnist.tiny(20, 7)[0] != mnist.tiny(20, 8)[0]).any()


def test_tiny_can_be_learned_from_few_images():
    (seen, targets), (unseen, truth) = mnist.tiny(300, 0), mnist.tiny(200, 1)
    distance = ((unseen[:, None].astype(np.float32) - seen[None]) ** 2).sum((2, 3))  # (200, 300)
    assert (targets[distance.argmin(1)] == truth).mean() > 0.9


def test_where_names_a_place_inside_the_cache(own_cache):
    assert download.where(mnist.ARCHIVES["test labels"]) == own_cache / "mnist" / "t10k-labels-idx1-ubyte.gz"
