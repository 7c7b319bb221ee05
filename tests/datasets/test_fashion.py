import io
import zipfile

import numpy as np
import pytest

from pellucid import download
from pellucid.datasets import fashion, npz
from pellucid.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


def archive_of(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def member_of(content, name="a"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


@pytest.mark.mirror
def test_the_pack_gives_twelve_thousand_training_images_of_every_class():
    images, labels = fashion.train()
    assert images.shape == (12000, 28, 28)
    assert len(labels) == 12000
    assert set(labels.tolist()) == set(range(10))


@pytest.mark.mirror
def test_the_pack_gives_the_official_test_images_a_thousand_of_each_class():
    images, labels = fashion.test()
    assert images.shape == (10000, 28, 28)
    assert np.bincount(labels).tolist() == [1000] * 10


@pytest.mark.mirror
def test_what_was_fetched_from_the_mirror_works_offline(monkeypatch):
    fashion.test()
    monkeypatch.delenv("PELLUCID_MIRROR")
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    assert len(fashion.test()[0]) == 10000


def test_without_mirror_and_network_the_error_says_what_to_do(monkeypatch):
    monkeypatch.delenv("PELLUCID_MIRROR", raising=False)
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    with pytest.raises(DataError, match="PELLUCID_OFFLINE"):
        fashion.train()


def test_a_pack_of_other_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path))
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / fashion.PACK.file).write_bytes(archive_of(train_images=np.zeros((2, 28, 28), np.uint8)))
    with pytest.raises(DataError, match="bytes long, expected 9700016"):
        fashion.train()
    assert not download.where(fashion.PACK).exists()


def test_an_npz_of_numpy_is_read_as_it_was_written():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert (npz.parse(archive_of(a=array, b=array), ["b"], name="x")["b"] == array).all()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + bytes(18),
        archive_of(b=np.zeros(3, np.uint8)),
        archive_of(a=np.zeros(3, np.float32)),
        archive_of(a=np.array([{"a": 1}], object)),
        archive_of(a=np.zeros((2, 3), np.uint8, order="F")),
        archive_of(a=np.zeros(0, np.uint8)),
        archive_of(a=np.zeros(3, np.uint8))[:-10],
        member_of(b""),
        member_of(
            b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9), }\n"
        ),
    ],
)
def test_what_is_not_the_expected_npz_is_refused(content):
    with pytest.raises(DataError, match="x"):
        npz.parse(content, ["a"], name="x")


def test_a_bomb_in_an_npz_is_refused_before_it_is_unpacked():
    with pytest.raises(DataError, match="announces"):
        npz.parse(member_of(bytes(2**27)), ["a"], name="x")


def test_two_members_of_one_name_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.npy", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", b"2")
    with pytest.raises(DataError, match="2 members"):
        npz.parse(buffer.getvalue(), ["a"], name="x")
