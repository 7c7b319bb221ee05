"""Released models: a folder each, which is a run with a card (README.md) that tells where it comes from."""

from __future__ import annotations

from pathlib import Path

ZOO = Path(__file__).parent
RECOMMENDED = {  # what a bare name is
    "atari": "pong",
    "digits": "cnn",
    "sentences": "reviews",
    "sketches": "all",
    "speech": "digits",
    "words": "digits",
    "translation": "de-en",
}


def released() -> dict[str, Path]:
    """Return the released models by name, ``digits/mlp``, each once."""
    cards = sorted(ZOO.glob("*/*/README.md"))
    return {f"{card.parent.parent.name}/{card.parent.name}": card.parent for card in cards}


def whole_name(name: str) -> str:
    """Return ``digits/cnn`` for ``digits``, a task's bare name; any other name is returned as it is."""
    return f"{name}/{RECOMMENDED[name]}" if name in RECOMMENDED else name


def short_names() -> list[str]:
    """Return the tasks whose bare name stands for a released model."""
    return [task for task in RECOMMENDED if whole_name(task) in released()]
