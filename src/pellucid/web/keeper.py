"""A server that comes back: one process holds the address and watches, its child serves.

If the child is killed, runs out of memory or hangs, the next one takes its place at once. The address stays
open all the while, so who asks meanwhile waits for the answer; only what the old one was about to answer is
lost. A server that dies again and again is given up. Only Linux has all that this needs; elsewhere there is
one process, which serves.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable

from pellucid.errors import PellucidError

Serve = Callable[[Callable[[], None]], int]

PR_SET_PDEATHSIG = 1  # of Linux' prctl: what the death of the parent sends
SECONDS_A_BEAT = 1.0
MOST_MISSED = 30  # beats, after which a server hangs
MOST_DEATHS = 5  # within SECONDS_OF_DEATHS, before the server is given up
SECONDS_OF_DEATHS = 60
FAILED = 70  # the child's exit code after an error that nobody caught
WATCHED = (signal.SIGINT, signal.SIGTERM)  # what ends a studio


def keep(serve: Serve, *, ready: Callable[[], None], tell: Callable[[str], None]) -> int:
    """Run ``serve(beat)`` until it is asked to stop, again if it dies; return the signal that asked.

    Args:
        serve: serves until SIGINT or SIGTERM and returns which; calls ``beat`` once in ``SECONDS_A_BEAT``.
        ready: is called before the first one starts, when signals are taken already.
        tell: is given a sentence when a server died.
    Raises:
        PellucidError: the server failed, or died ``MOST_DEATHS`` times within ``SECONDS_OF_DEATHS``.
    """
    if sys.platform != "linux":
        ready()
        return serve(lambda: None)
    deaths: deque[float] = deque(maxlen=MOST_DEATHS)
    noticed = {*WATCHED, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, noticed)  # they wait until they are asked for
    try:
        ready()
        while True:
            asked, status = _one(serve, noticed, before)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) != FAILED:
                return os.WEXITSTATUS(status)
            if asked:
                return asked
            if os.WIFEXITED(status):
                raise PellucidError("the studio's server failed; what it said stands above")
            deaths.append(time.monotonic())
            if len(deaths) == MOST_DEATHS and deaths[-1] - deaths[0] < SECONDS_OF_DEATHS:
                raise PellucidError(
                    f"the studio's server was killed {MOST_DEATHS} times within {SECONDS_OF_DEATHS} s; is "
                    "there memory enough? Trainings go on; open the studio again with pellucid studio"
                )
            name = signal.Signals(os.WTERMSIG(status)).name
            tell(f"the studio's server was ended by {name}; another one serves in its place, trainings go on")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _one(serve: Serve, noticed: set[signal.Signals], mask: set) -> tuple[int, int]:
    """Start a server and watch it to its end; return the signal that asked for that, or 0, and its status."""
    beats, beating = os.pipe()
    os.set_blocking(beats, False)
    os.set_blocking(beating, False)
    child = _child(serve, beating, mask)
    os.close(beating)
    asked = missed = 0
    try:
        while True:
            told = signal.sigtimedwait(noticed, SECONDS_A_BEAT)
            missed = 0 if _drained(beats) else missed + (told is None)
            if told is not None and told.si_signo in WATCHED:
                asked = told.si_signo
                os.kill(child, asked)
            elif missed >= MOST_MISSED:
                os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return asked, status
    finally:
        os.close(beats)


def _child(serve: Serve, beating: int, mask: set) -> int:
    """Fork a process that serves, in a group of its own: Ctrl-C reaches it through its parent only, once."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = FAILED
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody serves whom nobody watches
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        def beat() -> None:
            with contextlib.suppress(BlockingIOError):  # as many wait already as the pipe holds
                os.write(beating, b".")

        code = serve(beat)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _drained(pipe: int) -> bool:
    """Read what is in a pipe, and say whether there was anything."""
    try:
        return bool(os.read(pipe, 4096))
    except BlockingIOError:
        return False
