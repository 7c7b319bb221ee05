"""Text as the Moses tools leave it: lower case, punctuation normalised, tokens apart (Koehn et al. 2007).

Published scores on Multi30k count these tokens. The rules are those of ``normalize-punctuation.perl`` and
``tokenizer.perl`` as far as they touch running text in English, German, French and Czech; signs are not
turned into entities, which no score notices. The tests hold them against the authors' tokenised files.
"""

from __future__ import annotations

import re

QUOTES = str.maketrans({
    "\u201e": '"', "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2019": "'", "\u2018": "'", "\u201a": "'", "\u00b4": "'", "`": "'",
    "\u2013": "-", "\u2026": "...", "\u00a0": " ",
})  # fmt: skip
NORMAL = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\r", ""), (r"\(", " ("), (r"\)", ") "), (r" +", " "), (r"\) ([.!:?;,])", r")\1"), (r"\( ", "("),
        (r" \)", ")"), (r"(\d) %", r"\1%"), (r" :", ":"), (r" ;", ";"), (r"\u2014", " - "), (r"''", '"'),
        (r" +", " "),
    )
)  # fmt: skip
# A quotation followed by a comma or a full stop: the sign stands inside in English, outside elsewhere.
QUOTED = {
    "en": ((re.compile(r'"([,.]+)'), r'\1"'),),
    "": ((re.compile(r',"'), '",'), (re.compile(r'(\.+)"(\s*[^<])'), r'"\1\2')),
}
LETTER, DIGIT = r"[^\W\d_]", r"\d"
NO_LETTER = r"[\W\d_]"
APART = re.compile(r"([^\w\s.'`,\-]|_)")
DOTS = re.compile(r"\.{2,}")
COMMAS = ((re.compile(r"(\D),"), r"\1 , "), (re.compile(r",(\D)"), r" , \1"))
BEFORE_LETTER = (  # every apostrophe that does not stand between two letters stands alone
    (re.compile(rf"({NO_LETTER})'({NO_LETTER})"), r"\1 ' \2"),
    (re.compile(rf"({LETTER})'({NO_LETTER})"), r"\1 ' \2"),
)
APOSTROPHES = {
    "en": (
        *BEFORE_LETTER[:1],
        (re.compile(rf"([^\w]|_)'({LETTER})"), r"\1 ' \2"),
        *BEFORE_LETTER[1:],
        (re.compile(rf"({LETTER})'({LETTER})"), r"\1 '\2"),
        (re.compile(r"(\d)'(s)"), r"\1 '\2"),
    ),
    "fr": (
        *BEFORE_LETTER[:1],
        (re.compile(rf"({NO_LETTER})'({LETTER})"), r"\1 ' \2"),
        *BEFORE_LETTER[1:],
        (re.compile(rf"({LETTER})'({LETTER})"), r"\1' \2"),
    ),
    "": ((re.compile(r"'"), " ' "),),
}
KEPT = ("v", "vs", "rev", "bzw", "usw", "ca", "etc", "nr")  # in lower case; their full stop stays


def tokenised(text: str, language: str) -> str:
    """Return a text in lower case with its tokens apart.

    Args:
        language: "en", "fr", or another, whose apostrophes all stand alone.
    """
    text = text.lower()
    for pattern, by in NORMAL[:8]:
        text = pattern.sub(by, text)
    text = text.translate(QUOTES)
    for pattern, by in (*NORMAL[8:], *QUOTED.get(language, QUOTED[""])):
        text = pattern.sub(by, text)
    text = APART.sub(r" \1 ", f" {' '.join(text.split())} ")
    text = DOTS.sub(lambda found: f" \x00{len(found[0])} ", text)
    for pattern, by in (*COMMAS, *APOSTROPHES.get(language, APOSTROPHES[""])):
        text = pattern.sub(by, text)
    words = text.split()
    found = [_stop(word, words[place + 1 : place + 2]) for place, word in enumerate(words)]
    return re.sub(r"\x00(\d+)", lambda dots: "." * int(dots[1]), " ".join(found))


def _stop(word: str, following: list[str]) -> str:
    """Part a full stop from its word, unless it belongs to it or the sentence goes on."""
    stem = word[:-1]
    if not word.endswith(".") or not stem:
        return word
    abbreviated = "." in stem and any(letter.isalpha() for letter in stem)
    if abbreviated or stem in KEPT or (following and following[0][0].islower()):
        return word
    return f"{stem} ."
