"""Word vectors from files: word2vec's text and binary formats, and GloVe's text format; gzip is undone.

The kind of file is seen from its first line: two whole numbers (words, size) begin word2vec's formats, whose
binary one goes on with bytes that are no text. A file is read piece by piece and never trusted: sizes are
bounded, numbers must be finite, and what does not fit is an error that names the line or the word.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pellucid import download
from pellucid.errors import DataError

GLOVE = download.Archive(
    "glove-50d-subset/glove.6B.50d.subset.txt.gz",
    {"8d1dee728648c5aac65b5f04b4633a778f0190fc4936252685535591d964b3f2": 6_027_131},
)
ARCHIVES = {"glove": GLOVE}
LICENCE = "Public Domain Dedication and License (PDDL 1.0)"
SOURCE = "J. Pennington, R. Socher, C. Manning: GloVe, EMNLP 2014; 6B, 50 dimensions, 35,494 of 400,000 words"
LARGEST_SIZE = 4096  # numbers in a vector
LONGEST_WORD = 2000  # bytes
LONGEST_LINE = LONGEST_WORD + 40 * LARGEST_SIZE
BLOCK = 2**20
MOST_EXPANSION = 100  # of a gzip file
MOST_BYTES = 2**34


@dataclass(frozen=True)
class WordVectors:
    """Vectors of words: ``values`` is ``(W, size)`` float32, a row for each of ``words``."""

    words: list[str]
    values: np.ndarray

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        return self.values.shape[1]


def read(path: str | Path, wanted: Collection[str] | None = None) -> WordVectors:
    """Return the vectors of a file, only those of ``wanted`` words where given; of a word twice, the first.

    Args:
        path: a file, or "glove" for the small GloVe table that a mirror holds.
    Raises:
        DataError: the file is missing, damaged, or in none of the formats.
    """
    path = located(path)
    try:
        with path.open("rb") as file:
            return parse(file, wanted, name=str(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def located(path: str | Path) -> Path:
    """Return the file that ``path`` names; "glove" is fetched."""
    return download.fetch(GLOVE) if str(path) == "glove" else Path(path)


def checksum(path: str | Path) -> str:
    """Return the sha256 of a file of vectors."""
    try:
        with located(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); give a file of word vectors"
        ) from error


def parse(file: BinaryIO, wanted: Collection[str] | None = None, *, name: str) -> WordVectors:
    """Read vectors from an open binary file; ``name`` is what an error calls it."""
    chosen = None if wanted is None else frozenset(wanted)
    stream = Stream(file, name)
    first = stream.line()
    if not first.strip():
        raise DataError(f"{name}: empty; give word vectors in word2vec's or GloVe's format")
    cells = first.split()
    if len(cells) == 2 and all(cell.isdigit() and len(cell) < 12 for cell in cells):
        count, size = map(int, cells)
        if not 1 <= size <= LARGEST_SIZE or count < 1:
            raise DataError(
                f"{name}: announces {count} vectors of size {size}; at most {LARGEST_SIZE} is read"
            )
        found = collect(word2vec(stream, count, size), size, chosen, name)
    else:
        found = collect(text(stream, first), len(cells) - 1, chosen, name)
    return found


def word2vec(stream: Stream, count: int, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield word and vector from word2vec's formats, after the header."""
    if not stream.is_binary(size):
        lines = 0
        for pair in text(stream, b"", size=size, before=1):
            yield pair
            lines += 1
        if lines != count:
            raise DataError(f"{stream.name}: announces {count} vectors and holds {lines}; get the file again")
        return
    for _ in range(count):
        name = stream.word().lstrip(b"\n")
        vector = np.frombuffer(stream.exactly(4 * size), "<f4")
        yield _decoded(name), vector


def text(
    stream: Stream, first: bytes, *, size: int | None = None, before: int = 0
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield word and vector from lines of a word and its numbers, spaces between."""
    number, line = before, first or stream.line()
    while line:
        number += 1
        cells = line.rstrip(b" \r\n").split(b" ")
        size = size or len(cells) - 1
        where = f"{stream.name}, line {number}"
        if size < 1 or size > LARGEST_SIZE or len(cells) <= size:
            raise DataError(f"{where}: {len(cells) - 1} numbers after the word, expected {size or 'some'}")
        word = b" ".join(cells[:-size])  # some tables hold words with a space in them
        try:
            vector = np.array(cells[-size:], dtype=np.float32)
        except ValueError:
            raise DataError(
                f"{where}: a vector holds what is no number; {size} numbers are expected"
            ) from None
        yield _decoded(word), vector
        line = stream.line()


def collect(
    pairs: Iterator[tuple[str, np.ndarray]], size: int, wanted: frozenset[str] | None, name: str
) -> WordVectors:
    """Keep the wanted words' vectors, each word's first one, all of them finite."""
    found: dict[str, np.ndarray] = {}
    for word, vector in pairs:
        if word in found or (wanted is not None and word not in wanted):
            continue
        if not np.isfinite(vector).all():
            raise DataError(f"{name}: the vector of {word[:40]!r} holds NaN or infinity")
        found[word] = vector
    values = np.stack([*found.values()]) if found else np.empty((0, size), np.float32)
    return WordVectors(list(found), values.astype(np.float32))


class Stream:
    """A file read in blocks, unpacked if it is gzip, by lines, by words or by bytes."""

    def __init__(self, file: BinaryIO, name: str):
        self.file, self.name = file, name
        self.buffer, self.at, self.given = b"", 0, 0
        start = file.read(2)
        self.unpacker = zlib.decompressobj(wbits=31) if start == b"\x1f\x8b" else None
        self.ended = False
        self._take(start)

    def line(self) -> bytes:
        """Return the next line with its end; nothing at the end of the file."""
        end = self.buffer.find(b"\n", self.at)
        while end < 0 and not self.ended:
            if len(self.buffer) - self.at > LONGEST_LINE:
                raise DataError(
                    f"{self.name}: a line of over {LONGEST_LINE:,} bytes; these are no word vectors"
                )
            self._more()
            end = self.buffer.find(b"\n", self.at)
        return self._pass_over(end + 1 if end >= 0 else len(self.buffer))

    def word(self) -> bytes:
        """Return the bytes before the next space, and pass over it."""
        end = self.buffer.find(b" ", self.at, self.at + LONGEST_WORD)
        while end < 0:
            if len(self.buffer) - self.at > LONGEST_WORD:
                raise DataError(f"{self.name}: a word of over {LONGEST_WORD:,} bytes; get the file again")
            if self.ended:
                raise DataError(f"{self.name}: ends within a word; get the file again")
            self._more()
            end = self.buffer.find(b" ", self.at, self.at + LONGEST_WORD)
        return self._pass_over(end + 1)[:-1]

    def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        while len(self.buffer) - self.at < count and not self.ended:
            self._more()
        if len(self.buffer) - self.at < count:
            raise DataError(f"{self.name}: ends within a vector; get the file again")
        return self._pass_over(self.at + count)

    def is_binary(self, size: int) -> bool:
        """Say whether the first vector is bytes: a line of text would hold its word and ``size`` numbers."""
        while len(self.buffer) - self.at < LONGEST_LINE and not self.ended:
            self._more()
        cells = self.buffer[self.at : self.at + LONGEST_LINE].split(b"\n", 1)[0].split()
        try:
            np.array(cells[-size:], dtype=np.float32)
        except ValueError:
            return True
        return len(cells) <= size

    def _pass_over(self, end: int) -> bytes:
        taken, self.at = self.buffer[self.at : end], end
        return taken

    def _more(self) -> None:
        self.buffer, self.at = self.buffer[self.at :], 0
        block = self.file.read(BLOCK)
        if not block:
            if self.unpacker is not None and not self.unpacker.eof:
                raise DataError(f"{self.name}: truncated, the packed data end too early; get the file again")
            self.ended = True
        self._take(block)

    def _take(self, block: bytes) -> None:
        if self.unpacker is not None and block:
            try:
                block = self.unpacker.decompress(block, MOST_EXPANSION * BLOCK)
            except zlib.error as error:
                raise DataError(f"{self.name}: corrupt, it cannot be unpacked; get the file again") from error
            if self.unpacker.unconsumed_tail:
                raise DataError(f"{self.name}: unpacks to far more than its size allows")
        self.given += len(block)
        if self.given > MOST_BYTES:
            raise DataError(f"{self.name}: larger than {MOST_BYTES >> 30} GB")
        self.buffer += block


def encode(vectors: WordVectors, *, binary: bool) -> bytes:
    """Return vectors in word2vec's binary or text format."""
    out = io.BytesIO()
    out.write(f"{len(vectors.words)} {vectors.size}\n".encode())
    for word, vector in zip(vectors.words, vectors.values, strict=True):
        out.write(word.encode() + b" ")
        out.write(
            vector.astype("<f4").tobytes()
            if binary
            else " ".join(f"{value:.6g}" for value in vector).encode()
        )
        out.write(b"\n")
    return out.getvalue()


def _decoded(word: bytes) -> str:
    return word.decode("utf-8", "replace")  # word2vec cuts long words between the bytes of a letter
