"""What all pictures share: one palette, one kind of page, and bytes that depend on nothing but the figure.

Figures are ``matplotlib.figure.Figure`` objects made directly; no pyplot, no global state. Colours are
safe for colour-blind readers: viridis for amounts, blue to orange for signed numbers, Okabe and Ito's
set ("Color Universal Design", 2008) for categories, and a category never differs by colour alone.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK, QUIET, RULE, PAPER = "#1b1f24", "#5b6470", "#e3e6ea", "#ffffff"
BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, YELLOW, BLACK = "#cc79a7", "#56b4e9", "#d9c400", "#000000"
CATEGORIES = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, YELLOW, "#8c8c8c", "#7a4a1e")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

AMOUNTS = "viridis"
SIGNED = LinearSegmentedColormap.from_list(
    "blue_orange", ["#08335c", "#2c7fb8", "#a6cbe3", "#fafafa", "#f6c38f", "#d9730d", "#6e2c00"]
)
SMALL, TEXT, HEADING, TITLE = 8.5, 9.5, 11, 14
FONTS = ["DejaVu Sans"]  # travels inside matplotlib, so text is the same on every machine
DOTS_PER_INCH = 110


def canvas(width: float, height: float, title: str = "") -> Figure:
    """Return an empty white figure of ``width`` x ``height`` inches whose panels arrange themselves."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=layout, facecolor=PAPER)
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=TITLE, color=INK, fontweight="bold", fontfamily=FONTS)
    return figure


def bands(figure: Figure, heights: Sequence[float]) -> list[Any]:
    """Cut a figure into bands from top to bottom, each with panels and a heading of its own."""
    cut: Any = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    return list(cut[:, 0])


def png(figure: Figure) -> bytes:
    """Return the figure as PNG bytes; the same figure gives the same bytes, today and tomorrow.

    The layout is settled once and kept, and no date or version of the software is written.
    """
    settle(figure)
    written = io.BytesIO()
    FigureCanvasAgg(figure).print_png(written, metadata={"Software": None})
    return written.getvalue()


def settle(figure: Figure) -> None:
    """Arrange the panels once and for all, so that drawing again moves nothing."""
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.execute(figure)
        figure.set_layout_engine("none")


def data_uri(figure: Figure) -> str:
    """Return the figure as a ``data:image/png;base64,...`` address, for a page that needs no other file."""
    return "data:image/png;base64," + base64.b64encode(png(figure)).decode("ascii")


def dress(axes: Axes, title: str = "", x: str = "", y: str = "") -> Axes:
    """Give a panel its title, its axis labels (with units) and the house's quiet frame; return it."""
    axes.set_title(title, fontsize=HEADING, color=INK, loc="left", fontfamily=FONTS)
    axes.set_xlabel(x, fontsize=TEXT, color=INK, fontfamily=FONTS)
    axes.set_ylabel(y, fontsize=TEXT, color=INK, fontfamily=FONTS)
    axes.tick_params(labelsize=SMALL, colors=QUIET, labelcolor=INK, labelfontfamily=FONTS[0])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    return axes


def bare(axes: Axes, title: str = "") -> Axes:
    """Take frame and ticks from a panel that shows a picture; return it."""
    dress(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def grid(axes: Axes, axis: Any = "both") -> None:
    """Draw thin lines behind the data of a panel."""
    axes.set_axisbelow(True)
    axes.grid(True, axis=axis, color=RULE, linewidth=0.8)


def logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers (0.1, 0.2, 0.5, 1) instead of powers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def legend(
    axes: Axes,
    place: Any,
    *,
    columns: int = 1,
    outside: tuple[float, float] | None = None,
    enlarge: float = 1.0,
) -> None:
    """Draw the legend of a panel.

    Args:
        place: matplotlib's word, as "upper right"; of the legend itself where ``outside`` is given.
        outside: a point beyond the panel, in fractions of the panel.
        enlarge: how much larger than on the panel the markers are drawn.
    """
    drawn = axes.legend(
        loc=place, ncols=columns, markerscale=enlarge, frameon=False, labelcolor=INK,
        prop=FontProperties(family=FONTS, size=SMALL),
    )  # fmt: skip
    if outside is not None:
        drawn.set_bbox_to_anchor(outside, transform=axes.transAxes)


def colour_bar(figure: Figure, drawn: Any, axes: Any, label: str) -> None:
    """Explain the colours of ``drawn`` beside ``axes``."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02)
    bar.set_label(label, fontsize=TEXT, color=INK, fontfamily=FONTS)
    bar.ax.tick_params(labelsize=SMALL, labelcolor=INK)
    bar.outline.set(edgecolor=QUIET, linewidth=0.6)


def finite(name: str, values: Any, *, dimensions: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Return ``values`` as an array that can be drawn.

    Raises:
        ValueError: it is empty, holds NaN or infinity, or has another number of dimensions; the text
            names ``name``, says what came and what was expected.
    """
    array = np.asarray(values)
    if array.size == 0:
        raise ValueError(f"{name}: got nothing to draw (shape {array.shape}); give at least one value")
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name}: got {array.dtype} values, expected numbers")
    allowed = (dimensions,) if isinstance(dimensions, int) else dimensions
    if allowed and array.ndim not in allowed:
        expected = " or ".join(str(count) for count in allowed)
        raise ValueError(f"{name}: got an array of shape {array.shape}, expected {expected} dimensions")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name}: {bad} of {array.size} values are NaN or infinite; expected finite numbers")
    return array


def filled(name: str, things: Mapping[Any, Any] | Sequence[Any]) -> None:
    """Raise ValueError unless ``things`` holds at least one entry."""
    if len(things) == 0:
        raise ValueError(f"{name}: got nothing to draw; give at least one entry")


def same_length(**columns: Any) -> None:
    """Raise ValueError unless all columns have equally many entries; the text names each length."""
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{name} has {len(column)}" for name, column in columns.items())
        raise ValueError(f"expected one entry of each kind per item, but {lengths}")


def short(value: float, digits: int = 3) -> str:
    """Write a number as a person would: 0, 0.013, 12.5, 3.1e-07."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{max(digits - 2, 0)}e}"
    return f"{value:.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"
