"""Grad-CAM: which places of a layer's feature maps speak for a class (Selvaraju et al. 2017)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.explain.watching import CONVOLUTIONS, Target, array, leaves, placed, scores_of, watched


def gradcam(model: nn.Module, inputs: Tensor, target: Target, *, layer: str | None = None) -> np.ndarray:
    """Return the map ``ReLU(sum over k of a_k * A_k)``, a_k the mean gradient of feature map A_k (eq. 1, 2).

    Args:
        inputs: ``(N, C, H, W)`` prepared inputs.
        target: one class for all, or ``(N,)`` classes.
        layer: a layer with feature maps; the last convolution whose maps are larger than 1 x 1 if None.
    Returns:
        ``(N, h, w)``, at least 0, at the size of that layer's maps; ``enlarge`` brings it to the input's.
    Raises:
        UsageError: the network has no convolution, no such layer, or the layer has no feature maps.
    """
    inputs = placed(model, inputs)
    name = last_convolution(model, inputs) if layer is None else layer
    with watched(model, [name]) as seen, torch.inference_mode(False), torch.enable_grad():
        outputs = model(inputs.clone().requires_grad_())
        maps = seen[-1].after
        if maps.ndim != 4:
            raise UsageError(
                f"layer {name!r} gives shape {tuple(maps.shape)}; Grad-CAM needs feature maps (N, C, H, W), "
                "so name a convolution, or a layer between two of them"
            )
        (gradient,) = torch.autograd.grad(scores_of(outputs, target).sum(), maps)
    importance = gradient.mean((2, 3), keepdim=True)  # (N, C, h, w) -> (N, C, 1, 1)
    return array(torch.relu((importance * maps.detach()).sum(1)))


def last_convolution(model: nn.Module, inputs: Tensor) -> str:
    """Return the name of the last convolution to run whose maps are larger than 1 x 1."""
    found = [name for name, module in leaves(model).items() if isinstance(module, CONVOLUTIONS)]
    if not found:
        raise UsageError(
            "Grad-CAM needs a convolution and this network has none; use saliency, integrated gradients or "
            "occlusion, or a network with convolutions (--network cnn)"
        )
    with watched(model, found) as seen, torch.no_grad():
        model(inputs[:1])
    wide = [each.name for each in seen if max(each.after.shape[2:]) > 1]
    return wide[-1] if wide else found[-1]


def enlarge(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return ``(N, h, w)`` maps resized to ``size`` (H, W) by bilinear interpolation, as in the paper."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps))[:, None]
    return array(functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)[:, 0])
