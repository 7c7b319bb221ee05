"""One sample made worse by hand, and what the network makes of it then."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query

from pellucid.explain import robustness
from pellucid.web.inside.scenes import Looking, SampleId, shown
from pellucid.web.refusals import Refusal

MOST = {name: levels[-1] for name, levels in robustness.LEVELS.items()}

router = APIRouter(prefix="/api/v1", tags=["inside"])


@router.get("/runs/{run}/worse")
def worse(
    run: str,
    sample: SampleId,
    look: Looking,
    rotation: Annotated[float, Query(ge=0, le=MOST["rotation"])] = 0.0,
    shift: Annotated[int, Query(ge=0, le=MOST["shift"])] = 0,
    blur: Annotated[float, Query(ge=0, le=MOST["blur"])] = 0.0,
    noise: Annotated[float, Query(ge=0, le=MOST["noise"])] = 0.0,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    """Return a picture turned, moved, blurred and covered with noise, in this order, and its probabilities.

    It is what the curves of robustness are made with; ``sample`` names it for every view inside the network.
    """
    opened = look.library.open(run)
    given = look.library.sample(opened, sample)
    picture = torch.from_numpy(given.raw.copy())[None]
    if picture.dtype != torch.uint8 or picture.ndim not in (3, 4):
        raise Refusal(422, "picture", "only pictures are made worse; this task takes something else")
    amounts = {"rotation": rotation, "shift": shift, "blur": blur, "noise": noise}
    for name, amount in amounts.items():
        picture = robustness.perturbed(name, picture, amount, seed=seed)
    kept = look.library.keep(picture[0].numpy())
    with look.at(run, kept.id) as scene:
        return {
            "sample": kept.id,
            "image": shown(scene, "raw"),
            "probabilities": shown(scene, "probabilities"),
            "classes": scene.classes,
            "true": given.target,
            "most": MOST,
            "units": robustness.UNITS,
        }
