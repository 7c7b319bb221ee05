"""Write the pictures of a verb into a folder and say where they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.screen import Screen
from pellucid.disk import Disk, make_directory, replace
from pellucid.plots import canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(folder: Path, name: str, figure: Figure, screen: Screen) -> Path:
    """Write a figure as ``folder/name.png``, whole or not at all."""
    return write_bytes(folder / f"{name}.png", canvas.png(figure), screen)


def write_bytes(path: Path, content: bytes, screen: Screen) -> Path:
    """Write a file, whole or not at all, and show its path."""
    disk = Disk()
    make_directory(disk, path.parent)
    replace(disk, path, content)
    screen.show(str(path))
    return path
