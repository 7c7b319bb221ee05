"""From class scores to an honest test: bars, softmax, cross-entropy, confusion, calibration, intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pellucid.plots.canvas import (
    AMOUNTS,
    BLUE,
    CATEGORIES,
    FONTS,
    INK,
    MARKERS,
    ORANGE,
    PAPER,
    QUIET,
    SMALL,
    TEXT,
    VERMILLION,
    bare,
    canvas,
    colour_bar,
    dress,
    filled,
    finite,
    grid,
    legend,
    same_length,
    short,
)

MOST_COUNTS = 30  # classes a side that leave room for a readable count


def bars(
    names: Sequence[str],
    logits: np.ndarray,
    probabilities: np.ndarray,
    *,
    true: str | None = None,
    image: np.ndarray | None = None,
    title: str = "What the network says",
) -> Figure:
    """Draw the score and the probability of each class; the winner is blue, a wrongly missed truth orange.

    Args:
        logits, probabilities: ``(K,)``, before and after softmax.
        true: the right answer where known, one of ``names``.
        image: ``(H, W)`` or ``(H, W, 3)`` pixels in [0, 255], drawn at the left.
    """
    filled("names", names)
    logits = finite("logits", logits, dimensions=1)
    probabilities = finite("probabilities", probabilities, dimensions=1)
    same_length(names=names, logits=logits, probabilities=probabilities)
    figure = canvas(9 if image is None else 12, 0.36 * len(names) + 1.7, title)
    panels = list(figure.subplots(1, 2 if image is None else 3))
    if image is not None:
        shown = finite("image", image, dimensions=(2, 3))
        bare(panels.pop(0), "the image").imshow(shown, cmap="gray", vmin=0, vmax=255)
    colours = _winner_colours(names, probabilities, true)
    _bar_panel(panels[0], names, logits, colours, "{:.2f}".format)
    dress(panels[0], "class scores (logits)", "score (no unit)", "class")
    _bar_panel(panels[1], names, probabilities * 100, colours, _percent)
    dress(panels[1], "softmax: probabilities", "probability (%)")
    panels[1].set_xlim(0, 118)
    panels[1].set_xticks(range(0, 101, 20))
    return figure


def softmax_steps(
    logits: np.ndarray, *, classes: Sequence[str], title: str = "Softmax, term by term"
) -> Figure:
    """Draw the four steps from scores to probabilities, with every number; ``logits`` is ``(K,)``."""
    logits = finite("logits", logits, dimensions=1).astype(np.float64)
    same_length(logits=logits, classes=classes)
    figure = canvas(14, 0.36 * len(classes) + 1.9, title)
    draw_softmax(list(figure.subplots(1, 4)), logits, classes)
    return figure


def draw_softmax(panels: Sequence[Axes], logits: np.ndarray, classes: Sequence[str]) -> None:
    """Draw the four steps of softmax on four panels: score, minus largest, exponential, share."""
    shifted = logits - logits.max()
    powers = np.exp(shifted)
    total = powers.sum()
    colours = _winner_colours(classes, logits, None)
    steps = (
        (logits, "1. scores z", "score (no unit)"),
        (shifted, f"2. z - max z   (max {logits.max():.2f})", "difference (no unit)"),
        (powers, f"3. exp(z - max z)   (sum {total:.4f})", "exponential (no unit)"),
        (powers / total, "4. divided by the sum: p", "probability"),
    )
    for panel, (values, title, unit) in zip(panels, steps, strict=True):
        _bar_panel(panel, classes, values, colours, lambda value: short(value, 4))
        dress(panel, title, unit, "class" if panel is panels[0] else "")


def cross_entropy(
    probability: float, *, name: str = "the true class", surer: Sequence[float] = (0.5, 0.9, 0.99)
) -> Figure:
    """Draw the loss -log p over all probabilities, and the point where this image stands.

    Args:
        surer: probabilities whose loss is marked too where they are larger: were the network surer.
    Raises:
        ValueError: ``probability`` is not in (0, 1].
    """
    figure = canvas(8, 4.8, "Cross-entropy: the surer of the truth, the smaller the loss")
    draw_cross_entropy(figure.subplots(), probability, name, surer=surer)
    return figure


def draw_cross_entropy(
    axes: Axes,
    probability: float,
    name: str,
    *,
    loss: float | None = None,
    surer: Sequence[float] = (),
) -> None:
    """Draw the curve -log p and this image's point on one panel; ``loss`` is -log p unless given."""
    if not 0 < probability <= 1:
        raise ValueError(f"probability of {name} is {probability}; expected more than 0 and at most 1")
    loss = -float(np.log(probability)) + 0.0 if loss is None else loss
    chances = np.geomspace(min(0.005, probability / 2), 1, 400)
    axes.plot(chances, -np.log(chances), color=BLUE, linewidth=2, label="loss = -log p")
    axes.plot([probability, probability, 0], [0, loss, loss], color=VERMILLION, linestyle=":", linewidth=1.2)
    label = f"this image: p = {short(probability, 4)}, loss = {short(loss, 4)}"
    axes.plot(probability, loss, "o", color=VERMILLION, markersize=9, label=label, zorder=4, clip_on=False)
    markers = iter(("s", "D", "^", "v", "P"))
    for chance in (chance for chance in surer if chance > probability):
        text = f"were it surer: p = {chance:g}, loss = {short(-float(np.log(chance)), 4)}"
        axes.plot(
            chance, -np.log(chance), next(markers), label=text, clip_on=False, zorder=3,
            color=PAPER, markeredgecolor=BLUE, markeredgewidth=1.6, linestyle="",
        )  # fmt: skip
    dress(axes, "", f"probability p given to {name}", "loss (nats)")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, max(-np.log(0.005), loss * 1.1))
    grid(axes)
    legend(axes, "upper right")


def confusion(
    matrix: np.ndarray, classes: Sequence[str], *, title: str = "Which classes are confused"
) -> Figure:
    """Draw a confusion matrix with its counts; rows are the true class, columns the predicted one.

    Args:
        matrix: ``(K, K)`` counts. Colours are shares of a row, stretched so that rare mistakes show.
    """
    matrix = finite("matrix", matrix, dimensions=2)
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"matrix has shape {matrix.shape} but there are {len(classes)} classes")
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = 0.58 * min(len(classes), MOST_COUNTS)
    figure = canvas(max(side, 4) + 2.6, max(side, 3.5) + 1.8, title)
    axes = figure.subplots()
    drawn = axes.imshow(share, cmap=AMOUNTS, norm=PowerNorm(0.35, 0, 1))
    dress(
        axes, f"{int(matrix.sum()):,} images; {np.trace(matrix) / max(matrix.sum(), 1):.2%} on the diagonal"
    )
    axes.set_xlabel("predicted class (columns)", fontsize=TEXT, fontfamily=FONTS)
    axes.set_ylabel("true class (rows)", fontsize=TEXT, fontfamily=FONTS)
    long = max(map(len, classes)) > 3
    axes.set_xticks(
        range(len(classes)), classes, rotation=45 if long else 0, ha="right" if long else "center"
    )
    axes.set_yticks(range(len(classes)), classes)
    axes.tick_params(length=0)
    if len(classes) <= MOST_COUNTS:
        _counts(axes, matrix, share)
    colour_bar(figure, drawn, axes, "share of the true class (stretched scale)")
    return figure


def reliability(
    bins: Sequence[Mapping[str, float]],
    *,
    error: float,
    after: Sequence[Mapping[str, float]] | None = None,
    error_after: float | None = None,
    title: str = "Is the network as right as it is sure?",
) -> Figure:
    """Draw accuracy against confidence, and how many images fall into each bin of confidence.

    Args:
        bins: ``{"low", "high", "confidence", "accuracy", "count"}`` each; empty bins may be left out.
        error: expected calibration error (Guo et al. 2017, "On calibration of modern neural networks").
        after, error_after: the same after temperature scaling.
    """
    filled("bins", bins)
    columns = 2 if after else 1
    figure = canvas(5.6 * columns, 6.6, title)
    panels = figure.subplots(2, columns, squeeze=False, sharex=True, height_ratios=[3, 1])
    _calibration(panels[:, 0], bins, "as trained" if after else "", error)
    if after:
        _calibration(panels[:, 1], after, "with temperature", error if error_after is None else error_after)
    return figure


def per_class(
    table: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    title: str = "Precision, recall and F1 of each class",
) -> Figure:
    """Draw the scores of each class with their 95 % intervals.

    Args:
        table: class -> score name -> ``{"value", "low", "high", "n"}``; low and high may be None.
    """
    filled("table", table)
    measures = list(next(iter(table.values())))
    figure = canvas(3.5 * len(measures) + 0.8, 0.34 * len(table) + 1.9, title)
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for index, (axes, measure) in enumerate(zip(panels, measures, strict=True)):
        for row, (name, scores) in enumerate(table.items()):
            entry = scores[measure]
            value = float(finite(f"{measure} of class {name}", [entry["value"]])[0])
            low, high = entry.get("low"), entry.get("high")
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=CATEGORIES[index], linewidth=2, alpha=0.5)
            axes.plot(value, row, MARKERS[index], color=CATEGORIES[index], markersize=7)
            axes.annotate(
                f"{value:.1%}", (1, row), xycoords=("axes fraction", "data"), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=SMALL, color=QUIET, fontfamily=FONTS,
            )  # fmt: skip
        known = any(scores[measure].get("low") is not None for scores in table.values())
        label = f"{measure} (line: 95 % interval)" if known else measure
        dress(axes, measure, label, "" if index else "class")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlim(right=min(axes.get_xlim()[1], 1.002))
        grid(axes)
    panels[0].set_yticks(range(len(table)), list(table))
    panels[0].set_ylim(len(table) - 0.5, -0.5)
    return figure


def embedding(
    points: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    wrong: np.ndarray | None = None,
    method: str = "two dimensions made from the last hidden layer",
    title: str = "The test set as the network sees it",
) -> Figure:
    """Draw images as points; near points look alike to the network.

    Args:
        points: ``(N, 2)``.
        labels: ``(N,)`` positions in ``classes``, the true ones.
        wrong: ``(N,)`` booleans, marked with a ring.
    """
    points, labels = finite("points", points, dimensions=2), finite("labels", labels, dimensions=1)
    same_length(points=points, labels=labels)
    if points.shape[1] != 2:
        raise ValueError(f"points has shape {points.shape}; expected (N, 2)")
    figure = canvas(9, 8, title)
    axes = dress(figure.subplots(), method, "first dimension (no unit)", "second dimension (no unit)")
    for index, name in enumerate(classes):
        own = points[labels == index]
        if not len(own):
            continue
        colour, marker = CATEGORIES[index % 10], MARKERS[index % 10]
        x, y = own.T
        axes.scatter(
            x, y, 12, color=colour, marker=marker, alpha=0.55, linewidths=0, label=f"{name} ({len(own)})"
        )
        box = {"boxstyle": "round,pad=0.25", "facecolor": PAPER, "edgecolor": colour, "linewidth": 2}
        x, y = np.median(own, axis=0)
        axes.text(
            x, y, name, fontsize=TEXT, weight="bold", color=INK, bbox=box, ha="center", va="center", zorder=5
        )
    if wrong is not None and np.any(wrong):
        x, y = points[np.asarray(wrong, dtype=bool)].T
        axes.scatter(x, y, 55, facecolors="none", edgecolors=INK, linewidths=1.1, label=f"mistake ({len(x)})")
    axes.set_xticks([])
    axes.set_yticks([])
    legend(axes, "center left", outside=(1.0, 0.5), enlarge=1.8)
    return figure


def _counts(axes: Axes, matrix: np.ndarray, share: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(matrix):
        colour = INK if share[row, column] > 0.35 else PAPER
        axes.text(
            column, row, f"{int(count)}", fontsize=SMALL, ha="center", va="center", color=colour,
            alpha=1 if count else 0.55, fontfamily=FONTS,
        )  # fmt: skip


def _bar_panel(
    axes: Axes, names: Sequence[str], values: np.ndarray, colours: Sequence[str], form: Callable[[float], str]
) -> None:
    rows = np.arange(len(names))
    axes.barh(rows, values, color=colours, height=0.72)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    for row, value in enumerate(values):
        text = form(float(value))
        leftwards = value < 0 or (value == 0 and values.max() == 0)
        place: Any = {"xytext": (-4, 0), "ha": "right"} if leftwards else {"xytext": (4, 0), "ha": "left"}
        axes.annotate(
            text,
            (value, row),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            fontfamily=FONTS,
            **place,
        )
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    room = 0.22 * ((high - low) or 1)
    axes.set_xlim(low - room * (low < 0), high + room * (high > 0 or low == 0))
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _percent(value: float) -> str:
    return "< 0.1" if 0 < value < 0.1 else f"{value:.1f}"


def _winner_colours(names: Sequence[str], values: np.ndarray, true: str | None) -> list[str]:
    if true is not None and true not in names:
        raise ValueError(f'true is "{true}"; expected one of {", ".join(names)}')
    best = int(np.argmax(values))
    colours = ["#b9c0c8"] * len(names)
    colours[best] = BLUE
    if true is not None and names[best] != true:
        colours[list(names).index(true)] = ORANGE
    return colours


def _calibration(panels: np.ndarray, bins: Sequence[Mapping[str, float]], name: str, error: float) -> None:
    used = [entry for entry in bins if entry["count"] > 0]
    filled("bins with images in them", used)
    upper, lower = panels
    middles = [(entry["low"] + entry["high"]) / 2 for entry in used]
    widths = [0.92 * (entry["high"] - entry["low"]) for entry in used]
    right = finite("accuracy of the bins", [entry["accuracy"] for entry in used])
    sure = finite("confidence of the bins", [entry["confidence"] for entry in used])
    upper.bar(middles, right, widths, color=BLUE, alpha=0.35, label="accuracy in the bin")
    upper.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1.2, label="perfect calibration")
    upper.plot(sure, right, "o", color=VERMILLION, markersize=6, label="mean confidence, accuracy")
    dress(upper, f"{name + ': ' if name else ''}ECE {error:.2%}", "", "accuracy")
    legend(upper, "upper left")
    lower.bar(middles, [entry["count"] for entry in used], widths, color=ORANGE)
    for middle, entry in zip(middles, used, strict=True):
        at = (middle, entry["count"])
        lower.annotate(
            f"{int(entry['count']):,}", at, (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    dress(lower, "", "confidence: probability of the class it chose", "images (log)")
    lower.set_yscale("log")
    lower.set_ylim(0.7, 6 * max(entry["count"] for entry in used))
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1.02)
