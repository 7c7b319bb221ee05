"""Residual networks: He et al. 2015 (arXiv:1512.03385), and with the order of 2016 (arXiv:1603.05027).

The names of the layers are those of torchvision and timm (``layer1.0.conv1``, ``fc``), so weights that were
trained there fit here. Two stems: 3 x 3 for small pictures (2015, section 4.2), and 7 x 7 with pooling for
ImageNet's (2015, table 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Plan:
    """A residual network in numbers.

    Attributes:
        stem: "cifar" or "imagenet".
        depths: blocks of each stage; every stage but the first halves height and width.
        kind: "basic": two 3 x 3 convolutions a block; "bottleneck": 1 x 1, 3 x 3, 1 x 1 with 4 times as many
            maps at the end.
        stride_at: the convolution of a bottleneck that shrinks: "first", the paper's, or "middle", that of
            torchvision and timm (Goyal et al. 2017, section 5.1, footnote), often called v1.5.
        before: normalisation and ReLU come before each convolution (2016) instead of after it.
    """

    stem: Literal["cifar", "imagenet"]
    depths: tuple[int, ...]
    kind: Literal["basic", "bottleneck"] = "basic"
    stride_at: Literal["first", "middle"] = "first"
    before: bool = False


PLANS = {
    "resnet20": Plan("cifar", (3, 3, 3)),
    "resnet32": Plan("cifar", (5, 5, 5)),
    "resnet44": Plan("cifar", (7, 7, 7)),
    "resnet56": Plan("cifar", (9, 9, 9)),
    "resnet110": Plan("cifar", (18, 18, 18)),
    "preresnet110": Plan("cifar", (18, 18, 18), before=True),
    "preresnet164": Plan("cifar", (18, 18, 18), "bottleneck", before=True),
    "resnet18": Plan("imagenet", (2, 2, 2, 2)),
    "resnet34": Plan("imagenet", (3, 4, 6, 3)),
    "resnet50": Plan("imagenet", (3, 4, 6, 3), "bottleneck"),
    "resnet101": Plan("imagenet", (3, 4, 23, 3), "bottleneck"),
    "resnet152": Plan("imagenet", (3, 8, 36, 3), "bottleneck"),
    "resnet50-v1.5": Plan("imagenet", (3, 4, 6, 3), "bottleneck", "middle"),
}


class ResNet(nn.Module):
    """``(N, 3, H, W)`` pictures to ``(N, classes)`` logits.

    Args:
        plan: which one; ``PLANS`` has those of the papers.
        classes: how many scores come out.
    """

    def __init__(self, plan: Plan, classes: int):
        super().__init__()
        small = plan.stem == "cifar"
        width = 16 if small else 64
        self.conv1 = nn.Conv2d(
            3, width, 3 if small else 7, 1 if small else 2, padding=1 if small else 3, bias=False
        )
        self.bn1 = nn.Identity() if plan.before else nn.BatchNorm2d(width)
        self.relu = nn.Identity() if plan.before else nn.ReLU()
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, padding=1)
        channels, self.stages = width, []
        for number, depth in enumerate(plan.depths, 1):
            blocks = []
            for place in range(depth):
                stride = 2 if number > 1 and place == 0 else 1
                blocks.append(Block(channels, width * 2 ** (number - 1), stride, plan))
                channels = blocks[-1].channels
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            self.stages.append(f"layer{number}")
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()) if plan.before else nn.Identity()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015, Delving deep into rectifiers
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Return class scores before softmax."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        for name in self.stages:
            maps = getattr(self, name)(maps)
        return self.fc(torch.flatten(self.avgpool(self.last(maps)), 1))


class Block(nn.Module):
    """Two or three convolutions beside a shortcut (2015, figures 2 and 5; 2016, figure 4e).

    Where the shape changes, the shortcut of the CIFAR networks of 2015 drops every second pixel and fills up
    with maps of zeros (option A, without parameters); the others use a 1 x 1 convolution (option B).
    """

    def __init__(self, inputs: int, width: int, stride: int, plan: Plan):
        super().__init__()
        deep = plan.kind == "bottleneck"
        self.channels = 4 * width if deep else width
        self.before, self.stride, self.steps = plan.before, stride, 3 if deep else 2
        changes = stride != 1 or inputs != self.channels
        first, middle = (stride, 1) if plan.stride_at == "first" or not deep else (1, stride)
        sizes = [(1, first), (3, middle), (1, 1)] if deep else [(3, stride), (3, 1)]
        channels = [inputs, *[width] * (self.steps - 1), self.channels]
        for number, (size, step) in enumerate(sizes, 1):
            one, two = channels[number - 1], channels[number]
            convolution = nn.Conv2d(one, two, size, step, padding=size // 2, bias=False)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", nn.BatchNorm2d(one if plan.before else two))
            self.add_module(f"relu{number}", nn.ReLU())
        self.pads = plan.stem == "cifar" and changes and not deep
        self.downsample = (
            projection(inputs, self.channels, stride, normalise=not plan.before)
            if changes and not self.pads
            else nn.Identity()
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(N, channels, H / stride, W / stride)``."""
        return self._before(maps) if self.before else self._after(maps)

    def _after(self, maps: Tensor) -> Tensor:
        found = maps
        for number in range(1, self.steps + 1):
            found = self._part("bn", number)(self._part("conv", number)(found))
            if number < self.steps:
                found = self._part("relu", number)(found)
        return self._part("relu", self.steps)(found + self._shortcut(maps))

    def _before(self, maps: Tensor) -> Tensor:
        found = maps
        for number in range(1, self.steps + 1):
            found = self._part("conv", number)(self._part("relu", number)(self._part("bn", number)(found)))
        return found + self._shortcut(maps)

    def _part(self, kind: str, number: int) -> nn.Module:
        return getattr(self, f"{kind}{number}")

    def _shortcut(self, maps: Tensor) -> Tensor:
        if not self.pads:
            return self.downsample(maps)
        more = self.channels - maps.shape[1]
        thinned = maps[:, :, :: self.stride, :: self.stride]
        return functional.pad(thinned, (0, 0, 0, 0, more // 2, more - more // 2))


def projection(inputs: int, outputs: int, stride: int, *, normalise: bool) -> nn.Sequential:
    """Return a 1 x 1 convolution as a shortcut, with its normalisation where the order of 2015 wants it."""
    parts: list[nn.Module] = [nn.Conv2d(inputs, outputs, 1, stride, bias=False)]
    return nn.Sequential(*parts, *([nn.BatchNorm2d(outputs)] if normalise else []))


def resnet(name: str, classes: int) -> ResNet:
    """Build the network called ``name``, one of ``PLANS``."""
    return ResNet(PLANS[name], classes)


def names(stem: str) -> Sequence[str]:
    """Return the names of the networks with a stem, "cifar" or "imagenet"."""
    return [name for name, plan in PLANS.items() if plan.stem == stem]
