"""The machine: which device computes, how its memory is kept, and what to note down about it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from pellucid import uncompiled
from pellucid.errors import UsageError, near

KINDS = ("auto", "cpu", "cuda", "mps")
PACKAGES = ("pellucid", "torch", "numpy")
LARGEST = 2**31 - 1  # of the C int that mallopt takes
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h, as the next ones
M_MMAP_MAX, M_ARENA_MAX = -4, -8


def choose(name: str = "auto") -> torch.device:
    """Return the device that ``name`` means; "auto" is the fastest there is.

    Args:
        name: "auto", "cpu", "cuda", "mps", or one card by number as in "cuda:1".
    Raises:
        UsageError: there is no such device on this machine.
    """
    kind, colon, number = name.partition(":")
    if kind not in KINDS or (colon and (kind != "cuda" or not number.isdecimal())):
        raise UsageError(f'device: "{name}" is none of {", ".join(KINDS)} or cuda:NUMBER.{near(name, KINDS)}')
    if name == "auto":
        return torch.device("cuda" if has_cuda() else "mps" if has_mps() else "cpu")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f'device: "{name}" was asked for, torch sees {count} CUDA cards; try --device auto')
    if kind == "mps" and not has_mps():
        raise UsageError(f'device: "{name}" was asked for, torch sees no Apple GPU; try --device auto')
    return torch.device(name)


def has_cuda() -> bool:
    """Return whether torch can compute on an NVIDIA or AMD card here."""
    return torch.cuda.is_available()


def has_mps() -> bool:
    """Return whether torch can compute on an Apple GPU here."""
    return torch.backends.mps.is_available()


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context of a forward pass: "fp32", "bf16", or "auto", which ``device`` does faster."""
    if precision == "bf16" or (precision == "auto" and multiplies_bf16(device)):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def multiplies_bf16(device: torch.device) -> bool:
    """Return whether ``device`` has instructions for products of bfloat16: there they are the faster ones."""
    if device.type == "cpu":
        able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch has it since 2.12
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def without_memory() -> Iterator[None]:
    """Let what is built inside have shapes and no memory: absurd sizes are refused before they cost any."""
    from torch import _refs  # torch finds shapes by these; it imports them with the first such tensor

    uncompiled.leave(vars(_refs).values())
    with torch.device("meta"):
        yield


def leave_cores() -> None:
    """Compute on half of the cores at most: the browser that shows what is computed needs the others.

    Threads that wait for one another do so by spinning, and take the cores from whom they answer. Holds for
    torch in the thread that calls this, and for numpy in the whole process.
    """
    half = max(1, (os.cpu_count() or 1) // 2)
    torch.set_num_threads(min(torch.get_num_threads(), half))
    _limit_blas(half)


@cache
def _limit_blas(threads: int) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    now = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    threadpool_limits(min([*now, threads]), user_api="blas")


def keep_heap() -> bool:
    """Keep freed memory in this process instead of handing it back; return whether that took.

    glibc gives every block above 128 KiB back to the kernel, which zeroes its pages before the next step
    gets them again. Training frees and asks for the same blocks in every step, so keeping them saves that
    work. It holds for the whole process, so a command calls it, not a library function. Elsewhere than
    on Linux with glibc nothing happens. Source: mallopt(3).
    """
    return _mallopt({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST, M_TOP_PAD: 16 * 2**20})


def share_heap() -> bool:
    """Let all threads share a heap and take blocks of a megabyte from the kernel; return whether that took.

    glibc gives threads heaps of their own, eight a core, and keeps ever larger blocks in them. What a thread
    frees then lies where the next one does not look, and a server of many threads grows by half. It holds
    for the whole process and for heaps that are not there yet, so it comes before the threads. Elsewhere
    than on Linux with glibc nothing happens. Source: mallopt(3).
    """
    return _mallopt({M_ARENA_MAX: 1, M_MMAP_THRESHOLD: 2**20})


def _mallopt(settings: dict[int, int]) -> bool:
    if not has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    took = [mallopt(name, value) == 1 for name, value in settings.items()]
    return all(took)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Round numbers below 1e-38 to 0 in here, where the processor can.

    The averages of squared gradients that RMSprop and Adam keep shrink to such numbers wherever a gradient
    stays 0, as under a pixel that is always black, and a processor takes a hundred times as long for each.
    It holds for this thread and for those that torch starts from it, so a training enters before it computes.
    """
    before = torch.ones(1).mul(1e-40).item() == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def has_glibc() -> bool:
    """Return whether the C library of this process is glibc."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # not a POSIX system, or one that lacks the name
        return False


def environment(device: torch.device | None = None) -> dict[str, Any]:
    """Return what somebody needs to repeat a run elsewhere: versions, machine, threads, device.

    There is nothing personal in it: no names of users or hosts, no paths.
    """
    return {
        "python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
        "commit": commit(Path(__file__).resolve().parents[2]),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device or "cpu"),
        "card": torch.cuda.get_device_name(device) if device and device.type == "cuda" else None,
    }


def installed(package: str) -> str | None:
    """Return the version of an installed package, or None for one that runs from its source."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str | None:
    """Return the processor's model name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or None


def commit(root: Path) -> str | None:
    """Return the git commit of a checkout of this package, read from two small files, or None."""
    if not (root / "src" / "pellucid").is_dir():
        return None  # installed: the nearest .git would be somebody else's
    try:
        head = (root / ".git" / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        return head if name == head else (root / ".git" / name).read_text().strip()
    except OSError:
        return None


def memory() -> int | None:
    """Return how many bytes this process holds in memory now; its peak where only that is known."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    with suppress(ImportError):
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
