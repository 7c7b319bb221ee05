"""The graph of a network, followed on one forward pass: which layer feeds which.

Nodes are the calls of layers (modules that call no other) and of functions that compute outside of any layer;
a function that only looks at its input in another way (view, transpose, indexing) is none. Any module will
do: branches, sums, concatenations and layers that are called several times included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.errors import UsageError
from pellucid.explain.fields import RESHAPES
from pellucid.explain.watching import leaves, resting

# fmt: off
LOOKS = RESHAPES | {
    "__getitem__", "__get__", "permute", "transpose", "t", "unsqueeze", "expand", "expand_as", "contiguous",
    "clone", "detach", "to", "float", "double", "type_as", "chunk", "split", "unbind", "movedim", "narrow",
    "select", "unflatten", "view_as", "reshape_as", "ravel", "swapaxes", "swapdims", "moveaxis",
    "tensor_split", "half", "bfloat16",
}
CONSTANTS = {  # of the shape or the kind of a tensor, and of nothing in it
    "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor", "zeros_like", "ones_like", "full_like",
    "empty_like", "rand_like", "randn_like",
}
# fmt: on
MOST_NODES = 5000


@dataclass(frozen=True)
class Node:
    """One call, in order: of a layer (``layer`` is its name), of a function (``layer`` is None), or an input.

    ``call`` counts the calls of a layer from 1. ``sources`` are the numbers of the nodes that it takes from.
    ``shape`` is that of what comes out, without the batch.
    """

    number: int
    kind: str
    layer: str | None
    call: int
    shape: tuple[int, ...]
    sources: tuple[int, ...]


def graph(model: nn.Module, *inputs: Tensor) -> tuple[Node, ...]:
    """Return the nodes of a network in the order in which they run; the inputs come first.

    Args:
        inputs: what the network is called with, each ``(N, ...)``.
    Raises:
        UsageError: the network cannot take these inputs, or it makes more than ``MOST_NODES`` calls.
    """
    with ExitStack() as stack:
        stack.enter_context(resting(model))
        stack.enter_context(torch.no_grad())
        following = _Following(inputs)
        for name, module in leaves(model).items():
            enter = module.register_forward_pre_hook(following.enter, with_kwargs=True)
            stack.callback(enter.remove)
            stack.callback(module.register_forward_hook(following.leaving(name)).remove)
        stack.enter_context(following)
        try:
            model(*inputs)
        except (RuntimeError, IndexError, TypeError) as error:
            shapes = ", ".join(str(tuple(each.shape[1:])) for each in inputs)
            raise UsageError(f"this network cannot take inputs of shape {shapes}: {error}") from error
    return tuple(following.nodes)


class _Following(TorchFunctionMode):
    """Know for every tensor which nodes it comes from."""

    def __init__(self, inputs: tuple[Tensor, ...]):
        super().__init__()
        self.nodes: list[Node] = []
        self._origins: dict[int, tuple[Tensor, tuple[int, ...]]] = {}  # the tensor too: its id stays taken
        self._calls: dict[str, int] = {}
        self._entered: list[tuple[int, ...]] = []
        for each in inputs:
            self._put(each, (self._add("input", None, each, ()),))

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run ``function`` and note where its output comes from."""
        output = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        sources = self._sources((args, kwargs or {}))
        if self._entered or not sources or name in CONSTANTS:
            return output  # inside a layer, or of constants
        changed = args[0] if name == "__setitem__" else output
        if name in LOOKS and len(sources) == 1:
            self._put(changed, sources)
        elif (tensor := next(_tensors(changed), None)) is not None:
            self._put(changed, (self._add(name.strip("_"), None, tensor, sources),))
        return output

    def enter(self, _module: nn.Module, arguments: tuple, named: dict[str, object]) -> None:
        """Note what a layer takes from."""
        self._entered.append(self._sources((arguments, named)))

    def leaving(self, name: str):
        """Return the hook that adds the node of a layer when it is done."""

        def leave(module: nn.Module, _arguments: tuple, output: object) -> None:
            sources = self._entered.pop()
            if not self._entered and (tensor := next(_tensors(output), None)) is not None:
                number = self._add(type(module).__name__, name, tensor, sources)
                self._put(output, (number,))

        return leave

    def _add(self, kind: str, layer: str | None, output: Tensor, sources: tuple[int, ...]) -> int:
        number = len(self.nodes)
        if number >= MOST_NODES:
            raise UsageError(f"this network makes more than {MOST_NODES} calls; a smaller input may do")
        call = self._calls[layer or ""] = self._calls.get(layer or "", 0) + 1
        shape = tuple(output.shape[1:])
        self.nodes.append(Node(number, kind, layer, call if layer else 1, shape, sources))
        return number

    def _put(self, output: object, sources: tuple[int, ...]) -> None:
        for tensor in _tensors(output):
            self._origins[id(tensor)] = (tensor, sources)

    def _sources(self, arguments: object) -> tuple[int, ...]:
        found = [self._origins[id(each)][1] for each in _tensors(arguments) if id(each) in self._origins]
        return tuple(dict.fromkeys(number for sources in found for number in sources))


def _tensors(value: object) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and the values of dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
