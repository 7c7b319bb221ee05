"""Released models: a folder each, which is a run with a card (README.md) that tells where it comes from."""

from __future__ import annotations

from pathlib import Path

ZOO = Path(__file__).parent
RECOMMENDED = {  # what a bare name is
    "digits": "cnn",
    "sentences": "reviews",
    "sketches": "all",
    "speech": "digits",
    "words": "digits",
    "translation": "de-en",
}


def released() -> dict[str, Path]:
    """Return the released models by name, ``digits/mlp``; a task's bare name is its recommended one."""
    found: dict[str, Path] = {}
    for card in sorted(ZOO.glob("*/*/README.md")):
        task, name = card.parent.parent.name, card.parent.name
        if RECOMMENDED.get(task) == name:
            found[task] = card.parent
        found[f"{task}/{name}"] = card.parent
    return found
