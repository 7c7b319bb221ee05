"""Receptive fields and multiply-adds, by watching one forward pass function by function.

What a position of a layer can see is an interval of pixels on every axis. A window (convolution,
pooling) maps positions of its output to intervals of its input by ``step * position + offset`` to
``... + span``; chaining windows chains these lines (Araujo et al. 2019, "Computing receptive fields of
convolutional neural networks"). Branches that meet again see the hull of what either saw. A function
that is not known here may look at everything, so its field is a bound, never too small.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

ARGUMENTS = {  # in torch's order, after the input
    "conv": ("weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose": ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "max_pool": ("kernel_size", "stride", "padding", "dilation"),
    "avg_pool": ("kernel_size", "stride", "padding"),
    "interpolate": ("size", "scale_factor", "mode"),
    "pad": ("pad", "mode", "value"),
}
# fmt: off
POINTWISE = {
    "relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "selu", "selu_", "celu",
    "celu_", "gelu", "silu", "mish", "hardtanh", "hardtanh_", "hardswish", "hardsigmoid", "softplus",
    "softsign", "logsigmoid", "tanh", "tanh_", "sigmoid", "sigmoid_", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "feature_dropout", "alpha_dropout", "batch_norm", "local_response_norm", "prelu", "add",
    "add_", "__add__", "__radd__", "__iadd__", "sub", "__sub__", "__rsub__", "mul", "mul_", "__mul__",
    "__rmul__", "__imul__", "div", "__truediv__", "neg", "abs", "exp", "log", "sqrt", "pow", "clamp",
    "maximum", "minimum", "where", "cat", "concat", "concatenate", "contiguous", "clone", "to", "float",
    "double", "type_as", "detach", "channel_shuffle",
}
# fmt: on
RESHAPES = {"flatten", "view", "reshape", "squeeze"}
PRODUCTS = {"matmul", "__matmul__", "mm", "bmm", "addmm", "baddbmm"}


@dataclass(frozen=True)
class Axis:
    """On one axis, position p sees the pixels ``start + jump * p`` to that plus ``size - 1``."""

    jump: Fraction
    start: Fraction
    size: Fraction

    def through(self, step: Fraction, offset: Fraction, span: Fraction) -> Axis:
        """Return the axis after a window of ``span + 1`` positions moving by ``step`` from ``offset``."""
        return Axis(self.jump * step, self.start + offset * self.jump, self.size + span * self.jump)

    def interval(self, position: int) -> tuple[int, int]:
        """Return the first and last pixel that ``position`` can see; they may lie outside the image."""
        low = self.start + self.jump * position
        return math.ceil(low), math.floor(low + self.size - 1)


@dataclass(frozen=True)
class Field:
    """The axes of a layer's output, and ``extent``, how many positions it has on each.

    ``flat``: the positions have been laid out in a row (flattened), but each still sees what it saw.
    """

    axes: tuple[Axis, ...]
    extent: tuple[int, ...]
    flat: bool = False

    def hull(self, image: tuple[int, ...]) -> Field:
        """Return the field of something that looks at all positions: one interval, cut to the image."""
        axes = []
        for axis, count, length in zip(self.axes, self.extent, image, strict=True):
            first, last = max(axis.interval(0)[0], 0), min(axis.interval(count - 1)[1], length - 1)
            axes.append(Axis(Fraction(0), Fraction(first), Fraction(max(last - first + 1, 0))))
        return Field(tuple(axes), (1,) * len(image), flat=True)


class Tracing(TorchFunctionMode):
    """Follow the field of every tensor through one forward pass, and count multiply-adds.

    ``operations`` grows by the multiply-adds of each convolution and matrix product, per input.
    """

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.operations = 0
        self.image = tuple(inputs.shape[2:])
        self._fields: dict[int, tuple[Tensor, Field]] = {}  # the tensor too: its id must stay taken
        self.put(
            inputs, Field(tuple(Axis(Fraction(1), Fraction(0), Fraction(1)) for _ in self.image), self.image)
        )

    def put(self, tensor: Tensor, field: Field) -> None:
        """Remember the field of a tensor."""
        self._fields[id(tensor)] = (tensor, field)

    def field(self, tensor: Tensor) -> Field | None:
        """Return the field of a tensor, None if it does not depend on the input."""
        return self._fields[id(tensor)][1] if id(tensor) in self._fields else None

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run ``function`` and note what its output can see."""
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        name = getattr(function, "__name__", "")
        tensors = (
            [each for each in output if isinstance(each, Tensor)] if isinstance(output, tuple | list) else []
        )
        for tensor in [output] if isinstance(output, Tensor) else tensors:
            field = self._after(name, args, kwargs, tensor)
            if field is not None:
                self.put(tensor, field)
                self.operations += _multiply_adds(name, args, kwargs, tensor)
        return output

    def _after(self, name: str, args: tuple, kwargs: dict, output: Tensor) -> Field | None:
        sources = [field for each in _tensors((args, tuple(kwargs.values()))) if (field := self.field(each))]
        if not sources:
            return None
        merged = _merge(sources)
        if merged is None:
            return _merge([each.hull(self.image) for each in sources])
        spatial = tuple(output.shape[2:])
        if name in POINTWISE and (merged.flat or spatial == merged.extent):
            return merged
        if name in RESHAPES and (merged.flat or spatial == merged.extent or not spatial):
            return replace(merged, flat=not spatial or merged.flat)
        windows = None if merged.flat else _windows(name, args, kwargs, merged.extent, spatial)
        if windows is None:
            return merged.hull(self.image)
        return Field(tuple(a.through(*w) for a, w in zip(merged.axes, windows, strict=True)), spatial)


def _merge(fields: list[Field]) -> Field | None:
    """Return the hull of branches that meet; None if their positions do not correspond."""
    first = fields[0]
    if any(each.extent != first.extent or each.flat != first.flat for each in fields):
        return None
    axes = []
    for parts in zip(*(each.axes for each in fields), strict=True):
        if len({part.jump for part in parts}) > 1:
            return None
        start = min(part.start for part in parts)
        axes.append(Axis(parts[0].jump, start, max(part.start + part.size for part in parts) - start))
    return replace(first, axes=tuple(axes))


def _windows(name: str, args: tuple, kwargs: dict, before: tuple, after: tuple) -> list | None:
    """Return (step, offset, span) on every axis for a function that slides a window, None for others."""
    if len(after) != len(before):
        return None
    kind = re.sub(r"[123]d(_with_indices)?$", "", name)
    if kind.startswith("adaptive_"):
        return [_adaptive(Fraction(old, new), new) for old, new in zip(before, after, strict=True)]
    given = dict(zip(ARGUMENTS.get(kind, ()), args[1:], strict=False)) | kwargs
    axes = range(len(before))
    if kind in ("conv", "conv_transpose"):
        sizes = given["weight"].shape[2:]
        rule = _convolution if kind == "conv" else _transposed
        return [rule(sizes[i], *(_on(given.get(k), i, d) for k, d in _DEFAULTS)) for i in axes]
    if kind in ("max_pool", "avg_pool"):
        stride = given.get("stride") or given["kernel_size"]
        rest = [
            (_on(stride, i, 1), _on(given.get("padding"), i, 0), _on(given.get("dilation"), i, 1))
            for i in axes
        ]
        return [_convolution(_on(given["kernel_size"], i, 1), *rest[i]) for i in axes]
    if kind == "interpolate":
        nearest = given.get("mode", "nearest") == "nearest"
        return [_resized(Fraction(old, new), nearest) for old, new in zip(before, after, strict=True)]
    if kind == "pad" and given.get("mode", "constant") != "circular":
        lefts = list(given["pad"][::2])[::-1]  # torch lists the last axis first
        lefts = [0] * (len(before) - len(lefts)) + lefts[-len(before) :]
        return [(Fraction(1), Fraction(-left), Fraction(0)) for left in lefts]
    return None


_DEFAULTS = (("stride", 1), ("padding", 0), ("dilation", 1))


def _convolution(size: int, stride: int, padding: Any, dilation: int) -> tuple[Fraction, Fraction, Fraction]:
    span = (size - 1) * dilation
    left = span // 2 if padding == "same" else 0 if padding == "valid" else padding
    return Fraction(stride), Fraction(-left), Fraction(span)


def _transposed(size: int, stride: int, padding: int, dilation: int) -> tuple[Fraction, Fraction, Fraction]:
    """Output o is fed by the inputs i with ``o = i * stride - padding + tap * dilation``."""
    span = (size - 1) * dilation
    return Fraction(1, stride), Fraction(padding - span, stride), Fraction(span, stride)


def _adaptive(ratio: Fraction, count: int) -> tuple[Fraction, Fraction, Fraction]:
    """Output o covers ``floor(o * ratio)`` to ``ceil((o + 1) * ratio) - 1``; exact where it divides."""
    slack = Fraction(0) if ratio.denominator == 1 else 1 - Fraction(1, count)
    return ratio, -slack, ratio - 1 + 2 * slack


def _resized(ratio: Fraction, nearest: bool) -> tuple[Fraction, Fraction, Fraction]:
    """Nearest takes one neighbour below; bilinear and bicubic at most two on either side."""
    if nearest:
        slack = 1 - Fraction(1, ratio.denominator)
        return ratio, -slack, slack
    return ratio, ratio / 2 - Fraction(5, 2), Fraction(4)


def _on(value: Any, axis: int, default: int) -> Any:
    """Return an argument's value on one axis: torch takes a number for all, or one each."""
    if value is None:
        return default
    if isinstance(value, tuple | list):
        return value[axis] if len(value) > 1 else value[0]
    return value


def _multiply_adds(name: str, args: tuple, kwargs: dict, output: Tensor) -> int:
    """Return the multiply-adds per input; biases, activations and pooling count as none."""
    each = output.numel() // max(len(output), 1) if output.ndim else 1
    if name == "linear":
        return each * args[0].shape[-1]
    if name in PRODUCTS:
        return each * args[-2 if name in ("matmul", "__matmul__", "mm", "bmm") else 1].shape[-1]
    if name.startswith("conv") and name.rstrip("123d") in ("conv", "conv_transpose"):
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        if "transpose" not in name:
            return each * weight[0].numel()  # (out, in / groups, ...): one kernel an output
        given = args[0].numel() // max(args[0].shape[0], 1)
        return given * weight[0].numel()
    return 0


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for each in value for tensor in _tensors(each)] if isinstance(value, tuple | list) else []
