"""Batches that nobody sees: requests that wait while the network computes are answered together.

One thread computes. Whatever waits when it becomes free is its next batch, so a request alone waits for
nothing, and under load the batches grow by themselves. What waits is bounded; beyond that a request is
told to come back, at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import NonFinite, PellucidError
from pellucid.web.library import Opened
from pellucid.web.refusals import Refusal

MOST_WAITING = 64  # requests
MOST_TOGETHER = 32  # samples in a batch
SECONDS = 10.0  # until an answer must be there


@dataclass(eq=False)
class Ticket:
    """One raw sample on its way through the network."""

    opened: Opened
    raw: np.ndarray
    until: float
    done: Future[Tensor] = field(default_factory=Future)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be equal for two samples to share a batch."""
        return (id(self.opened.trained.network), self.raw.shape, self.raw.dtype)


class Batcher:
    """The thread that computes answers.

    Args:
        together: samples in a batch at most; 1 gives each sample the bits that it gets alone.
        counts: what is counted: batches, computed, skipped.
    """

    def __init__(self, *, together: int = MOST_TOGETHER, waiting: int = MOST_WAITING, counts: Counter[str]):
        self.together, self.waiting, self.counts = together, waiting, counts
        self._queue: deque[Ticket] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="pellucid-batches", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Say whether the thread computes."""
        return self._thread.is_alive() and not self._closed

    @property
    def full(self) -> bool:
        """Say whether a request that comes now has to be sent away."""
        return len(self._queue) >= self.waiting

    async def output(self, opened: Opened, raw: np.ndarray, *, seconds: float = SECONDS) -> Tensor:
        """Return the network's output for one raw sample: what it would be alone.

        Raises:
            Refusal: too many wait, or it took too long.
        """
        ticket = Ticket(opened, raw, time.monotonic() + seconds)
        with self._change:
            if self._closed or len(self._queue) >= self.waiting:
                raise Refusal(503, "busy", "too many requests wait; try again", retry_after=1)
            self._queue.append(ticket)
            self._change.notify()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(ticket.done), seconds)
        except TimeoutError:
            raise Refusal(503, "late", "no answer in time; try again", retry_after=1) from None
        finally:
            ticket.done.cancel()  # whoever waits no more is not computed for

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
                self._answer(batch)

    def _take(self) -> list[Ticket]:
        """Take the first that waits and all others of its kind that fit; forget those that nobody awaits."""
        batch: list[Ticket] = []
        others: deque[Ticket] = deque()
        now = time.monotonic()
        while self._queue:
            ticket = self._queue.popleft()
            if ticket.until < now or ticket.done.cancelled():
                self.counts["skipped"] += 1
            elif len(batch) < self.together and (not batch or ticket.kind == batch[0].kind):
                batch.append(ticket)
            else:
                others.append(ticket)
        self._queue = others
        return batch

    def _answer(self, batch: list[Ticket]) -> None:
        self.counts["batches"] += 1
        try:
            outputs = compute(batch[0].opened, np.stack([ticket.raw for ticket in batch]))
        except Exception as error:
            if len(batch) > 1:  # one of them is to blame, and the others must not notice
                for ticket in batch:
                    self._answer([ticket])
                return
            settle(batch[0], error)
            return
        self.counts["computed"] += len(batch)
        for ticket, output in zip(batch, outputs, strict=True):
            settle(ticket, output)


def compute(opened: Opened, raw: np.ndarray) -> Tensor:
    """Return the outputs for raw samples: ``(N, ...)`` -> ``(N, ...)``."""
    trained = opened.trained
    with torch.inference_mode():
        inputs, _ = trained.task.prepare(torch.from_numpy(raw), facts=trained.facts)
        outputs = trained.network(inputs)
    if not bool(torch.isfinite(outputs).all()):
        raise NonFinite("the network's answer to this input is not finite")
    return outputs


def settle(ticket: Ticket, outcome: Tensor | Exception) -> None:
    """Hand an outcome to whoever waits, if somebody still does."""
    if not ticket.done.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        known = isinstance(outcome, PellucidError)
        said = Refusal(422, "input", "the network cannot take this input")
        ticket.done.set_exception(outcome if known else said)
        return
    ticket.done.set_result(outcome)
