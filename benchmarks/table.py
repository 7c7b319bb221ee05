"""Results as Markdown tables in README and docs: generated between markers, never typed.

    python benchmarks/table.py            rewrite the tables of README.md and docs/
    python benchmarks/table.py --check    change nothing; end with 1 when a table is not what the results say

A page says where: ``<!-- results:NAME -->`` and, on a later line, ``<!-- /results -->``. NAME is a
benchmark of ``results.csv``, or ``speed`` (all of them), or another key of ``all_tables``.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import overview
import results
from atari import AT, DOPAMINE
from results import Row

NOT_YET = "Not measured yet; `python benchmarks/{}` measures it.\n"
OPENING = "<!-- results:"
CLOSING = "<!-- /results -->"
BLOCK = re.compile(rf"({OPENING}(?P<name>[\w-]+) -->\n).*?({CLOSING})", re.DOTALL)
NAMES = {
    "pellucid": "**Pellucid**",
    "plain_pytorch": "plain PyTorch, DataLoader",
    "plain_pytorch_10_epochs": "plain PyTorch, DataLoader, 10 epochs of the MLP",
    "keras_torch": "Keras 3 on torch",
    "keras_jax": "Keras 3 on JAX",
    "sklearn_mlp": "scikit-learn, MLPClassifier",
    "pytorch_example": "PyTorch's MNIST example, an image at a time",
    "without_looks": "the same steps without a look for NaN",
    "gru_attention": "GRU with attention, torch's own, same size and data",
    "rerun": "the decoder run again over all pieces for each",
    "textcnn_pytorch": "plain PyTorch port, Conv2d and dense Adadelta",
    "bare_loop": "the bare loop, same steps",
    "atari_plain": "plain loop in gymnasium's wrappers, CleanRL's order, one game",
    "atari_vector": "ale-py's C++ vector environment, one thread, the same network",
    "plain_images": "plain PyTorch, a file at a time, same network",
    "import_torch": '`python -c "import torch"`',
    "python": '`python -c "pass"`',
}


def main() -> None:
    """Rewrite or check the pages given, or README.md and docs/."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; end with 1 when a table is stale"
    )
    options = parser.parse_args()
    try:
        tables = all_tables(
            results.read(results.SPEED, results.SPEED_COLUMNS),
            results.read(results.ACCURACY, results.ACCURACY_COLUMNS),
            results.read(results.SERVE, results.SERVE_COLUMNS),
        )
        stale = [page for page in options.pages or default_pages() if renew(page, tables, keep=options.check)]
    except ValueError as error:
        sys.exit(str(error))
    for page in stale:
        print(f"{page}: " + ("stale; run python benchmarks/table.py" if options.check else "renewed"))
    sys.exit(1 if stale and options.check else 0)


def default_pages() -> list[Path]:
    """README.md and every page of docs/ that is kept in the repository."""
    root = results.FOLDER.parent
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page for page in pages if page.is_file() and "_build" not in page.parts]


def renew(page: Path, tables: dict[str, str], *, keep: bool) -> bool:
    """Write the tables into a page, unless ``keep``; returns whether they differ from what stands there."""
    text = page.read_text(encoding="utf-8")
    try:
        new = renewed(text, tables)
    except ValueError as error:
        raise ValueError(f"{page}: {error}") from None
    if new != text and not keep:
        page.write_text(new, encoding="utf-8")
    return new != text


def renewed(text: str, tables: dict[str, str]) -> str:
    """``text`` with the lines between each pair of markers replaced by the table of that name.

    Raises:
        ValueError: a marker is never closed, or names results that there are none of.
    """
    blocks = sum(1 for _ in BLOCK.finditer(text))
    if not blocks == text.count(OPENING) == text.count(CLOSING):
        raise ValueError(f"every {OPENING}NAME --> needs its {CLOSING} on a later line")

    def table(block: re.Match) -> str:
        if block["name"] not in tables:
            raise ValueError(f"no results for {block['name']!r}; there are {', '.join(tables) or 'none yet'}")
        return block[1] + tables[block["name"]] + block[3]

    return BLOCK.sub(table, text)


def all_tables(speed: Sequence[Row], accuracy: Sequence[Row], serve: Sequence[Row] = ()) -> dict[str, str]:
    """Name -> Markdown: one table a benchmark of ``results.csv``, ``speed`` for all these, and the others."""
    names = dict.fromkeys(row["benchmark"] for row in speed)
    tables = {name: speed_table([row for row in speed if row["benchmark"] == name]) for name in names}
    whole = "\n".join(f"**{name}**\n\n{tables[name]}" for name in names)
    kim = results.read(results.SENTENCES, results.SENTENCES_COLUMNS)
    translated = results.read(results.TRANSLATION, results.TRANSLATION_COLUMNS)
    drawings, canvas = (
        results.read(path, results.SKETCHES_COLUMNS) for path in (results.SKETCHES, results.CANVAS)
    )
    played = results.read(results.ATARI, results.ATARI_COLUMNS)
    spoken = results.read(results.SPEECH, results.SPEECH_COLUMNS)
    opened = results.read(results.FIRST_PAGE, results.FIRST_PAGE_COLUMNS)
    drawn = results.read(results.PAD, results.PAD_COLUMNS)
    soaked = results.read(results.SOAK, results.SOAK_COLUMNS)
    measured: dict[str, tuple[Callable[[Sequence[Row]], str], Sequence[Row], str]] = {  # and by which script
        "atari": (atari_table, played, "atari.py"),
        "sentences": (sentences_table, kim, "sentences.py"),
        "translation": (translation_table, translated, "translation.py"),
        "sketches": (sketches_table, drawings, "sketches.py"),
        "canvas": (sketches_table, canvas, "canvas.py"),
        "speech": (speech_table, spoken, "speech.py"),
        "first-page": (first_page_table, opened, "first_page.py"),
        "pad": (pad_table, drawn, "pad.py"),
        "soak": (soak_table, soaked, "soak.py"),
        "accuracy": (accuracy_table, accuracy, "accuracy.py"),
        "serve": (serve_table, serve, "serve.py"),
    }
    return {
        **tables,
        **{
            name: table(rows) if rows else NOT_YET.format(script)
            for name, (table, rows, script) in measured.items()
        },
        "speed": whole or NOT_YET.format("speed.py"),
        "dopamine": dopamine_table(),
        "faster": _with_head(overview.faster(speed, NAMES)),
        "rooms": _with_head(overview.rooms()),
    }


def speed_table(rows: Sequence[Row]) -> str:
    """Ours, then each peer, with what ours needs of the peer's time."""
    ours = next(row for row in rows if row["subject"] == "pellucid")
    ratios = {row["peer"]: row["ratio"] for row in rows if row["subject"] == "pellucid" and row["peer"]}
    peers = [row for row in rows if row["subject"] in ratios]
    lines = [
        [_system(ours), _spread(ours), ""],
        *([_system(peer), _spread(peer), f"{float(ratios[peer['subject']]):.2f}x"] for peer in peers),
    ]
    head = ["system", f"{ours['unit']}: median (lowest to highest)", "time, Pellucid / this"]
    return _markdown(head, lines) + f"\n{ours['machine']}, {ours['date']}, `{ours['command']}`.\n"


def accuracy_table(rows: Sequence[Row]) -> str:
    """Median test accuracy of each setting with its range over the seeds, and the paper's."""
    head = ["setting", "test accuracy: median (lowest to highest)", "seeds", "paper", "training"]
    return _markdown(
        head,
        (
            [
                f"`{row['setting']}`",
                f"{_percent(row['median'])} ({_percent(row['min'])} to {_percent(row['max'])})",
                str(len(row["seeds"].split())),
                f"{_percent(row['paper'])} ({row['source']})" if row["paper"] else "",
                f"{statistics.median(map(float, row['seconds'].split())):.3g} s",
            ]
            for row in rows
        ),
    ) + _measured_on(rows)


def sentences_table(rows: Sequence[Row]) -> str:
    """Test accuracy of each network on sentences and of the linear model beside it, and the paper's."""
    head = ["experiment", "test accuracy", "protocol", "texts", "paper", "training"]
    lines = (
        [
            f"`{row['name']}`",
            _percent(row["score"])
            + (f", deviation {_percent(row['deviation'])}" if row["deviation"] else ""),
            row["protocol"],
            f"{int(row['n']):,}",
            f"{_percent(row['paper'])} ({row['source']})" if row["paper"] else "",
            f"{float(row['seconds']):.3g} s",
        ]
        for row in rows
    )
    return _markdown(head, lines) + _measured_on(rows)


def translation_table(rows: Sequence[Row]) -> str:
    """Scores of translations in percent, with what was asked for and how sacreBLEU counted."""
    head = ["network", "search", "score", "value", "n", "asked for", "parameters", "training", "signature"]
    lines = []
    for row in rows:
        if (
            not row["signature"] and row["score"] != "same"
        ):  # the loss and the share of right pieces are for the file
            continue
        interval = f" ({_percent(row['low'])} to {_percent(row['high'])})" if row["low"] else ""
        value = _percent(row["value"]) + interval
        training = f"{row['epochs']} epochs, {float(row['seconds']):.3g} s"
        counted = f"`{row['signature'].replace('|', ' ')}`" if row["signature"] else ""  # a bar ends a cell
        parameters = f"{float(row['parameters']) / 1e6:.1f} million"
        cells = [f"`{row['name']}`", row["search"], row["score"], value, f"{int(row['n']):,}"]
        lines.append([*cells, row["bar"], parameters, training, counted])
    return _markdown(head, lines) + _measured_on(rows)


def sketches_table(rows: Sequence[Row]) -> str:
    """Every score of the released networks for drawings, and what was asked for."""
    head = ["network", "score", "value", "n", "asked for"]
    units = {"one guess": (1000, " ms"), "weights": (1e-6, " MB")}
    lines = []
    for row in rows:
        factor, unit = units.get(row["score"], (100, " %"))
        interval = f" ({_percent(row['low'])} to {_percent(row['high'])})" if row["low"] else ""
        value = f"{factor * float(row['value']):.2f}{unit}{interval}"
        lines.append([f"`{row['network']}`", row["score"], value, f"{int(row['n']):,}", row["bar"]])
    return _markdown(head, lines)


def atari_table(rows: Sequence[Row]) -> str:
    """What the networks scored in each game, beside random play."""
    head = ["game", "sticky", "actions", "the network", "each training", "at random", "games", "asked for"]
    chance = {(row["game"], row["sticky"]): row for row in rows if row["player"].startswith("random")}
    lines = []
    for row in rows:
        each = [f"{float(mean):.2f}" for mean in row["trainings"].split()]
        if row["player"].startswith("score"):
            lines.append([
                row["game"],
                row["sticky"],
                ", ".join(f"{int(steps):,}" for steps in row["steps"].split()),
                f"{float(row['score']):.2f} ({float(row['low']):.2f} to {float(row['high']):.2f})",
                ", ".join(each) if len(each) > 1 else "",
                f"{float(chance[row['game'], row['sticky']]['score']):.2f}",
                row["n"],
                row["asked"] and f"≥ {row['asked']}",
            ])  # fmt: skip
    return _markdown(head, lines)


def dopamine_table() -> str:
    """Dopamine's public curves, read at some numbers of actions."""
    head = ["game", "recipe", *(f"{at / 1e6:g} M" for at in AT)]
    lines = ([game, recipe, *(f"{value:g}" for value in curve)] for (game, recipe), curve in DOPAMINE.items())
    return _markdown(head, lines)


def speech_table(rows: Sequence[Row]) -> str:
    """Every score of the released voice, and what was asked for; shares in percent, the rest as it is."""
    lines = []
    for row in rows:
        share = bool(row["low"]) and float(row["high"]) <= 1
        value = _percent(row["value"]) if share else f"{float(row['value']):,.4g}"
        if row["low"]:
            ends = (float(row["low"]), float(row["high"]))
            low, high = (f"{100 * end:.2f}" if share else f"{end:,.4g}" for end in ends)
            value += f" ({low} to {high})"
        lines.append([row["score"], value, f"{int(row['n']):,}", row["bar"]])
    return _markdown(["score", "value", "n", "asked for"], lines)


def first_page_table(rows: Sequence[Row]) -> str:
    """How soon the studio is there and answers the pen."""
    lines = (
        [row["name"], f"{row['median']} {row['unit']}", f"{row['p95']} {row['unit']}", row["n"], row["asked"]]
        for row in rows
    )
    return _markdown(["what", "median", "95th percentile", "n", "asked for"], lines)


def pad_table(rows: Sequence[Row]) -> str:
    """What networks lose when test digits come from the drawing pad."""
    lines = (
        [
            f"`{row['model']}`",
            _percent(row["plain"]),
            _percent(row["redrawn"]),
            f"{row['points_lost']} points",
            f"{int(row['n']):,}",
            row["asked"],
        ]
        for row in rows
    )
    return _markdown(["network", "as recorded", "redrawn on the pad", "lost", "n", "asked for"], lines)


def soak_table(rows: Sequence[Row]) -> str:
    """What a server holds at the begin and at the end of a long time of work."""
    lines = (
        [
            row["name"],
            f"{row['first']} {row['unit']}",
            f"{row['last']} {row['unit']}",
            f"{float(row['an_hour']):+g} {row['unit']} ({float(row['low']):+g} to {float(row['high']):+g})",
        ]
        for row in rows
    )
    first = rows[0]
    said = f"{first['minutes']} minutes, {first['rate']} requests/s, {first['machine']}, {first['date']}."
    return _markdown(["of the server", "at first", "at last", "growth in an hour"], lines) + f"\n{said}\n"


def serve_table(rows: Sequence[Row]) -> str:
    """The phases of a load on the studio, for each kind of input."""
    head = ["input", "phase", "due/s", "sent/s", "answers/s", "sent away", "failed or hung", "p50", "p99"]
    lines = (
        [
            row["input"],
            row["phase"],
            row["rate"] or "as many as go",
            results.number(int(row["sent"]) / float(row["seconds"])),
            row["answers_per_second"],
            row["shed"],
            str(int(row["failed"]) + int(row["hung"])),
            f"{row['p50_ms']} ms",
            f"{row['p99_ms']} ms",
        ]
        for row in rows
    )
    return _markdown(head, lines) + f"\n`{rows[0]['model']}`, {rows[0]['machine']}, {rows[0]['date']}.\n"


def _system(row: Row) -> str:
    name = NAMES.get(row["subject"], row["subject"])
    return f"{name} ({row['versions']})" if row["versions"] and row["subject"] != "pellucid" else name


def _spread(row: Row) -> str:
    return f"{float(row['median']):.3g} ({float(row['low']):.3g} to {float(row['high']):.3g})"


def _percent(value: str) -> str:
    return f"{100 * float(value):.2f} %"


def _measured_on(rows: Sequence[Row]) -> str:
    """Return the line below a table that says on which machine its times were measured, and when."""
    machines, dates = dict.fromkeys(row["machine"] for row in rows), sorted({row["date"] for row in rows})
    return f"\n{' and '.join(machines)}, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}.\n"


def _with_head(lines: list[list[str]]) -> str:
    return _markdown(lines[0], lines[1:])


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    whole = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in whole)


if __name__ == "__main__":
    main()
