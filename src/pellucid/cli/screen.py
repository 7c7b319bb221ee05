"""Where a command's words go: data to stdout, talk to stderr, one JSON document when asked for."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

BAR = 32  # characters of a full bar
BLOCKS = " ▏▎▍▌▋▊▉█"


class Screen:
    """What a verb may say.

    Args:
        as_json: print nothing but one JSON document.
        quiet: no talk.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False):
        self.as_json, self.quiet = as_json, quiet
        self.colour = (
            sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        self.moving = sys.stderr.isatty() and not quiet and not as_json
        self._open_line = False

    def show(self, text: str = "") -> None:
        """Print data to stdout."""
        if not self.as_json:
            _write(sys.stdout, text + "\n")

    def say(self, text: str) -> None:
        """Print talk to stderr."""
        if not self.quiet and not self.as_json:
            self._close_line()
            _write(sys.stderr, text + "\n")

    def complain(self, text: str) -> None:
        """Print an error to stderr, whatever the flags."""
        self._close_line()
        _write(sys.stderr, text + "\n")

    def progress(self, text: str) -> None:
        """Rewrite one line of talk, on a terminal only."""
        if self.moving:
            width = shutil.get_terminal_size().columns - 1
            _write(sys.stderr, "\r" + text[:width].ljust(width))
            self._open_line = True

    def document(self, document: dict[str, Any]) -> None:
        """Print the one JSON document."""
        _write(sys.stdout, json.dumps(_finite(document), allow_nan=False) + "\n")

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print columns; a column of numbers is set to the right."""
        if self.as_json:
            return
        cells = [[str(cell) for cell in row] for row in rows]
        widths = [max(len(line[i]) for line in [list(titles), *cells]) for i in range(len(titles))]
        right = [all(_is_number(row[i]) for row in cells) for i in range(len(titles))]
        self.show(self.strong(_line(titles, widths, right)))
        for row in cells:
            self.show(_line(row, widths, right))

    def bars(self, names: Sequence[str], shares: Sequence[float], notes: Sequence[str]) -> None:
        """Print one bar a name; ``shares`` in [0, 1]."""
        width = max(len(name) for name in names)
        blocks = _can_write(sys.stdout, BLOCKS)
        for name, share, note in zip(names, shares, notes, strict=True):
            full = bar(share) if blocks else ("#" * round(share * BAR)).ljust(BAR)
            self.show(f"  {name:>{width}}  {self.tint(full) if share == max(shares) else full}  {note}")

    def strong(self, text: str) -> str:
        """Return the text in bold on a terminal."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def tint(self, text: str) -> str:
        """Return the text in blue on a terminal."""
        return f"\x1b[34m{text}\x1b[0m" if self.colour else text

    def shade(self, text: str, value: float) -> str:
        """Return the text on orange for a value up to 1, on blue down to -1; with + or - without colours."""
        step = min(4, round(abs(value) * 4))
        if not self.colour:
            return text + ("+" if value > 0 else "-") * step
        ground = ((), (223, 222, 215, 208), (189, 153, 111, 68))[1 if value > 0 else 2]
        return f"\x1b[30;48;5;{ground[step - 1]}m{text}\x1b[0m" if step else text

    def _close_line(self) -> None:
        if self._open_line:
            _write(sys.stderr, "\n")
            self._open_line = False


def bar(share: float) -> str:
    """Return a bar of ``BAR`` characters for a share in [0, 1], in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * BAR * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (BLOCKS[rest] if rest else "")).ljust(BAR)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    columns = zip(cells, widths, right, strict=True)
    return "  ".join(f"{cell:>{w}}" if r else f"{cell:<{w}}" for cell, w, r in columns).rstrip()


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").replace(
        "%", ""
    ).strip().isdigit() or text in ("", "-")


def _finite(value: Any) -> Any:
    """Return JSON values with null for what JSON has no number for: NaN and the infinities."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _can_write(stream: Any, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _write(stream: Any, text: str) -> None:
    """Write, with what the stream cannot encode replaced."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
