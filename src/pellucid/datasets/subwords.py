"""Subwords: text in pieces between letters and words, so that a small vocabulary spells every word.

SentencePiece learns them by byte-pair encoding (Sennrich et al. 2016; Kudo and Richardson 2018) over both
languages together. What travels with a run is the list of the pieces in their order, as JSON: the order is
all that encoding needs, and SentencePiece's own model is written from it again. The first three pieces are
nothing, the unknown, and the end; U+2581 stands for the space before a word.

A letter that no piece has is numbered beyond the pieces, by its code point: networks take it for the unknown,
and a translation can copy it.
"""

from __future__ import annotations

import io
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from pellucid.errors import DataError, MissingExtra, RunError

PAD, UNKNOWN, END, FIRST = 0, 1, 2, 3
MARKS = ("<pad>", "<unk>", "</s>")
SPACE = "\u2581"
MOST_PIECES, LEAST_PIECES = 64_000, 16
MOST_CHARACTERS = 100_000  # of one text that are read


def learn(texts: Iterable[str], count: int, *, coverage: float = 1.0) -> list[str]:
    """Learn pieces from texts that ``normal`` returned.

    Args:
        count: of pieces, the three marks included; fewer come back where the texts hold no more.
        coverage: share of the letters of the texts that get a piece each; the rarest others stay unknown.
    Raises:
        DataError: there is no text, or it has more different letters than pieces are asked for.
        MissingExtra: SentencePiece is not installed.
    """
    spm, model, lines = _sentencepiece(), io.BytesIO(), [text for text in texts if text]
    if not lines:
        raise DataError("there is no text to learn pieces from")
    letters = len({letter for line in lines for letter in line})
    if letters + len(MARKS) >= count and coverage == 1:
        raise DataError(
            f"the texts have {letters:,} different letters, which leaves no room among {count:,} pieces; "
            "ask for more --pieces, or a --coverage below 1, such as 0.9995"
        )
    try:
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=count,
            character_coverage=coverage, normalization_rule_name="identity", hard_vocab_limit=False,
            pad_id=PAD, unk_id=UNKNOWN, eos_id=END, bos_id=-1, num_threads=1, minloglevel=3,
            max_sentence_length=4 * MOST_CHARACTERS,
        )  # fmt: skip
    except RuntimeError as error:
        raise DataError(f"SentencePiece cannot learn {count:,} pieces from these texts: {error}") from None
    processor = spm.SentencePieceProcessor(model_proto=model.getvalue())
    return [processor.id_to_piece(number) for number in range(processor.get_piece_size())]


def normal(text: str, *, lower: bool = False) -> str:
    """Return text in Unicode's form NFKC with single spaces, so that what looks the same is the same."""
    text = " ".join(unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).split())
    return text.lower() if lower else text


class Subwords:
    """Text into numbers of pieces, and back.

    Args:
        pieces: from ``learn``.
    Raises:
        MissingExtra: SentencePiece is not installed.
        RunError: these are no pieces.
    """

    def __init__(self, pieces: Sequence[str]):
        self.pieces = pieces
        texts = all(isinstance(piece, str) for piece in pieces)
        if not texts or tuple(pieces[:FIRST]) != MARKS or len(set(pieces)) < len(pieces):
            raise RunError(f"the pieces must begin with {', '.join(MARKS)}, be texts and differ; train again")
        self._processor = _sentencepiece().SentencePieceProcessor(model_proto=proto(pieces))

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text that ``normal`` returned, without an end."""
        numbers = self._processor.encode(text)
        if UNKNOWN not in numbers:
            return numbers
        found: list[int] = []
        for number, piece in zip(numbers, self._processor.encode(text, out_type=str), strict=True):
            # Of what is unknown the piece is the text itself, one or more letters.
            letters = [len(self.pieces) + ord(letter) for letter in piece if letter != SPACE]
            found += [number] if number != UNKNOWN else letters
        return found

    def piece(self, number: int) -> str:
        """Return a piece; of a number beyond them, its letter."""
        return self.pieces[number] if number < len(self.pieces) else chr(number - len(self.pieces))


def text_of(pieces: Iterable[str]) -> str:
    """Join pieces, marks left out, to text."""
    return " ".join("".join(piece for piece in pieces if piece not in MARKS).replace(SPACE, " ").split())


@lru_cache(maxsize=4)
def _built(pieces: tuple[str, ...]) -> Subwords:
    return Subwords(pieces)


def of(facts: dict[str, Any]) -> Subwords:
    """Return the pieces of a run's facts, ready to encode."""
    return _built(tuple(facts["pieces"]))


def proto(pieces: Sequence[str]) -> bytes:
    """Write a model of SentencePiece: its protocol buffer, by hand, with the fields that encoding reads.

    A piece (field 1) has its text (1), its score (2), and its kind (3: 1 a piece, 2 the unknown, 3 a mark).
    The trainer's part (field 2) says byte pairs (3: 2), and which numbers the marks have (40 to 43); the part
    of the normaliser (field 3) its name (1). An earlier pair is joined first, therefore has the larger score.
    """
    entries = []
    for number, piece in enumerate(pieces):
        kind = 2 if number == UNKNOWN else 3 if number < FIRST else 1
        score = struct.pack("<f", 0.0 if number < FIRST else float(FIRST - number))
        text = piece.encode()
        entry = b"\x0a" + _varint(len(text)) + text + b"\x15" + score + b"\x18" + _varint(kind)
        entries.append(b"\x0a" + _varint(len(entry)) + entry)
    ids = zip((40, 41, 42, 43), (UNKNOWN, 2**64 - 1, END, PAD), strict=True)  # no mark stands before a text
    trainer = b"\x18\x02" + b"".join(_varint(field << 3) + _varint(number) for field, number in ids)
    normaliser = b"\x0a\x08identity"
    return b"".join(entries) + b"".join(
        tag + _varint(len(part)) + part for tag, part in ((b"\x12", trainer), (b"\x1a", normaliser))
    )


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes(parts + bytes([number]))


def _sentencepiece() -> Any:
    try:
        import sentencepiece
    except ImportError:
        raise MissingExtra(
            "translation needs SentencePiece, which is not installed: pip install 'pellucid[text]'"
        ) from None
    return sentencepiece
