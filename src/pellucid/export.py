"""A trained network as one ONNX file, checked against the original, and the way to run such a file.

``to_onnx`` needs torch, onnx and onnxruntime; ``OnnxModel`` needs onnxruntime alone. The file carries what
is needed to use it (class names, normalisation) as JSON in its metadata, and its own SHA-256. A network that
takes or gives several tensors, with more free axes than the batch, goes through ``calls_to_onnx``.

torch 2.13 has two exporters. The older one, by tracing, is taken: 0.6 s against 12.6 s for a small CNN,
with the same outputs, and unlike the newer one it writes no paths of this machine into the file. It is
deprecated; where it is gone or fails, the newer one is used. Either way the outputs are compared.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.disk import Disk, read, replace
from pellucid.errors import DataError, MissingExtra, PellucidError, RunError, UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 17  # 2022; read by onnxruntime 1.12 and later, and by every browser runtime
TOLERANCE = 1e-4  # the largest difference of an output that counts as the same network
BATCHES = (1, 7)  # sizes at which the outputs are compared, besides that of the example
LIMIT = 2**31 - 1  # bytes; protobuf allows no more
STDERR = 2  # its descriptor
SEAL = "pellucid.sha256"
SEALED = re.compile(re.escape(SEAL.encode()) + rb"\x12\x40([0-9a-f]{64})")  # field 2, 64 bytes long


@dataclass(frozen=True)
class Signature:
    """What goes in and what comes out, in order: name -> the axes that are free, and their names."""

    inputs: Mapping[str, Mapping[int, str]]
    outputs: Mapping[str, Mapping[int, str]]


ONE_PASS = Signature({"input": {0: "batch"}}, {"output": {0: "batch"}})


@dataclass(frozen=True)
class Exported:
    """An ONNX file in memory and how far its outputs were from the original's."""

    data: bytes
    difference: float


def to_onnx(
    model: nn.Module,
    example: Tensor,
    path: Path | None = None,
    *,
    metadata: Mapping[str, str],
    inputs: Tensor | None = None,
    disk: Disk | None = None,
) -> Exported:
    """Export ``model`` as one ONNX file with any batch size and compare it with the original.

    Args:
        model: is copied, and exported as it answers (evaluation mode, on the CPU).
        example: ``(1, ...)`` float32, or int64 numbers of words, of which its largest is a possible one.
        path: where to write the file; None only returns it.
        metadata: texts to keep in the file, e.g. ``{"task": json, "facts": json}``.
        inputs: ``(N, ...)`` more prepared inputs to compare on, besides random ones.
    Raises:
        MissingExtra: onnx or onnxruntime is not installed.
        PellucidError: torch cannot export the network, or an output differs by more than 1e-4.
    """
    if example.shape[:1] != (1,) or str(example.dtype) not in ("torch.float32", "torch.int64"):
        found = f"{example.dtype} of shape {tuple(example.shape)}"
        raise DataError(f"export: the example is {found}, expected one float32 or int64 input, (1, ...)")
    twice = example.repeat_interleave(2, 0)  # an axis of 1 would be taken for a fixed size
    batches = [twice, *random_batches(example), *([] if inputs is None else [inputs])]
    calls = [(batch.detach().cpu(),) for batch in batches]
    return calls_to_onnx(model, calls, path, signature=ONE_PASS, metadata=metadata, disk=disk)


def calls_to_onnx(
    model: nn.Module,
    calls: Sequence[tuple[Tensor, ...]],
    path: Path | None = None,
    *,
    signature: Signature,
    metadata: Mapping[str, str],
    disk: Disk | None = None,
) -> Exported:
    """Export ``model`` as one ONNX file and compare it with the original in every one of ``calls``.

    Args:
        model: is copied, and exported as it answers (evaluation mode, on the CPU).
        calls: its arguments, on the CPU. The first ones are traced, with no free axis of 1; the others should
            differ in every free axis, so that a length which tracing took for a constant shows.
        path, metadata: as in ``to_onnx``.
    Raises:
        MissingExtra: onnx or onnxruntime is not installed.
        PellucidError: torch cannot export the network, or an output differs by more than 1e-4.
    """
    needed("onnx", "onnxruntime")
    if SEAL in metadata:
        raise UsageError(f'export: metadata cannot be called "{SEAL}"; the checksum of the file is')
    original = copy.deepcopy(model).cpu().eval()
    with quiet():
        data = seal(exported(original, calls[0], signature), metadata)
    difference = largest_difference(original, data, calls)
    if path is not None:
        replace(disk or Disk(), Path(path), data)
    return Exported(data, difference)


class OnnxModel:
    """An ONNX file written by ``to_onnx``, run by onnxruntime; torch is not needed.

    Attributes:
        metadata: the texts given to ``to_onnx``.
        facts: what the data taught: class names, normalisation; empty if none were given.
    Raises:
        RunError: the file is missing, is not ONNX, was cut off or altered, or is not one of ours.
        MissingExtra: onnxruntime is not installed.
    """

    def __init__(self, path: Path, *, threads: int = 0):
        path = Path(path)
        self.session = session(read(Disk(), path, LIMIT), path, threads)
        found = self.session.get_modelmeta().custom_metadata_map
        self.metadata: dict[str, str] = {name: text for name, text in found.items() if name != SEAL}
        self.facts: dict[str, Any] = facts(self.metadata, path)

    @property
    def shape(self) -> list[int]:
        """Of one input."""
        return list(self.session.get_inputs()[0].shape[1:])

    @property
    def shapes(self) -> dict[str, list[int | str]]:
        """Of every input and output by name; a free axis has a name in place of a size."""
        return {
            node.name: list(node.shape) for node in (*self.session.get_inputs(), *self.session.get_outputs())
        }

    def __call__(self, inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Return ``(N, K)`` logits of ``(N, ...)`` prepared inputs, float32 or int64 as exported."""
        return self.outputs(inputs)[0]

    def outputs(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Return all outputs for all inputs, as exported: for a file of ``calls_to_onnx``.

        Raises:
            DataError: another number of inputs, another kind or shape, none at all, or numbers that the
                network has no place for.
        """
        nodes = self.session.get_inputs()
        if len(inputs) != len(nodes):
            names = ", ".join(node.name for node in nodes)
            raise DataError(f"onnx: {len(inputs)} inputs were given, expected {len(nodes)} ({names})")
        given = {node.name: fitting(node, array) for node, array in zip(nodes, inputs, strict=True)}
        try:
            return self.session.run(None, given)
        except Exception as error:  # onnxruntime's own classes, one for each status
            reason = str(error).strip().partition("\n")[0]
            raise DataError(f"onnx: the network cannot compute this: {reason}") from error


def needed(*packages: str) -> list[Any]:
    """Return the imported ``packages`` of the extra "export", or say how to install them."""
    try:
        return [import_module(package) for package in packages]
    except ImportError as error:
        raise MissingExtra(
            f"{error.name} is not installed, it reads and writes ONNX files; pip install 'pellucid[export]'"
        ) from error


def fitting(node: Any, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array if it is what an input of a session takes, or say what that is."""
    given = np.asarray(array)
    kind = "int64" if node.type == "tensor(int64)" else "float32"
    fits = len(given.shape) == len(node.shape) and all(
        long == size or not isinstance(size, int) for long, size in zip(given.shape, node.shape, strict=True)
    )
    if given.dtype != np.dtype(kind) or not fits:
        expected = f"{kind} of shape ({', '.join(map(str, node.shape))})"
        raise DataError(f"onnx: {node.name} is {given.dtype} of shape {given.shape}, expected {expected}")
    if given.size == 0:
        raise DataError(f"onnx: {node.name} is empty, of shape {given.shape}; expected at least one of each")
    return given


def exported(model: nn.Module, call: tuple[Tensor, ...], signature: Signature) -> bytes:
    """Return the model as ONNX, by the first of torch's exporters that can."""
    try:
        return by_tracing(model, call, signature)
    except Exception:  # torch raises many kinds; a TypeError where this exporter is gone
        try:
            return by_torch_export(model, call, signature)
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise PellucidError(f"export: torch cannot write this network as ONNX: {reason}") from error


def by_tracing(model: nn.Module, call: tuple[Tensor, ...], signature: Signature) -> bytes:
    """Return ONNX by torch's older exporter."""
    import torch

    file = io.BytesIO()
    torch.onnx.export(
        model,
        call,
        file,  # type: ignore[arg-type]  # the annotation leaves out file objects, the code takes them
        dynamo=False,
        opset_version=OPSET,
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_axes={**signature.inputs, **signature.outputs},
    )
    return file.getvalue()


def by_torch_export(model: nn.Module, call: tuple[Tensor, ...], signature: Signature) -> bytes:
    """Return ONNX by torch's newer exporter (needs onnxscript)."""
    import torch

    program = torch.onnx.export(
        model,
        call,
        dynamo=True,
        verbose=False,
        external_data=False,
        input_names=list(signature.inputs),
        output_names=list(signature.outputs),
        dynamic_shapes=tuple(
            {axis: torch.export.Dim(name) for axis, name in axes.items()}
            for axes in signature.inputs.values()
        ),
    )
    assert program is not None
    return program.model_proto.SerializeToString()


def seal(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return a checked ONNX file with ``metadata``, without traces of this machine, and with its SHA-256."""
    import onnx

    model = onnx.load_model_from_string(data)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]  # the newer exporter keeps stack traces here
        part.doc_string = ""
    onnx.helper.set_model_props(model, {**metadata, SEAL: "0" * 64})
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    start, end = seal_place(data)
    return data[:start] + digest(data, start, end).encode() + data[end:]


def seal_place(data: bytes) -> tuple[int, int]:
    """Return where the checksum stands, or (0, 0)."""
    places = [found.span(1) for found in SEALED.finditer(data)]
    return places[-1] if places else (0, 0)


def digest(data: bytes, start: int, end: int) -> str:
    """Return the SHA-256 of ``data`` as if zeros stood between ``start`` and ``end``."""
    return hashlib.sha256(data[:start] + b"0" * (end - start) + data[end:]).hexdigest()


def session(data: bytes, path: Path, threads: int = 0) -> Any:
    """Return an onnxruntime session for a file whose checksum holds."""
    start, end = seal_place(data)
    if end == 0:
        raise RunError(
            f"{path} is not an ONNX file of pellucid, or was cut off; make one: pellucid export RUN"
        )
    if data[start:end].decode() != digest(data, start, end):
        raise RunError(f"{path} was altered: its SHA-256 does not fit; export the run again")
    (runtime,) = needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors come as exceptions
    # Tensors kept in other files would be read from the working directory: nothing lies below a file.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", f"{path}/none")
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, one for each status
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"{path} cannot be run by onnxruntime: {reason}") from error


def facts(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Return the facts kept in an ONNX file."""
    try:
        found = json.loads(metadata.get("facts", "{}"))
    except ValueError as error:
        raise RunError(f"{path}: its facts are not JSON ({error}); export the run again") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: its facts are a {type(found).__name__}, expected an object")
    return found


def random_batches(example: Tensor) -> list[Tensor]:
    """Return random inputs like an example, in batches of several sizes."""
    import torch

    generator = torch.Generator().manual_seed(0)
    shapes = [(n, *example.shape[1:]) for n in BATCHES]
    if example.is_floating_point():
        return [torch.randn(shape, generator=generator) for shape in shapes]
    return [torch.randint(int(example.max()) + 1, shape, generator=generator) for shape in shapes]


def largest_difference(model: nn.Module, data: bytes, calls: Sequence[tuple[Tensor, ...]]) -> float:
    """Return the largest difference of any output in any call, or raise if it is more than the tolerance."""
    import torch

    run = session(data, Path("the exported file"), threads=1)
    names = [node.name for node in run.get_inputs()]
    differences = []
    for call in calls:
        with torch.no_grad():
            answer = model(*call)
        every = answer if isinstance(answer, tuple) else (answer,)
        given = {name: array.numpy() for name, array in zip(names, call, strict=True)}
        try:
            outputs = run.run(None, given)
        except Exception as error:  # a length that tracing took for a constant
            sizes = ", ".join(f"{name} of {array.shape}" for name, array in given.items())
            raise PellucidError(
                f"export: the ONNX file cannot compute {sizes}; no file was written"
            ) from error
        for expected, found in zip(every, outputs, strict=True):
            same_shape = found.shape == tuple(expected.shape)
            difference = float(abs(found - expected.numpy()).max()) if same_shape else float("inf")
            differences.append(difference)
    largest = float(np.max(differences))  # keeps a NaN, as max does not
    if not largest <= TOLERANCE:  # also true for NaN
        raise PellucidError(
            f"export: an output of the ONNX file differs from the network's by {largest:.3g}, "
            f"expected at most {TOLERANCE:.3g}; no file was written"
        )
    return largest


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what torch's exporters have to say off the terminal, their parts in C++ included."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        terminal = os.dup(STDERR)
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), STDERR)
            yield
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)
            logger.setLevel(level)
