"""Tensors in safetensors files that carry their own checksum; nested state as tensors and JSON.

The format is https://github.com/huggingface/safetensors: 8 bytes of length, a JSON header, the data.
The header is written here, sorted, because the library's order of metadata may change from run to run
and equal tensors shall give equal files. Reading goes through the library, after our own checks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.disk import Disk, read, replace
from pellucid.errors import RunError
from pellucid.sealed import ZEROS, from_json, is_sealed, seal, seal_place, to_json

if TYPE_CHECKING:
    from torch import Tensor

FILE_LIMIT = 4 * 2**30  # bytes
HEADER_LIMIT = 8 * 2**20  # bytes
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip
METADATA = "__metadata__"


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], disk: Disk | None = None
) -> None:
    """Write ``tensors`` and ``metadata`` to a sealed safetensors file, whole or not at all.

    Args:
        tensors: dense tensors of the ten plain types, on any device.
        metadata: strings; "sha256" is added.
    Raises:
        TypeError: a type that safetensors cannot hold.
        PellucidError: the disk refused.
    """
    replace(disk or Disk(), Path(path), pack(tensors, metadata))


def pack(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytearray:
    """Return the bytes of a sealed safetensors file; equal arguments give equal bytes."""
    kinds = {str(name): kind(name, tensor) for name, tensor in tensors.items()}
    # Wide types first: every tensor then starts at a multiple of its own width, as the format advises.
    names = sorted(kinds, key=lambda name: (-BITS[kinds[name]], name))
    header: dict[str, Any] = {METADATA: dict(sorted(metadata.items())) | {"sha256": ZEROS}}
    end = 0
    for name in names:
        shape = list(tensors[name].shape)
        begin, end = end, end + math.prod(shape) * BITS[kinds[name]] // 8
        header[name] = {"dtype": kinds[name], "shape": shape, "data_offsets": [begin, end]}
    text = to_json(header, "the header")
    text += b" " * (-len(text) % 8)
    data = bytearray(len(text).to_bytes(8, "little") + text)
    for name in names:
        data += raw(tensors[name])
    seal(data, 8 + len(text))
    return data


def kind(name: str, tensor: Tensor) -> str:
    """Return safetensors' name of the tensor's type."""
    import torch  # here, because listing runs must not wait a second for it

    kinds = {
        torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
        torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
        torch.uint8: "U8", torch.bool: "BOOL",
    }  # fmt: skip
    if name == METADATA or not isinstance(tensor, torch.Tensor) or tensor.dtype not in kinds:
        given = getattr(tensor, "dtype", type(tensor).__name__)
        raise TypeError(f"{name}: {given} cannot be saved; expected a tensor of {', '.join(map(str, kinds))}")
    return kinds[tensor.dtype]


def raw(tensor: Tensor) -> memoryview:
    """Return the tensor's values in row-major order, without a copy where they lie so already."""
    import torch  # see kind

    values: Any = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return memoryview(values)


def read_tensors(path: Path, disk: Disk | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file that ``write_tensors`` wrote.

    Raises:
        RunError: missing, truncated, changed anywhere, or sizes that do not fit the file.
    """
    return unpack(read(disk or Disk(), Path(path), FILE_LIMIT), path)


def read_foreign(path: Path, disk: Disk | None = None) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file that somebody else wrote, which carries no seal.

    Raises:
        RunError: missing, truncated, or sizes that do not fit the file.
    """
    data = read(disk or Disk(), Path(path), FILE_LIMIT)
    read_places(data, path)
    return load(data, path)


def unpack(data: bytes, path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata in the bytes of a sealed safetensors file."""
    metadata = read_header(data, path)
    return load(data, path), metadata


def load(data: bytes, path: Path | str) -> dict[str, Tensor]:
    """Return the tensors of a file whose header was checked."""
    import safetensors.torch  # imports torch: see kind

    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def read_header(data: bytes, path: Path | str) -> dict[str, str]:
    """Check seal, header and declared sizes before anything is allocated; return the metadata."""
    length = header_length(data, path)
    if seal_place(data[: 8 + length]) is None:
        raise RunError(f"{path} carries no SHA-256; it is damaged or was not written by pellucid")
    if not is_sealed(data, 8 + length):
        raise RunError(f"{path} is damaged: its content does not match its SHA-256")
    metadata = read_places(data, path)
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise RunError(f"{path} is damaged: its metadata are not strings")
    return metadata


def header_length(data: bytes, path: Path | str) -> int:
    """Return how many bytes the header has, which come after the first eight."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(HEADER_LIMIT, len(data) - 8):
        raise RunError(f"{path} is damaged: it is no safetensors file or was cut off ({len(data)} bytes)")
    return length


def read_places(data: bytes, path: Path | str) -> Any:
    """Check that the tensors fill the file without a gap; return what the header has as metadata."""
    length = header_length(data, path)
    header = from_json(data[8 : 8 + length], path)
    metadata = header.pop(METADATA, None)
    end = 0
    for place in sorted(declared(name, entry, path) for name, entry in header.items()):
        if place[0] != end:
            raise RunError(f"{path} is damaged: its tensors overlap or leave a gap at byte {end}")
        end = place[1]
    held = len(data) - 8 - length
    if end != held:
        raise RunError(f"{path} is damaged: its header declares {end} bytes, {held} are there")
    return metadata


def declared(name: str, entry: Any, path: Path | str) -> tuple[int, int]:
    """Return where a tensor's data begin and end, if type, shape and place agree."""
    try:
        (begin, end), shape = entry["data_offsets"], entry["shape"]
        good = all(type(number) is int and 0 <= number <= FILE_LIMIT for number in [begin, end, *shape])
        if good and end - begin == math.prod(shape) * BITS[entry["dtype"]] // 8 and len(entry) == 3:
            return begin, end
    except (TypeError, KeyError, ValueError):
        pass
    raise RunError(f"{path} is damaged: type, shape and place of {name[:80]!r} do not agree")


def flatten(state: Any) -> tuple[dict[str, Tensor], str]:
    """Split nested dicts, lists and tuples into named tensors and a JSON text that says where each goes.

    Raises:
        TypeError: something that is neither tensor, None, bool, int, float nor str.
    """
    tensors: dict[str, Tensor] = {}
    text = to_json({"state": flatten_node(state, "", tensors)}, "state").decode()
    from_json(text.encode(), "state")
    return tensors, text


def flatten_node(node: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return the JSON of one node; tensors found below it are added to ``tensors``."""
    if node is None or type(node) in (bool, int, str):
        return node
    if type(node) is float:
        return node if math.isfinite(node) else {"float": repr(node)}
    if isinstance(node, dict):
        pairs = [[key, flatten_node(child, f"{name}/{key}", tensors)] for key, child in node.items()]
        if not all(type(key) in (str, int) for key in node):
            raise TypeError(f"state{name}: keys must be str or int, given {list(node)[:5]}")
        return {"dict": pairs}
    if type(node) in (list, tuple):
        children = [flatten_node(child, f"{name}/{place}", tensors) for place, child in enumerate(node)]
        return {type(node).__name__: children}
    kind(f"state{name}", node)
    # Only a label for people: the JSON text says where it belongs, so it need not be exact, only unique.
    label = "".join(letter if " " < letter <= "~" else "_" for letter in name[1:81]) or "_"
    label = label if label not in tensors and label != METADATA else f"{label}#{len(tensors)}"
    while label in tensors:
        label += "#"
    tensors[label] = node
    return {"tensor": label}


def unflatten(text: str, tensors: Mapping[str, Tensor], path: Path | str) -> Any:
    """Put back together what ``flatten`` split.

    Raises:
        RunError: the text does not fit the tensors.
    """
    try:
        return unflatten_node(from_json(text.encode(), path)["state"], tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: its state does not fit its tensors ({error})") from None


def unflatten_node(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return one node of the state."""
    if not isinstance(node, dict):
        return node
    ((what, content),) = node.items()
    if what == "tensor":
        return tensors[content]
    if what == "float":
        return float(content)
    if what == "dict":
        return {key: unflatten_node(child, tensors) for key, child in content}
    children = [unflatten_node(child, tensors) for child in content]
    return {"list": list, "tuple": tuple}[what](children)
