"""The tree of the house, from the docstrings of the files themselves.

    python docs/tree.py [--check]

writes it between ``<!-- tree -->`` and ``<!-- /tree -->`` of README.md; ``--check`` changes nothing and ends
with 1 when the tree there is not true any more.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- tree -->\n).*?(<!-- /tree -->)", re.DOTALL)
FLOORS = (  # from the doors down to the ground; an import only goes down
    ("doors", ("cli", "web", "api.py", "__main__.py")),
    ("what every door can do", ("verbs",)),
    ("tasks", ("tasks",)),
    ("the contract", ("checks.py", "task.py")),
    (
        "verbs of the field",
        (
            "engine.py",
            "learners.py",
            "qlearning.py",
            "translating.py",
            "explain",
            "plots",
            "report.py",
            "export.py",
        ),
    ),
    (
        "nouns of the field",
        (
            "models",
            "datasets",
            "playing.py",
            "losses.py",
            "bellman.py",
            "metrics",
            "averaging.py",
            "decoding.py",
            "optimizers.py",
            "schedules.py",
            "graves.py",
            "zoo",
        ),
    ),
    ("ground", ()),  # everything else
)
WIDTH = 100


def tree() -> str:
    """Return the tree, floor by floor: a folder with its files, a file with its docstring's first line."""
    package = ROOT / "src" / "pellucid"
    there = sorted(
        path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    )
    named = [name for _, names in FLOORS for name in names]
    rest = [name for name in there if name not in named and name != "__init__.py"]
    lines = ["src/pellucid/"]
    for floor, names in FLOORS:
        lines.append(f"  -- {floor} --")
        for name in names or rest:
            lines += folder(package / name) if (package / name).is_dir() else [entry(package / name)]
    return "\n".join(["```text", *lines, "```", ""])


def entry(path: Path) -> str:
    """Return the line of one file."""
    return short(f"  {path.name:<17}{first_line(path)}")


def folder(path: Path) -> list[str]:
    """Return the lines of a folder: what it is, and the names of its files."""
    files = (file.relative_to(path) for file in path.rglob("*.py") if file.stem != "__init__")
    names = " ".join(sorted(str(file.with_suffix("")) for file in files))
    lines = [short(f"  {path.name + '/':<17}{first_line(path / '__init__.py')}")]
    line = " " * 19
    for name in names.split():
        if len(line) + len(name) + 1 > WIDTH:
            lines.append(line.rstrip())
            line = " " * 19
        line += name + " "
    return [*lines, line.rstrip()] if line.strip() else lines


def first_line(path: Path) -> str:
    """Return the first line of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n")[0].rstrip(".")


def short(line: str) -> str:
    """Return a line of at most ``WIDTH`` characters, cut after a word."""
    return line if len(line) <= WIDTH else line[: WIDTH - 4].rsplit(" ", 1)[0] + " ..."


def renewed(page: str) -> str:
    """Return a page with the tree between its markers made again."""
    return BLOCK.sub(lambda found: found[1] + tree() + found[2], page)


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        sys.exit(0 if renewed(text) == text else "README.md: the tree is stale; run python docs/tree.py")
    README.write_text(renewed(text), encoding="utf-8")
