"""What a score cost, and how much of it is the luck of a seed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from pellucid import metrics
from pellucid.errors import PellucidError
from pellucid.run import Run
from pellucid.web.library import Library, library
from pellucid.web.summaries import FILES

router = APIRouter(prefix="/api/v1", tags=["results"])


@router.get("/runs/{run}/board")
def board(run: str, shelf: Annotated[Library, Depends(library)]) -> dict[str, Any]:
    """Return training time, number of parameters, and the spread over the runs that differ in the seed only.

    ``seconds`` is None where the times were not kept, ``seeds`` where no other run is of the same setting.
    """
    network = shelf.open(run).trained.network
    return {
        "seconds": seconds(Run.open(shelf.path(run)).speed()),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seeds": spread(run, shelf),
    }


def seconds(times: list[dict[str, Any]]) -> float | None:
    """Return how long a training took, from its ``speed.jsonl``: each resumption starts at zero."""
    if not times:
        return None
    clock = [float(line["seconds"]) for line in times]
    return sum(before for before, after in itertools.pairwise(clock) if after < before) + clock[-1]


def spread(run: str, shelf: Library) -> dict[str, Any] | None:
    """Return median and extremes of each score over the tested runs of the same setting, one a seed."""
    read = {name: _tested(path, shelf) for name, path in shelf.paths().items()}
    told = {name: tested for name, tested in read.items() if tested is not None}
    if run not in told:
        return None
    setting, own, _ = told[run]
    alike = {seed: name for name, (other, seed, _) in told.items() if other == setting} | {own: run}
    if len(alike) < 2:
        return None
    scores = [told[name][2] for name in alike.values()]
    shared = set.intersection(*map(set, scores))
    return {
        "runs": sorted(alike.values()),
        "scores": {
            name: metrics.spread([each[name]["value"] for each in scores]).to_json()
            for name in scores[0]
            if name in shared
        },
    }


def _tested(path: Path, shelf: Library) -> tuple[str, int, dict[str, Any]] | None:
    """Return the setting of a run but for its seed, the seed, and its scores; None if it has none."""

    def read() -> tuple[str, int, dict[str, Any]] | None:
        try:
            found = Run.open(path)
            scores = ((found.scores() or {}).get("evaluate") or {}).get("scores")
        except PellucidError:
            return None  # damaged
        rest = {key: value for key, value in found.training.items() if key != "seed"}
        setting = json.dumps([found.task, rest], sort_keys=True)
        return (setting, found.training.get("seed", 0), scores) if scores else None

    return shelf.unchanged("tested", [path / file for file in FILES], read)
