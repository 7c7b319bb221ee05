"""A picture of a drawing made into an image like those of Quick, Draw!: any size, either polarity, any pen.

The ink is found as for handwriting (even lighting, what stands out from the paper), cropped to its box and
reduced so that its longer side is as long as in the training data. The pen of a picture may be of any width,
so the lines are made as wide as the training's before the last reduction: measured along their ridges, then
grown or thinned by half the difference on each side.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pellucid.datasets import handwriting
from pellucid.datasets.doodle import Form
from pellucid.errors import DataError

FINE = 8  # lines are measured and made wider at so many times the final resolution
INKED = 0.35  # of a full stroke: from here on a pixel counts as ink
FULL = 0.6  # of its box a drawing that is painted, not drawn with lines, has as ink


def from_picture(picture: np.ndarray, form: Form) -> dict[str, np.ndarray]:
    """Turn a picture of one drawing into an image of ``form``.

    Args:
        picture: uint8, ``(H, W)`` grey, ``(H, W, 3)`` colour or ``(H, W, 4)`` colour and opacity; dark on
            light or light on dark.
    Returns:
        The stages in order, each uint8: "grey", "flattened" with the lighting taken out and the ink white,
        "lines" with the pen of the training data, "sample" ``(side, side)``. A picture that has the final
        size already, with an empty border, keeps its pixels.
    Raises:
        DataError: nothing is drawn on it, or the array is not a picture.
    """
    grey = handwriting.to_grey(picture)
    small = handwriting.shrink(grey, handwriting.LONG_SIDE)
    ink, roughness = handwriting.flatten(small)
    stages = {"grey": grey, "flattened": handwriting.to_bytes(ink)}
    if ink.max() < max(handwriting.FAINTEST, handwriting.NOISE * roughness):
        raise DataError(
            f"no ink found: nothing stands out by more than {ink.max():.0f} of 255 grey levels; "
            f"draw something, dark on light or light on dark"
        )
    if grey.shape == (form.side, form.side) and handwriting.is_framed(grey):
        stages["sample"] = grey if np.median(grey) < 128 else 255 - grey
        return stages
    stages["lines"] = drawn_again(found(ink, roughness), form)
    stages["sample"] = reduced(stages["lines"], form)
    return stages


def found(ink: np.ndarray, roughness: float) -> np.ndarray:
    """Return the ink, 0 to 1, cropped to its box; specks of noise are left out, separate strokes are not."""
    threshold = max(handwriting.otsu(ink) / 2, handwriting.NOISE * roughness, handwriting.FAINTEST / 2)
    mask = ink > threshold
    if not mask.any():
        raise DataError("no ink found: nothing stands out from the paper; draw something with a darker pen")
    labels = handwriting.pieces(mask)
    sizes = np.bincount(labels.ravel())
    speck = sizes < 1e-3 * sizes[1:].sum()
    speck[0] = True
    mask &= ~speck[labels]
    full = np.percentile(ink[mask], 60)
    shown = np.where(handwriting.grow(mask), np.clip(ink / full, 0, 1), 0)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def drawn_again(shown: np.ndarray, form: Form) -> np.ndarray:
    """Return the drawing ``FINE`` times as fine as the final image, with the training's pen: uint8."""
    inked = shown > INKED
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    longer = 1 + max(rows[-1] - rows[0], columns[-1] - columns[0])
    painted = inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > FULL  # it has no pen
    pen = form.line * FINE
    if painted:
        scale = (form.longer * FINE + pen) / longer
    else:
        scale = form.longer * FINE / max(1, longer - pen_of(inked))
    size = (max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale)))
    picture = Image.fromarray((255 * shown).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    mask = np.pad(np.asarray(picture) > 255 * INKED, 2 * FINE)
    grown = 0 if painted else round((pen - pen_of(mask)) / 2)
    for step in range(abs(grown)):
        mask = wider(mask, step) if grown > 0 else narrower(mask, step)
    return (255 * mask).astype(np.uint8)


def pen_of(mask: np.ndarray) -> float:
    """Return the width in pixels of the lines in ``mask``, 0 without any.

    It is twice the usual depth of their ridges, which are what an opening would lose after each erosion (the
    skeleton of Lantuejoul, 1978). Crossings and blots have few ridges, and so hardly count.
    """
    left, lost = np.pad(mask, 1), list[int]()
    while left.any():
        less = narrower(left, len(lost))
        lost.append(int((left & ~wider(less, len(lost))).sum()))
        left = less
    if not lost:
        return 0.0
    depths = np.repeat(np.arange(len(lost)), lost)
    usual = depths[abs(depths - np.median(depths)) <= 1]
    return 2 * float(usual.mean() + 1)  # a ridge is up to two pixels wide


def narrower(mask: np.ndarray, step: int) -> np.ndarray:
    """Shrink ``mask`` by a pixel, as ``wider`` grows it."""
    return ~wider(~mask, step)


def wider(mask: np.ndarray, step: int) -> np.ndarray:
    """Grow ``mask`` by a pixel: by a cross and a square in turn, which together come near a disc."""
    if step % 2:
        return handwriting.grow(mask)
    wide = np.pad(mask, 1)
    return mask | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]


def reduced(lines: np.ndarray, form: Form) -> np.ndarray:
    """Centre the ink's box in ``(side, side)``, each pixel the mean of the area it covers."""
    rows, columns = np.flatnonzero(lines.any(1)), np.flatnonzero(lines.any(0))
    if not len(rows):
        raise DataError("no ink found: the lines are too thin for their picture; draw with a thicker pen")
    ink = lines[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = form.side * FINE
    ink = ink[: side - 1, : side - 1]
    whole = np.zeros((side, side), np.uint8)
    top, left = (side - ink.shape[0]) // 2, (side - ink.shape[1]) // 2
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.asarray(Image.fromarray(whole).reduce(FINE))
