"""Words and what they mean to a network: coloured sentences, n-grams with bars, lengths of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from pellucid.plots.canvas import (
    BLUE,
    FONTS,
    INK,
    ORANGE,
    PAPER,
    QUIET,
    SIGNED,
    SMALL,
    TEXT,
    canvas,
    dress,
    filled,
    finite,
    grid,
    same_length,
    short,
)

CHARACTERS = 78  # in a line of a coloured sentence
MOST_WORDS = 150  # of a sentence that are drawn
MOST_PIECES = 60  # along a side of an attention that are drawn
FAINT = 0.1  # the least share of a look that gets a line
SHADES = LinearSegmentedColormap.from_list("looks", [PAPER, BLUE])
WIDTH = 11.0


def answer(words: Sequence[str], probabilities: Mapping[str, float]) -> Figure:
    """Draw a text as the network got it, and the probability of each class."""
    filled("probabilities", probabilities)
    lines = _lines(words)
    figure = canvas(WIDTH, 0.8 + 0.3 * len(lines) + 0.34 * len(probabilities), "What the network says")
    text, bars = figure.subplots(
        2, 1, height_ratios=[0.3 * len(lines) + 0.2, 0.34 * len(probabilities) + 0.4]
    )
    _write(text, lines, np.zeros(sum(map(len, lines))), 1.0)
    names, values = list(probabilities), finite("probabilities", list(probabilities.values()))
    dress(bars, "", "probability", "")
    bars.barh(range(len(names)), values, color=[ORANGE if v == values.max() else BLUE for v in values])
    bars.set_yticks(range(len(names)), names, fontfamily=FONTS, fontsize=TEXT)
    bars.invert_yaxis()
    bars.set_xlim(0, 1.12)
    for place, value in enumerate(values):
        bars.text(
            value + 0.01, place, f"{value:.1%}", va="center", fontsize=SMALL, color=INK, fontfamily=FONTS
        )
    return figure


def coloured(
    rows: Mapping[str, tuple[Sequence[str], np.ndarray]],
    grams: Sequence[tuple[str, float, str]] = (),
    *,
    target: str,
    title: str = "Which words spoke for the answer",
) -> Figure:
    """Draw a text once for each method, its words coloured by what they moved, and the strongest n-grams.

    Args:
        rows: method -> words and, for each, what it added to the score of ``target``: ``(L,)``.
        grams: (words of an n-gram, what it added to the score, which filter), strongest first.
    """
    filled("rows", rows)
    heights = [0.5 + 0.32 * len(_lines(words)) for words, _ in rows.values()]
    low = [0.6 + 0.27 * len(grams)] if grams else []
    figure = canvas(WIDTH, 0.7 + sum(heights) + sum(low), title)
    panels = figure.subplots(len(rows) + len(low), 1, height_ratios=[*heights, *low], squeeze=False)[:, 0]
    for axes, (method, (words, values)) in zip(panels, rows.items(), strict=False):
        same_length(words=words, values=values)
        values = finite(method, values, dimensions=1)
        top = float(np.abs(values).max()) or 1.0
        _write(axes, _lines(words), values, top)
        axes.set_title(
            f"{method}: orange speaks for {target}, blue against it; darkest is {short(top)}",
            fontsize=TEXT, color=INK, loc="left", fontfamily=FONTS,
        )  # fmt: skip
    if grams:
        _grams(panels[-1], grams, target)
    return figure


def attention(
    source: Sequence[str], written: Sequence[str], layers: Mapping[str, np.ndarray], *, title: str
) -> Figure:
    """Draw where a decoder looked in the source while it wrote: a panel for each layer, or for their mean.

    Args:
        layers: name -> ``(T, S)`` shares, a row for each written piece.
    """
    filled("layers", layers)
    across = min(2, len(layers))
    down = -(-len(layers) // across)
    wide = max(3.2, 1.2 + 0.3 * min(len(source), MOST_PIECES))
    high = max(2.2, 1.2 + 0.24 * min(len(written), MOST_PIECES))
    figure = canvas(max(6.0, across * wide), 0.8 + down * high, short_line(title))
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(layers) :]:
        axes.set_axis_off()
    for axes, (name, values) in zip(panels, layers.items(), strict=False):
        values = finite(name, values, dimensions=2)
        same_length(written=written, values=values)
        shown = values[:MOST_PIECES, :MOST_PIECES]
        axes.imshow(shown, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
        axes.set_title(name, fontsize=TEXT, color=INK, loc="left", fontfamily=FONTS)
        style = {"fontsize": SMALL, "fontfamily": FONTS}
        names = [_plain(piece) for piece in source[: shown.shape[1]]]
        axes.set_xticks(range(shown.shape[1]), names, rotation=60, ha="right", **style)
        axes.set_yticks(range(len(shown)), [_plain(piece) for piece in written[: len(shown)]], **style)
        axes.tick_params(length=0)
    return figure


def alignment(source: Sequence[str], written: Sequence[str], shares: np.ndarray, *, title: str) -> Figure:
    """Draw the words read above, the words written below, and a line from each to where it looked.

    Args:
        shares: ``(written, source)``: how much of its look each written word had for each that was read.
    """
    shares = finite("shares", shares, dimensions=2)
    same_length(written=written, shares=shares)
    figure = canvas(WIDTH, 3.4, short_line(title))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.15, 1.15)
    above, below = (
        [(place + 0.5) / len(words) for place in range(len(words))] for words in (source, written)
    )
    size = min(TEXT + 1.0, 160 / max(len(source), len(written), 1) ** 0.9)
    for row, column in np.argwhere(shares >= FAINT):
        share = float(shares[row, column])
        ends = [above[column], below[row]], [0.93, 0.07]
        axes.plot(*ends, color=BLUE, alpha=min(1.0, share), linewidth=0.6 + 3 * share)
    for words, places, height in ((source, above, 1.0), (written, below, 0.0)):
        for word, place in zip(words, places, strict=True):
            axes.text(
                place, height, _plain(word), ha="center", va="center", fontsize=size, color=INK,
                fontfamily=FONTS, rotation=0 if len(words) <= 14 else 25,
            )  # fmt: skip
    return figure


def lengths(by_class: Mapping[str, np.ndarray], *, unit: str = "words") -> Figure:
    """Draw how many texts of each class have which length.

    Args:
        by_class: class -> the lengths of its texts, ``(N,)``.
    """
    filled("by_class", by_class)
    figure = canvas(9, 4.2, f"Texts by their number of {unit}")
    axes = dress(figure.subplots(), "", unit, "texts")
    longest = max(int(finite(name, values).max()) for name, values in by_class.items())
    step = -(-(longest + 1) // 60)  # whole: every bar has as many lengths
    edges = np.arange(0, longest + 1 + step, step)
    from_below = np.zeros(len(edges) - 1)
    shades = SIGNED(np.linspace(0.12, 0.88, len(by_class)))
    for (name, values), shade in zip(by_class.items(), shades, strict=True):
        counts, _ = np.histogram(values, edges)
        axes.bar(edges[:-1], counts, np.diff(edges), bottom=from_below, align="edge", color=shade, label=name)
        from_below += counts
    if len(by_class) <= 12:
        axes.legend(frameon=False, prop={"family": FONTS, "size": SMALL})
    grid(axes, "y")
    return figure


def words_by_count(counts: np.ndarray, examples: Mapping[int, str]) -> Figure:
    """Draw how often the words occur, most frequent first (Zipf's law), some of them named by their rank.

    Args:
        counts: ``(V,)``, falling.
        examples: rank, from 0 -> word.
    """
    counts = finite("counts", counts, dimensions=1)
    figure = canvas(9, 4.2, "How often each word occurs")
    axes = dress(figure.subplots(), "", "rank of the word", "times it occurs")
    axes.loglog(np.arange(1, len(counts) + 1), counts, color=BLUE, linewidth=2)
    for rank, word in examples.items():
        axes.annotate(
            word, (rank + 1, counts[rank]), textcoords="offset points", xytext=(5, 5),
            fontsize=SMALL, color=INK, fontfamily=FONTS,
        )  # fmt: skip
    grid(axes)
    return figure


def _grams(axes: Axes, grams: Sequence[tuple[str, float, str]], target: str) -> None:
    values = finite("grams", [value for _, value, _ in grams])
    dress(axes, f"The n-grams that fired filters and moved {target} most", f"added to the score of {target}")
    axes.barh(range(len(grams)), values, color=[ORANGE if value > 0 else BLUE for value in values])
    labels = [f"{words}  ({which})" for words, _, which in grams]
    axes.set_yticks(range(len(grams)), labels, fontfamily=FONTS, fontsize=SMALL)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.invert_yaxis()
    grid(axes, "x")


def _lines(words: Sequence[str]) -> list[list[str]]:
    """Break words into lines."""
    lines: list[list[str]] = [[]]
    for word in words[:MOST_WORDS]:
        shown = _plain(word)
        if lines[-1] and sum(len(_plain(each)) + 2 for each in lines[-1]) + len(shown) > CHARACTERS:
            lines.append([])
        lines[-1].append(word)
    return lines


def _write(axes: Axes, lines: Sequence[Sequence[str]], values: np.ndarray, top: float) -> None:
    """Write lines of words, each on the colour of its value."""
    scale, place = Normalize(-top, top), 0
    axes.set_axis_off()
    axes.set_xlim(0, CHARACTERS + 2)
    axes.set_ylim(len(lines), -0.2)
    for row, line in enumerate(lines):
        column = 0.0
        for word in line:
            shown, value = _plain(word), float(values[place])
            share = abs(value) / top
            axes.text(
                column, row + 0.4, shown, fontsize=TEXT + 0.5, va="center",
                fontfamily=["DejaVu Sans Mono"], color=PAPER if share > 0.6 else INK,
                bbox={"boxstyle": "square,pad=0.22", "facecolor": SIGNED(scale(value)), "edgecolor": "none"},
            )  # fmt: skip
            column += len(shown) + 2
            place += 1


def short_line(text: str) -> str:
    """Return a text that fits a title."""
    return _plain_text(text if len(text) <= CHARACTERS else text[: CHARACTERS - 3] + "...")


def _plain_text(text: str) -> str:
    return text.replace("$", r"\$")


def _plain(word: str) -> str:
    """Return a word that can be drawn: short, and without signs that matplotlib takes for mathematics."""
    return _plain_text(word[:40])
