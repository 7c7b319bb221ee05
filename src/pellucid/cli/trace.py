"""``pellucid trace REF``: the number behind a reference that the studio shows, exact to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, find_kind
from pellucid.cli.screen import Screen


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Compute the tensor anew in a fresh network and print the number."""
    parser = Parser(
        "trace", "From a reference in the studio to the number: every decimal, bits, tensor, layer."
    )
    parser.add_argument(
        "reference", metavar="REF", help="RUN@WEIGHTS/SAMPLE/NODE[i,j], copied from the studio"
    )
    parser.add_argument(
        "--input", metavar="FILE", help="the file, where the number is of an input of your own"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the directory of the runs")
    parser.add_argument("--task", dest="task_file", metavar="FILE", help="the file of a task of your own")
    flags = parser.read(words)
    kind = find_kind(flags.task_file) if flags.task_file else None
    from pellucid.verbs import trace as verb  # torch is slow to import

    wanted = verb.Reference.read(flags.reference)
    scene = verb.open_scene(wanted, flags.input, runs=flags.runs, kind=kind)
    elsewhere = ["--runs", str(flags.runs)] if flags.runs != Path("runs") else []
    own = ["--task", flags.task_file] if kind else []
    found = verb.trace(scene, flags.reference, [*elsewhere, *own])
    if found.value is not None:
        screen.show(screen.strong(found.exact or ""))
    shape = " x ".join(map(str, found.shape)) or "one number"
    for name, text in (
        ("bits", found.bits or "of one element: give its index, [i,j]"),
        ("tensor", f"{found.dtype}, {shape}"),
        ("sha256", found.sha256),
        ("layer", found.module),
        ("defined", found.line),
    ):
        screen.show(f"{name:<8} {text}")
    return found.to_json(), 0
