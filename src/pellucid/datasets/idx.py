"""IDX, the file format of MNIST: a reader that believes nothing, and a writer.

A file is two zero bytes, a byte for the type of number, a byte for how many dimensions, each dimension as
a big-endian 32-bit integer, then the numbers. It may be packed with gzip or xz.
"""

from __future__ import annotations

import gzip
import lzma
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CODES = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}
MOST_DIMENSIONS = 4
MOST_BYTES = 2**26  # unpacked; MNIST's training images need 47 million
MOST_EXPANSION = 100  # times the packed size; MNIST packs 7 times
SLACK = 2**20  # a tiny file may expand more than that without doing harm
XZ_MEMORY = 2**27


def read(path: str | Path, *, most_bytes: int = MOST_BYTES) -> np.ndarray:
    """Read the one array of an IDX file, plain or packed with gzip or xz.

    Args:
        path: the file.
        most_bytes: larger contents are refused, before they are unpacked.
    Returns:
        the array, 1 to 4 dimensions, native byte order, writable.
    Raises:
        DataError: the file is missing, truncated, too large, followed by other bytes or not IDX.
    """
    return parse(contents(Path(path), most_bytes), name=str(path), most_bytes=most_bytes)


def write(path: str | Path, array: np.ndarray) -> None:
    """Write ``array`` as an IDX file; a name that ends in ``.gz`` is packed, always to the same bytes."""
    path, content = Path(path), encode(array)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def parse(content: bytes, *, name: str, most_bytes: int = MOST_BYTES) -> np.ndarray:
    """Turn the bytes of an IDX file into its array; ``name`` is what an error calls it."""
    content = unpacked(content, name=name, most_bytes=most_bytes)
    if len(content) < 8 or content[:2] != b"\0\0":
        raise DataError(f"{name}: not an IDX file (it starts with {content[:4].hex() or 'nothing'}); {FRESH}")
    code, dimensions = content[2], content[3]
    if code not in TYPES or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise DataError(f"{name}: IDX type 0x{code:02x} with {dimensions} dimensions is unknown; {FRESH}")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{name}: truncated inside the IDX header; {FRESH}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    dtype = np.dtype(TYPES[code])
    declared, present = math.prod(shape) * dtype.itemsize, len(content) - start
    if declared != present or not declared:
        raise DataError(
            f"{name}: the header announces {' x '.join(map(str, shape))} numbers, {declared} bytes, "
            f"but {present} bytes follow; {FRESH}"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def encode(array: np.ndarray) -> bytes:
    """Return ``array`` (1 to 4 dimensions, none of them empty) as the bytes of an IDX file."""
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None or not 1 <= array.ndim <= MOST_DIMENSIONS or not array.size:
        raise DataError(
            f"IDX cannot hold shape {array.shape} of {array.dtype}; "
            f"it takes 1 to {MOST_DIMENSIONS} dimensions of {', '.join(map(str, CODES))}"
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(TYPES[code]).tobytes()


FRESH = "get the file again"


def contents(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a regular file that is no larger than ``most_bytes``."""
    try:
        regular, exists, content = path.is_file(), path.exists(), b""
        if regular:
            with path.open("rb") as file:
                content = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise DataError(f"{path}: cannot be read ({type(error).__name__}: {error})") from error
    if not regular:
        raise DataError(f"{path}: {'not a file' if exists else 'no such file'}")
    if len(content) > most_bytes:
        raise DataError(f"{path}: larger than the {most_bytes} bytes allowed here")
    return content


def unpacked(content: bytes, *, name: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Undo gzip or xz, of which there may be one layer, without ever holding more than ``most_bytes``."""
    most = min(most_bytes, MOST_EXPANSION * len(content) + SLACK)
    if content[:2] == b"\x1f\x8b":
        unpacker: Any = zlib.decompressobj(wbits=31)
    elif content[:6] == b"\xfd7zXZ\0":
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
    else:
        return content
    try:
        result = unpacker.decompress(content, most + 1)
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"{name}: corrupt, it cannot be unpacked; {FRESH}") from error
    if len(result) > most:
        raise DataError(f"{name}: unpacks to more than {most} bytes, the most allowed for its size")
    if not unpacker.eof:
        raise DataError(f"{name}: truncated, the packed data end too early; {FRESH}")
    if unpacker.unused_data:
        raise DataError(f"{name}: {len(unpacker.unused_data)} bytes follow the packed data; {FRESH}")
    return result
