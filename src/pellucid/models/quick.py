"""A small network for small colour pictures that learns fast: whitened, wide and shallow.

Ours, after the networks with which people race on CIFAR-10: Page 2018 (How to train your ResNet), and Jordan
2024 (94 % on CIFAR-10 in 3.29 seconds on a single GPU, arXiv:2404.00498). Taken from there: a first
convolution that is computed from the data and stays (section 3.1: it takes the likeness of neighbouring
pixels away), first weights that hand their input on (section 3.2), shrinking before normalising, three
blocks, the largest value of each map at the end. Ours: a stem that strides over larger pictures, so that the
cost stays that of 32 x 32 pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

LOGIT_SCALE = 1 / 5  # Jordan 2024 has 1 / 9 with SGD; this suits AdamW
EPSILON = 5e-4  # added to the variances, so that directions without any are not blown up


class Quick(nn.Sequential):
    """``(N, 3, H, W)`` pictures to ``(N, classes)`` logits; H and W from 16 pixels on.

    The children are ``whiten``, ``bend0``, ``block1`` to ``block3``, ``pool``, ``flatten``, ``scores``,
    ``scale``.

    Args:
        whitening: ``(D, 3, P, P)`` directions of small patches, from ``whitening_directions``; each is used
            with both signs.
        stride: pixels between two patches; 1 for 32 x 32 pixels.
        widths: feature maps of the three blocks.
        classes: how many scores come out.
    Raises:
        ValueError: a width or the number of classes below 1, or not three widths.
    """

    def __init__(
        self,
        whitening: Tensor,
        *,
        stride: int = 1,
        widths: Sequence[int] = (64, 256, 256),
        classes: int = 10,
    ):
        if len(widths) != 3 or min(*widths, classes, stride) < 1:
            raise ValueError(
                f"quick: widths {tuple(widths)}, stride {stride}, {classes} classes; expected three widths, "
                "and at least 1 of each"
            )
        directions, channels, patch, _ = whitening.shape
        whiten = nn.Conv2d(channels, 2 * directions, patch, stride=stride)
        with torch.no_grad():
            whiten.weight.copy_(torch.cat([whitening, -whitening]))
            whiten.bias.zero_()  # type: ignore[union-attr]
        whiten.weight.requires_grad_(False)
        super().__init__(
            OrderedDict(
                whiten=whiten,
                bend0=nn.GELU(),
                block1=block(2 * directions, widths[0]),
                block2=block(widths[0], widths[1]),
                block3=block(widths[1], widths[2]),
                pool=nn.AdaptiveMaxPool2d(1),
                flatten=nn.Flatten(),
                scores=nn.Linear(widths[2], classes, bias=False),
                scale=Scale(LOGIT_SCALE),
            )
        )


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, the first followed by 2 x 2 max-pooling: ``(H, W)`` becomes half of it."""
    return nn.Sequential(
        OrderedDict(
            conv1=handing_on(inputs, outputs),
            pool=nn.MaxPool2d(2),
            norm1=nn.BatchNorm2d(outputs),
            bend1=nn.GELU(),
            conv2=handing_on(outputs, outputs),
            norm2=nn.BatchNorm2d(outputs),
            bend2=nn.GELU(),
        )
    )


def handing_on(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a convolution whose first maps are its inputs before anything is learned (Dirac)."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[: min(inputs, outputs)])
    return convolution


class Scale(nn.Module):
    """Multiply by a constant: small scores learn at a rate that suits the rest."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, values: Tensor) -> Tensor:
        """Return ``values`` times the factor."""
        return values * self.factor

    def extra_repr(self) -> str:
        """Show the factor when the network is printed."""
        return f"factor={self.factor:.4g}"


def whitening_directions(pictures: Tensor, patch: int, most: int = 24) -> Tensor:
    """Return the directions along which patches vary, each divided by its deviation (PCA whitening).

    Args:
        pictures: ``(N, C, H, W)`` floats, normalised.
        patch: pixels along a side of a patch.
        most: how many are returned at most, those of the largest variance.
    Returns:
        ``(D, C, patch, patch)``: a convolution with them has outputs of variance 1 without correlation, up to
        the patches' mean. The largest number of each is positive, so that the sign is not left to chance.
    """
    channels = pictures.shape[1]
    patches = pictures.unfold(2, patch, patch).unfold(3, patch, patch)  # (N, C, h, w, patch, patch)
    rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels * patch * patch).double()
    variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
    order = variances.argsort(descending=True)[:most]
    chosen = directions[:, order].T
    largest = chosen.gather(1, chosen.abs().argmax(1, keepdim=True))
    scaled = chosen * largest.sign() / (variances[order, None] + EPSILON).sqrt()
    return scaled.reshape(-1, channels, patch, patch).float()


def looked_at(network: nn.Module, pictures: Tensor, *, views: int, pixels: int) -> Tensor:
    """Return a network's scores over several looks: ``(N, C, S, S)`` -> ``(N, K)``.

    Half of them is what a picture where it stands says, as it is and mirrored, the other half what it says
    moved up left and down right. Source: Jordan 2024 (see above), "Multi-crop evaluation", with moves of one
    pixel there.

    Args:
        views: 1, only as it is; 2, mirrored as well; 6, all.
        pixels: of a move, from 0 to less than S.
    """
    if views == 1:
        return network(pictures)
    scores = network(pictures) + network(pictures.flip(3))
    if views == 2:
        return scores / 2
    side = pictures.shape[2]
    wide = functional.pad(pictures, [pixels] * 4, mode="reflect")
    for corner in (0, 2 * pixels):
        moved = wide[:, :, corner : corner + side, corner : corner + side]
        scores = scores + (network(moved) + network(moved.flip(3))) / 2
    return scores / 4
