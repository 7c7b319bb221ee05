"""Scores of translations: BLEU and chrF as sacreBLEU computes them (Papineni 2002; Popovic 2015; Post 2018).

A BLEU says nothing without its signature: which tokens were counted, in which case. Scores are shares of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import DataError, MissingExtra
from pellucid.metrics.score import Score

RESAMPLED = 1000  # times the test set is drawn again for an interval (Koehn 2004)


def bleu(
    written: Sequence[str],
    references: Sequence[str],
    *,
    lower: bool = False,
    tokenize: str = "13a",
    interval: bool = False,
) -> tuple[Score, str]:
    """Return the corpus BLEU and its signature.

    Args:
        lower: compare in lower case.
        tokenize: sacreBLEU's name for the rule that finds tokens; "none" for texts whose tokens stand apart.
        interval: find a 95 % interval by drawing the sentences again, seeded.
    Raises:
        DataError: no texts, or not one reference each.
        MissingExtra: sacreBLEU is not installed.
    """
    metric = _sacrebleu().metrics.BLEU(lowercase=lower, tokenize=tokenize, force=True)
    return _score(metric, written, references, interval)


def chrf(written: Sequence[str], references: Sequence[str], *, interval: bool = False) -> tuple[Score, str]:
    """Return the F-score of letter n-grams, and its signature."""
    return _score(_sacrebleu().metrics.CHRF(), written, references, interval)


def _score(
    metric: Any, written: Sequence[str], references: Sequence[str], interval: bool
) -> tuple[Score, str]:
    if not written or len(written) != len(references):
        raise DataError(f"{len(written)} translations for {len(references)} references; one each is expected")
    found = metric.corpus_score(
        list(written), [list(references)], **({"n_bootstrap": RESAMPLED} if interval else {})
    )
    low = high = None
    if interval:
        low, high = (
            float(max(0.0, found._mean - found._ci)) / 100,
            float(min(100.0, found._mean + found._ci)) / 100,
        )
    return Score(min(1.0, float(found.score) / 100), low, high, len(written)), str(metric.get_signature())


def _sacrebleu() -> Any:
    try:
        import sacrebleu
        import sacrebleu.metrics
    except ImportError:
        raise MissingExtra(
            "scores of translations need sacreBLEU, which is not installed: pip install 'pellucid[text]'"
        ) from None
    return sacrebleu
