"""Inside a network: what the pages of layers, kernels, gradients, races and explanations ask for."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1", tags=["inside"])
