"""Watching a network without touching it: evaluation mode, hooks and modes all put back afterwards.

Everything in ``explain`` goes through here. Whatever happens inside a ``with`` block, exceptions
included, the network leaves it as it came: the ``training`` flag of every module, weights, buffers,
``requires_grad``, ``.grad`` and hooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.errors import UsageError, near

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WHOLE = (nn.MultiheadAttention,)  # computes with the weights of its child, and does not call it
BATCH = 256

Target: TypeAlias = int | Sequence[int] | Tensor


@contextmanager
def resting(model: nn.Module) -> Iterator[nn.Module]:
    """Hold ``model`` in evaluation mode; afterwards every module's ``training`` flag is as before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield model
    finally:
        for module, mode in modes:
            module.training = mode


def written_out(model: nn.Module) -> nn.Module:
    """Return a network layer by layer: one that computes in fewer steps than it is defined in says how."""
    layers = getattr(model, "layers", None)
    return layers() if callable(layers) and not isinstance(layers, nn.Module) else model


@dataclass
class Seen:
    """What went into and came out of one module in one call; ``before`` is a copy made in time."""

    name: str
    module: nn.Module
    before: Tensor
    after: Tensor


@contextmanager
def watched(model: nn.Module, names: Iterable[str] | None = None) -> Iterator[list[Seen]]:
    """Rest ``model`` and list what its modules see, in the order in which they run.

    Args:
        names: the modules to watch; all leaves (modules without children) when None.
    Yields:
        a list that every forward pass in the block appends to.
    Raises:
        UsageError: the model has no module of that name.
    """
    seen: list[Seen] = []
    modules = leaves(model) if names is None else {name: module_named(model, name) for name in names}
    with ExitStack() as stack:
        stack.enter_context(resting(model))
        guard = any(getattr(module, "inplace", False) for module in model.modules())
        for name, module in modules.items():
            for handle in _hook(name, module, seen, guard=guard):
                stack.callback(handle.remove)
        yield seen


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers by name, in the order of definition: the modules that call no other.

    Those have no children, or are ``WHOLE``. A network that is one module has no layers, only functions.
    """
    called = {
        child for module in model.modules() if not isinstance(module, WHOLE) for child in module.children()
    }
    return {
        name: module
        for name, module in model.named_modules()
        if module in called and (isinstance(module, WHOLE) or not any(module.children()))
    }


def module_named(model: nn.Module, name: str) -> nn.Module:
    """Return the module called ``name``; an unknown name is a ``UsageError`` with the near match."""
    modules = dict(model.named_modules())
    if name and name in modules:
        return modules[name]
    known = [each for each in modules if each]
    raise UsageError(
        f"this network has no layer {name!r}; its layers are {', '.join(known)}.{near(name, known)}"
    )


def targets(outputs: Tensor, target: Target) -> Tensor:
    """Return ``target``, one class for all or one a row, as ``(N,)`` classes of ``outputs`` ``(N, K)``.

    Raises:
        UsageError: the output is not a row of scores per input, or a class is not in ``[0, K - 1]``.
    """
    if outputs.ndim != 2:
        raise UsageError(f"the network gives shape {tuple(outputs.shape)}; class scores (N, K) are needed")
    classes = torch.as_tensor(target, dtype=torch.int64, device=outputs.device)
    if classes.ndim == 0:
        classes = classes.expand(len(outputs))
    if classes.shape != outputs.shape[:1]:
        raise UsageError(
            f"{len(outputs)} inputs but {tuple(classes.shape)} targets; give one class, or one each"
        )
    if len(classes) and (int(classes.min()) < 0 or int(classes.max()) >= outputs.shape[1]):
        raise UsageError(f"target {classes.tolist()} is outside the classes 0 to {outputs.shape[1] - 1}")
    return classes.clone()  # autograd refuses to keep a tensor that was made in inference mode


def scores_of(outputs: Tensor, target: Target) -> Tensor:
    """Return the score of each row's target class: ``(N, K)`` -> ``(N,)``."""
    return outputs.gather(1, targets(outputs, target)[:, None])[:, 0]


def probabilities_of(model: nn.Module, inputs: Tensor, target: Target) -> Tensor:
    """Return the probability of each row's target class, ``(N,)``, computed in batches without gradients."""
    with resting(model), torch.no_grad():
        outputs = torch.cat([model(batch) for batch in placed(model, inputs).split(BATCH)])
        return scores_of(torch.softmax(outputs, dim=1), target)


def placed(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return ``inputs`` on the device of the network; the batch must not be empty."""
    if inputs.ndim < 2 or not len(inputs):
        raise UsageError(f"inputs of shape {tuple(inputs.shape)}; a batch (N, ...) of at least one is needed")
    where = next(model.parameters(), inputs)
    return inputs.detach().to(where.device)


def array(tensor: Tensor) -> np.ndarray:
    """Return the tensor as an array of its own memory, so that later changes cannot reach it."""
    return tensor.detach().cpu().numpy().copy()


def first_tensor(value: object) -> Tensor:
    """Return the tensor itself, or the first one in a tuple (recurrent layers give several)."""
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    if isinstance(value, Tensor):
        return value
    raise UsageError(f"a layer takes or gives {type(value).__name__}; only tensors can be looked at")


def _hook(name: str, module: nn.Module, seen: list[Seen], *, guard: bool) -> tuple:
    """Register the pair of hooks that records one module.

    Where some module works in place (``guard``), it gets a copy to spoil, and the record keeps the original.
    """
    waiting: list[Tensor] = []

    def enter(_module: nn.Module, arguments: tuple, named: dict[str, object]) -> None:
        before = first_tensor((*arguments, *named.values()))
        waiting.append(before.clone() if guard else before)

    def leave(_module: nn.Module, _arguments: tuple, output: object) -> object:
        after = first_tensor(output)
        seen.append(Seen(name, module, waiting.pop(), after))
        return after.clone() if guard and output is after else output

    entered = module.register_forward_pre_hook(enter, with_kwargs=True)
    return entered, module.register_forward_hook(leave)
