"""Files that survive a power cut: written whole or not at all, and read within limits.

``Disk`` is the only place that touches the file system for a run, so that tests can put a full disk or a
power cut in its place. Everything else here is built from its few calls.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError, RunError, UsageError

TEMPORARY = re.compile(r"\..+\.\d+\.tmp")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ADVICE = {errno.EIO: "check the disk"}
MANY_INTERRUPTS = 1000


class Disk:
    """The calls that a run makes to the file system; each raises ``OSError`` and repairs nothing.

    ``InterruptedError`` means that nothing was done and that the call may be made again.
    """

    def read(self, path: Path, limit: int) -> bytes:
        """Return the content of a regular file of at most ``limit`` bytes."""
        # Without O_NONBLOCK, opening a named pipe waits for ever for somebody to write into it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            if status.st_size > limit:
                raise OSError(errno.EFBIG, f"{status.st_size} bytes, at most {limit} are expected")
            return file.read(status.st_size)

    def names(self, directory: Path) -> list[str]:
        """Return the sorted names of what is in ``directory``."""
        return sorted(os.listdir(directory))

    def write(self, path: Path, data: bytes | bytearray) -> None:
        """Write ``data`` as the whole content of ``path``."""
        with open(path, "wb", buffering=0) as file:
            write_all(file.fileno(), data)

    def append(self, path: Path, data: bytes) -> None:
        """Add ``data`` at the end of ``path``."""
        with open(path, "ab", buffering=0) as file:
            write_all(file.fileno(), data)

    def sync(self, path: Path) -> None:
        """Wait until the content of ``path`` would survive a power cut."""
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Wait until the names in ``path`` would survive a power cut."""
        if os.name == "nt":  # Windows cannot open a directory, and NTFS journals its names
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give ``source`` the name ``target``, replacing a file or an empty directory of that name."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)

    def mkdir(self, path: Path) -> None:
        """Make one directory."""
        os.mkdir(path)

    def rmdir(self, path: Path) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    def free(self, directory: Path) -> int:
        """Return how many bytes are free where ``directory`` is."""
        import shutil  # here, because it loads the archive formats and is needed when a disk is full only

        return shutil.disk_usage(directory).free


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of ``data``; the system may take less at a time, 2 GiB at most."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace(disk: Disk, path: Path, data: bytes | bytearray) -> None:
    """Make ``data`` the content of ``path``: after a crash at any moment the old or the new file is there.

    Raises:
        PellucidError: the disk refused; names the file, the bytes needed and the bytes free.
    """
    temporary = temporary_name(path)
    try:
        again(disk.write, temporary, data)
        again(disk.sync, temporary)
        again(disk.rename, temporary, path)
        again(disk.sync_directory, path.parent)
    except OSError as error:
        with suppress(OSError):
            disk.unlink(temporary)
        raise unwritable(disk, path, len(data), error) from error


def write_directory(disk: Disk, path: Path, files: dict[str, bytes]) -> None:
    """Make ``path`` with ``files`` in it, whole or not at all."""
    temporary = temporary_name(path)
    for name in listing(disk, path.parent) or []:
        if name.startswith(f".{path.name}.") and TEMPORARY.fullmatch(name):
            remove_directory(disk, path.parent / name)
    try:
        again(disk.mkdir, temporary)
        for name, data in files.items():
            again(disk.write, temporary / name, data)
            if data:
                again(disk.sync, temporary / name)
        again(disk.sync_directory, temporary)
        again(disk.rename, temporary, path)
        again(disk.sync_directory, path.parent)
    except OSError as error:
        remove_directory(disk, temporary)
        raise unwritable(disk, path, sum(map(len, files.values())), error) from error


def remove_directory(disk: Disk, path: Path) -> None:
    """Remove a directory of files, as far as the disk allows."""
    try:
        for name in disk.names(path):
            disk.unlink(path / name)
        disk.rmdir(path)
    except OSError:
        return


def temporary_name(path: Path) -> Path:
    """Return the name under which ``path`` is written before it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def remove_leftovers(disk: Disk, directory: Path) -> None:
    """Remove what an interrupted ``replace`` left in ``directory``, if it can be removed."""
    with suppress(OSError):
        for name in disk.names(directory):
            if TEMPORARY.fullmatch(name):
                disk.unlink(directory / name)


def make_directory(disk: Disk, path: Path) -> None:
    """Make ``path`` and the directories above it, each of them durable."""
    if path.parent != path and listing(disk, path.parent) is None:
        make_directory(disk, path.parent)
    if listing(disk, path) is not None:
        return
    try:
        with suppress(FileExistsError):
            again(disk.mkdir, path)
        again(disk.sync_directory, path.parent)
    except OSError as error:
        with suppress(OSError):  # so that the next attempt does not take it for durable
            disk.rmdir(path)
        raise unwritable(disk, path, 0, error) from error


def listing(disk: Disk, directory: Path) -> list[str] | None:
    """Return the names in ``directory``, or None if there is no such directory."""
    try:
        return again(disk.names, directory)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise UsageError(
            f"{directory} is a file or lies below one, a directory was expected; choose another name"
        ) from None
    except OSError as error:
        raise RunError(f"{directory} cannot be read: {reason(error)}") from error


def again(call: Callable, *arguments: Any) -> Any:
    """Call, and call again when a signal came in between."""
    for _ in range(MANY_INTERRUPTS):
        with suppress(InterruptedError):
            return call(*arguments)
    return call(*arguments)


def unwritable(disk: Disk, path: Path, size: int, error: OSError) -> PellucidError:
    """Return the error that says which file could not be written, why, and that nothing was lost."""
    free = "the free space is unknown"
    for directory in path.parents:
        with suppress(OSError):
            free = f"{again(disk.free, directory)} bytes are free"
            break
    advice = "make room" if error.errno in FULL else ADVICE.get(error.errno or 0, "make it writable")
    return PellucidError(
        f"{path} cannot be written: {reason(error)}. It needs {size} bytes and {free}. "
        f"Everything saved before is intact; {advice} or choose another place, then give the command again; "
        "a training goes on with --resume"
    )


def reason(error: OSError) -> str:
    """Return the system's words and the error's symbol, e.g. 'No space left on device (ENOSPC)'."""
    symbol = errno.errorcode.get(error.errno or 0, "unknown")
    return f"{error.strerror or error} ({symbol})"


def read(disk: Disk, path: Path, limit: int) -> bytes:
    """Return the content of a file that belongs to a run or a model.

    Raises:
        RunError: it is missing, unreadable, not a file, or larger than ``limit`` bytes.
    """
    try:
        return again(disk.read, path, limit)
    except FileNotFoundError:
        raise RunError(f"{path} is missing; copy the whole run again or train again") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason(error)}") from error
