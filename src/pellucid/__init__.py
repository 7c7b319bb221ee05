"""Convolutional networks you can see through.

Five lines from pixels to an honest score::

    import pellucid

    network = pellucid.train("digits")
    print(pellucid.evaluate(network))
    print(pellucid.predict(network, "photo.png").text)
    pellucid.explain(network, "photo.png")

Importing the package is quick: torch is loaded when the first of these names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "train": "pellucid.api",
    "evaluate": "pellucid.api",
    "predict": "pellucid.api",
    "explain": "pellucid.api",
    "load": "pellucid.api",
    "setting": "pellucid.api",
    "Answer": "pellucid.task",
    "Data": "pellucid.task",
    "Classifier": "pellucid.task",
    "Task": "pellucid.task",
    "Training": "pellucid.training",
    "Score": "pellucid.metrics",
    "ImageInput": "pellucid.media",
    "Digits": "pellucid.tasks.digits",
    "check_task": "pellucid.checks",
    "PellucidError": "pellucid.errors",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
