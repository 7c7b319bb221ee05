"""Export: a trained network as one ONNX file, and back to answers without torch's network."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid import config
from pellucid import export as onnx
from pellucid.errors import RunError, UsageError
from pellucid.explain.watching import written_out
from pellucid.models.convs2s import ConvS2S, Prefixes
from pellucid.task import Task
from pellucid.tasks import find
from pellucid.verbs import prefixes
from pellucid.verbs.train import described
from pellucid.verbs.trained import Ready, Trained

ONE_PASS = ("classes", "actions")  # what a task gives that a network says at once


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
    _require_one_pass(trained)
    return onnx.to_onnx(written_out(trained.network), _example(trained), path, metadata=metadata)


def _require_one_pass(trained: Trained) -> None:
    if trained.task.gives not in ONE_PASS:
        raise UsageError(
            f"export writes networks that answer in one pass; {trained.task.name} gives "
            f"{trained.task.gives}, made step by step. Use the run itself with: pellucid predict"
        )
    if trained.facts.get("strokes"):
        raise UsageError("export writes networks that see an image; this one was trained with pen strokes")
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
    else:
        raw = torch.zeros(1, *trained.facts["shape"], dtype=torch.uint8)
    return trained.task.prepare(raw, facts=trained.facts)[0]


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
