"""Text into words: the tokenisers of Kim's code for English, and one for any script."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.errors import UsageError, near

PAD, UNKNOWN, FIRST = 0, 1, 2  # numbers of no word, of a word never seen, of the first word
MOST_CHARACTERS = 100_000  # of one text that are read; a longer one is cut
STRANGE = re.compile(r"[^A-Za-z0-9(),!?'`]")
APART = (r"'s", r"'ve", r"n't", r"'re", r"'d", r"'ll")
SIGNS = re.compile(r"([,!()?])")
SPACED = re.compile(  # a letter of a script that writes without spaces, a word with its apostrophe, or a sign
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]"
    r"|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]+(?:['\u2019]\w+)?"
    r"|[^\w\s]"
)


def kim(text: str) -> list[str]:
    """Split as Kim's ``clean_str`` does: letters, digits, ``(),!?'`` stay; 's 've n't 're 'd 'll stand apart.

    His replacement of a bracket writes a backslash before it in Python 2; here the bracket stands alone.
    """
    return _kim(text).lower().split()


def trec(text: str) -> list[str]:
    """Split as ``kim``, and keep capitals: so does Kim's code for TREC."""
    return _kim(text).split()


def sst(text: str) -> list[str]:
    """Split as Kim's ``clean_str_sst`` does: the treebank's words are apart already."""
    return STRANGE.sub(" ", text[:MOST_CHARACTERS]).lower().split()


def words(text: str) -> list[str]:
    """Split text in any script into lower-case words and signs; of scripts without spaces, into letters.

    The text is first put into Unicode's form NFKC, so that what looks the same is the same.
    """
    return SPACED.findall(unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).lower())


SPLITTERS: dict[str, Callable[[str], list[str]]] = {"kim": kim, "trec": trec, "sst": sst, "words": words}


def splitter(name: str) -> Callable[[str], list[str]]:
    """Return the tokeniser called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in SPLITTERS:
        raise UsageError(f'no tokeniser "{name}"; there are {", ".join(SPLITTERS)}.{near(name, SPLITTERS)}')
    return SPLITTERS[name]


def number(word: str, vocabulary: Sequence[str]) -> int:
    """Return the number of a word in a sorted vocabulary; ``UNKNOWN`` for a word that is not in it."""
    place = bisect_left(vocabulary, word)
    return place + FIRST if place < len(vocabulary) and vocabulary[place] == word else UNKNOWN


def spelled(sample: np.ndarray, facts: dict[str, Any]) -> list[str]:
    """Return the words of numbers ``(L,)``; an unknown word as <unknown>, padding not at all."""
    words = facts["words"]
    return [
        words[number - FIRST] if number >= FIRST else "<unknown>"
        for number in np.asarray(sample).tolist()
        if number != PAD
    ]


def _kim(text: str) -> str:
    text = STRANGE.sub(" ", text[:MOST_CHARACTERS])
    for ending in APART:
        text = re.sub(ending, f" {ending}", text)
    return SIGNS.sub(r" \1 ", text)
