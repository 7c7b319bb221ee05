"""Tokenisers: Kim's rules on cases worked by hand, and any script."""

import pytest

from pellucid.datasets import tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's GOOD, isn't it?", ["it", "'s", "good", ",", "is", "n't", "it", "?"]),
        ("they've we're I'd he'll", ["they", "'ve", "we", "'re", "i", "'d", "he", "'ll"]),
        ("(a-b) 50% *wow*!", ["(", "a", "b", ")", "50", "wow", "!"]),  # no backslash before a bracket
        ("caf\u00e9 `quoted`", ["caf", "`quoted`"]),
        (" \t\n ", []),
    ],
)
def test_kim_s_rules(text, words):
    assert tokens.kim(text) == words


def test_trec_keeps_capitals():
    assert tokens.trec("Who wrote Hamlet ?") == ["Who", "wrote", "Hamlet", "?"]


def test_the_treebank_s_words_are_apart_already():
    assert tokens.sst("It 's n't-that bad") == ["it", "'s", "n't", "that", "bad"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "\u042d\u0442\u043e \u0445\u043e\u0440\u043e\u0448\u043e!",
            ["\u044d\u0442\u043e", "\u0445\u043e\u0440\u043e\u0448\u043e", "!"],
        ),
        ("\u6211\u7231\u4f60", ["\u6211", "\u7231", "\u4f60"]),
        ("Don't panic", ["don't", "panic"]),
        ("\uff21\uff22 caf\u00e9", ["ab", "caf\u00e9"]),
    ],
)
def test_words_of_any_script_are_split(text, words):
    assert tokens.words(text) == words


def test_a_word_that_was_never_seen_is_unknown_and_not_left_out():
    known = ["bad", "film", "good"]
    assert [tokens.number(word, known) for word in ("bad", "film", "good", "zorb", "", "zz")] == [
        2,
        3,
        4,
        1,
        1,
        1,
    ]


def test_numbers_become_words_again():
    assert tokens.spelled([0, 0, 2, 1, 4, 0], {"words": ["bad", "film", "good"]}) == [
        "bad",
        "<unknown>",
        "good",
    ]


def test_an_enormous_text_takes_no_time():
    assert len(tokens.kim("a b " * 10**7)) == tokens.MOST_CHARACTERS // 2
