"""Several processes that train together: meeting, parting, who is who, and putting results together.

torchrun starts them and torch's gloo connects them; alone, a process is the first of one.
"""

from __future__ import annotations

import math
import os
import signal

import torch
from torch import Tensor, nn


def join() -> None:
    """Meet the other processes, if torchrun started this one among several."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not _together():
        torch.distributed.init_process_group("gloo")


def leave() -> None:
    """Part from the other processes."""
    if _together():
        torch.distributed.destroy_process_group()


def world() -> int:
    """Return how many processes train together."""
    return torch.distributed.get_world_size() if _together() else 1


def rank() -> int:
    """Return which of them this is; 0 writes the run."""
    return torch.distributed.get_rank() if _together() else 0


def any_of(flag: bool) -> bool:
    """Say whether the flag is raised in any of the processes, so that all stop at the same step."""
    if world() == 1:
        return flag
    raised = torch.tensor(int(flag))
    torch.distributed.all_reduce(raised, torch.distributed.ReduceOp.MAX)
    return bool(raised)


def gather(share: Tensor, total: int) -> Tensor:
    """Put the shares of all processes together, in order: ``(n, ...)`` each -> ``(total, ...)`` everywhere.

    The shares are those of ``tensor_split``: their lengths differ by one at most.
    """
    if world() == 1:
        return share
    longest = math.ceil(total / world())
    padded = torch.cat([share, share.new_zeros(longest - len(share), *share.shape[1:])])
    parts = [torch.empty_like(padded) for _ in range(world())]
    torch.distributed.all_gather(parts, padded)
    lengths = [len(part) for part in torch.arange(total).tensor_split(world())]
    return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])


def share_buffers(network: nn.Module) -> None:
    """Give all processes the first one's buffers: each measured a normalisation's on its own samples."""
    if world() > 1:
        for buffer in network.buffers():
            torch.distributed.broadcast(buffer, 0)


def ignore_signals(worker: int) -> None:
    """Leave signals to the process that trains; one that loads data for it ends when that one ends.

    A terminal and a batch system send a signal to all of them, and who trains needs the data to the last.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _together() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
