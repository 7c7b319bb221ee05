"""Several processes that train together: starting, meeting, parting, and putting results together.

torchrun starts them and torch's gloo connects them; alone, a process is the first of one.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import signal
import sys
import uuid
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pellucid.errors import PellucidError

PR_SET_PDEATHSIG = 1  # Linux's sys/prctl.h


def launch(count: int, words: Sequence[str]) -> int:
    """Run ``python WORDS`` in ``count`` processes of this machine as torchrun does; return the exit code.

    A signal to this process reaches all of them, and they may save; the code is then 128 plus its number.

    Raises:
        PellucidError: one of them was killed; the others were ended.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nobody outside this machine takes part
    for part in ("agent.server", "multiprocessing"):  # each process tells its own error
        logging.getLogger(f"torch.distributed.elastic.{part}.api").setLevel(logging.CRITICAL)
    here = LaunchConfig(
        1, 1, count, run_id=uuid.uuid4().hex, rdzv_backend="c10d", rdzv_endpoint="localhost:0", max_restarts=0
    )
    try:
        elastic_launch(here, sys.executable)(*words)
    except SignalException as stopped:
        return 128 + stopped.sigval
    except ChildFailedError as failed:
        ended = list(failed.failures.items())
        # Who was killed comes first, since the others fail after it; SIGTERM is how torchrun ends those.
        killed = [pair for pair in ended if pair[1].exitcode < 0 and pair[1].exitcode != -signal.SIGTERM]
        failing = [pair for pair in ended if pair[1].exitcode > 0]
        number, failure = (killed or failing or ended)[0]
        if failure.exitcode > 0:
            return failure.exitcode
        raise PellucidError(
            f"process {number} of {count} was killed by signal {-failure.exitcode}, "
            "and the others were ended; everything saved before is intact, go on with --resume"
        ) from None
    return 0


def join() -> None:
    """Meet the other processes, if torchrun started this one among several."""
    if started_among_several() and not _together():
        if sys.platform == "linux":  # kill -9 gives torchrun no time to end us
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        torch.distributed.init_process_group("gloo")


def started_among_several() -> bool:
    """Say whether torchrun started this process among several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


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
