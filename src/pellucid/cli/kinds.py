"""Which file of the command line shows a task, by what the task takes and gives.

Such a file has functions with the names of verbs, as many as differ from what pictures with classes get:

    look(task, data, index, folder, screen)
    predict(trained, flags, screen)
    explain(trained, input, target, folder, screen)
    tell_tested(document, screen)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.cli import games, recordings, speech, texts, translations

GIVES = {"text": translations, "actions": games, "sound": speech}
TAKES = {"text": texts, "sound": recordings}


def teller(task: Any, verb: str) -> Callable[..., Any] | None:
    """Return the function that shows ``verb`` for a task, or None where it is shown as pictures are."""
    return getattr(GIVES.get(task.gives) or TAKES.get(task.takes.kind), verb, None)
