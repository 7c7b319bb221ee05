"""Two runs on the same test set: where they disagree, and whether that is more than chance."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends

from pellucid import metrics
from pellucid.web.library import Library, library
from pellucid.web.refusals import Refusal
from pellucid.web.results import MOST_SHOWN, test_of

router = APIRouter(prefix="/api/v1", tags=["results"])


@router.get("/runs/{run}/compare/{other}")
def compare(run: str, other: str, shelf: Annotated[Library, Depends(library)]) -> dict[str, Any]:
    """Count on which test samples only one of two runs was right; p is McNemar's (1947), exact, two-sided."""
    first, second = test_of(run, shelf), test_of(other, shelf)
    if not np.array_equal(first.targets, second.targets):
        raise Refusal(409, "test-set", "these two were tested on different samples and cannot be compared")
    right, also = first.predicted == first.targets, second.predicted == second.targets
    names = shelf.open(run).trained.facts["classes"]

    def told(index: int) -> dict[str, Any]:
        words = (first.targets[index], first.predicted[index], second.predicted[index])
        return dict(
            zip(("index", "true", "first", "second"), (index, *(names[i] for i in words)), strict=True)
        )

    only_first, only_second = np.flatnonzero(right & ~also), np.flatnonzero(~right & also)
    return {
        "n": len(right),
        "both": int((right & also).sum()),
        "neither": int((~right & ~also).sum()),
        "only_first": len(only_first),
        "only_second": len(only_second),
        "p": metrics.mcnemar(right, also).p,
        "first": [told(int(i)) for i in only_first[:MOST_SHOWN]],
        "second": [told(int(i)) for i in only_second[:MOST_SHOWN]],
    }
