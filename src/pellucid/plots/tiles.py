"""Many small pictures on one panel, each with a line of text below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from pellucid.plots.canvas import AMOUNTS, FONTS, INK, RULE, SIGNED, SMALL, bare

GAP = 0.10  # of a tile's side
INCH_PER_LINE = 0.165  # a line of SMALL text


@dataclass(frozen=True)
class Shade:
    """How values become colours: a colour map and the values at its two ends."""

    colours: str | Colormap
    low: float
    high: float


GREY = Shade("gray", 0, 255)


def signed(values: np.ndarray) -> Shade:
    """Return blue for the most negative, white for zero, orange for the most positive of ``values``."""
    limit = max(float(np.abs(values).max()), 1e-12)
    return Shade(SIGNED, -limit, limit)


def amounts(values: np.ndarray) -> Shade:
    """Return viridis from zero (or the least value, if negative) to the largest of ``values``."""
    return Shade(AMOUNTS, min(0.0, float(values.min())), max(float(values.max()), 1e-12))


def place(
    axes: Axes,
    pictures: Iterable[np.ndarray],
    *,
    columns: int,
    captions: Sequence[str] = (),
    inches: float = 1.0,
    framed: bool = False,
    shade: Shade = GREY,
) -> None:
    """Lay ``pictures`` ((H, W) or (H, W, 3)) in reading order, ``columns`` a row, on an axes of their own.

    Args:
        captions: a line (or lines) of text below each tile; empty for none.
        inches: side of a tile on paper, needed to leave room for the text.
        framed: draw a thin line around each tile, for pictures with white margins.
        shade: of values without colours of their own; the same for all tiles.
    """
    lines = max((text.count("\n") + 1 for text in captions if text), default=0)
    height = 1 + GAP + lines * INCH_PER_LINE / inches
    index = 0
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        left, top = column * (1 + GAP), row * height
        shape = np.array(picture.shape[:2]) / max(picture.shape[:2])
        edges = (left + (1 - shape[1]) / 2, left + (1 + shape[1]) / 2, top + shape[0], top)
        axes.imshow(
            picture,
            extent=edges,
            interpolation="nearest",
            cmap=shade.colours,
            vmin=shade.low,
            vmax=shade.high,
        )
        if framed:
            axes.plot(*_outline(edges), color=RULE, linewidth=1)
        if index < len(captions) and captions[index]:
            at = (left + 0.5, top + 1 + 0.25 * INCH_PER_LINE / inches)
            axes.text(
                *at, captions[index], fontsize=SMALL, color=INK, ha="center", va="top", fontfamily=FONTS
            )
    rows = index // columns + 1
    bare(axes, axes.get_title(loc="left"))
    axes.set_xlim(-GAP / 2, columns * (1 + GAP) - GAP / 2)
    axes.set_ylim(rows * height - GAP / 2, -GAP / 2)
    axes.set_aspect("equal")


def inches_high(count: int, *, columns: int, lines: int = 0, inches: float = 1.0) -> float:
    """Return how tall ``count`` tiles stand on paper."""
    return -(-count // columns) * (inches * (1 + GAP) + lines * INCH_PER_LINE)


def inches_wide(columns: int, *, inches: float = 1.0) -> float:
    """Return how wide ``columns`` tiles lie on paper."""
    return columns * inches * (1 + GAP)


def centre(index: int, *, columns: int, lines: int = 0, inches: float = 1.0) -> tuple[float, float]:
    """Return the middle of tile ``index`` in the coordinates of its axes (x, y)."""
    row, column = divmod(index, columns)
    return column * (1 + GAP) + 0.5, row * (1 + GAP + lines * INCH_PER_LINE / inches) + 0.5


def _outline(edges: tuple[float, float, float, float]) -> tuple[list[float], list[float]]:
    left, right, bottom, top = edges
    return [left, right, right, left, left], [top, top, bottom, bottom, top]
