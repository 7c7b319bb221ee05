"""Training images moved, turned and bent a little, a whole batch at once.

Every function here is a pure function of the images and of uniform random numbers in [0, 1), one row an
image (``pellucid.seeding.Draws.uniform``), so a resumed run sees the same pictures. The middle of the range,
0.5, always means "leave it as it is".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

AFFINE_NUMBERS = 6  # uniform numbers an image that ``affine`` wants
ELASTIC_KNOTS = 5  # points of the coarse displacement grid along each side


def shift(images: Tensor, uniform: Tensor, pixels: int) -> Tensor:
    """Move each image by a whole number of pixels down and right; what comes in from outside is zero.

    Args:
        images: ``(N, H, W)`` or ``(N, 1, H, W)`` of any type; uint8 is the fastest.
        uniform: ``(N, 2)`` in [0, 1): the row's move, then the column's. All ``2 * pixels + 1`` whole moves
            from ``-pixels`` (up, left) to ``pixels`` (down, right) are equally likely.
        pixels: the largest move, from 0 to less than H and W.
    Returns:
        the moved images, same shape and type.
    Raises:
        ValueError: the shapes do not fit or the move is not in the range.
    """
    check_images(images, uniform, 2)
    count, height, width = len(images), *images.shape[-2:]
    if not 0 <= pixels < min(height, width):
        raise ValueError(
            f"shift: {pixels} pixels, expected 0 to {min(height, width) - 1} for images of {height} x {width}"
        )
    moves = (uniform * (2 * pixels + 1)).long() - pixels  # (N, 2)

    # Each row keeps zeros on its left only: they are also what lies right of the row before. So a moved
    # image is one unbroken window of the padded memory, and the batch is one index_select of such windows.
    stride = width + pixels
    padded = F.pad(images.reshape(count, height, width), (pixels, 0, pixels, pixels))
    memory = F.pad(padded.flatten(), (0, stride + pixels))
    window = height * stride
    windows = memory.as_strided((memory.numel() - window + 1, window), (1, 1))
    first_row, first_column = (pixels - moves).unbind(1)
    starts = torch.arange(count) * ((height + 2 * pixels) * stride) + first_row * stride + first_column
    moved = windows.index_select(0, starts).view(count, height, stride)[:, :, :width]
    return moved.reshape(images.shape)


def shift_and_mirror(pictures: Tensor, uniform: Tensor, *, pixels: int, mirrored: Tensor) -> Tensor:
    """Move pictures by whole pixels, what comes in being a mirror image, and mirror some of them.

    Args:
        pictures: ``(N, H, W, C)`` of any type.
        uniform: ``(N, 2)`` in [0, 1): the move down, then right, as in ``shift``.
        pixels: the largest move, from 0 to less than H and W.
        mirrored: ``(N,)`` booleans: which pictures have left and right exchanged.
    Returns:
        the pictures, same shape and type.
    Raises:
        ValueError: the shapes do not fit or the move is not in the range.
    """
    count, height, width = pictures.shape[:3]
    if uniform.shape != (count, 2) or mirrored.shape != (count,) or not 0 <= pixels < min(height, width):
        raise ValueError(
            f"shift_and_mirror: pictures {tuple(pictures.shape)}, numbers {tuple(uniform.shape)}, mirrored "
            f"{tuple(mirrored.shape)}, {pixels} pixels; expected (N, H, W, C), (N, 2), (N,), and fewer "
            "pixels than H and W"
        )
    moves = (uniform * (2 * pixels + 1)).long() - pixels  # (N, 2)
    rows = reflected(torch.arange(height) - moves[:, :1], height)  # (N, H)
    columns = reflected(torch.arange(width) - moves[:, 1:], width)  # (N, W)
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    places = (torch.arange(count)[:, None] * height + rows)[:, :, None] * width + columns[:, None, :]
    return pictures.reshape(count * height * width, -1).index_select(0, places.flatten()).view(pictures.shape)


def reflected(places: Tensor, length: int) -> Tensor:
    """Return places outside [0, length) as their mirror images inside; the border is not repeated."""
    places = places.abs()
    return torch.where(places >= length, 2 * (length - 1) - places, places)


def mirror_in_turns(epoch: int, uniform: Tensor) -> Tensor:
    """Say which pictures are mirrored: each in every second epoch, which half begins is drawn once.

    Two epochs then show each picture both ways, which chance does to half of them only (Jordan 2024,
    arXiv:2404.00498, section 3.6).

    Args:
        epoch: how often the pictures have been seen before.
        uniform: ``(N,)`` in [0, 1), the same in every epoch.
    """
    return ((uniform < 0.5).long() + epoch) % 2 == 0


def affine(
    images: Tensor,
    uniform: Tensor,
    *,
    degrees: float = 0.0,
    scale: float = 0.0,
    shift: float = 0.0,
    shear: float = 0.0,
    aspect: float = 0.0,
    elastic: float = 0.0,
) -> Tensor:
    """Turn, resize, move, slant and bend each image; bilinear, zero outside.

    Args:
        images: ``(N, 1, H, W)`` floats whose background is 0.
        uniform: ``(N, 6)`` in [0, 1), or ``(N, 56)`` with ``elastic``; see ``numbers_needed``.
        degrees: largest turn either way.
        scale: largest natural logarithm of the size, either way: 0.1 is 0.905 to 1.105 times.
        shift: largest move in pixels along each side, fractions included.
        shear: largest slant as a tangent.
        aspect: largest natural logarithm of width against height.
        elastic: largest move in pixels of a knot in a smooth 5 x 5 grid of random moves (in the manner of
            Simard, Steinkraus and Platt 2003).
    Returns:
        ``(N, 1, H, W)`` floats.
    Raises:
        ValueError: the shapes do not fit.
    """
    check_images(images, uniform, numbers_needed(elastic))
    grid = F.affine_grid(
        affine_matrices(
            2 * uniform[:, :AFFINE_NUMBERS] - 1,
            images.shape[-2:],
            degrees=degrees,
            scale=scale,
            shift=shift,
            shear=shear,
            aspect=aspect,
        ),
        list(images.shape),
        align_corners=False,
    )
    if elastic:
        grid += elastic_moves(2 * uniform[:, AFFINE_NUMBERS:] - 1, images.shape[-2:], elastic)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def numbers_needed(elastic: float) -> int:
    """Return how many uniform numbers an image ``affine`` wants, with this much bending."""
    return AFFINE_NUMBERS + (2 * ELASTIC_KNOTS**2 if elastic else 0)


def affine_matrices(
    signed: Tensor,
    size: torch.Size,
    *,
    degrees: float,
    scale: float,
    shift: float,
    shear: float,
    aspect: float,
) -> Tensor:
    """Return ``(N, 2, 3)`` matrices from output to input places, both in [-1, 1], from numbers in [-1, 1)."""
    height, width = size
    turn, grow, slant, right, down, stretch = signed.unbind(1)
    angle = turn * math.radians(degrees)
    cosine, sine, slope = angle.cos(), angle.sin(), slant * shear
    across, along = (grow * scale + stretch * aspect).exp(), (grow * scale - stretch * aspect).exp()
    rows = [
        torch.stack([cosine * across, (slope * cosine - sine) * across, right * (2 * shift / width)], dim=1),
        torch.stack([sine * along, (slope * sine + cosine) * along, down * (2 * shift / height)], dim=1),
    ]
    return torch.stack(rows, dim=1)


def elastic_moves(signed: Tensor, size: torch.Size, pixels: float) -> Tensor:
    """Return ``(N, H, W, 2)`` smooth moves in the units of ``grid_sample`` from ``(N, 2 * 25)`` numbers."""
    height, width = size
    knots = signed.view(-1, 2, ELASTIC_KNOTS, ELASTIC_KNOTS)
    columns = torch.einsum("ncij,xj->ncix", knots, smooth_steps(width))
    moves = torch.einsum("ncix,yi->nyxc", columns, smooth_steps(height))
    return moves * torch.tensor([2 * pixels / width, 2 * pixels / height])


def smooth_steps(length: int) -> Tensor:
    """Return ``(length, knots)`` weights that interpolate between knots with a cubic."""
    knots = torch.eye(ELASTIC_KNOTS)[None, None]
    return F.interpolate(knots, size=(length, ELASTIC_KNOTS), mode="bicubic", align_corners=True)[0, 0]


def check_images(images: Tensor, uniform: Tensor, numbers: int) -> None:
    """Refuse a batch that is not of one-channel images, or random numbers that do not fit it."""
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[1] != 1):
        raise ValueError(f"augment: images are {tuple(images.shape)}, expected (N, H, W) or (N, 1, H, W)")
    if uniform.shape != (len(images), numbers):
        raise ValueError(
            f"augment: random numbers are {tuple(uniform.shape)}, expected ({len(images)}, {numbers}); "
            f'ask draws.uniform({numbers}, "...") for the same batch'
        )
