"""Sounds as pictures: waveforms, spectrograms, mu-law codes, and what a sample's softmax says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.plots.canvas import (
    AMOUNTS,
    BLUE,
    CATEGORIES,
    FONTS,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    SMALL,
    TEXT,
    canvas,
    colour_bar,
    dress,
    filled,
    finite,
    grid,
)

WIDTH = 11.0
DECIBELS = 70  # from the loudest to the darkest
Spectrogram = tuple[np.ndarray, float, float]  # decibels (F, frames), seconds of a frame, top frequency


def heard(wave: np.ndarray, rate_hz: int, bands: np.ndarray, probabilities: Mapping[str, float]) -> Figure:
    """Draw a recording as the network hears it: waveform, log-mel bands, probabilities."""
    filled("probabilities", probabilities)
    wave, bands = finite("wave", wave, dimensions=1), finite("bands", bands, dimensions=2)
    names = sorted(probabilities, key=lambda name: -probabilities[name])[:12]
    figure = canvas(WIDTH, 6.0, "What the network hears")
    (top, right), (below, empty) = figure.subplots(2, 2, width_ratios=[2, 1])
    _waveform(top, wave, rate_hz, "The waveform")
    seconds = len(wave) / rate_hz
    below.imshow(bands, origin="lower", aspect="auto", cmap=AMOUNTS, extent=(0, seconds, 0, len(bands)))
    dress(below, "Log-mel spectrogram, as the network gets it", "seconds", "band, low to high")
    shares = [probabilities[name] for name in names]
    right.barh(
        range(len(names)), shares, color=[ORANGE if share == max(shares) else BLUE for share in shares]
    )
    right.set_yticks(range(len(names)), names, fontfamily=FONTS, fontsize=TEXT)
    right.invert_yaxis()
    right.set_xlim(0, 1.15)
    for place, share in enumerate(shares):
        right.text(
            share + 0.01, place, f"{share:.0%}", va="center", fontsize=SMALL, color=INK, fontfamily=FONTS
        )
    dress(right, "What it says", "probability")
    empty.set_axis_off()
    return figure


def spoken(
    waves: Mapping[str, np.ndarray],
    spectrograms: Mapping[str, Spectrogram],
    rate_hz: int,
    *,
    title: str = "What is heard",
) -> Figure:
    """Draw sounds one below the other, each as waveform and spectrogram, on one scale of seconds."""
    filled("waves", waves)
    figure = canvas(WIDTH, 0.6 + 2.3 * len(waves), title)
    panels: Any = figure.subplots(len(waves), 2, squeeze=False)
    longest = max(len(wave) for wave in waves.values()) / rate_hz
    drawn = None
    for (left, right), (name, wave) in zip(panels, waves.items(), strict=True):
        _waveform(left, finite(name, wave, dimensions=1), rate_hz, name)
        left.set_xlim(0, longest)
        drawn = _spectrogram(right, spectrograms[name], name)
        right.set_xlim(0, longest)
    colour_bar(figure, drawn, list(panels[:, 1]), "decibels below full scale")
    return figure


def sheet(rows: Mapping[str, Sequence[tuple[str, Spectrogram]]], *, title: str) -> Figure:
    """Draw spectrograms in rows, such as real ones above generated ones."""
    filled("rows", rows)
    most = max(len(row) for row in rows.values())
    figure = canvas(WIDTH, 0.7 + 1.9 * len(rows), title)
    panels: Any = figure.subplots(len(rows), most, squeeze=False)
    for line, (name, row) in zip(panels, rows.items(), strict=True):
        for axes, (label, shown) in zip(line, row, strict=False):
            _spectrogram(axes, shown, label)
            axes.set_xlabel("")
            axes.set_ylabel("")
        line[0].set_ylabel(name, fontsize=TEXT, color=INK, fontfamily=FONTS)
        for axes in line[len(row) :]:
            axes.set_axis_off()
    return figure


def codes(before: np.ndarray, after: Mapping[str, np.ndarray]) -> Figure:
    """Draw how often samples (in [-1, 1]) and their mu-law codes occur; ``after`` holds counts ``(256,)``."""
    filled("after", after)
    figure = canvas(WIDTH, 4.0, "Mu-law: most codes for the quiet samples")
    left, right = figure.subplots(1, 2)
    left.hist(finite("samples", before), bins=201, range=(-1, 1), color=BLUE)
    left.set_yscale("log")
    dress(left, "Samples as they are", "sample, of full scale", "how many")
    for place, (name, counts) in enumerate(after.items()):
        shares = finite(name, counts, dimensions=1) / max(1, counts.sum())
        right.plot(
            range(256), 100 * shares, color=CATEGORIES[place % len(CATEGORIES)], linewidth=1.2, label=name
        )
    dress(right, "The same as codes", "code (128 is silence)", "% of the samples")
    right.legend(loc="upper right", frameon=False, fontsize=SMALL, labelcolor=INK)
    grid(right)
    return figure


def softmax_over_time(probabilities: np.ndarray, drawn: np.ndarray, rate_hz: int, *, title: str) -> Figure:
    """Draw the softmax over the codes at each moment, ``(T, 256)``, and the codes drawn, ``(T,)``."""
    probabilities = finite("probabilities", probabilities, dimensions=2)
    figure = canvas(WIDTH, 5.0, title)
    axes = figure.subplots()
    milliseconds = 1000 * len(drawn) / rate_hz
    shown = axes.imshow(
        np.sqrt(probabilities.T),
        origin="lower",
        aspect="auto",
        cmap=AMOUNTS,
        extent=(0, milliseconds, 0, 256),
    )
    axes.plot((np.arange(len(drawn)) + 0.5) * 1000 / rate_hz, drawn + 0.5, color=ORANGE, linewidth=0.9)
    dress(axes, "Every column is one softmax; the line is what was drawn from it", "milliseconds", "code")
    colour_bar(figure, shown, axes, "square root of the probability")
    return figure


def field(reach: Sequence[tuple[str, int]], gradient: np.ndarray, rate_hz: int) -> Figure:
    """Draw how far back each layer sees, and how much each past sample moved one softmax.

    Args:
        reach: (name of the layer, samples it sees from the input), in order.
        gradient: ``(T,)`` how much each sample before the one that is explained moved it, oldest first.
    """
    figure = canvas(WIDTH, 6.5, "How far back one sample looks")
    top, below = figure.subplots(2, 1, height_ratios=[2, 1])
    names, sizes = [name for name, _ in reach], [samples for _, samples in reach]
    top.barh(range(len(sizes)), [-1000 * size / rate_hz for size in sizes], color=BLUE)
    top.set_yticks(range(len(names)), names, fontfamily=FONTS, fontsize=SMALL)
    for place, size in enumerate(sizes):
        top.text(
            -1000 * size / rate_hz, place, f"{size} ", ha="right", va="center", fontsize=SMALL, color=INK
        )
    top.set_xlim(-1150 * max(sizes) / rate_hz, 0)
    dress(top, "Samples seen by each layer", "milliseconds before the sample", "")
    values = finite("gradient", gradient, dimensions=1)
    below.plot((np.arange(len(values)) - len(values)) * 1000 / rate_hz, values, color=GREEN, linewidth=0.9)
    dress(below, "How much each of them moved it (gradient)", "milliseconds before the sample", "gradient")
    below.set_xlim(-1150 * max(sizes) / rate_hz, 0)
    return figure


def voices(rows: Mapping[str, Mapping[str, float]], *, title: str, unit: str) -> Figure:
    """Draw a number for each voice and word: voice -> word -> value."""
    filled("rows", rows)
    words = list(dict.fromkeys(word for row in rows.values() for word in row))
    values = np.array([[row.get(word, np.nan) for word in words] for row in rows.values()])
    figure = canvas(WIDTH, 1.5 + 0.42 * len(rows), title)
    axes = figure.subplots()
    shown = axes.imshow(values, cmap=AMOUNTS, aspect="auto")
    axes.set_xticks(range(len(words)), words, fontfamily=FONTS, fontsize=TEXT)
    axes.set_yticks(range(len(rows)), list(rows), fontfamily=FONTS, fontsize=TEXT)
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(
                j,
                i,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=SMALL,
                color="white" if value < middle else INK,
            )
    dress(axes)
    colour_bar(figure, shown, axes, unit)
    return figure


def _waveform(axes: Axes, wave: np.ndarray, rate_hz: int, title: str) -> None:
    """Draw the largest and the smallest sample of each of at most 1,500 columns."""
    wide = max(1, -(-len(wave) // 1500))
    padded = np.pad(wave, (0, -len(wave) % wide), mode="edge").reshape(-1, wide)
    seconds = np.arange(len(padded)) * wide / rate_hz
    axes.fill_between(seconds, padded.min(1), padded.max(1) + 1e-4, color=BLUE, linewidth=0.4)
    top = max(0.05, float(np.abs(wave).max()))
    axes.set_ylim(-top, top)
    dress(axes, title, "seconds", "sample")


def _spectrogram(axes: Axes, shown: Spectrogram, title: str) -> Any:
    decibels, frame, top = shown
    drawn = axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-DECIBELS - 10,
        vmax=-10,
        extent=(0, decibels.shape[1] * frame, 0, top / 1000),
    )
    dress(axes, title, "seconds", "kHz")
    axes.tick_params(colors=QUIET)
    return drawn
