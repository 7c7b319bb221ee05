"""One image through the whole network and back, on one tall page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.plots import tiles
from pellucid.plots.canvas import (
    BLUE,
    FONTS,
    GREEN,
    HEADING,
    INK,
    ORANGE,
    QUIET,
    SIGNED,
    SMALL,
    VERMILLION,
    bands,
    bare,
    canvas,
    colour_bar,
    dress,
    filled,
    finite,
    grid,
    same_length,
    short,
)
from pellucid.plots.scores import draw_cross_entropy, draw_softmax

MOST_MAPS = 8  # of a convolution, in one row
WIDTH = 13.5
SURER = (0.5, 0.9, 0.99, 0.999)


def walk_page(
    pixels: np.ndarray,
    normalised: np.ndarray,
    layers: Sequence[Mapping[str, Any]],
    logits: np.ndarray,
    probabilities: np.ndarray,
    *,
    classes: Sequence[str],
    true: int,
    loss: float,
    gradient_norms: Mapping[str, float],
    loss_after: float,
    step: str = "one step against the gradient",
    title: str = "One image through the network and back",
) -> Figure:
    """Draw the whole walk: pixels, layers, scores, softmax, loss, gradients, the step, the loss after.

    Args:
        pixels: ``(H, W)`` or ``(H, W, 3)`` in [0, 255].
        normalised: ``(H, W)``, what the network receives; of a picture in colour the red channel.
        layers: in order, ``{"name", "kind", "before", "after", "clipped"}``: values ``(U,)`` or
            ``(C, H, W)`` before and after the activation; ``after`` and ``clipped`` None where there is none.
        logits, probabilities: ``(K,)``.
        true: position of the right answer in ``classes``.
        gradient_norms: name of the layer -> length of the gradient of its weights.
        loss, loss_after: nats, before and after the step.
        step: what the step was, in words.
    """
    pixels, normalised = (
        finite("pixels", pixels, dimensions=(2, 3)),
        finite("normalised", normalised, dimensions=2),
    )
    logits = finite("logits", logits, dimensions=1)
    probabilities = finite("probabilities", probabilities, dimensions=1)
    same_length(logits=logits, probabilities=probabilities, classes=classes)
    finite("loss", [loss, loss_after])
    filled("layers", layers)
    filled("gradient_norms", gradient_norms)
    if not 0 <= true < len(classes):
        raise ValueError(f"true is {true}; expected a position from 0 to {len(classes) - 1}")

    heights = [3.6, *(_height(layer) for layer in layers), 0.34 * len(classes) + 1.3, 3.9]
    figure = canvas(WIDTH, sum(heights) + 0.6, title)
    top, *middle, scores, end = bands(figure, heights)
    _beginning(top, pixels, normalised)
    for number, (band, layer) in enumerate(zip(middle, layers, strict=True), start=2):
        _layer(band, layer, number)
    number = len(layers) + 2
    _name(scores, f"{number}. Scores become probabilities: softmax, term by term")
    draw_softmax(list(scores.subplots(1, 4)), logits.astype(np.float64), classes)
    _name(end, f"{number + 1}. The loss, who is responsible, and {step}")
    curve, blame, result = end.subplots(1, 3, width_ratios=[1.35, 1, 0.75])
    chance = float(np.clip(probabilities[true], 1e-300, 1))
    draw_cross_entropy(curve, chance, f"class {classes[true]}, the truth", loss=loss, surer=SURER)
    _blame(blame, gradient_norms)
    _result(result, loss, loss_after)
    return figure


def _name(band: Any, text: str) -> None:
    band.suptitle(
        text, x=0.008, ha="left", fontsize=HEADING + 1, color=INK, fontweight="bold", fontfamily=FONTS
    )


def _beginning(band: Any, pixels: np.ndarray, normalised: np.ndarray) -> None:
    _name(band, "1. The image as numbers: pixels, normalised, flattened")
    first, second, third = band.subplots(1, 3, width_ratios=[1, 1, 1.9])
    dress(first, f"pixels, {pixels.min()} to {pixels.max()}", "column", "row")
    drawn = first.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if pixels.ndim == 2:
        colour_bar(band, drawn, first, "value")
    low, high = float(normalised.min()), float(normalised.max())
    red = "" if pixels.ndim == 2 else "red, "
    dress(second, f"{red}normalised, {short(low)} to {short(high)}", "column", "row")
    limit = max(abs(low), abs(high), 1e-12)
    drawn = second.imshow(normalised, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    colour_bar(band, drawn, second, "value")
    flat = normalised.ravel()
    dress(
        third,
        f"{red}flattened: {flat.size:,} values",
        f"position = {pixels.shape[1]} x row + column",
        "value",
    )
    _signed_bars(third, flat)


def _height(layer: Mapping[str, Any]) -> float:
    if np.ndim(layer["before"]) == 1:
        return 2.6
    return 2.3 if layer["after"] is None else 1.9


def _layer(band: Any, layer: Mapping[str, Any], number: int) -> None:
    name = layer["name"]
    before = finite(f"{name}, before", layer["before"], dimensions=(1, 3))
    _name(band, f"{number}. {name} ({layer['kind']}, {' x '.join(map(str, before.shape))} values)")
    if layer["after"] is None:
        _values(band, band.subplots(), before, "its values; no activation follows")
        return
    after = finite(f"{name}, after", layer["after"], dimensions=(1, 3))
    left, right = band.subplots(1, 2)
    _values(band, left, before, "before the activation")
    clipped = layer["clipped"]
    share = f": {clipped:,} of {before.size:,} clipped to zero" if clipped is not None else ""
    _values(band, right, after, f"after{share}")


def _values(band: Any, axes: Axes, values: np.ndarray, title: str) -> None:
    if values.ndim == 1:
        dress(axes, title, "unit", "value (no unit)")
        _signed_bars(axes, values)
        return
    count = min(len(values), MOST_MAPS)
    captions = [f"map {index}" for index in range(count)]
    both = bool(values.min() < 0)
    shade = tiles.signed(values) if both else tiles.amounts(values)
    tiles.place(axes, values[:count], columns=count, captions=captions, inches=0.68, framed=both, shade=shade)
    more = f"; the first {count} of {len(values)} maps" if count < len(values) else ""
    bare(axes, title + more)
    colour_bar(band, axes.images[0], axes, "value")


def _signed_bars(axes: Axes, values: np.ndarray) -> None:
    edges = np.arange(values.size + 1) - 0.5
    axes.stairs(values.clip(max=0), edges, fill=True, color=BLUE, linewidth=0)
    axes.stairs(values.clip(min=0), edges, fill=True, color=ORANGE, linewidth=0)
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.set_xlim(-0.6, values.size - 0.4)
    if values.size <= 20:
        axes.set_xticks(range(values.size))
    grid(axes, "y")


def _blame(axes: Axes, norms: Mapping[str, float]) -> None:
    values = finite("gradient_norms", list(norms.values()), dimensions=1)
    rows = range(len(values))
    axes.barh(rows, values, color=BLUE, height=0.65)
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            short(float(value), 4), (value, row), (4, 0), textcoords="offset points",
            va="center", fontsize=SMALL, fontfamily=FONTS,
        )  # fmt: skip
    dress(axes, "gradient at every layer", "length of the gradient (nats per unit of weight)", "")
    axes.set_yticks(rows, list(norms))
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(0, 1.3 * (float(values.max()) or 1.0))
    axes.locator_params(axis="x", nbins=4)


def _result(axes: Axes, loss: float, loss_after: float) -> None:
    colours = [VERMILLION, GREEN if loss_after <= loss else VERMILLION]
    for place, (value, colour, hatch) in enumerate(zip((loss, loss_after), colours, ("", "//"), strict=True)):
        axes.bar(place, value, color=colour, width=0.6, hatch=hatch, edgecolor="white", linewidth=0)
        axes.annotate(
            short(value, 4), (place, value), (0, 4), textcoords="offset points", ha="center",
            fontsize=HEADING, fontfamily=FONTS,
        )  # fmt: skip
    dress(axes, "the loss of this image", "", "loss (nats)")
    axes.set_xticks([0, 1], ["before\nthe step", "after\nthe step"])
    axes.set_xlim(-0.6, 1.6)
    axes.set_ylim(0, 1.18 * (max(loss, loss_after) or 1.0))
