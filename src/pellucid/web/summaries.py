"""A run in a few lines, for lists, and whole, for its page."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.media import grid_of
from pellucid.run import Run
from pellucid.tasks import network_of
from pellucid.verbs.trained import WEIGHTS
from pellucid.web.events import last_line
from pellucid.web.jobs import Jobs
from pellucid.web.library import RELEASED, Library
from pellucid.web.refusals import Refusal, tellable


def summary(jobs: Jobs, name: str, path: Path) -> dict[str, Any]:
    """Return a run's line in the list; one that is damaged has one as well.

    Its status: "running", by whomever; "finished"; "paused", resume goes on; "stopped" before anything was
    saved; "damaged".
    """
    found = absent(name, {})
    with suppress(OSError):
        found["created"] = (path / "task.json").stat().st_mtime
    try:
        run = Run.open(path)
        scores = jobs.library.scores(run)
    except PellucidError as error:
        return {**found, "status": "damaged", "message": tellable(str(error))}
    last = json.loads(last_line(path / "progress.jsonl") or b"{}")
    outcomes = jobs.outcomes(name)
    return {
        **found,
        "task": run.task.get("task"),
        "network": network_of(run.task),
        "grid": grid(jobs.library, run),
        "status": "running" if jobs.trains(name) else status(run),
        "step": last.get("step", 0),
        "steps": steps(run, last),
        "scores": scores,
        "jobs": outcomes,
        "message": next((said["message"] for said in outcomes.values() if "message" in said), None),
    }


def absent(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a training whose directory is not there yet, or never will be."""
    return {
        "id": name,
        "task": None,
        "network": None,
        "grid": None,
        "status": "running" if said.get("state") == "running" else "stopped",
        "step": 0,
        "steps": None,
        "scores": {},
        "released": name.startswith(RELEASED),
        "created": None,
        "jobs": {"train": said} if said else {},
        "message": said.get("message"),
    }


def status(run: Run) -> str:
    """Return the status of a run that nobody trains."""
    if run.finished:
        return "finished"
    return "paused" if (run.path / "resume").is_dir() else "stopped"


def details(jobs: Jobs, name: str, path: Path) -> dict[str, Any]:
    """Return a run whole: what was learned, how, from what, where, and what there is to see."""
    found = summary(jobs, name, path)
    if found["status"] == "damaged":
        return found
    run, card = Run.open(path), path / "README.md"
    return {
        **found,
        "fields": run.task,
        "training": run.training,
        "facts": run.facts,
        "environment": run.environment,
        "card": card.read_text("utf-8") if card.is_file() else None,
        "pictures": sorted(run.pictures()),
        "snapshots": run.snapshots.steps(),
        "has": {
            "weights": (path / WEIGHTS).is_file(),
            "scores": bool(found["scores"]),
            "report": run.report_path.is_file(),
            "onnx": (path / "model.onnx").is_file(),
        },
    }


def grid(library: Library, run: Run) -> tuple[int, int] | None:
    """Return the rows and columns of a run's samples that are one grid of bytes; None where they are not."""
    with suppress(Refusal):  # this studio does not have its task
        return grid_of(library.kind(str(run.task.get("task"))).takes, run.facts)
    return None


def steps(run: Run, last: dict[str, Any]) -> int | None:
    """Return how many steps a training has; from its epochs once the first line tells their length."""
    if run.training.get("steps"):
        return run.training["steps"]
    if not last.get("epoch"):
        return None
    return max(1, round(run.training["epochs"] * round(last["step"] / last["epoch"])))
