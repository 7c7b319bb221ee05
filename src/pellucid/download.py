"""Fetching data: a mirror first, then the official address, and nothing unverified under a final name.

``PELLUCID_MIRROR`` is a folder or a base URL that holds the archives as ``<data set>/<file>``.
``PELLUCID_OFFLINE=1`` never touches the network. ``PELLUCID_CACHE`` moves the cache directory.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pellucid.errors import DataError

TIMEOUT_SECONDS = (10, 30)  # to connect, and between two pieces
SLOWEST_BYTES_PER_SECOND = 2000  # a server that trickles is given up
PATIENCE_SECONDS = 120  # allowed on top of that
STALE_SECONDS = 24 * 3600  # a temporary file that old was left by a process that was killed
BLOCK = 2**20
MADE_UP = "look and train can do without, on made-up data: --dataset tiny"  # what many tasks have instead


@dataclass(frozen=True)
class Archive:
    """One file of a data set: what it is called, where it comes from, and what it must be.

    Args:
        file: ``<data set>/<file>``, the place in the cache and in a mirror.
        accepted: sha256 -> length in bytes, of each version that may be used.
        url: the official address; None where there is none, so that only a mirror can help.
        instead: what can be done without the file, for the message when it cannot be had.
    """

    file: str
    accepted: Mapping[str, int]
    url: str | None = None
    instead: str = ""


def cache() -> Path:
    """Return the cache directory (not created): ``PELLUCID_CACHE``, or the user's cache directory."""
    chosen = os.environ.get("PELLUCID_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs  # slow to import, and seldom needed

    return Path(platformdirs.user_cache_dir("pellucid", appauthor=False))


def where(archive: Archive) -> Path:
    """Return where the archive lies, or would lie, in the cache."""
    return cache() / PurePosixPath(archive.file)


def verify(archive: Archive, path: Path | None = None) -> None:
    """Check length and sha256 of the archive in the cache, or of ``path``.

    Raises:
        DataError: the file is missing or is not one of the accepted versions.
    """
    path = path or where(archive)
    wrong = difference(archive, path)
    if wrong:
        raise DataError(f"{path}: {wrong}; delete it and fetch it again")


def fetch(archive: Archive) -> Path:
    """Return the path of a verified copy in the cache, fetching it when it is not there.

    Raises:
        DataError: no place has the file, or what came is not one of the accepted versions. Nothing is then
            left under the final name.
    """
    final = where(archive)
    if final.exists():
        verify(archive, final)
        return final
    failures = []
    for place in places(archive):
        try:
            bring(archive, place, final)
            return final
        except DataError as error:
            failures.append(f"\n  tried {error}")
    raise DataError(f"{archive.file} is not available; {advice(archive, final)}{''.join(failures)}")


def fetch_unpinned(
    archive: Archive, final: Path, *, most: int, read: Callable[[Path], object]
) -> tuple[Path, str]:
    """Return ``final`` and its sha256: a file whose publisher gives no checksum, fetched unless it is there.

    The first copy that can be read is taken, and its checksum is kept beside it under a name that ends in
    ``.sha256``, as ``sha256sum`` writes it: a copy that changes later is refused.

    Args:
        archive: where to look; it accepts nothing by checksum.
        most: bytes that such a file has at most.
        read: reads what came, and raises ``DataError`` where it is not what it should be.
    Raises:
        DataError: no place has the file, or what is there changed. Nothing is left under the final name.
    """
    pin = final.with_name(f"{final.name}.sha256")
    if final.exists():
        digest = _sha256(final)
        if pin.exists() and pin.read_text().split()[:1] != [digest]:
            raise DataError(f"{final}: not what {pin.name} says; delete both and fetch again")
        read(final)
        pin.write_text(f"{digest}  {final.name}\n")
        return final, digest
    failures = []
    for place in places(archive):
        try:
            with temporary(final) as (file, path):
                copy(place, Bounded(file, most, str(place)))
                file.flush()
                os.fsync(file.fileno())
                read(path)
                digest = _sha256(path)
                pin.write_text(f"{digest}  {final.name}\n")
                os.replace(path, final)
            return final, digest
        except DataError as error:
            failures.append(f"\n  tried {error}")
    raise DataError(f"{archive.file} is not available; {advice(archive, final)}{''.join(failures)}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def available(archive: Archive) -> bool:
    """Say whether the cache or a mirror folder has a file of that name; nothing is verified."""
    mirror = os.environ.get("PELLUCID_MIRROR", "")
    return where(archive).is_file() or (
        bool(mirror) and not is_url(mirror) and (Path(mirror) / PurePosixPath(archive.file)).is_file()
    )


def places(archive: Archive) -> Iterator[str | Path]:
    """Yield where to look, in order: the mirror, then the official address."""
    mirror = os.environ.get("PELLUCID_MIRROR", "")
    if "://" in mirror and not is_url(mirror):
        raise DataError(
            f"PELLUCID_MIRROR is {mirror}; expected a folder, or an address with http:// or https://"
        )
    if mirror and not is_url(mirror):
        yield Path(mirror) / PurePosixPath(archive.file)
    elif mirror and not offline():
        yield f"{mirror.rstrip('/')}/{archive.file}"
    if archive.url and not offline():
        yield archive.url


def advice(archive: Archive, final: Path) -> str:
    """Say what a person can do when no place had the file that belongs at ``final``."""
    if offline() and archive.url:
        return f"PELLUCID_OFFLINE forbids the network: unset it, or put {archive.url} at {final}"
    without = f"; {archive.instead}" if archive.instead else ""
    return f"set PELLUCID_MIRROR to a folder or an address that has it, or put the file at {final}{without}"


def offline() -> bool:
    """Say whether ``PELLUCID_OFFLINE`` forbids the network."""
    return os.environ.get("PELLUCID_OFFLINE", "") not in ("", "0")


def is_url(place: str) -> bool:
    """Tell an address from a folder."""
    return place.startswith(("http://", "https://"))


def difference(archive: Archive, path: Path) -> str:
    """Say in what ``path`` differs from every accepted version; empty when it is one of them."""
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if length not in archive.accepted.values():
                return f"{length} bytes long, expected {either(archive.accepted.values())}"
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if archive.accepted.get(digest) != length:
        return f"its sha256 is {digest}, expected {either(archive.accepted)}"
    return ""


def either(values: Iterable[object]) -> str:
    """Join alternatives for a message."""
    return " or ".join(map(str, values))


def bring(archive: Archive, place: str | Path, final: Path) -> None:
    """Copy or download ``place`` to a temporary name, verify it, and only then give it its name."""
    with temporary(final) as (file, path):
        copy(place, Bounded(file, max(archive.accepted.values()), str(place)))
        file.flush()
        os.fsync(file.fileno())
        wrong = difference(archive, path)
        if wrong:
            raise DataError(f"{place}: {wrong}")
        os.replace(path, final)


@contextmanager
def temporary(final: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open a file of its own beside ``final``, gone afterwards unless it was renamed."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        for old in final.parent.glob(".*.part"):  # left by a process that was killed
            with suppress(FileNotFoundError):  # another process may have just given it its final name
                if time.time() - old.stat().st_mtime > STALE_SECONDS:
                    old.unlink()
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent)
    except OSError as error:
        raise DataError(
            f"{final.parent} cannot be written ({error.strerror}); set PELLUCID_CACHE to a folder that can"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, Path(name)
    except OSError as error:  # also a full disk
        raise DataError(f"{final}: cannot be written ({error.strerror or type(error).__name__})") from error
    finally:
        Path(name).unlink(missing_ok=True)


def copy(place: str | Path, out: Bounded) -> None:
    """Write the bytes at ``place``, a path or an address, to ``out``."""
    if isinstance(place, Path):
        if not place.is_file():
            raise DataError(f"{place}: no such file")
        with place.open("rb") as file:
            while block := file.read(BLOCK):
                out.write(block)
        return
    import pooch  # slow to import, and seldom needed

    identity = {"Accept-Encoding": "identity"}  # a .gz must arrive as the .gz that the checksum knows
    download = pooch.HTTPDownloader(chunk_size=2**16, timeout=TIMEOUT_SECONDS, headers=identity)
    try:
        download(place, out, None)
    except DataError:
        raise
    except Exception as error:  # the transport has many ways to fail, and all mean the same here
        raise DataError(f"{place}: download failed ({type(error).__name__}: {error})") from error


class Bounded:
    """A file that takes at most ``most`` bytes, and only while they come fast enough to end."""

    def __init__(self, file: BinaryIO, most: int, place: str):
        self.file, self.left, self.most, self.place = file, most, most, place
        self.deadline = time.monotonic() + PATIENCE_SECONDS + most / SLOWEST_BYTES_PER_SECOND

    def write(self, block: bytes) -> int:
        """Pass a block on."""
        self.left -= len(block)
        if self.left < 0:
            raise DataError(f"{self.place}: more than the {self.most} bytes expected")
        if time.monotonic() > self.deadline:
            raise DataError(f"{self.place}: too slow, given up")
        return self.file.write(block)

    def flush(self) -> None:
        """Do nothing: the file is flushed once, at its end."""
