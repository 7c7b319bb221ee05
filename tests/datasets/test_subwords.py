"""Subwords: SentencePiece's own encoding from a list of pieces, text that comes back, letters never seen."""

from __future__ import annotations

import io
import sys

import pytest
import sentencepiece

from pellucid.datasets import parallel, subwords
from pellucid.datasets.subwords import FIRST, MARKS, Subwords, learn, normal, proto, text_of
from pellucid.errors import DataError, MissingExtra, RunError

TEXTS = [
    "Drei nette Köche rühren draußen in der Nähe in einem großen Topf.",
    "Three friendly cooks are stirring a big pot outside.",
    "Ein kleines Mädchen malt mit Kreide ein Haus aus Holz.",
    "A little girl draws a wooden house with chalk.",
    "Ein Mann in einem blauen Hemd steht auf einer Leiter und putzt ein Fenster.",
    "A man in a blue shirt is standing on a ladder and cleans a window.",
] * 3


def theirs(texts, count):
    """Return SentencePiece's own processor, trained as ``learn`` trains it."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type="bpe", vocab_size=count,
        character_coverage=1.0, normalization_rule_name="identity", hard_vocab_limit=False,
        pad_id=0, unk_id=1, eos_id=2, bos_id=-1, num_threads=1, minloglevel=3,
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def test_the_pieces_alone_encode_as_the_model_they_came_from():
    processor, mine = theirs(TEXTS, 150), Subwords(learn(TEXTS, 150))
    others = ["Eine Frau steht in der Nähe.", "a wooden window", "Mädchenhaus  kleine", "nearly standing", ""]
    for text in (*TEXTS, *others):
        assert mine.encode(text) == processor.encode(text)


def test_a_text_comes_back_from_its_pieces():
    cut = Subwords(learn(TEXTS, 120))
    for text in TEXTS:
        numbers = cut.encode(text)
        assert all(number >= FIRST for number in numbers)
        assert text_of(cut.piece(number) for number in [*numbers, subwords.END, subwords.PAD]) == text


def test_more_pieces_make_shorter_sentences_and_never_more_than_asked_for():
    long = []
    for count in (60, 100, 200):
        pieces = learn(TEXTS, count)
        assert len(pieces) <= count
        assert tuple(pieces[:3]) == MARKS
        long.append(sum(len(Subwords(pieces).encode(text)) for text in TEXTS))
    assert long[0] > long[1] > long[2]


def test_letters_that_no_piece_has_are_numbered_by_their_code_points():
    cut = Subwords(learn(TEXTS, 120))
    numbers = cut.encode("Ein \u65e5\u672c Mann \U0001f600")
    strange = [number - len(cut.pieces) for number in numbers if number >= len(cut.pieces)]
    assert strange == [0x65E5, 0x672C, 0x1F600]
    assert text_of(map(cut.piece, numbers)) == "Ein \u65e5\u672c Mann \U0001f600"


def test_what_looks_the_same_is_the_same():
    assert normal("ﬁne\u00a0 words\t\n") == "fine words"
    assert normal("Ma\u0308dchen") == "Mädchen"
    assert normal("Straße", lower=True) == "straße"
    assert len(normal("a" * 10**6)) == subwords.MOST_CHARACTERS


def test_too_few_pieces_for_the_letters_and_no_text_are_refused():
    with pytest.raises(DataError, match="different letters"):
        learn(TEXTS, 20)
    with pytest.raises(DataError, match="no text"):
        learn(["", ""], 100)


def test_a_list_that_is_not_of_pieces_is_refused():
    with pytest.raises(RunError, match="must begin with"):
        Subwords(["a", "b", "c"])
    with pytest.raises(RunError, match="must begin with"):
        Subwords([*MARKS, "a", "a"])


def test_a_missing_sentencepiece_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[text\]"):
        learn(TEXTS, 100)


def test_sentencepiece_reads_the_protocol_buffer_written_by_hand():
    pieces = [*MARKS, "\u2581a", "b", "\u2581", "a" * 200]
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto(pieces))
    assert [processor.id_to_piece(n) for n in range(len(pieces))] == pieces
    assert (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()) == (0, 1, -1, 2)
    assert [processor.get_score(n) for n in range(3, 7)] == [0, -1, -2, -3]
    assert processor.is_unknown(1)
    assert processor.is_control(2)


def test_made_up_pairs_are_each_other_backwards():
    for source, target in parallel.tiny(50, seed=1):
        assert source.split() == target.split()[::-1]
