import gzip
import lzma
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pellucid.datasets import idx
from pellucid.errors import DataError

TWO_BY_THREE = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])


def refused(content, reason):
    with pytest.raises(DataError, match=reason) as caught:
        idx.parse(content, name="some-file")
    assert "some-file" in str(caught.value)


def test_bytes_written_by_hand_are_read_as_the_format_says():
    assert idx.parse(TWO_BY_THREE, name="x").tolist() == [[1, 2, 3], [4, 5, 255]]


def test_an_array_is_written_as_the_bytes_of_the_format():
    assert idx.encode(np.array([[1, 2, 3], [4, 5, 255]], np.uint8)) == TWO_BY_THREE


def test_numbers_of_several_bytes_are_big_endian():
    assert idx.parse(bytes([0, 0, 11, 1, 0, 0, 0, 2, 1, 0, 255, 255]), name="x").tolist() == [256, -1]


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        st.sampled_from(list(idx.CODES)),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=5),
    ),
    st.sampled_from([bytes, gzip.compress, lzma.compress]),
)
def test_what_is_written_is_read_back_plain_or_packed(array, pack):
    again = idx.parse(pack(idx.encode(array)), name="x")
    assert again.dtype == array.dtype
    assert again.tobytes() == array.tobytes()


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", TWO_BY_THREE[:8], b"\x1f\x8b\x08\x00", b"\xfd7zXZ\0\0\x04"]),
)
def test_any_bytes_are_read_or_refused(content, start):
    try:
        array = idx.parse(start + content, name="x")
    except DataError:
        return
    assert idx.encode(array) == start + content  # nothing was made up, nothing left out


@pytest.mark.parametrize("length", range(len(TWO_BY_THREE)))
def test_every_truncation_is_refused(length):
    refused(TWO_BY_THREE[:length], "not an IDX file|truncated|follow")


def test_a_byte_after_the_numbers_is_refused():
    refused(TWO_BY_THREE + b"\0", "7 bytes follow")


def test_a_byte_after_the_packed_data_is_refused():
    refused(gzip.compress(TWO_BY_THREE) + b"\0", "1 bytes follow the packed data")


def test_a_second_packed_member_is_refused():
    refused(gzip.compress(TWO_BY_THREE) * 2, "follow the packed data")


def test_truncated_gzip_is_refused():
    refused(gzip.compress(TWO_BY_THREE)[:-3], "truncated")


def test_a_flipped_bit_in_gzip_is_refused():
    content = bytearray(gzip.compress(TWO_BY_THREE))
    content[-6] ^= 1  # in the CRC
    refused(bytes(content), "corrupt")


def test_a_huge_declared_size_is_refused_before_it_is_allocated():
    refused(struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "announces")


def test_a_size_that_overflows_64_bits_to_the_right_length_is_refused():
    refused(struct.pack(">BBBBIIII", 0, 0, 8, 4, 2**31, 2**31, 4, 1), "announces")  # 2**64 is 0 in int64


def test_a_bomb_is_refused_before_it_is_unpacked():
    zeros = idx.encode(np.zeros(2**25, np.uint8))
    refused(gzip.compress(zeros), "unpacks to more than")
    refused(lzma.compress(zeros, preset=1), "unpacks to more than")


def test_a_file_larger_than_allowed_is_refused_unread(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(idx.MOST_BYTES + 1)
    with pytest.raises(DataError, match="larger than"):
        idx.read(path)


@pytest.mark.parametrize("place", ["missing", ".", "/dev/zero", "zero\0byte"])
def test_what_is_not_a_file_is_refused(tmp_path, place):
    with pytest.raises(DataError, match=r"no such file|not a file|cannot be read \(ValueError"):
        idx.read(tmp_path / place)


def test_a_name_that_ends_in_gz_is_packed_to_the_same_bytes_each_time(tmp_path):
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for name in ("a.gz", "b.gz"):
        idx.write(tmp_path / name, array)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (idx.read(tmp_path / "a.gz") == array).all()


@pytest.mark.parametrize("array", [np.zeros((0, 3), np.uint8), np.zeros(3, np.uint16), np.uint8(3)])
def test_what_the_format_cannot_hold_is_not_written(array):
    with pytest.raises(DataError, match="cannot hold"):
        idx.encode(np.asarray(array))
