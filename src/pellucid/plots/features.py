"""Pictures of what a network learned: weights, filters, feature maps, and where it looked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pellucid.plots import tiles
from pellucid.plots.canvas import (
    AMOUNTS,
    FONTS,
    PAPER,
    QUIET,
    SMALL,
    TEXT,
    bare,
    canvas,
    colour_bar,
    filled,
    finite,
)

MOST_TILES = 64
MOST_CHANNELS = 16
TWIN_NOTE = """this row: the same methods
on a network with
random weights.

Similar maps would mean
that the method shows the
image, not the network."""


def weights(
    pictures: np.ndarray, *, columns: int = 10, noun: str = "unit", title: str = "First-layer weights"
) -> Figure:
    """Show the weights of each unit of a first layer as a picture, blue below zero, orange above.

    Args:
        pictures: ``(U, H, W)``; the first 64 units are drawn, and the heading says so.
        noun: what one picture belongs to.
    """
    pictures = finite("pictures", pictures, dimensions=3)
    shown = pictures[:MOST_TILES]
    columns = min(columns, len(shown))
    captions = [f"{noun} {index}" for index in range(len(shown))]
    high = tiles.inches_high(len(shown), columns=columns, lines=1, inches=1.0)
    figure = canvas(max(tiles.inches_wide(columns), 5) + 1.2, high + 1.0, title)
    axes = figure.subplots()
    tiles.place(axes, shown, columns=columns, captions=captions, framed=True, shade=tiles.signed(shown))
    bare(axes, _shown(f"{noun}s", len(shown), len(pictures)))
    colour_bar(figure, axes.images[0], axes, "weight")
    return figure


def filters(kernels: np.ndarray, *, title: str = "Convolution filters") -> Figure:
    """Show the kernels of a convolution: a row for each output map, a column for each input map.

    Args:
        kernels: ``(O, I, H, W)``; with one input map they are laid out as a sheet instead.
    """
    kernels = finite("kernels", kernels, dimensions=4)
    outputs, inputs = kernels.shape[:2]
    if inputs == 1:
        return weights(kernels[:, 0], columns=8, noun="filter", title=title)
    shown = kernels[:MOST_CHANNELS, :MOST_CHANNELS]
    rows, columns = shown.shape[:2]
    side = 0.42
    high = tiles.inches_high(rows * columns, columns=columns, inches=side)
    figure = canvas(max(tiles.inches_wide(columns, inches=side) + 2.4, 6.5), high + 1.5, title)
    axes = figure.subplots()
    pictures = shown.reshape(-1, *shown.shape[2:])
    tiles.place(axes, pictures, columns=columns, inches=side, framed=True, shade=tiles.signed(shown))
    bare(axes, f"{_shown('output maps', rows, outputs)}, {_shown('input maps', columns, inputs)}")
    axes.set_xticks([tiles.centre(c, columns=columns)[0] for c in range(columns)], map(str, range(columns)))
    axes.set_yticks(
        [tiles.centre(r * columns, columns=columns)[1] for r in range(rows)], map(str, range(rows))
    )
    axes.tick_params(length=0, labelsize=SMALL)
    axes.set_xlabel("input map", fontsize=TEXT, fontfamily=FONTS)
    axes.set_ylabel("output map", fontsize=TEXT, fontfamily=FONTS)
    colour_bar(figure, axes.images[0], axes, "weight")
    return figure


def feature_maps(before: np.ndarray, after: np.ndarray, *, title: str = "Feature maps") -> Figure:
    """Show the maps of one layer before and after its activation, side by side, and the share clipped.

    Args:
        before, after: ``(C, H, W)``; the first 16 maps are drawn. "Clipped" counts values that were
            below zero before and are exactly zero after.
    """
    before, after = finite("before", before, dimensions=3), finite("after", after, dimensions=3)
    if before.shape != after.shape:
        raise ValueError(f"before has shape {before.shape}, after {after.shape}; expected the same shape")
    count = min(len(before), MOST_CHANNELS)
    clipped = (before < 0) & (after == 0)
    columns = min(4, count)
    texts = [f"map {index}" for index in range(count)]
    shares = [f"map {index}\n{clipped[index].mean():.0%} clipped" for index in range(count)]
    high = tiles.inches_high(count, columns=columns, lines=2, inches=1.15)
    figure = canvas(2 * max(tiles.inches_wide(columns, inches=1.15), 2.6) + 2.4, high + 1.2, title)
    left, right = figure.subplots(1, 2)
    blank = [f"{text}\n" for text in texts]  # as many lines as at the right, so that the rows stand level
    place = partial(tiles.place, columns=columns, inches=1.15)
    place(left, before[:count], captions=blank, framed=True, shade=tiles.signed(before))
    place(right, after[:count], captions=shares, shade=tiles.amounts(after))
    bare(left, f"before: {_shown('maps', count, len(before))}")
    bare(right, f"after: {clipped.mean():.0%} of all values clipped to zero")
    colour_bar(figure, left.images[0], left, "value before")
    colour_bar(figure, right.images[0], right, "value after")
    return figure


def heat(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    twins: Mapping[str, np.ndarray] | None = None,
    similarity: Mapping[str, float] | None = None,
    title: str = "Where the network looked",
) -> Figure:
    """Draw explanation maps under the outline of the image, and the same maps of a randomised network.

    A map that looks the same when the weights are random explains the image, not the network (Adebayo et
    al. 2018, "Sanity checks for saliency maps").

    Args:
        image: ``(H, W)`` or ``(H, W, 3)`` pixels in [0, 255].
        maps: name of the method -> ``(H, W)``; a map with negative values is drawn in two colours.
        twins: the same methods on a network with random weights.
        similarity: rank correlation of map and twin, in [-1, 1].
    """
    image = finite("image", image, dimensions=(2, 3))
    filled("maps", maps)
    rows = 2 if twins else 1
    figure = canvas(2.75 * (len(maps) + 1), 2.85 * rows + 0.8, title)
    panels = figure.subplots(rows, len(maps) + 1, squeeze=False)
    bare(panels[0, 0], "the image").imshow(image, cmap="gray", vmin=0, vmax=255)
    for axes, (name, values) in zip(panels[0, 1:], maps.items(), strict=True):
        _overlay(axes, image, finite(name, values, dimensions=2), name)
    if not twins:
        return figure
    bare(panels[1, 0]).text(0, 0.5, TWIN_NOTE, fontsize=TEXT, color=QUIET, va="center", fontfamily=FONTS)
    for axes, name in zip(panels[1, 1:], maps, strict=True):
        agrees = (
            f"similarity {similarity[name]:+.2f}" if similarity and name in similarity else "random weights"
        )
        _overlay(axes, image, finite(f"twin of {name}", twins[name], dimensions=2), agrees)
    return figure


def over_photo(photo: np.ndarray, values: np.ndarray, *, name: str, title: str) -> Figure:
    """Draw a photograph, and beside it the same with a map laid over it, the denser the larger its values.

    Args:
        photo: ``(H, W)`` or ``(H, W, 3)`` pixels in [0, 255].
        values: ``(H, W)``, at least 0.
        name: of the method that made the map.
    """
    photo, values = finite("photo", photo, dimensions=(2, 3)), finite(name, values, dimensions=2)
    figure = canvas(9.5, 3.6, title)
    plain, covered = figure.subplots(1, 2)
    for axes, text in ((plain, "the photograph"), (covered, f"{name}, over it")):
        bare(axes, text).imshow(photo, cmap="gray", vmin=0, vmax=255)
    top = max(float(values.max()), 1e-12)
    covered.imshow(values, cmap=AMOUNTS, vmin=0, vmax=top, alpha=np.clip(0.85 * values / top, 0, 1))
    return figure


def exciting(
    rows: Mapping[str, np.ndarray],
    *,
    values: Mapping[str, np.ndarray] | None = None,
    title: str = "Images that excite a unit most",
) -> Figure:
    """Show, a row for each unit, the images to which it answered most strongly.

    Args:
        rows: name of the unit -> ``(n, H, W)`` pixels in [0, 255], strongest first.
        values: name of the unit -> ``(n,)`` activations, written below the images.
    """
    filled("rows", rows)
    stacks = {name: finite(name, stack, dimensions=(3, 4)) for name, stack in rows.items()}
    columns = max(len(stack) for stack in stacks.values())
    lines = 1 if values else 0
    figure = canvas(
        tiles.inches_wide(columns) + 1.8,
        tiles.inches_high(len(rows) * columns, columns=columns, lines=lines) + 0.7,
        title,
    )
    axes = figure.subplots()
    blank = np.full_like(next(iter(stacks.values()))[0], 255)
    shown, captions = [], []
    for name, stack in stacks.items():
        spare = columns - len(stack)
        shown += [*stack, *[blank] * spare]
        if values:
            captions += [*(f"{value:.3g}" for value in values[name]), *[""] * spare]
    tiles.place(axes, shown, columns=columns, captions=captions)
    heights = [tiles.centre(k * columns, columns=columns, lines=lines)[1] for k in range(len(stacks))]
    axes.set_yticks(heights, list(stacks), fontsize=TEXT, fontfamily=FONTS)
    axes.tick_params(length=0)
    return figure


def _overlay(axes: Axes, image: np.ndarray, values: np.ndarray, name: str) -> None:
    both = values.min() < 0
    shade, line = (tiles.signed(values), QUIET) if both else (tiles.amounts(values), PAPER)
    norm = Normalize(shade.low, shade.high)
    drawn = axes.imshow(values, cmap=shade.colours, norm=norm, interpolation="nearest")
    ink = image if image.ndim == 2 else image.mean(axis=2)
    if ink.shape == values.shape and ink.min() < 128 < ink.max():
        axes.contour(ink, levels=[128], colors=[line], linewidths=1.1)
    bare(axes, name)
    bar = axes.figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.85, pad=0.03)
    bar.locator = MaxNLocator(3)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)


def _shown(what: str, shown: int, total: int) -> str:
    return f"{total} {what}" if shown == total else f"the first {shown} of {total} {what}"
