"""Digits drawn with a few strokes: made-up data in MNIST's format, for tests and for trying things out."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw

SIDE, FINE = 28, 4  # drawn at 4 times the size and reduced, which smooths the edges
ARC = np.linspace(0, 2 * np.pi, 13)
RING = [(0.5 + 0.3 * np.cos(a), 0.5 + 0.45 * np.sin(a)) for a in ARC]
UPPER = [(0.5 + 0.24 * np.cos(a), 0.28 + 0.22 * np.sin(a)) for a in ARC]
LOWER = [(0.5 + 0.28 * np.cos(a), 0.74 + 0.22 * np.sin(a)) for a in ARC]
GLYPHS = (  # lines through points (x, y) of the unit square, y downwards
    (RING,),
    ([(0.35, 0.2), (0.52, 0.05), (0.5, 0.95)],),
    ([(0.22, 0.25), (0.4, 0.06), (0.7, 0.1), (0.74, 0.35), (0.2, 0.93), (0.8, 0.93)],),
    ([(0.22, 0.1), (0.7, 0.1), (0.42, 0.42), (0.75, 0.6), (0.68, 0.88), (0.25, 0.92)],),
    ([(0.62, 0.05), (0.18, 0.62), (0.85, 0.62)], [(0.62, 0.3), (0.62, 0.96)]),
    ([(0.75, 0.06), (0.3, 0.08), (0.27, 0.45), (0.65, 0.45), (0.75, 0.7), (0.55, 0.93), (0.22, 0.88)],),
    ([(0.68, 0.05), (0.36, 0.35), (0.24, 0.75)], LOWER),
    ([(0.2, 0.08), (0.8, 0.08), (0.4, 0.95)],),
    (UPPER, LOWER),
    (UPPER, [(0.74, 0.28), (0.68, 0.95)]),
)


@cache
def tiny(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``count`` digits, the classes in turn, each turned, sheared, moved and thickened at random.

    Returns:
        images ``(count, 28, 28)`` and labels ``(count,)``, uint8, white on black; a pure function of
        ``count`` and ``seed``, drawn once.
    """
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count, dtype=np.uint8) % 10)
    images = np.stack([draw(GLYPHS[label], random) for label in labels]) if count else EMPTY
    return images, labels


EMPTY = np.zeros((0, SIDE, SIDE), np.uint8)


def draw(glyph: tuple, random: np.random.Generator) -> np.ndarray:
    """Draw one glyph as ``(28, 28)`` uint8."""
    turn, shear = random.uniform(-0.15, 0.15), random.uniform(-0.2, 0.2)
    scale = random.uniform(17, 20, 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn) - shear], [np.sin(turn), np.cos(turn)]]) * scale[:, None]
    centre = SIDE / 2 + random.uniform(-1, 1, 2)
    width = round(FINE * random.uniform(1.8, 3.2))

    canvas = Image.new("L", (SIDE * FINE, SIDE * FINE))
    pen = ImageDraw.Draw(canvas)
    for line in glyph:
        points = ((np.asarray(line) - 0.5) @ matrix.T + centre) * FINE
        pen.line([tuple(point) for point in points.tolist()], fill=255, width=width, joint="curve")
    return np.asarray(canvas.reduce(FINE))
