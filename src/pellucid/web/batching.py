"""Batches that nobody sees: requests that wait while the network computes are answered together.

One thread computes. Whatever waits when it becomes free is its next batch, so a request alone waits for
nothing, and under load the batches grow by themselves. Nothing here queues without bound: the guard lets
in as many requests as ``MOST_INSIDE`` and sends the others away at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.device import leave_cores
from pellucid.errors import NonFinite, PellucidError
from pellucid.web.library import Opened
from pellucid.web.refusals import Refusal

MOST_INSIDE = 32  # requests for an answer between guard and response: one batch; more would only wait longer
MOST_TOGETHER = 32  # samples in a batch
SECONDS = 10.0  # until an answer must be there

Outcome = Any  # what a task's ``ask`` returns for one sample, or an exception


@dataclass(eq=False)
class Ticket:
    """One raw sample on its way through the network."""

    opened: Opened
    raw: np.ndarray
    until: float
    done: asyncio.Future[Any]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be equal for two samples to share a batch."""
        return (id(self.opened.trained.network), self.raw.shape, self.raw.dtype)


class Batcher:
    """The thread that computes answers.

    Args:
        together: samples in a batch at most; 1 gives each sample the very bits that it gets alone.
        counts: what is counted: batches, computed, and skipped because nobody waited any more.
    """

    def __init__(self, *, together: int = MOST_TOGETHER, counts: Counter[str]):
        self.together, self.counts = together, counts
        self._queue: deque[Ticket] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="pellucid-batches", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Say whether the thread computes."""
        return self._thread.is_alive() and not self._closed

    async def output(self, opened: Opened, raw: np.ndarray, *, seconds: float = SECONDS) -> Any:
        """Return the network's output for one raw sample: what it would be alone.

        Raises:
            Refusal: it took too long, or the server is about to end.
        """
        ticket = Ticket(opened, raw, time.monotonic() + seconds, asyncio.get_running_loop().create_future())
        with self._change:
            if not self.alive:
                raise Refusal(503, "closing", "the studio is about to end", retry_after=5)
            self._queue.append(ticket)
            self._change.notify()
        try:
            async with asyncio.timeout(seconds):
                return await ticket.done  # cancelled, if whoever asked is gone: then nobody computes it
        except TimeoutError:
            raise Refusal(503, "late", "no answer in time; try again", retry_after=1) from None

    def close(self) -> None:
        """End the thread when what waits is done."""
        with self._change:
            self._closed = True
            self._change.notify()

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._queue and not self._closed:
                    self._change.wait()
                if not self._queue:
                    return
                batch = self._take()
            if batch:
                leave_cores()  # counts for the thread that asks
                settle(batch, self._outcomes(batch))

    def _take(self) -> list[Ticket]:
        """Take the first that waits and all others of its kind that fit; forget those that nobody awaits."""
        batch: list[Ticket] = []
        others: deque[Ticket] = deque()
        now = time.monotonic()
        while self._queue:
            ticket = self._queue.popleft()
            if ticket.done.done() or ticket.until < now:
                self.counts["skipped"] += 1
            elif len(batch) < self.together and (not batch or ticket.kind == batch[0].kind):
                batch.append(ticket)
            else:
                others.append(ticket)
        self._queue = others
        return batch

    def _outcomes(self, batch: list[Ticket]) -> list[Outcome]:
        self.counts["batches"] += 1
        try:
            found = list(compute(batch[0].opened, np.stack([ticket.raw for ticket in batch])))
        except PellucidError as error:
            found = [error]
        except Exception:  # whatever a stranger's task may raise
            found = [Refusal(422, "input", "the network cannot take this input")]
        if len(found) != len(batch):  # one of them is to blame, and the others must not notice
            return [self._outcomes([ticket])[0] for ticket in batch]
        self.counts["computed"] += sum(not isinstance(outcome, Exception) for outcome in found)
        return found


def compute(opened: Opened, raw: np.ndarray) -> Any:
    """Return the outputs for raw samples: ``(N, ...)`` -> ``(N, ...)``, or a list of N from a search."""
    trained = opened.trained
    with torch.inference_mode():
        inputs, _ = trained.task.prepare(torch.from_numpy(raw), facts=trained.facts)
        outputs = trained.task.ask(trained.network, inputs, trained.facts)
        finite = not isinstance(outputs, Tensor) or bool(torch.isfinite(outputs).all())
    if not finite:
        raise NonFinite("the network's answer to this input is not finite")
    return outputs


def settle(batch: list[Ticket], outcomes: list[Outcome]) -> None:
    """Hand the outcomes to those who wait: from this thread, once for all that share an event loop."""
    loops = {ticket.done.get_loop() for ticket in batch}
    for loop in loops:
        mine = [pair for pair in zip(batch, outcomes, strict=True) if pair[0].done.get_loop() is loop]
        if not loop.is_closed():
            loop.call_soon_threadsafe(hand_over, mine)


def hand_over(pairs: list[tuple[Ticket, Outcome]]) -> None:
    """Settle the futures of those who still wait; runs in their event loop."""
    for ticket, outcome in pairs:
        if ticket.done.done():
            continue
        if isinstance(outcome, Exception):
            ticket.done.set_exception(outcome)
        else:
            ticket.done.set_result(outcome)
