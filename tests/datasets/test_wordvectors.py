"""Word vectors: three formats, read alike; damaged files refused."""

import gzip
import io

import numpy as np
import pytest

from pellucid.datasets import wordvectors
from pellucid.datasets.wordvectors import WordVectors
from pellucid.errors import DataError

TABLE = WordVectors(["the", "caf\u00e9", "zorb"], np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5)
GLOVE = b"the 0.5 -1 2e-3 4\n, 1 2 3 4\nnew york 5 6 7 8\n"


def parse(content, wanted=None):
    return wordvectors.parse(io.BytesIO(content), wanted, name="x")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_s_formats_come_back_as_written(binary, packed):
    content = wordvectors.encode(TABLE, binary=binary)
    found = parse(gzip.compress(content) if packed else content)
    assert found.words == TABLE.words
    np.testing.assert_array_equal(found.values, TABLE.values)


def test_binary_without_line_ends_is_read():
    content = b"2 2\na " + np.array([1, 2], "<f4").tobytes() + b"b " + np.array([3, 4], "<f4").tobytes()
    np.testing.assert_array_equal(parse(content).values, [[1, 2], [3, 4]])


def test_glove_s_text_is_read_and_a_word_may_hold_a_space():
    found = parse(GLOVE)
    assert found.words == ["the", ",", "new york"]
    np.testing.assert_allclose(found.values[0], [0.5, -1, 0.002, 4])


def test_only_the_wanted_words_are_kept():
    assert parse(GLOVE, {",", "absent"}).words == [","]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"2 3\na 1 2 3\n", "announces 2 vectors and holds 1"),
        (b"1 999999\na 1\n", "at most"),
        (b"a 1 2\nb 1\n", "line 2"),
        (b"a 1 2\nb 1 nan\n", "NaN"),
        (b"a 1 2\nb 1 two\n", "line 2"),
        (b"1 2\na \x01\x02\x03", "ends within a vector"),
        (gzip.compress(GLOVE, mtime=0)[:-9], "truncated"),
        (b"word\n", "line 1"),
    ],
)
def test_a_damaged_file_is_refused_with_its_reason(content, message):
    with pytest.raises(DataError, match=message):
        parse(content)


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        wordvectors.read(tmp_path / "none.txt")


@pytest.mark.mirror
def test_the_small_glove_table_is_what_its_readme_says():
    found = wordvectors.read("glove", {"dog", "cat", "puppy", "tax"})
    values = dict(zip(found.words, found.values, strict=True))
    cosine = lambda a, b: values[a] @ values[b] / np.linalg.norm(values[a]) / np.linalg.norm(values[b])  # noqa: E731
    assert found.size == 50
    assert cosine("dog", "cat") > cosine("dog", "tax") + 0.3
