"""``pellucid doctor``: versions, devices, extras, caches, and what to do about what is missing."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

from pellucid import download
from pellucid.cli.arguments import Parser
from pellucid.cli.screen import Screen
from pellucid.zoo import released

EXTRAS = {
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "web": ("fastapi", "uvicorn"),
    "text": ("sentencepiece", "sacrebleu"),
    "audio": ("soundfile", "numba"),
    "atari": ("gymnasium", "ale_py"),
}


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Look at the installation."""
    Parser("doctor", "Versions, devices, extras, caches.").read(words)
    from pellucid import device  # torch is slow to import

    found: dict[str, Any] = dict(device.environment())
    chosen = device.choose("auto")
    rows = [[name, value] for name, value in found.items() if value is not None]
    rows.append(["--device auto", chosen])
    extras = {}
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        extras[extra] = not missing
        rows.append(
            [f"extra {extra}", f"missing: pip install 'pellucid[{extra}]'" if missing else "installed"]
        )
    cache = download.cache()
    writable = os.access(cache if cache.exists() else cache.parent, os.W_OK)
    rows.append(["cache", f"{cache} ({'writable' if writable else 'not writable: set PELLUCID_CACHE'})"])
    for name in ("PELLUCID_MIRROR", "PELLUCID_OFFLINE"):
        rows.append([name, os.environ.get(name, "not set")])
    rows.append(["released models", ", ".join(released()) or "none"])
    screen.table(["what", "found"], rows)
    return {"environment": found, "device": str(chosen), "extras": extras, "cache": str(cache)}, 0
