"""A network as a drawing: maps as stacks of sheets, hidden units as columns, sizes to scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from pellucid.plots.canvas import BLUE, FONTS, INK, ORANGE, PAPER, QUIET, SMALL, TEXT, canvas, filled

TALLEST, LEAST = 2.6, 0.16  # inches on paper
SPACING = 0.19  # between two units of a column
SHIFT = 0.075  # between two sheets of a stack
STEP = 0.75  # free space between two bodies
WORDS = 1.3  # least width of a body, so that its words fit


def diagram(layers: Sequence[Any], *, title: str = "The network") -> Figure:
    """Draw the layers from left to right with shapes and parameter counts.

    A layer that keeps the shape (activation, dropout, normalisation) is written below the layer it
    follows. The side of a sheet follows the number of pixels, the number of sheets drawn the logarithm
    of the number of maps, the height of a column the square root of the number of units.

    Args:
        layers: the input first; mappings or objects with ``name``, ``kind``, ``shape`` (one image's,
            ``(C, H, W)`` or ``(U,)``) and ``parameters`` (an integer).
    Raises:
        ValueError: no layers, or a shape that is neither maps nor units.
    """
    filled("layers", layers)
    bodies = _bodies(layers)
    sizes = _sizes([shape for shape, _ in bodies])
    widths = [max(size[0], WORDS) for size in sizes]
    total = sum(widths) + STEP * (len(bodies) - 1)
    lines = max(len(words) for _, words in bodies)
    floor = -0.3 - 0.19 * lines
    ceiling = max(size[1] for size in sizes) + 0.15
    parameters = sum(int(_of(layer, "parameters")) for layer in layers)
    heading = f"{title}: {parameters:,} parameters"
    figure = canvas(max(total + 0.5, 0.15 * len(heading)), ceiling - floor + 0.6, heading)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-0.1, total + 0.1)
    axes.set_ylim(floor, ceiling)
    left, before = 0.0, None
    tall = ceiling - 0.15
    for (shape, words), size, width in zip(bodies, sizes, widths, strict=True):
        middle = left + width / 2
        after = _draw(axes, shape, size, (middle, tall / 2))
        if before is not None:
            _join(axes, before, after)
        _write(axes, words, middle)
        before = after
        left += width + STEP
    return figure


def _bodies(layers: Sequence[Any]) -> list[tuple[tuple[int, ...], list[str]]]:
    """Return (shape, lines of text) of each layer that is drawn; others add a line to the one before."""
    bodies: list[tuple[tuple[int, ...], list[str]]] = []
    for layer in layers:
        shape = tuple(int(size) for size in _of(layer, "shape"))
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise ValueError(f'layer "{_of(layer, "name")}" has shape {shape}; expected (C, H, W) or (U,)')
        name, kind, count = _of(layer, "name"), _of(layer, "kind"), int(_of(layer, "parameters"))
        weighs = f"{count:,} parameters" if count else "no parameters"
        if bodies and bodies[-1][0] == shape and (not count or "norm" in str(kind).lower()):
            bodies[-1][1].append(f"+ {name}" + (f" ({count:,})" if count else ""))
            continue
        what = " x ".join(map(str, shape)) if len(shape) == 3 else f"{shape[0]:,} units"
        words = [str(name), what, str(kind), weighs if bodies else ""]
        bodies.append((shape, words))
    return bodies


def _sizes(shapes: Sequence[tuple[int, ...]]) -> list[tuple[float, float]]:
    """Return width and height of each body in inches, both kinds to a scale of their own."""
    pixels = max((max(shape[1:]) for shape in shapes if len(shape) == 3), default=1)
    units = max((shape[0] for shape in shapes if len(shape) == 1), default=1)
    sizes = []
    for shape in shapes:
        if len(shape) == 1:
            sizes.append(
                (0.2, max(TALLEST * 1.15 * math.sqrt(shape[0] / units), SPACING * min(shape[0], 10)))
            )
            continue
        behind = SHIFT * (_sheets(shape[0]) - 1)
        height, width = (max(TALLEST * 0.75 * side / pixels, LEAST) for side in shape[1:])
        sizes.append((width + behind, height + behind))
    return sizes


def _sheets(maps: int) -> int:
    return 1 + round(1.4 * math.log2(maps))


def _draw(axes: Axes, shape: tuple[int, ...], size: tuple[float, float], middle: tuple[float, float]) -> Any:
    """Draw one body around ``middle``; return (left edge, right edge, heights of units or of the centre)."""
    if len(shape) == 1:
        heights = _column(axes, shape[0], size[1], middle)
        return middle[0] - 0.08, middle[0] + 0.08, heights
    sheets = _sheets(shape[0])
    behind = SHIFT * (sheets - 1)
    width, height = size[0] - behind, size[1] - behind
    left, bottom = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    for index in reversed(range(sheets)):
        corner = (left + index * SHIFT, bottom + index * SHIFT)
        shade = "#d6e6f2" if index else "#a9cce4"
        axes.add_patch(Rectangle(corner, width, height, facecolor=shade, edgecolor=BLUE, linewidth=0.9))
    return left, left + size[0], np.array([middle[1]])


def _column(axes: Axes, units: int, height: float, middle: tuple[float, float]) -> np.ndarray:
    room = max(int(height / SPACING), 3)
    drawn = units if units <= room else room
    heights = middle[1] + SPACING * (np.arange(drawn) - (drawn - 1) / 2)
    dots = {drawn // 2 - 1, drawn // 2, drawn // 2 + 1} if drawn < units else set()
    for index, y in enumerate(heights):
        if index in dots:
            axes.add_patch(Circle((middle[0], y), 0.022, color=QUIET, zorder=3))
        else:
            look = {"facecolor": "#fbe3b5", "edgecolor": ORANGE, "linewidth": 1.1}
            axes.add_patch(Circle((middle[0], y), 0.075, zorder=3, **look))
    return np.array([y for index, y in enumerate(heights) if index not in dots])


def _join(axes: Axes, before: Any, after: Any) -> None:
    (_, start, sources), (end, _, targets) = before, after
    if len(targets) > 1 and len(sources) > 1:
        lines = [[(start, y), (end, z)] for y in sources for z in targets]
        axes.add_collection(LineCollection(lines, colors=QUIET, linewidths=0.35, alpha=0.4, zorder=1))
        return
    y = float(sources.mean())
    ends = (start + 0.08, y), (end - 0.08, y)
    axes.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=13, color=QUIET, linewidth=1.3))


def _write(axes: Axes, words: Sequence[str], middle: float) -> None:
    for line, text in enumerate(words):
        look: dict[str, Any] = {"fontsize": SMALL, "color": QUIET}
        if line < 2:
            look = {"fontsize": TEXT, "color": INK, "fontweight": "bold" if line == 0 else "normal"}
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}
        axes.text(middle, -0.2 - 0.19 * line, text, ha="center", va="top", bbox=box, fontfamily=FONTS, **look)


def _of(layer: Any, name: str) -> Any:
    return layer[name] if isinstance(layer, Mapping) else getattr(layer, name)
