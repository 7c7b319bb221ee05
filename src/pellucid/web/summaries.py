"""A run in a few lines, for lists, and whole, for its page."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.media import grid_of
from pellucid.run import DOCUMENTS, Run
from pellucid.tasks import network_of
from pellucid.verbs import scored
from pellucid.verbs.trained import WEIGHTS
from pellucid.web.events import last_line
from pellucid.web.jobs import Jobs
from pellucid.web.library import RELEASED, Library
from pellucid.web.refusals import Refusal, tellable

FILES = (*DOCUMENTS, "environment.json", "scores.json", WEIGHTS)


@dataclass(frozen=True)
class Told:
    """What the list says of a run that changes only with its ``FILES``."""

    task: str | None
    network: str
    grid: tuple[int, ...] | None
    training: dict[str, Any]
    finished: bool
    scores: dict[str, Any]
    outdated: int | None  # the step whose weights the scores are of, where the run has others by now


def summary(jobs: Jobs, name: str, path: Path) -> dict[str, Any]:
    """Return a run's line in the list; one that is damaged has one as well.

    Its status: "running", by whomever; "finished"; "paused", resume goes on; "stopped" before anything was
    saved; "damaged".
    """
    found = absent(jobs, name, {})
    with suppress(OSError):
        found["created"] = (path / "task.json").stat().st_mtime
    try:
        told = tell(jobs.library, path)
    except PellucidError as error:
        return {**found, "task": named(path), "status": "damaged", "message": tellable(str(error))}
    last = json.loads(last_line(path / "progress.jsonl") or b"{}")
    outcomes = jobs.outcomes(name)
    return {
        **found,
        "task": told.task,
        "network": told.network,
        "grid": told.grid,
        "status": "running" if jobs.trains(name, path) else status(told, path),
        "step": last.get("step", 0),
        "steps": steps(told.training, last),
        "scores": told.scores,
        "outdated": told.outdated,
        "jobs": outcomes,
        "message": next((said["message"] for said in outcomes.values() if "message" in said), None),
    }


def tell(library: Library, path: Path) -> Told:
    """Return what a run's documents say, which are read when one of them has changed.

    Raises:
        RunError: the run is damaged.
    """

    def read() -> Told:
        run = Run.open(path)
        found = scored.evaluation(run)
        return Told(
            task=run.task.get("task"),
            network=network_of(run.task),
            grid=grid(library, run),
            training=run.training,
            finished=run.finished,
            scores=found.get("scores", {}),
            outdated=scored.outdated(run, found),
        )

    whole = (path / "progress.jsonl").exists()
    return library.unchanged(("told", whole), [path / name for name in FILES], read)


def named(path: Path) -> str | None:
    """Return what a damaged run's task.json calls its task, if it can be read so far."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        name = json.loads((path / "task.json").read_bytes())["task"]
        return name if isinstance(name, str) else None
    return None


def absent(jobs: Jobs, name: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a training whose directory is not there yet, or never will be."""
    return {
        "id": name,
        "task": jobs.task_at_start(name) if said else None,
        "network": None,
        "grid": None,
        "status": "running" if said.get("state") == "running" else "stopped",
        "step": 0,
        "steps": None,
        "scores": {},
        "outdated": None,
        "released": name.startswith(RELEASED),
        "created": None,
        "jobs": {"train": said} if said else {},
        "message": said.get("message"),
    }


def status(told: Told, path: Path) -> str:
    """Return the status of a run that nobody trains."""
    if told.finished:
        return "finished"
    return "paused" if (path / "resume").is_dir() else "stopped"


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


def grid(library: Library, run: Run) -> tuple[int, ...] | None:
    """Return the shape of a run's samples that are grids of bytes, (H, W) or (H, W, C); None of others."""
    with suppress(Refusal):  # this studio does not have its task
        return grid_of(library.kind(str(run.task.get("task"))).takes, run.facts)
    return None


def steps(training: dict[str, Any], last: dict[str, Any]) -> int | None:
    """Return how many steps a training has; from its epochs once the first line tells their length."""
    if training.get("steps"):
        return training["steps"]
    if not last.get("epoch"):
        return None
    return max(1, round(training["epochs"] * round(last["step"] / last["epoch"])))
