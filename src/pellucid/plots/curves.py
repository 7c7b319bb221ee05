"""Curves over steps, settings, learning rates and perturbations; histograms of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pellucid.plots.canvas import (
    BLUE,
    CATEGORIES,
    DASHES,
    FONTS,
    INK,
    MARKERS,
    ORANGE,
    QUIET,
    SMALL,
    TEXT,
    VERMILLION,
    canvas,
    dress,
    filled,
    finite,
    grid,
    legend,
    logarithmic,
    same_length,
    short,
)

Record = Mapping[str, Any]


def smooth(values: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the exponential mean of ``values`` (T,) so far, without the bias towards a made-up start.

    The weight of a value falls by ``smoothing`` in [0, 1) with each step, and the weights are divided by
    their sum (Kingma and Ba 2015, section 3), written so that a constant stays exactly that constant.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing is {smoothing}; expected at least 0 and less than 1")
    result = np.empty(len(values))
    mean, total = 0.0, 0.0
    for index, value in enumerate(values):
        total = total * smoothing + 1.0
        mean += (float(value) - mean) / total
        result[index] = mean
    return result


def training(
    records: Sequence[Record], *, smoothing: float = 0.9, title: str = "The course of training"
) -> Figure:
    """Draw loss, learning rate and validation scores over the steps of one run.

    Args:
        records: the lines of a run's progress: ``step``, ``loss``, and where known ``learning_rate`` and
            ``scores`` (name -> number, or ``{"value", "low", "high"}``).
        smoothing: of the line over the raw losses, which stay visible; 0 draws the raw losses twice.
    Raises:
        ValueError: nothing to draw, or a NaN or infinite value.
    """
    filled("records", records)
    steps, losses = _column(records, "step"), _column(records, "loss")
    rates = [record for record in records if record.get("learning_rate") is not None]
    names = list(dict.fromkeys(name for record in records for name in record.get("scores") or {}))
    panels = 1 + bool(rates) + len(names)
    figure = canvas(9, 2.6 * panels + 1.4, title)
    axes = figure.subplots(panels, 1, sharex=True, squeeze=False, height_ratios=[1.6] + [1] * (panels - 1))[
        :, 0
    ]
    _loss(axes[0], steps, losses, smoothing)
    for panel, name in zip(axes[1:], names, strict=False):
        _score(panel, records, name)
    if rates:
        dress(axes[-1], "Learning rate", "", "learning rate")
        axes[-1].plot(_column(rates, "step"), _column(rates, "learning_rate"), color=ORANGE, linewidth=1.8)
        axes[-1].set_ylim(bottom=0)
    for panel in axes:
        grid(panel)
    axes[-1].set_xlabel("step (batches seen)", fontsize=TEXT, fontfamily=FONTS)
    return figure


def comparison(
    runs: Mapping[str, Sequence[Sequence[Record]]],
    *,
    score: str = "accuracy",
    diverged: Mapping[str, Sequence[Sequence[Record]]] | None = None,
    smoothing: float = 0.9,
    title: str = "The same training under each setting",
) -> Figure:
    """Draw loss and score of several settings, each trained with several seeds, and every final score.

    Args:
        runs: setting -> for each seed, the records of its run (as for ``training``). Lines are medians
            over seeds, bands reach from the lowest to the highest; only steps that all seeds reached count.
        score: the validation score to draw; with "-" in front smaller is better.
        diverged: setting -> the records of more seeds, whose losses are drawn up to a cross. A setting all
            of whose seeds diverged has no final score.
    """
    filled("runs", runs)
    sign, score = -1 if score.startswith("-") else 1, score.removeprefix("-")
    figure = canvas(12.5, 4.6 + 0.32 * len(runs), title)
    spec = figure.add_gridspec(2, 2, height_ratios=[4, 0.6 + 0.32 * len(runs)])
    steps = "step (batches seen)"
    loss = dress(figure.add_subplot(spec[0, 0]), f"Training loss, smoothed ({smoothing:g})", steps, "loss")
    course = dress(figure.add_subplot(spec[0, 1]), f"Validation {score}", steps, score)
    final = dress(
        figure.add_subplot(spec[1, :]), f"Final {score}: each dot a seed, the bar their median", score
    )
    ends: dict[str, np.ndarray] = {}
    for index, (name, seeds) in enumerate(runs.items()):
        cut_off = (diverged or {}).get(name, [])
        filled(f"setting {name}", [*seeds, *cut_off])
        _cut_off(loss, cut_off, smoothing, index, label=None if seeds else name)
        scores = [_scores(run, score) for run in seeds]
        if seeds:
            losses = [(_column(run, "step"), smooth(_column(run, "loss"), smoothing)) for run in seeds]
            _band(loss, losses, name, index)
            _band(course, scores, name, index)
        ends[name] = np.array([values[-1] for _, values in scores])
    if 0 < loss.dataLim.y0 < np.inf:
        logarithmic(loss)
    _final(final, ends, list(runs), sign)
    for axes in (loss, course, final):
        grid(axes)
    if loss.has_data():
        legend(loss, "upper right", columns=1 + (len(runs) > 6))
    return figure


def learning_rates(
    rates: np.ndarray, losses: np.ndarray, suggestion: float | None = None, *, smoothing: float = 0.8
) -> Figure:
    """Draw the learning-rate range test (Smith 2017): the loss while the rate grows from tiny to too large.

    Args:
        rates, losses: ``(T,)``; a loss that is no longer finite must be cut off before.
    """
    rates, losses = finite("rates", rates, dimensions=1), finite("losses", losses, dimensions=1)
    same_length(rates=rates, losses=losses)
    figure = canvas(9, 5, "Which learning rate? Where the loss falls fastest, well before it explodes")
    axes = dress(figure.subplots(), "", "learning rate (logarithmic)", "loss")
    smoothed = smooth(losses, smoothing)
    axes.plot(rates, losses, color=BLUE, alpha=0.3, linewidth=1, label="loss of each batch")
    axes.plot(rates, smoothed, color=BLUE, linewidth=2, label=f"smoothed ({smoothing:g})")
    axes.set_xscale("log")
    fall = float(smoothed[0] - smoothed.min()) or 1.0
    axes.set_ylim(
        float(losses.min()) - 0.3 * fall, float(smoothed[0]) + 0.6 * fall
    )  # the explosion is cut off
    if suggestion is not None:
        label = f"suggestion: {short(suggestion, 2)}"
        axes.axvline(suggestion, color=VERMILLION, linestyle="--", linewidth=1.8, label=label)
    grid(axes)
    legend(axes, "lower left")
    return figure


def histograms(
    values: Mapping[str, np.ndarray], *, title: str = "The same pixels before and after each normalisation"
) -> Figure:
    """Draw how often each value occurs, a panel a kind; counts are logarithmic as most pixels are paper.

    Args:
        values: name -> array of any shape; mean and standard deviation are written and marked.
    """
    filled("values", values)
    figure = canvas(3.4 * len(values) + 0.4, 4.2, title)
    panels = figure.subplots(1, len(values), squeeze=False, sharey=True)[0]
    for axes, (name, array) in zip(panels, values.items(), strict=True):
        flat = finite(name, array).ravel().astype(np.float64)
        mean, deviation = float(flat.mean()), float(flat.std())
        dress(axes, name, "value", "number of pixels (logarithmic)" if axes is panels[0] else "")
        axes.hist(flat, bins=52, color=BLUE, log=True)
        axes.axvline(mean, color=VERMILLION, linewidth=1.8)
        axes.axvspan(mean - deviation, mean + deviation, color=VERMILLION, alpha=0.15, linewidth=0)
        note = (
            f"range {short(float(flat.min()))} to {short(float(flat.max()))}\n"
            f"mean {mean:.3f} (line)\ndeviation {deviation:.3f} (band)"
        )
        axes.text(
            0.97,
            0.97,
            note,
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=SMALL,
            fontfamily=FONTS,
            color=INK,
        )
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(low, high ** (1.35) / low**0.35)
    return figure


def robustness(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    title: str = "How accuracy falls as the images get worse",
) -> Figure:
    """Draw accuracy against the strength of each perturbation, a panel each.

    Args:
        curves: perturbation with its unit, e.g. "rotation (degrees)" -> (levels, accuracies in [0, 1]).
        bands: the same names -> (low, high) ends of the intervals.
    """
    filled("curves", curves)
    columns = min(len(curves), 4)
    rows = -(-len(curves) // columns)
    figure = canvas(3.3 * columns + 0.5, 3.3 * rows + 0.6, title)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for index, (axes, name) in enumerate(zip(panels.flat, curves, strict=False)):
        levels, accuracies = (finite(name, part, dimensions=1) for part in curves[name])
        same_length(levels=levels, accuracies=accuracies)
        dress(axes, name.split(" (")[0], name, "accuracy" if index % columns == 0 else "")
        if bands and name in bands:
            axes.fill_between(levels, *bands[name], color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(levels, accuracies, color=BLUE, marker="o", markersize=4.5, linewidth=1.8)
        grid(axes)
    for axes in panels.flat[len(curves) :]:
        axes.set_visible(False)
    panels[0, 0].set_ylim(0, 1.03)
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def _loss(axes: Axes, steps: np.ndarray, losses: np.ndarray, smoothing: float) -> None:
    dress(axes, "Training loss", "", "loss")
    axes.plot(steps, losses, color=BLUE, alpha=0.35, linewidth=0.9, label="each record")
    label = f"smoothed ({smoothing:g}, debiased)"
    axes.plot(steps, smooth(losses, smoothing), color=BLUE, linewidth=2, label=label)
    if losses.min() > 0 and losses.max() > 10 * losses.min():
        logarithmic(axes)
    legend(axes, "upper right")


def _score(axes: Axes, records: Sequence[Record], name: str) -> None:
    steps, values = _scores(records, name)
    dress(axes, f"Validation {name}", "", name)
    axes.plot(steps, values, color=VERMILLION, marker="o", markersize=4, linewidth=1.6)
    axes.margins(y=0.25)
    axes.annotate(
        f"last: {values[-1]:.4f}", (steps[-1], values[-1]), (-6, -14), textcoords="offset points",
        ha="right", fontsize=SMALL, color=INK, fontfamily=FONTS,
    )  # fmt: skip


def _band(axes: Axes, seeds: Sequence[tuple[np.ndarray, np.ndarray]], name: str, index: int) -> None:
    steps = seeds[0][0]
    for others, _ in seeds[1:]:
        steps = np.intersect1d(steps, others)
    if not steps.size:
        raise ValueError(f"setting {name}: its seeds have no step in common; train all for the same steps")
    stack = np.stack([values[np.isin(at, steps)] for at, values in seeds])
    colour, dash = CATEGORIES[index % 10], DASHES[index // 2 % 5]
    axes.fill_between(steps, stack.min(axis=0), stack.max(axis=0), color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        steps, np.median(stack, axis=0), color=colour, linestyle=dash, marker=MARKERS[index % 10],
        markersize=5, linewidth=1.7, label=name,
        markevery=(0.05 + 0.02 * (index % 5), 0.2) if len(steps) > 1 else None,
    )  # fmt: skip


def _cut_off(
    axes: Axes, runs: Sequence[Sequence[Record]], smoothing: float, index: int, *, label: str | None
) -> None:
    """Draw the losses of trainings that diverged, with a cross at their end."""
    for run in filter(None, runs):
        axes.plot(
            _column(run, "step"), smooth(_column(run, "loss"), smoothing), color=CATEGORIES[index % 10],
            linestyle=DASHES[index // 2 % 5], linewidth=1.2, marker="x", markersize=9, markeredgewidth=2,
            markevery=[-1], label=label,
        )  # fmt: skip
        label = None


def _final(axes: Axes, ends: Mapping[str, np.ndarray], order: list[str], sign: int) -> None:
    ranked = sorted(
        ends, key=lambda name: sign * float(np.median(ends[name])) if len(ends[name]) else -math.inf
    )
    for row, name in enumerate(ranked):
        index = order.index(name)
        values = ends[name]
        if not len(values):
            axes.annotate(
                "diverged", (0.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=SMALL,
                color=QUIET, fontfamily=FONTS,
            )  # fmt: skip
            continue
        axes.plot(
            values, np.full(len(values), row), linestyle="", marker=MARKERS[index % 10], markersize=7,
            color=CATEGORIES[index % 10], alpha=0.75, markeredgecolor="white",
        )  # fmt: skip
        middle = float(np.median(values))
        axes.plot([middle, middle], [row - 0.32, row + 0.32], color=INK, linewidth=2)
        axes.annotate(
            f"{middle:.4f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=SMALL, color=QUIET, fontfamily=FONTS,
        )  # fmt: skip
    axes.set_yticks(range(len(ranked)), ranked)
    axes.set_ylim(-0.6, len(ranked) - 0.4)


def _scores(records: Sequence[Record], name: str) -> tuple[np.ndarray, np.ndarray]:
    scored = [record for record in records if name in (record.get("scores") or {})]
    if not scored:
        raise ValueError(f'no record has the score "{name}"; evaluate at least once while training')
    found = [record["scores"][name] for record in scored]
    values = [entry["value"] if isinstance(entry, Mapping) else entry for entry in found]
    return _column(scored, "step"), finite(f"score {name}", values).astype(np.float64)


def _column(records: Sequence[Record], name: str) -> np.ndarray:
    try:
        values = [record[name] for record in records]
    except KeyError:
        raise ValueError(f'a progress record has no "{name}"; expected it in every one') from None
    return finite(name, values, dimensions=1)
