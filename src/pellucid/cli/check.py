"""``pellucid check FILE|TASK``: does a task keep the contract?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.cli.arguments import Parser, find_kind
from pellucid.cli.screen import Screen


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Try every promise on the task's ``tiny()`` setting; exit 1 if one is broken."""
    parser = Parser("check", "Does a task of your own keep the contract?")
    parser.add_argument("task", metavar="FILE|TASK", help="the Python file of your task, or a task's name")
    flags = parser.read(words)
    kind = find_kind(flags.task)
    from pellucid.checks import check_task, tiny_setting

    found = []
    for check in check_task(tiny_setting(kind)):
        found.append({"promise": check.promise, "kept": check.kept, "problem": check.problem})
        screen.show(
            f"{'kept  ' if check.kept else 'BROKEN'}  {check.promise}"
            + (f": {check.problem}" if check.problem else "")
        )
    broken = sum(not each["kept"] for each in found)
    screen.say(
        "the task keeps the contract" if not broken else f"{broken} of {len(found)} promises are broken"
    )
    return {"task": kind.name, "checks": found}, 1 if broken else 0
