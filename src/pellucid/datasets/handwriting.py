"""A picture of a handwritten digit made into an image of MNIST, the way MNIST was made.

LeCun et al. 1998 (Gradient-based learning applied to document recognition, section III.A): the ink is
normalised in size to fit a 20 x 20 box, the aspect ratio kept, with grey levels from anti-aliasing, and
placed in 28 x 28 so that its centre of mass lies in the centre. Before that stands what a scanner did for
them: even lighting, white ink on black, and nothing but the digit.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pellucid.errors import DataError

SIDE, BOX, CENTRE = 28, 20, 14
LONG_SIDE = 400  # pixels in which the ink is searched; a digit is later reduced to 20 anyway
FAINTEST = 24  # of 255: less contrast than this between paper and ink is no ink
NOISE = 5  # ink stands out from the paper by so many times its roughness
SMALLEST = 0.04  # a piece with less of the ink than this, compared with the largest, is a speck
SWITCHES = {  # what may be left out, to see what it is good for
    "lighting": "take the lighting out; without it the paper is one even tone",
    "crop": "keep the digit alone; without it specks stay, and the empty paper around",
    "fit": "make it 20 pixels long; without it the whole picture is made 28 pixels long",
    "centre": "put the centre of mass in the middle; without it the middle of the box",
}
LIGHT = 64  # pixels on a side of the thumbnail through which the lighting is fitted


def from_picture(picture: np.ndarray, without: frozenset[str] = frozenset()) -> dict[str, np.ndarray]:
    """Turn a picture of one handwritten digit into an image like those of MNIST.

    Args:
        picture: uint8, ``(H, W)`` grey, ``(H, W, 3)`` colour or ``(H, W, 4)`` colour and opacity; dark on
            light or light on dark.
        without: names in ``SWITCHES`` of what is left out.
    Returns:
        The stages in order, each uint8: "grey" ``(H, W)``; "flattened" ``(h, w)`` with the lighting taken
        out and the ink white; "ink" ``(h, w)`` where only the digit is left; "box" with its longer side 20
        pixels; "sample" ``(28, 28)``, what the network takes. A picture that is already 28 x 28 with an
        empty border keeps its pixels and comes as "grey", "flattened" and "sample".
    Raises:
        DataError: nothing is drawn on it, or the array is not a picture.
    """
    grey = to_grey(picture)
    small = shrink(grey, LONG_SIDE)
    ink, roughness = flatten(small) if "lighting" not in without else (even(small), 0.0)
    stages = {"grey": grey, "flattened": to_bytes(ink)}
    if ink.max() < max(FAINTEST, NOISE * roughness):
        raise DataError(
            f"no ink found: nothing stands out by more than {ink.max():.0f} of 255 grey levels; "
            f"draw one digit, dark on light or light on dark"
        )
    if grey.shape == (SIDE, SIDE) and is_framed(grey) and not without:
        stages["sample"] = grey if np.median(grey) < 128 else 255 - grey
        return stages
    digit = only_digit(ink, roughness) if "crop" not in without else 255 * ink / ink.max()
    stages["ink"] = to_bytes(digit)
    stages["box"] = fit(digit, SIDE / max(small.shape) if "fit" in without else BOX / max(digit.shape))
    weightless = not stages["box"].any()  # ink so small that nothing of it is left
    place = middle if "centre" in without or weightless else centre
    stages["sample"] = place(stages["box"])
    return stages


def to_grey(picture: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` uint8 luminance; what is transparent becomes paper, unlike the ink upon it."""
    fits = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))
    if picture.dtype != np.uint8 or not fits or not picture.size:
        raise DataError(
            f"a picture is uint8 of shape (H, W), (H, W, 3) or (H, W, 4); got {picture.dtype} {picture.shape}"
        )
    if picture.ndim == 2:
        return picture
    grey = np.asarray(Image.fromarray(picture[..., :3].copy()).convert("L"))
    if picture.shape[2] == 3:
        return grey
    opacity = picture[..., 3].astype(np.float32) / 255
    paper = 255 if (grey * opacity).sum() < 127.5 * opacity.sum() else 0
    return to_bytes(grey * opacity + paper * (1 - opacity))


def shrink(grey: np.ndarray, long_side: int) -> np.ndarray:
    """Reduce ``(H, W)`` by a whole factor until neither side is longer than ``long_side``."""
    factor = -(-max(grey.shape) // long_side)
    return np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey


def flatten(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Take the lighting out: how much each pixel stands out from the paper, in grey levels.

    The paper is a second-degree surface fitted to the pixels that are not ink, which are found by fitting
    again and again without those that stand out. The first guess is the picture's border.

    Returns:
        ``(H, W)`` float32, 0 for paper, positive for ink of either polarity; and the paper's roughness.
    """
    thumb = np.asarray(Image.fromarray(grey).resize((LIGHT, LIGHT), Image.Resampling.BOX), np.float32)
    terms = surface(LIGHT, LIGHT)
    frame = np.zeros((LIGHT, LIGHT), bool)
    frame[:4], frame[-4:], frame[:, :4], frame[:, -4:] = True, True, True, True
    paper = np.abs(thumb - np.median(thumb[frame])) < 3 * spread(thumb[frame]) + FAINTEST
    for _ in range(4):
        known = terms[paper.ravel()]
        weights = np.linalg.solve(known.T @ known + 1e-3 * np.eye(6), known.T @ thumb[paper])
        rest = thumb - (terms @ weights).reshape(thumb.shape)
        paper = np.abs(rest) < 2.5 * spread(rest[paper]) + 4
    rest = grey - lighting(weights, *grey.shape)
    dark, light = np.minimum(rest, 0).ravel(), np.maximum(rest, 0).ravel()
    ink = np.maximum(-rest if dark @ dark > light @ light else rest, 0)
    few = rest[::3, ::3]
    return ink, spread(few[np.abs(few) < 2.5 * spread(few) + 4])


def even(grey: np.ndarray) -> np.ndarray:
    """Return how much each pixel stands out from paper of one tone, the median, ``(H, W)`` float32."""
    paper = float(np.median(grey))
    return (255 * np.clip((grey - paper) / ((255 - paper) if paper < 128 else -paper), 0, 1)).astype(
        np.float32
    )


def surface(height: int, width: int) -> np.ndarray:
    """Return ``(height * width, 6)`` float32: 1, x, y, x^2, x y, y^2 over [-1, 1]."""
    x, y = np.meshgrid(axis(width), axis(height))
    return np.stack([term.ravel() for term in (np.ones_like(x), x, y, x * x, x * y, y * y)], 1)


def lighting(weights: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return ``surface(height, width) @ weights`` as ``(height, width)``, without building the terms."""
    x, y = axis(width), axis(height)[:, None]
    constant, of_x, of_y, of_xx, of_xy, of_yy = weights
    return (constant + of_x * x + of_xx * x * x) + (of_y * y + of_yy * y * y) + (of_xy * y) * x


def axis(length: int) -> np.ndarray:
    """Return ``length`` positions from -1 to 1."""
    return np.linspace(-1, 1, length, dtype=np.float32)


def spread(values: np.ndarray) -> float:
    """Return the standard deviation that the median distance from the median suggests."""
    if not values.size:
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def is_framed(grey: np.ndarray) -> bool:
    """Say whether the outermost ring is one even tone, black or white, as in every image of MNIST's kind."""
    ring = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return max((ring < 32).mean(), (ring > 223).mean()) > 0.9


def only_digit(ink: np.ndarray, roughness: float) -> np.ndarray:
    """Return the ink of the digit alone, scaled so that a full stroke is 255, cropped to it."""
    threshold = max(otsu(ink), NOISE / 2 * roughness, FAINTEST / 2)
    labels = pieces(ink > threshold)
    weights = np.bincount(labels.ravel(), ink.ravel())
    weights[0] = 0
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.isin(np.arange(len(weights)), edges)
    if weights[~touching].max(initial=0) > SMALLEST * weights.max():
        weights[touching] = 0  # the table beside the paper, a shadow, a finger
    kept = weights >= SMALLEST * weights.max()
    mask = grow(kept[labels] & (labels > 0))
    full = np.percentile(ink[mask & (ink > threshold)], 60)
    digit = np.where(mask, np.clip(ink / full, 0, 1), 0)
    digit[digit < 0.1] = 0
    rows, columns = np.flatnonzero((digit > 0.3).any(1)), np.flatnonzero((digit > 0.3).any(0))
    return 255 * digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def otsu(ink: np.ndarray) -> float:
    """Return the threshold that separates two classes best (Otsu 1979): most variance between them."""
    counts = np.bincount(np.clip(ink, 0, 255).astype(np.uint8).ravel(), minlength=256).astype(float)
    levels = np.arange(256)
    below, total = np.cumsum(counts), counts.sum()
    mass = np.cumsum(counts * levels)
    between = (mass[-1] * below - mass * total) ** 2 / np.maximum(below * (total - below), 1e-9)
    return float(np.argmax(between)) + 0.5


def pieces(mask: np.ndarray) -> np.ndarray:
    """Number the connected pieces (8 neighbours) of ``mask`` from 1; 0 is where it is false.

    Rows are cut into runs; runs that touch in neighbouring rows are joined by passing the smaller number
    along and following numbers to their own number, until nothing changes.
    """
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    change = np.diff(padded, axis=1)
    row, start = np.nonzero(change == 1)
    stop = np.nonzero(change == -1)[1]  # exclusive
    width = mask.shape[1] + 2
    first = np.searchsorted(row * width + stop, (row - 1) * width + start, "left")  # touch: stop >= start
    last = np.searchsorted(row * width + start, (row - 1) * width + stop, "right")
    upper = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)] or [row]).astype(int)
    lower = np.repeat(np.arange(len(row)), np.maximum(last - first, 0))
    number = np.arange(len(row))
    while True:
        before = number.copy()
        joined = np.minimum(number[upper], number[lower])
        np.minimum.at(number, upper, joined)
        np.minimum.at(number, lower, joined)
        number = number[number]
        if np.array_equal(before, number):
            break
    labels = np.zeros(padded.shape, np.int64)
    numbers = np.unique(number, return_inverse=True)[1] + 1
    np.add.at(labels, (row, start), numbers)
    np.add.at(labels, (row, stop), -numbers)
    return labels.cumsum(1)[:, : mask.shape[1]]


def grow(mask: np.ndarray) -> np.ndarray:
    """Widen ``mask`` by one pixel in all 8 directions: the soft edge of a stroke belongs to it."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]


def fit(digit: np.ndarray, scale: float) -> np.ndarray:
    """Resample by ``scale``, each pixel the mean of the area it covers."""
    height, width = digit.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return to_bytes(np.asarray(Image.fromarray(digit.astype(np.float32)).resize(size, way)))


def centre(box: np.ndarray) -> np.ndarray:
    """Place ``box`` in 28 x 28 so that its centre of mass is nearest to pixel (14, 14), as in MNIST."""
    height, width = box.shape
    mass = box.sum(dtype=float)
    top = CENTRE - box.sum(1, dtype=float) @ np.arange(height) / mass
    left = CENTRE - box.sum(0, dtype=float) @ np.arange(width) / mass
    top, left = (int(np.clip(round(x), 0, SIDE - n)) for x, n in ((top, height), (left, width)))
    sample = np.zeros((SIDE, SIDE), np.uint8)
    sample[top : top + height, left : left + width] = box
    return sample


def middle(box: np.ndarray) -> np.ndarray:
    """Place ``box`` in the middle of 28 x 28."""
    height, width = box.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    sample = np.zeros((SIDE, SIDE), np.uint8)
    sample[top : top + height, left : left + width] = box
    return sample


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Round to uint8 after clipping to [0, 255]."""
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)
