"""BLEU, chrF and Moses' tokens against worked cases, sacreBLEU's command and the authors' own tokenised files."""

from __future__ import annotations

import gzip
import html
import math
import os
import sys
from pathlib import Path

import pytest

from pellucid.errors import DataError, MissingExtra
from pellucid.metrics import moses, translation


def test_bleu_of_a_worked_case():
    # 5 of 6 unigrams, 3 of 5 bigrams, 1 of 4 trigrams... by hand: the cat sat on the mat / a cat sat on a mat
    written, right = ["the cat sat on the mat"], ["the cat sat on a mat"]
    precisions = [5 / 6, 3 / 5, 2 / 4, 1 / 3]
    expected = math.exp(sum(map(math.log, precisions)) / 4)
    assert translation.bleu(written, right, tokenize="none")[0].value == pytest.approx(expected, abs=1e-6)


def test_bleu_is_lowered_for_short_texts():
    right = ["a b c d e f g h"]
    value = translation.bleu(["a b c d e f"], right, tokenize="none")[0].value
    assert value == pytest.approx(math.exp(1 - 8 / 6), abs=1e-6)


def test_a_perfect_translation_scores_1_and_its_case_matters_only_where_it_is_asked_for():
    written, right = ["The cat is here , now ."] * 3, ["the cat is here , now ."] * 3
    assert translation.bleu(right, right)[0].value == 1.0
    assert translation.bleu(written, right)[0].value < 1
    assert translation.bleu(written, right, lower=True)[0].value == 1.0
    assert translation.chrf(right, right)[0].value == 1.0


def test_a_signature_says_case_and_tokens():
    pair = (["one two three four"], ["one two three four"])
    assert "case:mixed" in translation.bleu(*pair)[1]
    assert "tok:13a" in translation.bleu(*pair)[1]
    assert "case:lc" in translation.bleu(*pair, lower=True, tokenize="none")[1]


def test_an_interval_holds_the_score():
    right = [f"the number {n} stands here and nothing else does" for n in range(40)]
    written = [text if n % 3 else "something else stands here" for n, text in enumerate(right)]
    score, _ = translation.bleu(written, right, interval=True)
    assert score.low < score.value < score.high
    assert score == translation.bleu(written, right, interval=True)[0]


def test_unequal_numbers_of_texts_are_refused():
    with pytest.raises(DataError, match="2 translations for 1 references"):
        translation.bleu(["a", "b"], ["a"])
    with pytest.raises(DataError, match="0 translations"):
        translation.chrf([], [])


def test_a_missing_sacrebleu_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(MissingExtra, match=r"pellucid\[text\]"):
        translation.bleu(["a"], ["a"])


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "en",
            "A boy's t-shirt, it isn't 3,000 years old.",
            "a boy 's t-shirt , it isn 't 3,000 years old .",
        ),
        ("en", "The players' bench (a long one).", "the players ' bench ( a long one ) ."),
        ("en", "Mr. Smith said \u201cno\u201d.", 'mr. smith said " no . "'),
        ("en", "Well... yes", "well ... yes"),
        ("fr", "L\u2019homme n'est pas l\u00e0.", "l' homme n' est pas l\u00e0 ."),
        ("de", "Ein \u201eSchild\u201c, z.B. rot.", 'ein " schild " , z.b. rot .'),
    ],
)
def test_tokens_stand_apart_as_moses_leaves_them(language, text, expected):
    assert moses.tokenised(text, language) == expected


@pytest.mark.mirror
@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_tokens_are_those_of_the_authors_files(language):
    folder = Path(os.environ["PELLUCID_MIRROR"]) / "multi30k"

    def lines(name):
        return gzip.open(folder / name, "rt", encoding="utf-8").read().splitlines()

    for part, least in (("test_2016_flickr", 0.997), ("val", 0.995)):
        theirs = lines(f"tok/{part}.lc.norm.tok.{language}.gz")
        pairs = list(zip(lines(f"{part}.{language}.gz"), theirs, strict=True))
        equal = sum(moses.tokenised(raw, language) == html.unescape(tok).strip() for raw, tok in pairs)
        assert equal / len(pairs) >= least
