"""Export: a trained network as one ONNX file, and back to answers without torch's network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import config
from pellucid import export as onnx
from pellucid.datasets import doodle
from pellucid.errors import RunError, UsageError
from pellucid.explain.watching import written_out
from pellucid.models.convs2s import ConvS2S, Prefixes
from pellucid.models.sketch import StrokeNetwork
from pellucid.task import Task
from pellucid.tasks import find
from pellucid.verbs import prefixes
from pellucid.verbs.train import described
from pellucid.verbs.trained import Ready, Trained

ONE_PASS = ("classes", "actions")  # what a task gives that a network says at once
STROKES = onnx.Signature({"input": {0: "batch", 1: "points"}}, {"output": {0: "batch"}})
DRAWINGS = ((3, 9), (1, 1), (4, 40), (9, 200))  # (batch, points) at which the stroke network is compared


def export(trained: Trained, path: Path) -> onnx.Exported:
    """Write a network as ONNX and check it against the original; the file carries task and facts.

    Raises:
        UsageError: it is of a kind that no file can hold.
    """
    metadata = {
        "task": json.dumps(described(trained.task)),
        "training": json.dumps(config.to_json(trained.task.training)),
        "facts": json.dumps(trained.facts),
    }
    if isinstance(trained.network, ConvS2S):
        network, signature = Prefixes(trained.network), prefixes.SIGNATURE
        calls = prefixes.calls(trained.network.pieces, trained.network.positions)
        return onnx.calls_to_onnx(network, calls, path, signature=signature, metadata=metadata)
    if isinstance(trained.network, StrokeNetwork):
        return onnx.calls_to_onnx(trained.network, _drawings(), path, signature=STROKES, metadata=metadata)
    _require_one_pass(trained)
    return onnx.to_onnx(written_out(trained.network), _example(trained), path, metadata=metadata)


def _require_one_pass(trained: Trained) -> None:
    if trained.task.gives not in ONE_PASS:
        raise UsageError(
            f"export writes networks that answer in one pass; {trained.task.name} gives "
            f"{trained.task.gives}, made step by step. Use the run itself with: pellucid predict"
        )
    if trained.task.takes.kind == "script":
        raise UsageError(
            "export writes networks that answer in one pass; speech is made sample by sample, and "
            "pellucid predict does that"
        )


def _example(trained: Trained) -> Tensor:
    """Return one prepared input of the size that the file will take: of text, the longest."""
    if trained.task.takes.kind == "text":
        raw = torch.ones(1, trained.facts["length"], dtype=torch.int32)
    elif trained.task.takes.kind == "sound":
        raw = torch.ones(1, trained.facts["samples"], dtype=torch.int16)
    elif trained.facts.get("strokes"):
        raw = doodle.pack([[np.array([[0.0, 0.0], [9.0, 9.0]], np.float32)]])
    else:
        raw = torch.zeros(1, *trained.facts["shape"], dtype=torch.uint8)
    return trained.task.prepare(raw, facts=trained.facts)[0]


def _drawings() -> list[tuple[Tensor]]:
    """Return random steps of a pen, ``(N, P, 4)``: of some drawings fewer, the longest not always first."""
    generator, found = torch.Generator().manual_seed(0), []
    for batch, points in DRAWINGS:
        lengths = 1 + 7 * torch.arange(1, batch + 1) % points
        real = torch.arange(points) < lengths[:, None]
        steps = torch.randn(batch, points, 4, generator=generator)
        steps[..., 3] = 1
        found.append((steps * real[..., None],))
    return found


class OnnxNetwork(nn.Module):
    """An exported file in the place of the network; onnxruntime computes."""

    def __init__(self, model: onnx.OnnxModel):
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """``(N, ...)`` prepared inputs -> ``(N, K)`` class scores."""
        if not inputs.is_floating_point():  # words: the file takes as many as the longest text has
            inputs = nn.functional.pad(inputs, (0, max(0, self.model.shape[0] - inputs.shape[1])))
        return torch.from_numpy(self.model(inputs.numpy()))


def open_onnx(path: Path, kind: type[Task] | None = None) -> Ready:
    """Open an exported file for use; it carries its task and its facts.

    Args:
        kind: the task's class, for a task that is not one of ours.
    Raises:
        RunError: the file is damaged, or does not carry a task of ours.
    """
    model = onnx.OnnxModel(path)
    try:
        fields = json.loads(model.metadata["task"])
        training = json.loads(model.metadata["training"])
        name = fields.pop("task")
        kind = kind or find(name)
    except (KeyError, ValueError) as error:
        raise RunError(
            f"{path}: the file does not say which task it belongs to ({error}); export it again"
        ) from None
    if kind.name != name:
        raise RunError(f'{path}: the file belongs to the task "{name}", not to "{kind.name}"')
    task = config.from_json(kind, {**fields, "training": training}, source=str(path))
    translates = task.gives == "text"
    network = prefixes.OnnxTranslator(model, model.facts, path) if translates else OnnxNetwork(model)
    return Ready(task=task, facts=model.facts, network=network)
