import gzip
import json
import struct

import numpy as np
import pytest

from pellucid.datasets import drawings
from pellucid.errors import DataError

LINE = json.dumps({"word": "cat", "recognized": True, "drawing": [[[0, 10, 20], [5, 5, 9]], [[3], [4]]]})


def written(tmp_path, content, name="cat.ndjson"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npy(array):
    import io

    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def packed(strokes):
    """One drawing in Google's binary form, as examples/binary_file_parser.py reads it."""
    content = (
        struct.pack("Q", 5)
        + b"US"
        + struct.pack("b", 1)
        + struct.pack("I", 99)
        + struct.pack("H", len(strokes))
    )
    for x, y in strokes:
        content += struct.pack("H", len(x)) + struct.pack(f"{len(x)}B", *x) + struct.pack(f"{len(y)}B", *y)
    return content


def test_a_line_of_ndjson_is_a_word_and_strokes():
    found = drawings.sketch(LINE, "x")
    assert (found.word, found.recognized, [stroke.tolist() for stroke in found.strokes]) == (
        "cat", True, [[[0, 5], [10, 5], [20, 9]], [[3, 4]]],
    )  # fmt: skip


def test_times_of_the_raw_form_are_left_out(tmp_path):
    path = written(tmp_path, '{"drawing": [[[1.5, 2], [3, 4], [0, 16]]]}\n')
    assert drawings.ndjson(path)[0].strokes[0].tolist() == [[1.5, 3], [2, 4]]


def test_a_bare_list_of_strokes_and_a_packed_file_are_read_as_well(tmp_path):
    path = written(tmp_path, gzip.compress(b"[[[1, 2], [3, 4]]]\n\n" + LINE.encode()), "a.ndjson.gz")
    assert [each.word for each in drawings.ndjson(path)] == ["", "cat"]


def test_only_as_many_drawings_as_asked_for_are_read(tmp_path):
    assert len(drawings.ndjson(written(tmp_path, f"{LINE}\n" * 9 + "broken"), most=3)) == 3


def test_a_drawing_goes_to_a_line_and_back():
    found = drawings.sketch(LINE, "x")
    again = drawings.sketch(drawings.line(found), "x")
    assert (again.word, again.recognized) == (found.word, found.recognized)
    assert all(np.array_equal(a, b) for a, b in zip(again.strokes, found.strokes, strict=True))


def test_googles_binary_form_is_read(tmp_path):
    path = written(tmp_path, packed([([0, 255], [7, 8])]) + packed([([1], [2]), ([3, 4], [5, 6])]), "cat.bin")
    found = drawings.binary(path)
    assert [[stroke.tolist() for stroke in each.strokes] for each in found] == [
        [[[0, 7], [255, 8]]], [[[1, 2]], [[3, 5], [4, 6]]],
    ]  # fmt: skip


def test_googles_numpy_form_is_read(tmp_path):
    rows = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 784)
    assert np.array_equal(drawings.bitmaps(written(tmp_path, npy(rows), "cat.npy")), rows.reshape(3, 28, 28))


@pytest.mark.parametrize(
    "line",
    [
        "{", "7", '"cat"', "{}", '{"drawing": []}', '{"drawing": [[]]}', '{"drawing": [[[1, 2], [3]]]}',
        '{"drawing": [[[1, "a"], [3, 4]]]}', '{"drawing": [[[1, NaN], [3, 4]]]}', '{"drawing": [[[], []]]}',
        '{"drawing": [[[1, 1e999], [3, 4]]]}', '{"drawing": [[[true, 1], [3, 4]]]}', "[" * 100_000,
        '{"word": 5, "drawing": [[[1], [2]]]}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_drawing_is_refused_by_its_number(line, tmp_path):
    with pytest.raises(DataError, match="line 2"):
        drawings.ndjson(written(tmp_path, f"{LINE}\n{line}\n"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", b""), ("a.ndjson", b"\n\n"), ("a.ndjson.gz", b"no gzip"), ("a.bin", b""), ("a.bin", b"short"),
        ("a.bin", packed([([1, 2], [3, 4])])[:-1]), ("a.npy", b""), ("a.npy", b"\x93NUMPY\x01\x00"),
        ("a.npy", npy(np.zeros((2, 100), np.uint8))), ("a.npy", npy(np.zeros((2, 784)))),
        ("a.npy", npy(np.array([{"a": 1}, None], dtype=object))),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says_is_refused(name, content, tmp_path):
    load = {"n": drawings.ndjson, "b": drawings.binary}[name[2]] if name[2:] != "npy" else drawings.bitmaps
    with pytest.raises(DataError, match=name.split(".")[0]):
        load(written(tmp_path, content, name))


def test_a_line_without_an_end_is_given_up(tmp_path):
    with pytest.raises(DataError, match="longer than 1 MB"):
        drawings.ndjson(written(tmp_path, b"[" + b"1, " * 500_000))


def test_an_object_array_is_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    with pytest.raises(DataError):
        drawings.bitmaps(written(tmp_path, npy(np.array([Trap()], dtype=object)), "cat.npy"))
    assert not (tmp_path / "sprung").exists()
