"""Optimisers by name, with settings that train.

The fast versions are torch's. What each of them computes stands as a few plain lines, with the paper, in
``pellucid.explain.updates``; the tests hold the two against each other step for step.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from pellucid import uncompiled
from pellucid.errors import RunError, UsageError, near
from pellucid.rows import RowAdadelta
from pellucid.rule import Rule

# What `build` uses for every setting that is not given. The learning rates come from a 1-2-5 scan on MNIST's
# 784-512-512-10 network (batch 128, 2 epochs, Muon 1, constant rate, one seed), judged on the last 5,000
# training images: each gave 97.5 to 98.2 %. RMSprop's rho and epsilon are Keras'.
DEFAULTS: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.2},
    "momentum": {"learning_rate": 0.05, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.05, "momentum": 0.9},
    "adagrad": {"learning_rate": 0.01, "epsilon": 1e-10},
    "adadelta": {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6},
    "rmsprop": {"learning_rate": 1e-3, "rho": 0.9, "epsilon": 1e-7},
    "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "adamw": {"learning_rate": 1e-3, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "nadam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "muon": {"learning_rate": 1e-3, "weight_decay": 0.01, "momentum": 0.95},
}

BY_ROWS = ("adadelta",)  # what can follow a gradient that holds only some rows of a table

WITH_COMPILER = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
LATE = 1e30  # a step of Adam by which its averages need no correction: rho to this power is 0


def build(
    name: str,
    parameters: nn.Module | Iterable[nn.Parameter],
    *,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    momentum: float | None = None,
    rho: float | None = None,
    beta1: float | None = None,
    beta2: float | None = None,
    epsilon: float | None = None,
) -> torch.optim.Optimizer:
    """Build the optimiser called ``name``; what is not given comes from ``DEFAULTS``.

    Weight decay touches matrices and kernels only, never biases or the parameters of a normalisation. Every
    parameter group remembers its ``initial_lr``, so that ``set_rate`` can follow a schedule. The state is
    tensors and numbers only.

    Args:
        parameters: a model (needed by ``muon`` to spare embeddings), or its parameters in the order in which
            the network applies them.
        learning_rate: > 0.
        weight_decay: >= 0; decoupled (added to the step, not to the gradient) for ``adamw`` and ``muon``.
    Raises:
        UsageError: an unknown name, a setting that this optimiser does not have, or a value out of range.
    """
    if name not in DEFAULTS:
        raise UsageError(
            f'No optimiser is called "{name}".{near(name, DEFAULTS)} There are: {", ".join(DEFAULTS)}.'
        )
    leave_the_compiler()
    given = {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "rho": rho,
        "beta1": beta1,
        "beta2": beta2,
        "epsilon": epsilon,
    }
    settings = _settings(name, given)
    module = parameters if isinstance(parameters, nn.Module) else None
    every = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
    tensors = [parameter for parameter in every if parameter.requires_grad]
    if not tensors:
        raise UsageError(
            f"{name}: there is no parameter to train; every one of them is frozen or there is none."
        )

    optimizer = _chosen(name, tensors, module, settings)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def leave_the_compiler() -> None:
    """Let torch build optimisers and read their state without importing its compiler."""
    uncompiled.leave(getattr(torch.optim.Optimizer, name) for name in WITH_COMPILER)


def step(optimizer: torch.optim.Optimizer) -> None:
    """Update every parameter once; ``optimizer.step()`` imports the compiler of torch first, in 1.5 s."""
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to ``factor`` times the one that the optimiser was built with."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


class FusedRMSprop(Rule):
    """RMSprop in one pass over memory, for the CPU: faster than torch's, which has no fused version.

    It is Adam without a mean of the gradients (beta1 0) at a step so late that nothing is left to correct, so
    torch's fused Adam computes it. The gradient stands in for its own mean and is left as it was. The step is
    that of ``torch.optim.RMSprop``.
    """

    def __init__(self, params: Iterable[Any], *, lr: float, alpha: float, eps: float):
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    def update(self, group: dict[str, Any]) -> None:
        """Update the parameters of a group that have a gradient."""
        parameters = [p for p in group["params"] if p.grad is not None]
        gradients = [p.grad for p in parameters]
        squares = [self._square(p) for p in parameters]
        adam(
            parameters, gradients, gradients, squares, [], [torch.tensor(LATE) for _ in parameters],
            fused=True, amsgrad=False, beta1=0.0, beta2=group["alpha"], lr=group["lr"],
            weight_decay=0.0, eps=group["eps"], maximize=False,
        )  # fmt: skip

    def _square(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["square_avg"] = torch.zeros_like(parameter)
        return state["square_avg"]


class MuonAdamW(torch.optim.Optimizer):
    """Muon for the matrices of hidden layers and AdamW for everything else, seen as one optimiser.

    Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) replaces the momentum of a matrix by the
    nearest orthogonal matrix, and is meant for hidden layers only. Its step is scaled to AdamW's size
    (Liu et al. 2025, arXiv:2502.16982, eq. 4), so that one learning rate serves both halves.
    """

    def __init__(
        self,
        matrices: list[nn.Parameter],
        others: list[dict[str, Any]],
        *,
        learning_rate: float,
        weight_decay: float,
        momentum: float,
    ):
        self._halves: list[torch.optim.Optimizer] = []
        if matrices:
            self._halves.append(
                torch.optim.Muon(
                    matrices,
                    lr=learning_rate,
                    weight_decay=weight_decay,
                    momentum=momentum,
                    adjust_lr_fn="match_rms_adamw",
                )
            )
        if others:
            fused = _can_fuse([p for group in others for p in group["params"]])
            self._halves.append(torch.optim.AdamW(others, lr=learning_rate, fused=fused or None))
        super().__init__([group for half in self._halves for group in half.param_groups], {})
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter once; ``closure``, if given, computes the loss and its gradients anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for half in self._halves:
            step(half)
        self._share()
        return loss

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` gave: the numbers of the parameters run through both halves.

        Raises:
            RunError: the state is that of another network.
        """
        groups = list(state_dict["param_groups"])
        given = [len(group["params"]) for group in groups]
        expected = [len(group["params"]) for group in self.param_groups]
        if given != expected:
            raise RunError(
                f"muon: the saved groups have {given} parameters, this model's have {expected}; load the "
                "state of a run with the same network."
            )
        for half in self._halves:
            mine = [groups.pop(0) for _ in half.param_groups]
            numbers = {number for group in mine for number in group["params"]}
            state = {number: held for number, held in state_dict["state"].items() if number in numbers}
            half.load_state_dict({"state": state, "param_groups": mine})
        self._share()

    def _share(self) -> None:
        """Show the halves' own groups and state: a rate set here is set there."""
        self.param_groups = [group for half in self._halves for group in half.param_groups]
        self.state.clear()
        for half in self._halves:
            self.state.update(half.state)


def _settings(name: str, given: dict[str, float | None]) -> dict[str, float]:
    defaults = {"weight_decay": 0.0} | DEFAULTS[name]
    for key, value in given.items():
        if value is None:
            continue
        if key not in defaults:
            raise UsageError(
                f"{name} has no setting {key} (given: {value}). It has: {', '.join(sorted(defaults))}."
            )
        low, high = (0.0, 1.0) if key in ("momentum", "rho", "beta1", "beta2") else (0.0, math.inf)
        if not (low <= value < high) or (key == "learning_rate" and value == 0):
            raise UsageError(
                f"{name}: {key} is {value}; expected a number in [{low:g}, {high:g}), the learning rate > 0."
            )
        defaults[key] = float(value)
    return defaults


def _chosen(
    name: str, tensors: list[nn.Parameter], module: nn.Module | None, settings: dict[str, float]
) -> torch.optim.Optimizer:
    if module is not None and (tables := _tables(module, name)):
        return _by_rows(tensors, tables, settings)
    return _muon(tensors, module, settings) if name == "muon" else _single(name, tensors, settings)


def _single(name: str, tensors: list[nn.Parameter], settings: dict[str, float]) -> torch.optim.Optimizer:
    """One of torch's own optimisers, in the fastest of its versions (measured on the CPU)."""
    groups = _decayed(tensors, settings["weight_decay"])
    rate, epsilon = settings["learning_rate"], settings.get("epsilon", 0.0)
    betas = (settings.get("beta1", 0.0), settings.get("beta2", 0.0))
    fused = _can_fuse(tensors) or None
    on_cpu = all(p.device.type == "cpu" for p in tensors)
    match name:
        case "sgd" | "momentum" | "nesterov":
            momentum = settings.get("momentum", 0.0)
            return torch.optim.SGD(
                groups, lr=rate, momentum=momentum, nesterov=name == "nesterov", fused=fused
            )
        case "adagrad":
            return torch.optim.Adagrad(groups, lr=rate, eps=epsilon, fused=(fused and on_cpu) or None)
        case "adadelta":
            return torch.optim.Adadelta(groups, lr=rate, rho=settings["rho"], eps=epsilon)
        case "rmsprop" if on_cpu and not settings["weight_decay"]:
            return FusedRMSprop(groups, lr=rate, alpha=settings["rho"], eps=epsilon)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=rate, alpha=settings["rho"], eps=epsilon)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=betas, eps=epsilon, fused=fused)
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=betas, eps=epsilon, fused=fused)
        case _:
            return torch.optim.NAdam(groups, lr=rate, betas=betas, eps=epsilon, foreach=True)


def _tables(module: nn.Module, name: str) -> list[nn.Parameter]:
    """Return the tables whose gradients hold rows only; not every optimiser can take them."""
    sparse = [m for m in module.modules() if isinstance(m, nn.Embedding) and m.sparse]
    tables = [p for m in sparse for p in m.parameters(recurse=False) if p.requires_grad]
    if tables and name not in BY_ROWS:
        raise UsageError(
            f"{name} needs whole gradients, and an embedding gives rows; use {', '.join(BY_ROWS)}."
        )
    return tables


def _by_rows(
    tensors: list[nn.Parameter], tables: list[nn.Parameter], settings: dict[str, float]
) -> torch.optim.Optimizer:
    if settings["weight_decay"]:
        raise UsageError("weight decay moves every row of a table in every step; leave it at 0 here.")
    rowwise = {id(table) for table in tables}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in tensors if id(p) not in rowwise]},
        {"params": tables, "rows": True},
    ]
    return RowAdadelta(
        [group for group in groups if group["params"]],
        lr=settings["learning_rate"],
        rho=settings["rho"],
        eps=settings["epsilon"],
    )


def _muon(tensors: list[nn.Parameter], module: nn.Module | None, settings: dict[str, float]) -> MuonAdamW:
    """Hidden matrices to Muon; biases, norms, kernels, embeddings and the last matrix to AdamW."""
    embeddings = {
        id(p)
        for m in (() if module is None else module.modules())
        if isinstance(m, nn.Embedding)
        for p in m.parameters()
    }
    matrices = [p for p in tensors if p.ndim == 2 and id(p) not in embeddings][:-1]
    hidden = {id(p) for p in matrices}
    others = _decayed([p for p in tensors if id(p) not in hidden], settings["weight_decay"])
    return MuonAdamW(
        matrices,
        others,
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        momentum=settings["momentum"],
    )


def _decayed(tensors: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Two groups: what weight decay touches, and the biases and norms that it spares."""
    groups = [
        {"params": [p for p in tensors if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in tensors if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _can_fuse(tensors: list[nn.Parameter]) -> bool:
    """Whether torch has a fused version for all of these; it is 2 to 4 times as fast on the CPU."""
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in tensors)
