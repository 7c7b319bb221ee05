"""``pellucid model TASK|RUN``: layers, shapes, parameters, operations, receptive field, a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, asks_help, file_for, read_task, split_task
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Describe the network of a task, with its flags, without training it."""
    name, rest = split_task(words)
    parser = Parser(
        "model", "Layers, shapes, parameters, operations and receptive field.", with_task=name is not None
    )
    parser.add_argument("--out", type=Path, help="the drawing; runs/TASK-network.png if not given")
    if name is None:
        parser.read(rest)
        raise UsageError("which task? For example: pellucid model digits --network cnn")
    if asks_help(rest):
        screen.show(parser.help_with(name))
    flags, fields = parser.parse_known_args(rest)
    task = read_task(name, fields, program=f"pellucid model {name}")
    import torch

    from pellucid.cli.pictures import write
    from pellucid.explain import anatomy
    from pellucid.plots import network as drawing
    from pellucid.verbs.look import first_input

    network, shape = first_input(task)
    dtype = torch.int64 if task.takes.kind == "text" else torch.float32  # numbers of words
    layers = anatomy.describe(network, shape, dtype=dtype)
    totals = anatomy.totals(network, shape, dtype=dtype)
    _tell(layers, totals, screen)
    name = getattr(task, "network", "network")
    out = file_for(flags.out or Path("runs") / f"{task.name}-{name}.png", ".png")
    figure = drawing.diagram(
        [_entry((1, *shape) if len(shape) == 2 else shape), *map(_drawn, layers)],
        title=f"{task.name}: {name}",
    )
    picture = write(out.parent, out.stem, figure, screen)
    facts = ("name", "kind", "input_shape", "output_shape", "parameters", "operations", "receptive_field")
    return {
        "layers": [{fact: getattr(layer, fact) for fact in facts} for layer in layers],
        "parameters": totals.parameters,
        "operations": totals.operations,
        "bytes": totals.bytes,
        "picture": str(picture),
    }, 0


def _tell(layers: Sequence[Any], totals: Any, screen: Screen) -> None:
    """Print one line a layer, then the sums."""
    rows = [
        [layer.name, layer.kind]
        + [_shape(shape) for shape in (layer.input_shape, layer.output_shape)]
        + [f"{layer.parameters:,}", f"{layer.operations:,}", _shape(layer.receptive_field)]
        for layer in layers
    ]
    screen.table(["layer", "kind", "in", "out", "parameters", "multiply-adds", "receptive field"], rows)
    screen.show(
        f"{totals.parameters:,} parameters, {totals.operations:,} multiply-adds an input, "
        f"{totals.bytes / 1e6:.1f} MB"
    )


def _entry(shape: tuple[int, ...]) -> dict[str, Any]:
    shape = (1, *shape) if len(shape) == 2 else shape
    return {"name": "input", "kind": "", "shape": shape, "parameters": 0}


def _drawn(layer: Any) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": (1, *layer.output_shape) if len(layer.output_shape) == 2 else layer.output_shape,
        "parameters": layer.parameters,
    }


def _shape(shape: Sequence[int] | None) -> str:
    return " x ".join(str(size) for size in shape) if shape else "all"
