"""``pellucid lr-find TASK``: the learning-rate range test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, asks_help, file_for, read_task, split_task
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError

LEAST_STEPS = 20


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Find where the loss falls most steeply as the learning rate grows."""
    name, rest = split_task(words)
    parser = _parser(with_task=name is not None)
    if name is None:
        parser.read(rest)
        raise UsageError("which task? For example: pellucid lr-find digits")
    if asks_help(rest):
        screen.show(parser.help_with(name))
    flags, fields = parser.parse_known_args(rest)
    if not (flags.highest > 0 and math.isfinite(flags.highest)):
        raise UsageError(f"--highest is {flags.highest}; it must be a number above 0")
    if flags.range_steps < LEAST_STEPS:
        raise UsageError(f"--range-steps is {flags.range_steps}; a range test needs at least {LEAST_STEPS}")
    out = file_for(flags.out, ".png")
    task = read_task(name, fields, program=f"pellucid lr-find {name}")
    from pellucid.cli.pictures import write
    from pellucid.plots import curves
    from pellucid.verbs.lr_find import range_test

    found = range_test(task, highest=flags.highest, steps=flags.range_steps)
    screen.show(f"suggested learning rate: {found.suggestion:g}")
    figure = curves.learning_rates(found.rates, found.losses, found.suggestion)
    picture = write(out.parent, out.stem, figure, screen)
    return {
        "suggestion": found.suggestion,
        "rates": found.rates.tolist(),
        "losses": found.losses.tolist(),
        "picture": str(picture),
    }, 0


def _parser(*, with_task: bool) -> Parser:
    about = "Train while the learning rate grows; see where the loss falls and where it explodes."
    parser = Parser("lr-find", about, with_task=with_task)
    parser.add_argument(
        "--highest", type=float, default=1.0, help="the rate at the end; the start is a millionth of it"
    )
    parser.add_argument("--range-steps", type=int, default=200, help="updates in the test")
    parser.add_argument("--out", type=Path, default=Path("runs/lr-find.png"), help="the picture")
    return parser
