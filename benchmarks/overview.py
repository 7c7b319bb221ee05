"""The two tables of the README: what each room reaches and how fast, beside others, a line each.

It comes from the files that the benchmarks write; the rooms' pages and docs/internals.md show all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import results
from results import Row

from pellucid.datasets.nature import PUBLISHED

FASTER = {  # benchmark -> what is timed, in words
    "default-mlp-epoch": "an epoch of the default MLP",
    "paper-mlp": "an epoch of the Keras MLP",
    "paper-mlp-auto": "the same with `--precision auto`",
    "cnn-one-epoch": "a CNN of 99.3 %, against 10 epochs of a plain MLP",
    "pytorch-example": "an epoch of PyTorch's MNIST example",
    "textcnn-training": "training Kim's network for sentences",
    "translation-incremental": "writing a translation piece by piece",
    "translation-training": "training a translator",
    "translation-beam5-64": "translating with a beam of five",
    "images-epoch": "an epoch of CIFAR-10, from JPEG files",
    "atari-learning": "learning Pong, an update for four actions",
}


def faster(speed: Sequence[Row], names: dict[str, str]) -> list[list[str]]:
    """Return a line for each comparison: what, ours, and how many times as fast it is as each peer.

    Args:
        speed: rows of ``results.csv``; a ratio is our time over the peer's.
        names: of the peers.
    """
    lines = [["what", "Pellucid", "times as fast as"]]
    for benchmark, what in FASTER.items():
        rows = [row for row in speed if row["benchmark"] == benchmark and row["peer"]]
        if rows:
            peers = "; ".join(f"{1 / float(row['ratio']):.2g}x {names[row['peer']]}" for row in rows)
            lines.append([what, f"{_short(float(rows[0]['median']))} {rows[0]['unit']}", peers])
    return lines


def rooms() -> list[list[str]]:
    """Return a line for each room that was measured: what, our score, and what stands beside it."""
    digits = _rows(results.ACCURACY, results.ACCURACY_COLUMNS, "setting")
    texts = _rows(results.SENTENCES, results.SENTENCES_COLUMNS, "name")
    translated = _rows(results.TRANSLATION, results.TRANSLATION_COLUMNS, "name", "search", "score")
    drawn = _rows(results.SKETCHES, results.SKETCHES_COLUMNS, "network", "score")
    pictures = _rows(results.SPEED, results.SPEED_COLUMNS, "benchmark")
    spoken = _rows(results.SPEECH, results.SPEECH_COLUMNS, "score")
    played = _rows(results.ATARI, results.ATARI_COLUMNS, "game", "player")
    lines = [["task", "what is measured, on test data", "Pellucid", "beside it"]]

    def add(room: str, what: str, row: Row | None, shown: Callable[[Row], str], beside: str = "") -> None:
        if row:
            lines.append([f"[`{room}`](docs/{room}.md)", what, shown(row), beside])

    median, score, value = (partial(_percent, column) for column in ("median", "score", "value"))
    lenet, singer = (
        "LeNet-5 99.05 % (LeCun et al. 1998)",
        "pitch: real sung notes within 30 cents of their label",
    )
    kim, linear = texts.get("sst2-rand"), spoken.get("baselines: adaptive linear prediction")
    add("digits", "accuracy of the default MLP", digits.get("default"), median)
    add("digits", "accuracy of the best CNN", digits.get("cnn-best"), median, lenet)
    add(
        "sentences", "accuracy on SST-2, random word vectors", kim, score,
        f"{_percent('paper', kim)} ({kim['source']})" if kim else "",
    )  # fmt: skip
    add(
        "translation", "BLEU, German to English, Multi30k 2016", translated.get("de-en beam 5 bleu"),
        lambda row: f"{100 * float(row['value']):.2f}",
    )  # fmt: skip
    add(
        "speech", "bits for a sample of the voice", spoken.get("bits: bits"), _bits,
        f"{_bits(linear)}, adaptive linear prediction" if linear else "",
    )  # fmt: skip
    add(
        "speech", "sung notes within 30 cents", spoken.get("pitch: sung notes within 30 cents"), value,
        f"the singer {value(spoken[singer])}" if singer in spoken else "",
    )  # fmt: skip
    add("words", "accuracy on spoken digits", spoken.get("judged: real test digits, judged"), value)
    add("sketches", "accuracy, 15 classes of bitmaps", drawn.get("fifteen accuracy"), value)
    add("sketches", "accuracy, 345 classes, 80 drawings each", drawn.get("all accuracy"), value)
    add("images", "accuracy on CIFAR-10, 30,000 pictures", pictures.get("images-cifar"), median)
    for row in played.values():
        if row["player"] == "score" and row["game"] in PUBLISHED:
            paper, actions = PUBLISHED[row["game"]], max(map(int, row["steps"].split()))
            add(
                "atari", f"points in {row['game']} after {actions:,} actions", row,
                lambda row: f"{float(row['score']):.2f}",
                f"{paper.dqn} after 50 million (Mnih et al. 2015); a person {paper.human}",
            )  # fmt: skip
    return lines


def _rows(path: Path, columns: Sequence[str], *keys: str) -> dict[str, Row]:
    return {" ".join(row[key] for key in keys): row for row in results.read(path, columns)}


def _percent(column: str, row: Row) -> str:
    return f"{100 * float(row[column]):.2f} %"


def _bits(row: Row) -> str:
    return f"{float(row['value']):.2f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
