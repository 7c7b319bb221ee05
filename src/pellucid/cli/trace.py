"""``pellucid trace REF``: the number behind a reference that the studio shows, exact to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.cli.arguments import Parser
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
    flags = parser.read(words)
    from pellucid.verbs import trace as verb  # torch is slow to import

    wanted = verb.Reference.read(flags.reference)
    found = verb.trace(verb.open_scene(wanted, flags.input), flags.reference)
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
