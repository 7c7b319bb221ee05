"""``pellucid export RUN|TASK``: one ONNX file, checked against the original."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, file_for, open_network
from pellucid.cli.screen import Screen
from pellucid.disk import Disk, make_directory


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Write ``model.onnx``."""
    parser = Parser(
        "export", "Write a trained network as one ONNX file and compare its outputs with the original's."
    )
    parser.add_argument("reference", metavar="RUN|TASK", help="a run's directory, or a released model's name")
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--out", type=Path, help="the file; RUN/model.onnx if not given")
    flags = parser.read(words)
    trained = open_network(flags.reference, flags.task_file)
    from pellucid.verbs.export import export

    inside = Path(flags.reference).is_dir()
    path = flags.out or (Path(flags.reference) / "model.onnx" if inside else Path("model.onnx"))
    path = file_for(path, ".onnx")
    make_directory(Disk(), path.parent)
    found = export(trained, path)
    screen.show(str(path))
    screen.show(
        f"{len(found.data):,} bytes; outputs differ from the original's by {found.difference:.1e} at most"
    )
    return {"file": str(path), "bytes": len(found.data), "largest_difference": found.difference}, 0
