"""Adadelta that visits only the rows of a table that a batch touched.

A table of word vectors has tens of thousands of rows, and a batch touches a few hundred. The other rows have
no gradient, so Adadelta leaves them as they are and lets their two memories fade by ``rho``, a step like any
other. That fading is a power of ``rho``, and is made up for when a row is next touched: the numbers are those
of visiting every row in every step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from pellucid.rule import Rule


class RowAdadelta(Rule):
    """Adadelta (Zeiler 2012, arXiv:1212.5701, algorithm 1), by rows where a group says so.

    In a group with ``rows=True`` a sparse gradient touches the rows it holds. The state of a parameter is
    ``square_avg`` and ``acc_delta`` as in torch's Adadelta; by rows also ``step``, the step in which each row
    was last visited, and ``count``, the steps so far.

    Args:
        lr: what a step is multiplied by; 1 in the paper.
        rho: how much of the memories stays from step to step.
        eps: added under both roots.
    """

    def __init__(self, params: Iterable[Any], *, lr: float, rho: float, eps: float):
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "rows": False})

    def update(self, group: dict[str, Any]) -> None:
        """Update the parameters of a group that have a gradient."""
        visit = _visit_rows if group["rows"] else _visit
        for parameter in group["params"]:
            if parameter.grad is not None:
                visit(parameter, parameter.grad, self.state[parameter], group)


def _visit(parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    if not state:
        state.update(square_avg=torch.zeros_like(parameter), acc_delta=torch.zeros_like(parameter))
    delta = _delta(gradient, state["square_avg"], state["acc_delta"], group)
    parameter.add_(delta, alpha=-group["lr"])


def _visit_rows(table: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    if not state:
        state.update(square_avg=torch.zeros_like(table), acc_delta=torch.zeros_like(table))
        state["step"] = torch.zeros(len(table), dtype=torch.int64, device=table.device)
        state["count"] = torch.zeros((), dtype=torch.float32)
    rows = torch.arange(len(table), device=table.device)
    if gradient.is_sparse:
        gradient = gradient.coalesce()
        rows, gradient = gradient.indices()[0], gradient.values()
    state["count"] += 1
    now = int(state["count"])
    missed = (now - 1 - state["step"].index_select(0, rows)).to(table.dtype)
    faded = torch.pow(group["rho"], missed)[:, None]  # as if the row had been visited in every step
    square = state["square_avg"].index_select(0, rows).mul_(faded)
    moved = state["acc_delta"].index_select(0, rows).mul_(faded)
    delta = _delta(gradient, square, moved, group)
    state["square_avg"].index_copy_(0, rows, square)
    state["acc_delta"].index_copy_(0, rows, moved)
    state["step"].index_fill_(0, rows, now)
    table.index_add_(0, rows, delta, alpha=-group["lr"])


def _delta(gradient: Tensor, square: Tensor, moved: Tensor, group: dict[str, Any]) -> Tensor:
    """Return what is to be taken away, and bring both memories up to date in place."""
    rho, eps = group["rho"], group["eps"]
    square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
    delta = (moved + eps).sqrt_().div_((square + eps).sqrt_()).mul_(gradient)
    moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
    return delta
