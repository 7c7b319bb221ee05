"""A file that one process holds and others can ask about; when the process ends, however it ends, it is free.

The lock is the system's (``flock``), so a killed process leaves none behind; what stands in the file only
says who holds it. Where a file system knows no such locks, nothing is held and nobody is kept out.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pellucid.disk import reason
from pellucid.errors import PellucidError, RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LONGEST = 1000  # bytes that say who holds it
TRIES, PAUSE = 20, 0.01  # whoever asks about a lock holds it for an instant


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold ``path``, which is made for this and removed afterwards.

    Raises:
        RunError: another process holds it; says which.
        PellucidError: the file cannot be made.
    """
    descriptor = _open(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        yield
    finally:
        with suppress(OSError):  # a run that was deleted meanwhile has no lock any more
            path.unlink()
        os.close(descriptor)


def holder(path: Path) -> dict[str, Any] | None:
    """Return who holds ``path``, {} if it cannot be told; None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        if taken(descriptor):
            return None
        said = json.loads(os.pread(descriptor, LONGEST, 0) or b"{}")
        return said if isinstance(said, dict) else {}
    except (OSError, ValueError):
        return {}
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open and lock ``path``, and make sure that the name still means what was locked."""
    for _ in range(TRIES):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise PellucidError(f"{path} cannot be written: {reason(error)}; make it writable") from error
        with suppress(OSError):
            if taken(descriptor) and os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)
        time.sleep(PAUSE)
    who = holder(path) or {}
    named = f"process {who['pid']} on {who['host']}" if {"pid", "host"} <= set(who) else "another process"
    raise RunError(f"{path.parent}: {named} trains this run already; wait until it ends, or stop it")


def taken(descriptor: int) -> bool:
    """Take the lock of an open file, if it is free; it is given back when the file is closed everywhere.

    A child process that inherits the open file holds the lock with us, and alone after we have closed it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system knows no locks
        return True
    return True
