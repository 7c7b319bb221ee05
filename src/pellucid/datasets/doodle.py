"""One renderer of strokes: what a pen drew becomes the pixels that a network sees, everywhere the same.

Training, ``predict`` and a drawing pad use these few lines of arithmetic, and nothing else:

1. place: the box around all points is scaled uniformly so that its longer side is ``Form.longer`` pixels, and
   centred in ``side x side`` pixels. Where all points are one, nothing is scaled.
2. ink: a pixel's value is ``clip(line / 2 + 1/2 - d, 0, 1)``, where d is the distance in pixels from the
   pixel's centre to the nearest point of any stroke. That is the coverage of the pixel by a line with round
   ends and joins, to first order; a canvas that fills pixels by the same formula shows the same image.

A drawing is a list of strokes, each an ``(P, 2)`` array of x (right) and y (down). Sources: the simplified
drawings and the bitmaps of Google's Quick, Draw! data set, and the rasteriser that its maintainers give
(github.com/googlecreativelab/quickdraw-dataset, issue 19): a 256-unit drawing, line 16, padding 16 + 8.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import DataError

Drawing = list[np.ndarray]
FAR = 1e4  # pixels: further than any ink, and still exact in float32
AT_ONCE = 2**24  # numbers in one array of distances
SIMPLE_BOX, SIMPLE_ERROR = 255.0, 2.0  # units of the longer side, and how far a dropped point may lie


@dataclass(frozen=True)
class Form:
    """How a drawing lies in its image.

    Attributes:
        side: pixels of the image on each side.
        longer: pixels between the outermost points along the drawing's longer side.
        line: width of the pen in pixels.
    """

    side: int
    longer: float
    line: float

    def to_json(self) -> dict[str, Any]:
        """Return the form as JSON, for the facts of a run."""
        return asdict(self)


GOOGLE = Form(side=28, longer=255 * 28 / 304, line=16 * 28 / 304)
"""Google's 28 x 28 bitmaps: 256 + 2 * 16 + 16 = 304 units on a side, of which the drawing has 255."""
THIN = Form(side=32, longer=28.0, line=1.0)
"""The 345-class pack, centred in 32 x 32: the drawing fills 28 pixels, the line is 1 pixel wide."""


def render(drawing: Drawing, form: Form) -> np.ndarray:
    """Return the image of one drawing: ``(side, side)`` uint8, white ink on black.

    Raises:
        DataError: the drawing has no point, or a coordinate that is not finite.
    """
    points = pack([check(drawing)])
    return render_batch(points, form)[0].numpy()


def render_batch(
    points: Tensor, form: Form, line: Tensor | None = None, matrices: Tensor | None = None
) -> Tensor:
    """Draw many drawings at once.

    Args:
        points: ``(N, P, 3)`` as ``pack`` returns them: x, y, pen.
        line: ``(N,)`` widths in pixels instead of ``form.line``.
        matrices: ``(N, 2, 3)``, see ``placed``.
    Returns:
        ``(N, side, side)`` uint8; without any point an image is black.
    """
    starts, ends = segments(placed(points, form, matrices))
    width = points.new_full((len(points),), form.line, dtype=torch.float32) if line is None else line
    share = max(1, AT_ONCE // max(1, starts.shape[1] * form.side**2))
    parts = zip(starts.split(share), ends.split(share), width.split(share), strict=True)
    return torch.cat([ink(*part, side=form.side) for part in parts])


def ink(starts: Tensor, ends: Tensor, width: Tensor, *, side: int) -> Tensor:
    """Return ``(N, side, side)`` uint8 of lines between ``(N, P, 2)`` starts and ends, in pixels."""
    centres = torch.arange(side) + 0.5
    across, down = (ends - starts).unbind(-1)  # (N, P)
    length = (across * across + down * down).clamp(min=1e-9)
    right = centres - starts[..., :1]  # (N, P, side): from the start to each column's centre
    below = centres - starts[..., 1:]
    along = (right * (across / length)[..., None])[:, :, None, :] + (below * (down / length)[..., None])[
        ..., None
    ]
    along = along.clamp_(0, 1)  # (N, P, side, side): the nearest point as a part of the line
    x = right[:, :, None, :] - along * across[..., None, None]
    y = below[..., None] - along * down[..., None, None]
    distance = (x.square_() + y.square_()).amin(1).sqrt_()
    return ((width / 2 + 0.5)[:, None, None] - distance).clamp_(0, 1).mul_(255).round_().to(torch.uint8)


def placed(points: Tensor, form: Form, matrices: Tensor | None = None) -> Tensor:
    """Centre and scale ``(N, P, 3)`` points so that they lie in an image of ``form``.

    Args:
        matrices: ``(N, 2, 3)``: moves the points afterwards, in an image that goes from -1 to 1.
    """
    real = (points[..., 2] >= 0)[..., None]
    place = points[..., :2].float()
    low = place.masked_fill(~real, FAR * FAR).amin(1, keepdim=True)
    high = place.masked_fill(~real, -FAR * FAR).amax(1, keepdim=True)
    longer = (high - low).amax(2, keepdim=True)
    scale = torch.where(longer > 0, form.longer / longer.clamp(min=1e-6), torch.ones_like(longer))
    moved = (place - (low + high) / 2) * scale
    if matrices is not None:
        moved = (
            torch.einsum("nij,npj->npi", matrices[..., :2], moved) + matrices[:, None, :, 2] * form.side / 2
        )
    moved = moved + form.side / 2
    return torch.cat([torch.where(real, moved, -FAR), points[..., 2:].float()], 2)


def segments(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lines of drawings, ``(N, P, 2)`` starts and ends: a stroke's first point is a dot."""
    ends = points[..., :2]
    before = torch.cat([ends[:, :1], ends[:, :-1]], 1)
    return torch.where((points[..., 2] == 0)[..., None], before, ends), ends


def pack(drawings: list[Drawing], most: int | None = None) -> Tensor:
    """Return drawings as one tensor ``(N, P, 3)`` float32: x, y and pen.

    The pen is 1 at the first point of a stroke, 0 at those that a line leads to, -1 where there is nothing.

    Args:
        most: points of a drawing; of a longer one every second, third ... point is left out, never the ends.
    """
    rows = [flat(drawing) for drawing in drawings]
    if most is not None:
        rows = [thinned(row, most) for row in rows]
    packed = np.full((len(rows), max((len(row) for row in rows), default=1) or 1, 3), -1, np.float32)
    if most is not None:
        packed = np.full((len(rows), most, 3), -1, np.float32)
    for row, place in zip(rows, packed, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(packed)


def unpack(points: np.ndarray) -> Drawing:
    """Return the strokes of one packed drawing ``(P, 3)``."""
    real = points[points[:, 2] >= 0]
    return np.split(real[:, :2], np.flatnonzero(real[:, 2] == 1)[1:]) if len(real) else []


def flat(drawing: Drawing) -> np.ndarray:
    """Return the points of all strokes as ``(P, 3)`` float32, in the order in which they were drawn."""
    rows = [np.column_stack([stroke, np.arange(len(stroke)) == 0]) for stroke in drawing if len(stroke)]
    return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, 3), np.float32)


def thinned(points: np.ndarray, most: int) -> np.ndarray:
    """Leave points out evenly, never the ends of a stroke, until ``most`` are left; then cut the rest."""
    if len(points) <= most:
        return points
    last = np.append(points[1:, 2] == 1, True)
    keep = (points[:, 2] == 1) | last
    others = np.flatnonzero(~keep)
    room = max(0, most - int(keep.sum()))
    if room:
        keep[others[np.linspace(0, len(others) - 1, min(room, len(others))).astype(int)]] = True
    return points[keep][:most]


def part(drawing: Drawing, share: float) -> Drawing:
    """Return the first ``share`` of the ink, 0 to 1, by length; the last line is cut where the share ends.

    A drawing of dots only is cut by their number.
    """
    lengths = [np.hypot(*np.diff(stroke, axis=0).T) for stroke in drawing]
    total = sum(float(each.sum()) for each in lengths)
    if share >= 1:
        return list(drawing)
    if total == 0:
        return list(drawing[: int(np.ceil(share * len(drawing)))])
    left, kept = share * total, []
    for stroke, each in zip(drawing, lengths, strict=True):
        if left <= 0:
            break
        along = np.append(0.0, each.cumsum())
        whole = int(np.searchsorted(along, left, side="right"))
        cut = stroke[:whole]
        if whole < len(stroke):
            step = (left - along[whole - 1]) / max(along[whole] - along[whole - 1], 1e-9)
            cut = np.concatenate(
                [cut, (stroke[whole - 1] + step * (stroke[whole] - stroke[whole - 1]))[None]]
            )
        kept.append(cut)
        left -= float(each.sum())
    return kept


def simplified(drawing: Drawing) -> Drawing:
    """Return a drawing with few points, as the simplified drawings of Quick, Draw! are made.

    The box is scaled to 255 units, and a point is dropped that lies within 2 units of the line between the
    points that stay (Ramer 1972, Douglas and Peucker 1973).
    """
    every = np.concatenate(drawing)
    low, size = every.min(0), float(np.ptp(every, axis=0).max()) or 1.0
    return [ends_and_turns((stroke - low) * (SIMPLE_BOX / size)) for stroke in drawing]


def ends_and_turns(stroke: np.ndarray) -> np.ndarray:
    """Return the points of one stroke ``(P, 2)`` that its shape needs."""
    keep = np.zeros(len(stroke), bool)
    keep[[0, -1]] = True
    parts = [(0, len(stroke) - 1)]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        between = stroke[first + 1 : last]
        way = stroke[last] - stroke[first]
        along = ((between - stroke[first]) @ way / max(float(way @ way), 1e-12)).clip(0, 1)
        away = np.linalg.norm(between - stroke[first] - along[:, None] * way, axis=1)
        furthest = int(away.argmax())
        if away[furthest] > SIMPLE_ERROR:
            turn = first + 1 + furthest
            keep[turn] = True
            parts += [(first, turn), (turn, last)]
    return stroke[keep]


def shares(points: Tensor) -> Tensor:
    """Return ``(N, P)``: which share of a drawing's ink, 0 to 1, has been drawn when the pen reaches a point.

    Where there is no ink but dots, points are counted.
    """
    starts, ends = segments(points)
    real = points[..., 2] >= 0
    drawn = ((ends - starts).norm(dim=2) * real).cumsum(1)
    dots = real.float().cumsum(1)
    drawn = torch.where(drawn[:, -1:] > 0, drawn, dots)
    return drawn / drawn[:, -1:].clamp(min=1e-9)


def first(points: Tensor, share: Tensor) -> Tensor:
    """Return ``(N, P, 3)`` drawings of which only the first ``share`` ``(N,)`` of the ink is left.

    The first point always stays.
    """
    reached = shares(points)
    before = torch.cat([torch.zeros_like(reached[:, :1]), reached[:, :-1]], 1)
    kept = before < share[:, None]
    kept[:, 0] = True
    return torch.where(kept[..., None], points, torch.tensor([0.0, 0.0, -1.0]))


def steps(points: Tensor) -> Tensor:
    """Return drawings as the stroke network takes them: ``(N, P, 3)`` -> ``(N, P, 4)``.

    Right, down from the point before, in boxes of the drawing; 1 where a stroke begins; 1 where there is a
    point.
    """
    real = (points[..., 2:] >= 0).float()
    place = points[..., :2]
    before = torch.cat([place[:, :1], place[:, :-1]], 1)
    return torch.cat([(place - before) * real, (points[..., 2:] == 1).float(), real], 2)


def check(drawing: Drawing) -> Drawing:
    """Return the strokes that have points, as float arrays.

    Raises:
        DataError: nothing is drawn, or a coordinate is not a finite number below 100,000.
    """
    strokes = [np.asarray(stroke, np.float64) for stroke in drawing]
    if any(stroke.ndim != 2 or stroke.shape[1] != 2 for stroke in strokes if stroke.size):
        raise DataError("a stroke is an array of (x, y) points")
    strokes = [stroke for stroke in strokes if stroke.size]
    if not strokes:
        raise DataError("nothing is drawn: there is no stroke with a point; draw something first")
    if not all(np.isfinite(stroke).all() and np.abs(stroke).max() < 1e5 for stroke in strokes):
        raise DataError("a coordinate of a stroke is not a finite number below 100,000")
    return strokes
