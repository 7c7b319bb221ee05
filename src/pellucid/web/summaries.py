"""A run in a few lines, for lists, and whole, for its page."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.run import Run
from pellucid.verbs.trained import WEIGHTS
from pellucid.web.library import RELEASED, Library
from pellucid.web.refusals import tellable

TAIL = 4096  # bytes at the end of a log that hold its last line


def summary(library: Library, name: str, path: Path) -> dict[str, Any]:
    """Return a run's line in the list; one that is damaged has one as well."""
    found: dict[str, Any] = {"id": name, "released": name.startswith(RELEASED), "created": None}
    with suppress(OSError):
        found["created"] = (path / "task.json").stat().st_mtime
    try:
        run = Run.open(path)
        scores = ((run.scores() or {}).get("evaluate") or {}).get("scores", {})
    except PellucidError as error:
        said = {"status": "damaged", "message": tellable(str(error))}
        return {**found, "task": None, "network": None, "step": None, "steps": None, "scores": {}, **said}
    last = last_line(path)
    return {
        **found,
        "task": run.task.get("task"),
        "network": run.task.get("network", ""),
        "status": "finished" if run.finished else "paused",
        "step": last.get("step", 0),
        "steps": steps(run, last),
        "scores": scores,
    }


def details(library: Library, name: str, path: Path) -> dict[str, Any]:
    """Return a run whole: what was learned, how, from what, where, and what there is to see."""
    found = summary(library, name, path)
    if found["status"] == "damaged":
        return found
    run = Run.open(path)
    card = path / "README.md"
    return {
        **found,
        "fields": run.task,
        "training": run.training,
        "facts": run.facts,
        "environment": run.environment,
        "card": card.read_text("utf-8") if card.is_file() else None,
        "pictures": sorted(run.pictures()),
        "has": {
            "weights": (path / WEIGHTS).is_file(),
            "scores": bool(found["scores"]),
            "report": run.report_path.is_file(),
            "onnx": (path / "model.onnx").is_file(),
        },
    }


def last_line(path: Path) -> dict[str, Any]:
    """Return the last whole line of a run's log; {} before the first."""
    with suppress(OSError, ValueError):
        with (path / "progress.jsonl").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            lines = file.read().split(b"\n")[:-1]
        return json.loads(lines[-1]) if lines else {}
    return {}


def steps(run: Run, last: dict[str, Any]) -> int | None:
    """Return how many steps a training has; from its epochs once the first line tells their length."""
    if run.training.get("steps"):
        return run.training["steps"]
    if not last.get("epoch"):
        return None
    return max(1, round(run.training["epochs"] * round(last["step"] / last["epoch"])))
