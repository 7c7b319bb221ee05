"""Pictures of play: what the network sees, what each action is worth, where it looks; films of games."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from pellucid.plots.canvas import (
    AMOUNTS,
    BLUE,
    FONTS,
    INK,
    ORANGE,
    SMALL,
    TEXT,
    bands,
    bare,
    canvas,
    dress,
    filled,
    finite,
    grid,
    short,
)

WIDTH = 11.0
FRAMES_A_SECOND = 15  # an action lasts 4 of the 60 frames of a second
PANEL = 150  # pixels beside the screen, for the values
SCALE = 2
DARK, PALE, BRIGHT, BEST = (16, 18, 22), (200, 205, 212), (86, 180, 233), (230, 159, 0)


def planes(sample: np.ndarray, channels: int) -> np.ndarray:
    """Return a stack as pictures, one for each frame: ``(S * C, H, W)`` -> ``(S, H, W)``.

    Of frames with several planes the brightest is shown, each plane in a grey of its own.
    """
    frames = sample.reshape(-1, channels, *sample.shape[1:])
    if channels == 1:
        return frames[:, 0]
    greys = np.linspace(1.0, 0.4, channels).reshape(1, -1, 1, 1)
    return (frames * greys).max(1).astype(np.uint8)


def answer(frames: np.ndarray, values: Mapping[str, float], best: str) -> Figure:
    """Draw the frames ``(S, H, W)`` that were seen, and what each action is worth."""
    filled("values", values)
    figure = canvas(WIDTH, 2.4 + 0.34 * len(values) + 1.0, f"What the network does: {best}")
    above, below = bands(figure, [2.4, 0.34 * len(values) + 0.8])
    _frames(above.subplots(1, len(frames), squeeze=False)[0], frames)
    _bars(below.subplots(), values, "what each action is worth (discounted points to come)")
    return figure


def way(stages: Mapping[str, np.ndarray], stack: np.ndarray) -> Figure:
    """Draw the way from the screen to what the network sees: each stage, then the stack ``(S, H, W)``."""
    filled("stages", stages)
    figure = canvas(WIDTH, 6.4, "From the screen to what the network sees")
    above, below = bands(figure, [1.2, 1])
    for axes, (name, picture) in zip(
        above.subplots(1, len(stages), squeeze=False)[0], stages.items(), strict=True
    ):
        height, width = picture.shape[:2]
        bare(axes, f"{name}, {width} x {height}").imshow(picture, cmap="gray", vmin=0, vmax=255)
    _frames(below.subplots(1, len(stack), squeeze=False)[0], stack)
    return figure


def sheet(screens: Sequence[np.ndarray], captions: Sequence[str], *, columns: int = 6) -> Figure:
    """Draw screens of a game, each with its caption."""
    filled("screens", screens)
    rows = -(-len(screens) // columns)
    figure = canvas(WIDTH, 2.5 * rows + 0.7, "Random play")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(screens) :]:
        axes.set_axis_off()
    for axes, screen, caption in zip(panels, screens, captions, strict=False):
        bare(axes).imshow(screen)
        axes.set_title(caption, fontsize=SMALL, color=INK, fontfamily=FONTS)
    return figure


def explained(
    frames: np.ndarray,
    saliency: np.ndarray,
    shares: Sequence[float],
    values: Mapping[str, float],
    advantages: Mapping[str, float],
    *,
    worth: float,
    screen: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """Draw values and advantages beside the screen, and where in which frame the network looked.

    Args:
        frames: ``(S, H, W)``, oldest first.
        saliency: ``(S, H, W)``, how much the chosen action's worth changes with each pixel; not negative.
        shares: ``(S,)``, what each frame contributed.
        worth: of the state.
    """
    top = float(finite("saliency", saliency, dimensions=3).max()) or 1.0
    figure = canvas(WIDTH, 3.2 + 0.5 * len(values) + 2.6, title)
    above, below = bands(figure, [1.4, 1])
    panels = above.subplots(1, 3, width_ratios=[1, 1.2, 1.2])
    shown = frames[-1] if screen is None else screen
    bare(panels[0], "what is seen").imshow(shown, cmap="gray", vmin=0, vmax=255)
    _bars(panels[1], values, f"worth of each action; of the state {short(worth)}")
    _bars(panels[2], advantages, "what each action adds (advantage)")
    names = [name if name != "now" else "newest" for name in _ages(len(frames))]
    for axes, frame, heat, share, name in zip(
        below.subplots(1, len(frames), squeeze=False)[0], frames, saliency, shares, names, strict=True
    ):
        bare(axes, f"{name}: {share:.0%}").imshow(frame, cmap="gray", vmin=0, vmax=255)
        axes.imshow(heat, cmap=AMOUNTS, alpha=0.75 * np.sqrt(heat / top), vmin=0, vmax=top)
    return figure


def scores(rows: Mapping[str, Sequence[float]], marks: Mapping[str, float], *, game: str) -> Figure:
    """Draw the scores of episodes, a dot each, with lines where others stand."""
    filled("rows", rows)
    figure = canvas(WIDTH, 1.6 + 0.6 * len(rows), f"{game}: each dot an episode, the bar their mean")
    axes = dress(figure.subplots(), "", "score, as the game counts it", "")
    for place, values in enumerate(rows.values()):
        spread = np.linspace(-0.22, 0.22, len(values))
        axes.plot(values, place + spread, "o", color=BLUE, alpha=0.5, markersize=5)
        axes.plot([np.mean(values)] * 2, [place - 0.35, place + 0.35], color=ORANGE, linewidth=3)
    axes.set_yticks(range(len(rows)), list(rows), fontfamily=FONTS, fontsize=TEXT)
    axes.invert_yaxis()
    for name, value in marks.items():
        axes.axvline(value, color=INK, linewidth=1, linestyle=":")
        axes.text(value, -0.55, name, fontsize=SMALL, color=INK, rotation=20, ha="left", fontfamily=FONTS)
    grid(axes, "x")
    return figure


def film(moments: Iterable[tuple[np.ndarray, np.ndarray, int, float]], actions: Sequence[str]) -> bytes:
    """Return a GIF of a game with the values beside it.

    Args:
        moments: (screen ``(H, W, 3)``, values ``(A,)``, action done, score so far) of each step.
        actions: names of the actions.
    """
    pictures = [_composed(*moment, actions) for moment in moments]
    filled("moments", pictures)
    packed = [_packed(picture) for picture in pictures]
    colours = np.unique(np.concatenate([np.unique(picture) for picture in packed]))
    if len(colours) > 256:
        images = [Image.fromarray(picture).quantize(256) for picture in pictures]
    else:
        palette = [int(colour) >> shift & 255 for colour in colours for shift in (16, 8, 0)]
        images = [_indexed(np.searchsorted(colours, picture).astype(np.uint8), palette) for picture in packed]
    written = io.BytesIO()
    images[0].save(
        written, "GIF", save_all=True, append_images=images[1:], loop=0, optimize=False,
        duration=round(1000 / FRAMES_A_SECOND),
    )  # fmt: skip
    return written.getvalue()


def _frames(panels: Sequence[Axes], frames: np.ndarray) -> None:
    for axes, frame, name in zip(panels, frames, _ages(len(frames)), strict=True):
        bare(axes, name).imshow(frame, cmap="gray", vmin=0, vmax=255)


def _ages(count: int) -> list[str]:
    return [f"{count - 1 - place} before" if place < count - 1 else "now" for place in range(count)]


def _bars(axes: Axes, values: Mapping[str, float], title: str) -> None:
    numbers = finite("values", list(values.values()), dimensions=1)
    dress(axes, "", title, "")
    axes.barh(range(len(numbers)), numbers, color=[ORANGE if v == numbers.max() else BLUE for v in numbers])
    axes.set_yticks(range(len(numbers)), list(values), fontfamily=FONTS, fontsize=SMALL)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)


def _composed(
    screen: np.ndarray, values: np.ndarray, action: int, score: float, actions: Sequence[str]
) -> np.ndarray:
    """Return a screen, enlarged, with the score and a bar for each action beside it."""
    large = screen.repeat(SCALE, 0).repeat(SCALE, 1)
    panel = Image.new("RGB", (PANEL, large.shape[0]), DARK)
    draw = ImageDraw.Draw(panel)
    draw.fontmode = "1"  # no half-tones: few colours make a small file
    draw.text((8, 6), f"score {score:g}", fill=PALE)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    for place, name in enumerate(actions):
        top = 28 + 24 * place
        draw.text((8, top), name.lower(), fill=BEST if place == action else PALE)
        if len(values):
            share = (float(values[place]) - low) / ((high - low) or 1.0)
            draw.rectangle((8, top + 13, 10 + round(share * (PANEL - 20)), top + 17), BRIGHT)
    if len(values):
        draw.text((8, 34 + 24 * len(actions)), f"worth {high:.2f}", fill=PALE)
    return np.concatenate([large, np.asarray(panel)], 1)


def _packed(picture: np.ndarray) -> np.ndarray:
    wide = picture.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _indexed(places: np.ndarray, palette: list[int]) -> Image.Image:
    image = Image.fromarray(places)
    image.putpalette(palette)
    return image
