"""What look shows of recorded words: how many, how loud, waveforms and spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.cli.screen import Screen


def look(task: Any, data: Any, index: int, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell counts and loudness, and write the pictures."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import listening

    found = listening.looked(data)
    splits = found["splits"]
    screen.show(
        f"{splits['train']:,} training and {splits['valid']:,} validation recordings of "
        f"{found['seconds']:g} s at {found['rate_hz']:,} Hz; the test set stays closed"
    )
    screen.show(f"source: {found['source']}; licence: {found['licence']}\n")
    screen.table(
        ["class", "training", "validation", "median peak"],
        [[name, n["train"], n["valid"], f"{n['median peak']:.2f}"] for name, n in found["classes"].items()],
    )
    paths = [str(write(folder, name, figure, screen)) for name, figure in listening.pictures(data, index)]
    return {**found, "pictures": paths}
