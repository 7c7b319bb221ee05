"""Optimisers on a loss surface: one picture of their paths, one animation of their race."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from pellucid.plots.canvas import (
    CATEGORIES,
    INK,
    MARKERS,
    PAPER,
    canvas,
    colour_bar,
    dress,
    filled,
    finite,
    legend,
    settle,
)

RINGS = 16
SHADES = "Greys"  # the paths carry the colours
RACE_DOTS_PER_INCH = 90


def surface(
    grid_x: np.ndarray,
    grid_y: np.ndarray,
    values: np.ndarray,
    paths: Mapping[str, np.ndarray],
    *,
    minimum: tuple[float, float] | None = None,
    title: str = "Optimisers on a loss surface",
) -> Figure:
    """Draw a loss surface as contours and the path of each optimiser on it.

    Args:
        grid_x, grid_y: ``(W,)`` and ``(H,)``, or both ``(H, W)``, the two weights.
        values: ``(H, W)`` losses.
        paths: optimiser -> ``(T, 2)`` positions, the start first. A path may leave the picture, not be NaN.
        minimum: where the loss is least, marked with a star.
    """
    figure, axes = _map(grid_x, grid_y, values, minimum, title)
    for index, (name, path) in enumerate(_checked(paths).items()):
        line, head = _runner(axes, index, f"{name}, {len(path) - 1} steps")
        line.set_data(path[:, 0], path[:, 1])
        head.set_data(path[-1:, 0], path[-1:, 1])
    _start(axes, paths)
    legend(axes, "upper left", outside=(0, -0.1), columns=3)
    return figure


def race_gif(
    grid_x: np.ndarray,
    grid_y: np.ndarray,
    values: np.ndarray,
    paths: Mapping[str, np.ndarray],
    *,
    minimum: tuple[float, float] | None = None,
    title: str = "Optimisers on a loss surface",
    frames: int = 60,
    seconds: float = 6.0,
) -> bytes:
    """Return an animated GIF of all optimisers taking their steps at the same time.

    Arguments are those of ``surface``; ``frames`` pictures last ``seconds``, then the end stands still
    for two seconds. The bytes depend on the arguments only.
    """
    if frames < 2:
        raise ValueError(f"frames is {frames}; expected at least 2")
    figure, axes = _map(grid_x, grid_y, values, minimum, title)
    checked = _checked(paths)
    runners = [_runner(axes, index, name) for index, name in enumerate(checked)]
    _start(axes, paths)
    clock = axes.text(
        0.985,
        0.02,
        "",
        transform=axes.transAxes,
        ha="right",
        fontsize=11,
        color=INK,
        bbox={"facecolor": PAPER, "edgecolor": "none"},
    )
    legend(axes, "upper left", outside=(0, -0.1), columns=5)
    background = _settled(figure, [*(artist for pair in runners for artist in pair), clock])
    drawn: Any = figure.canvas
    longest = max(len(path) for path in checked.values()) - 1
    pictures = []
    for frame in range(frames):
        step = round(longest * frame / (frames - 1))
        drawn.restore_region(background)
        clock.set_text(f"step {step}")
        axes.draw_artist(clock)
        for (line, head), path in zip(runners, checked.values(), strict=True):
            done = path[: step + 1]
            line.set_data(done[:, 0], done[:, 1])
            head.set_data(done[-1:, 0], done[-1:, 1])
            axes.draw_artist(line)
            axes.draw_artist(head)
        pictures.append(Image.fromarray(np.asarray(drawn.buffer_rgba())[..., :3].copy()))
    return _gif(pictures, seconds)


def _map(
    grid_x: np.ndarray,
    grid_y: np.ndarray,
    values: np.ndarray,
    minimum: tuple[float, float] | None,
    title: str,
) -> tuple[Figure, Axes]:
    values = finite("values", values, dimensions=2)
    grid_x = finite("grid_x", grid_x, dimensions=(1, 2))
    grid_y = finite("grid_y", grid_y, dimensions=(1, 2))
    figure = canvas(8.2, 7, title)
    axes = dress(figure.subplots(), "", "first weight (no unit)", "second weight (no unit)")
    lowest, span = float(values.min()), float(np.ptp(values)) or 1.0
    levels = lowest + span * np.linspace(0, 1, RINGS) ** 3  # close rings near the bottom, where paths end
    drawn = axes.contourf(grid_x, grid_y, values, levels=levels, cmap=SHADES, alpha=0.75)
    axes.contour(grid_x, grid_y, values, levels=levels, colors="#8a939e", linewidths=0.5)
    colour_bar(figure, drawn, axes, "loss (no unit)")
    axes.set_xlim(float(grid_x.min()), float(grid_x.max()))
    axes.set_ylim(float(grid_y.min()), float(grid_y.max()))
    if minimum is not None:
        axes.plot(
            *minimum, "*", color=INK, markersize=16, markeredgecolor=PAPER, label="minimum", linestyle=""
        )
    return figure, axes


def _checked(paths: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    filled("paths", paths)
    checked = {name: finite(f"path of {name}", path, dimensions=2) for name, path in paths.items()}
    for name, path in checked.items():
        if path.shape[1] != 2:
            raise ValueError(f"path of {name} has shape {path.shape}; expected (T, 2)")
    return checked


def _runner(axes: Axes, index: int, name: str) -> tuple[Line2D, Line2D]:
    colour, edge = CATEGORIES[index % 10], [patheffects.withStroke(linewidth=3.2, foreground=PAPER)]
    (line,) = axes.plot([], [], color=colour, linewidth=1.8, path_effects=edge)
    (head,) = axes.plot(
        [], [], MARKERS[index % 10], color=colour, markersize=9, markeredgecolor=PAPER, label=name, zorder=5
    )
    return line, head


def _start(axes: Axes, paths: Mapping[str, np.ndarray]) -> None:
    first = next(iter(paths.values()))[0]
    axes.plot(
        *first,
        "o",
        color=PAPER,
        markeredgecolor=INK,
        markeredgewidth=1.8,
        markersize=9,
        label="start",
        linestyle="",
    )


def _settled(figure: Figure, moving: list) -> object:
    """Draw everything that stands still and return it as a picture to start each frame from."""
    figure.set_dpi(RACE_DOTS_PER_INCH)
    settle(figure)
    for artist in moving:
        artist.set_animated(True)
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    return drawn.copy_from_bbox(figure.bbox)


def _palette() -> list[np.ndarray]:
    """Few colours make a small file: greys, and each path's colour pure and on its way to white."""
    greys = [np.full(3, level) for level in np.linspace(0, 1, 40)]
    pure = [np.array(to_rgb(colour)) for colour in (INK, *CATEGORIES)]
    return greys + [1 - share * (1 - colour) for colour in pure for share in (1, 0.75, 0.5, 0.25)]


def _gif(pictures: list[Image.Image], seconds: float) -> bytes:
    palette = Image.new("P", (1, 1))
    palette.putpalette([round(255 * part) for colour in _palette() for part in colour])
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    each = max(20, round(1000 * seconds / len(pictures)))
    written = io.BytesIO()
    indexed[0].save(
        written, "GIF", save_all=True, append_images=indexed[1:], loop=0, optimize=False,
        duration=[each] * (len(indexed) - 1) + [2000],
    )  # fmt: skip
    return written.getvalue()
