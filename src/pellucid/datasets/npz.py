"""NPZ, a zip of numpy arrays, read without numpy's own loader: nothing in the file is executed or trusted.

Only what our archives hold is accepted: members with the expected names, C order, unsigned integers of one or
two bytes, and names in Unicode.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from pellucid.datasets import idx
from pellucid.errors import DataError

MOST_BYTES = 2**26  # of one array, unpacked
MOST_EXPANSION = 100
SLACK = 2**20
TYPES = rb"\|u1|<u2|<U[1-9]\d{0,2}"
HEADER = re.compile(
    rb"\{'descr': '("
    + TYPES
    + rb")', 'fortran_order': False, 'shape': \((\d{1,10}(?:, \d{1,10}){0,3}),?\), \} *\n"
)
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, RuntimeError,
    NotImplementedError, OverflowError, OSError,
)  # what the zip module raises over bytes it does not understand  # fmt: skip


def read(path: str | Path, names: Collection[str], *, most_bytes: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Read the arrays ``names`` of an NPZ file: uint8, uint16 or text.

    Returns:
        name -> array, in the order of ``names``; other members of the file are not touched.
    Raises:
        DataError: the file is missing or corrupt, an array is missing, larger than ``most_bytes`` or of
            another type.
    """
    return parse(idx.contents(Path(path), most_bytes), names, name=str(path), most_bytes=most_bytes)


def parse(
    content: bytes, names: Collection[str], *, name: str, most_bytes: int = MOST_BYTES
) -> dict[str, np.ndarray]:
    """Turn the bytes of an NPZ file into its arrays; ``name`` is what an error calls it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = [member(file, f"{key}.npy", most_bytes) for key in names]
    except DataError as error:
        raise DataError(f"{name}: {error}; {idx.FRESH}") from error
    except BROKEN as error:
        raise DataError(f"{name}: not a readable NPZ file; {idx.FRESH}") from error
    return {key: array(bytes_, f"{name}, {key}") for key, bytes_ in zip(names, members, strict=True)}


def member(file: zipfile.ZipFile, key: str, most_bytes: int) -> bytes:
    """Return one member's bytes, refusing a declared or true size above the limits."""
    found = [info for info in file.infolist() if info.filename == key]
    if len(found) != 1:
        raise DataError(f"{len(found)} members named {key}, expected one")
    if found[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{key} is packed in a way that numpy never writes")  # LZMA can ask for 4 GB
    most = min(most_bytes, MOST_EXPANSION * found[0].compress_size + SLACK)
    if found[0].file_size > most:
        raise DataError(f"{key} announces {found[0].file_size} bytes, {most} are allowed for its size")
    with file.open(found[0]) as stream:
        content = stream.read(most + 1)
    if len(content) != found[0].file_size:
        raise DataError(f"{key} holds {len(content)} bytes but announces {found[0].file_size}")
    return content


def array(content: bytes, name: str) -> np.ndarray:
    """Turn the bytes of an NPY file (version 1.0, C order, a type of ``TYPES``) into its array."""
    length = int.from_bytes(content[8:10], "little")
    header = HEADER.fullmatch(content[10 : 10 + length])
    if content[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise DataError(f"{name}: not an NPY 1.0 array of unsigned integers or names; {idx.FRESH}")
    kind, shape = np.dtype(header[1].decode()), tuple(map(int, header[2].split(b", ")))
    declared, present = math.prod(shape) * kind.itemsize, len(content) - 10 - length
    if declared != present or not declared:
        raise DataError(f"{name}: shape {shape} needs {declared} bytes, {present} follow; {idx.FRESH}")
    return np.frombuffer(content, kind, offset=10 + length).reshape(shape).copy()
