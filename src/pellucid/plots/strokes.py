"""Pictures of pen strokes: in which order they were drawn, and how much each one spoke for the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.plots.canvas import AMOUNTS, FONTS, INK, PAPER, SIGNED, SMALL, bare, canvas, filled

COLUMNS = 5
INCHES = 2.2  # of one drawing
PEN = 2.6  # points


def order(drawings: Sequence[Sequence[np.ndarray]], names: Sequence[str], *, title: str = "") -> Figure:
    """Draw each drawing with its strokes coloured and numbered in the order in which they were drawn.

    Args:
        drawings: each a sequence of strokes ``(P, 2)``, x right and y down.
        names: what each one is.
    """
    filled("drawings", drawings)
    rows = -(-len(drawings) // COLUMNS)
    columns = min(COLUMNS, len(drawings))
    figure = canvas(columns * INCHES, rows * (INCHES + 0.3) + 0.5, title)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, drawing, name in zip(panels, drawings, names, strict=False):
        shades = colormaps[AMOUNTS](np.linspace(0, 0.9, max(2, len(drawing))))
        _paper(axes, drawing, name)
        for number, (stroke, shade) in enumerate(zip(drawing, shades, strict=False), 1):
            _line(axes, stroke, shade)
            axes.text(stroke[0][0], stroke[0][1], str(number), fontsize=SMALL, color=INK, fontfamily=FONTS)
    for axes in list(panels):
        axes.axis("off")
    return figure


def weights(drawing: Sequence[np.ndarray], values: Sequence[float], *, title: str = "") -> Figure:
    """Draw strokes in the colour of how much each spoke for the answer: orange for, blue against.

    Args:
        drawing: strokes ``(P, 2)``.
        values: one a stroke, in [-1, 1]: how much less probable the answer is without it.
    """
    filled("drawing", drawing)
    figure = canvas(6.0, 5.4, title)
    axes = figure.subplots()
    _paper(axes, drawing, "")
    most = max(1e-9, *(abs(value) for value in values))
    for number, (stroke, value) in enumerate(zip(drawing, values, strict=True), 1):
        axes.plot(*stroke.T, color=INK, linewidth=2 * PEN + 2, solid_capstyle="round")
        _line(axes, stroke, SIGNED(0.5 + value / most / 2), width=2 * PEN)
        axes.text(
            stroke[0][0],
            stroke[0][1],
            f" {number}: {value:+.0%}",
            fontsize=SMALL + 1,
            color=INK,
            fontfamily=FONTS,
        )
    return figure


def _paper(axes: Axes, drawing: Sequence[np.ndarray], title: str) -> None:
    """An empty page as large as the drawing, y downwards."""
    bare(axes, title)
    points = np.concatenate([np.asarray(stroke, float) for stroke in drawing])
    low, high = points.min(0), points.max(0)
    middle, reach = (low + high) / 2, 0.6 * max(1e-6, *(high - low))
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] + reach, middle[1] - reach)
    axes.set_aspect("equal")
    axes.set_facecolor(PAPER)


def _line(axes: Axes, stroke: np.ndarray, shade: object, width: float = PEN) -> None:
    marker = "o" if len(stroke) == 1 else ""
    axes.plot(*np.asarray(stroke).T, color=shade, linewidth=width, marker=marker, solid_capstyle="round")
