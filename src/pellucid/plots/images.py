"""Pictures of the data: samples, values in their cells, averages, flattening, mistakes, preprocessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pellucid.plots import tiles
from pellucid.plots.canvas import (
    AMOUNTS,
    BLUE,
    FONTS,
    HEADING,
    INK,
    PAPER,
    QUIET,
    SMALL,
    TEXT,
    VERMILLION,
    bands,
    bare,
    canvas,
    dress,
    filled,
    finite,
    same_length,
    short,
)

MOST_NUMBERS = 40  # cells a side that still leave room for a readable number
EXAMPLE = np.array([[0, 9, 8, 0], [0, 0, 7, 0], [0, 6, 0, 0], [5, 0, 0, 0]])  # a seven, 4 x 4


def sheet(
    images: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    columns: int = 12,
    title: str = "Examples of every class",
) -> Figure:
    """Show the first ``columns`` images of each class, one class a row.

    Args:
        images: ``(N, H, W)`` or ``(N, H, W, 3)`` pixels in [0, 255].
        labels: ``(N,)`` integers, positions in ``classes``.
    """
    images, labels = finite("images", images, dimensions=(3, 4)), finite("labels", labels, dimensions=1)
    same_length(images=images, labels=labels)
    filled("classes", classes)
    rows = [np.flatnonzero(labels == index) for index in range(len(classes))]
    figure = canvas(tiles.inches_wide(columns, inches=0.7) + 1.9, len(classes) * 0.8 + 0.6, title)
    axes = figure.subplots()
    blank = np.full_like(images[0], 255)
    shown = [images[row[c]] if c < len(row) else blank for row in rows for c in range(columns)]
    tiles.place(axes, shown, columns=columns, inches=0.7)
    axes.set_yticks([tiles.centre(k * columns, columns=columns)[1] for k in range(len(classes))])
    names = [f"class {name}\n{len(row):,} images" for name, row in zip(classes, rows, strict=True)]
    axes.set_yticklabels(names, fontsize=TEXT, fontfamily=FONTS)
    axes.tick_params(length=0)
    return figure


def numbers(image: np.ndarray, *, title: str = "One image is a grid of numbers") -> Figure:
    """Write the value of every pixel into its cell; ``image`` is ``(H, W)`` integers in [0, 255].

    Raises:
        ValueError: more than 40 pixels a side: the numbers would not be readable.
    """
    image = finite("image", image, dimensions=2)
    if max(image.shape) > MOST_NUMBERS:
        raise ValueError(f"image: {image.shape} is too large to write its numbers; crop to 40 x 40 or less")
    height, width = image.shape
    figure = canvas(0.4 * width + 0.8, 0.4 * height + 1.1, title)
    axes = figure.subplots()
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    _write_values(axes, image, size=SMALL)
    about = f"{height} x {width} = {image.size:,} values; 0 is black, 255 is white"
    dress(axes, about, "column", "row")
    axes.set_xticks(range(width))
    axes.set_yticks(range(height))
    axes.tick_params(length=0, top=True, labeltop=True)
    return figure


def averages(images_per_class: Mapping[str, np.ndarray]) -> Figure:
    """Show the mean image of each class; each entry is ``(n, H, W)`` or ``(n, H, W, 3)`` in [0, 255]."""
    filled("images_per_class", images_per_class)
    stacks = {
        name: finite(f"class {name}", stack, dimensions=(3, 4)) for name, stack in images_per_class.items()
    }
    means = [stack.mean(axis=0, dtype=np.float64) for stack in stacks.values()]
    means = [
        mean if mean.ndim == 2 else mean.astype(np.uint8) for mean in means
    ]  # floats mean [0, 1] in colour
    captions = [f"{name}: mean of {len(stack):,}" for name, stack in stacks.items()]
    columns = min(5, len(means))
    high = tiles.inches_high(len(means), columns=columns, lines=1, inches=1.6)
    figure = canvas(
        max(tiles.inches_wide(columns, inches=1.6), 5.5), high + 0.7, "The average image of each class"
    )
    tiles.place(figure.subplots(), means, columns=columns, captions=captions, inches=1.6)
    return figure


def flattening(image: np.ndarray) -> Figure:
    """Show how a picture becomes a list: row by row, on ``image`` (H, W) and on a 4 x 4 example."""
    image = finite("image", image, dimensions=2)
    figure = canvas(12.5, 8.0, "Flattening: the rows of the picture, one after the other")
    small, large = bands(figure, [1, 1.5])
    _flatten_small(*small.subplots(1, 2, width_ratios=[1, 3.4]))
    _flatten_large(large, image)
    return figure


def gallery(
    images: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    *,
    classes: Sequence[str],
    columns: int = 8,
    title: str = "The mistakes the network was surest of",
) -> Figure:
    """Show images with what they are, what the network said and how sure it was, in the order given.

    Args:
        images: ``(N, H, W)`` or ``(N, H, W, 3)`` pixels in [0, 255].
        true, predicted: ``(N,)`` positions in ``classes``.
        probabilities: ``(N, K)``.
    """
    images = finite("images", images, dimensions=(3, 4))
    probabilities = finite("probabilities", probabilities, dimensions=2)
    true, predicted = finite("true", true, dimensions=1), finite("predicted", predicted, dimensions=1)
    same_length(images=images, true=true, predicted=predicted, probabilities=probabilities)
    captions = [
        f"says {classes[said]}: {chances[said]:.1%}\nis {classes[is_]}: {chances[is_]:.1%}"
        for is_, said, chances in zip(true, predicted, probabilities, strict=True)
    ]
    columns = min(columns, len(images))
    high = tiles.inches_high(len(images), columns=columns, lines=2, inches=1.25)
    figure = canvas(max(tiles.inches_wide(columns, inches=1.25), 6), high + 0.7, title)
    tiles.place(figure.subplots(), list(images), columns=columns, captions=captions, inches=1.25)
    return figure


def stages(pictures: Mapping[str, np.ndarray], given: str) -> Figure:
    """Show what becomes of something, step by step; each entry is ``(H, W)`` or ``(H, W, 3)``.

    Args:
        given: what that was, in a word: "photograph", "drawing", "strokes".
    """
    filled("pictures", pictures)
    shown = {name: finite(name, picture, dimensions=(2, 3)) for name, picture in pictures.items()}
    title = f"From {given} to what the network sees" if len(shown) > 1 else "What the network sees"
    figure = canvas(2.1 * len(shown) + 0.3, 3.0, title)
    for number, (axes, name) in enumerate(zip(_row(figure, len(shown)), shown, strict=True), start=1):
        picture = shown[name]
        top = 1 if picture.max() <= 1 and picture.dtype.kind in "bf" else 255
        axes.imshow(picture, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
        bare(axes, f"{number}. {name}")
        axes.set_xlabel(
            f"{picture.shape[0]} x {picture.shape[1]} pixels", fontsize=SMALL, color=QUIET, fontfamily=FONTS
        )
        for spine in axes.spines.values():
            spine.set(visible=True, color=QUIET)
    return figure


def _row(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0])


def _write_values(axes: Axes, values: np.ndarray, *, size: float, middle: float = 128) -> None:
    for (row, column), value in np.ndenumerate(values):
        colour = PAPER if value < middle else INK
        text = short(float(value)) if values.dtype.kind == "f" else str(int(value))
        axes.text(column, row, text, fontsize=size, color=colour, ha="center", va="center", fontfamily=FONTS)


def _flatten_small(picture: Axes, line: Axes) -> None:
    height, width = EXAMPLE.shape
    for axes, values, marked in ((picture, EXAMPLE, (1, 2)), (line, EXAMPLE.reshape(1, -1), (9, 0))):
        _cells(axes, values)
        corner = (marked[0] - 0.5, marked[1] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=VERMILLION, linewidth=2.2, zorder=3))
    dress(picture, "A picture of 4 x 4 values", "column c", "row r")
    dress(line, "the same 16 values as a list", "position in the list = 4 r + c   (width x row + column)")
    picture.set_xticks(range(width))
    picture.set_yticks(range(height))
    line.set_xticks(range(EXAMPLE.size))
    line.set_yticks([])
    for axes in (picture, line):
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    line.annotate(
        "row 2, column 1\n4 x 2 + 1 = 9", (9, -0.5), (9, -2.3), fontsize=TEXT, color=VERMILLION,
        ha="center", va="center", fontfamily=FONTS, annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": VERMILLION, "linewidth": 1.4},
    )  # fmt: skip


def _cells(axes: Axes, values: np.ndarray) -> None:
    """Draw the values of the example in cells coloured by the row of the picture they come from."""
    height, width = EXAMPLE.shape
    axes.set_xlim(-0.6, values.shape[1] - 0.4)
    axes.set_ylim(values.shape[0] - 0.4, -0.6)
    axes.set_aspect("equal")
    for index, value in enumerate(values.ravel()):
        row, column = divmod(index, values.shape[1])
        owner = index // width
        shade = _row_colour(owner, height)
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=shade, edgecolor=PAPER, linewidth=2)
        axes.add_patch(cell)
        ink = PAPER if owner < height / 2 else INK
        axes.text(
            column, row, str(value), color=ink, fontsize=HEADING, ha="center", va="center", fontfamily=FONTS
        )


def _flatten_large(figure, image: np.ndarray) -> None:
    height, width = image.shape
    spec = figure.add_gridspec(3, 2, width_ratios=[1, 3.4], height_ratios=[0.5, 0.5, 1.3])
    picture = dress(figure.add_subplot(spec[:, 0]), f"A real image, {height} x {width}", "column c", "row r")
    picture.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for row in range(height):
        edge = Rectangle((-2, row - 0.5), 1.3, 1, color=_row_colour(row, height), clip_on=False)
        picture.add_patch(edge)
    picture.set_xlim(-2.2, width - 0.5)
    picture.set_xticks(range(0, width, 7))
    picture.set_yticks(range(0, height, 7))

    flat = image.reshape(1, -1)
    strip = dress(figure.add_subplot(spec[0, 1]), f"all {flat.size:,} values in one line, as grey")
    strip.imshow(flat, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="nearest")
    rows = dress(figure.add_subplot(spec[1, 1]), "which row each value came from")
    owners = np.repeat(np.arange(height), width).reshape(1, -1)
    rows.imshow(owners, cmap=AMOUNTS, aspect="auto", interpolation="nearest")
    curve = dress(
        figure.add_subplot(spec[2, 1]),
        "the same values as a curve",
        f"position = {width} r + c",
        "value, 0 to 255",
    )
    curve.stairs(flat[0], np.arange(flat.size + 1) - 0.5, fill=True, color=BLUE)
    curve.set_xlim(-0.5, flat.size - 0.5)
    curve.set_ylim(0, 260)
    for axes in (strip, rows):
        axes.set_yticks([])
    for axes in (strip, rows, curve):
        axes.set_xticks([*range(0, flat.size, 4 * width), flat.size - 1])


def _row_colour(row: int, rows: int) -> tuple[float, float, float, float]:
    return colormaps[AMOUNTS](row / max(rows - 1, 1))
