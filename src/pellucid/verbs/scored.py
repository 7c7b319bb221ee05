"""What the last test of a run wrote down, and whether the run has other weights by now."""

from __future__ import annotations

from typing import Any

from pellucid.errors import RunError
from pellucid.run import Run
from pellucid.snapshots import step_of


def evaluation(run: Run) -> dict[str, Any]:
    """Return what ``evaluate`` wrote into scores.json; {} before the run was tested."""
    return (run.scores() or {}).get("evaluate") or {}


def outdated(run: Run, found: dict[str, Any]) -> int | None:
    """Return the step whose weights were tested, where the run has those of another by now.

    None where it has the same, for a test of before steps were recorded, and where the weights cannot be
    read, which whoever opens them is told.

    Args:
        found: what ``evaluation`` returned.
    """
    step = found.get("step")
    if step is None:
        return None
    try:
        return None if step == step_of(run.path / "weights.safetensors", run.disk) else step
    except RunError:
        return None
