"""Inside a network: what the pages of layers, kernels, gradients, races and explanations ask for.

Everything here is read from a ``Scene``: one sample in one network, in which every tensor has a name. Blocks
of numbers carry the reference that ``/trace`` and ``pellucid trace`` take back to the number.
"""

from __future__ import annotations

from fastapi import APIRouter

from pellucid.web.inside import activity, moments, numbers, pad, racing, samples, utterances, worse

router = APIRouter()
for part in (activity, moments, numbers, pad, racing, samples, utterances, worse):
    router.include_router(part.router)
