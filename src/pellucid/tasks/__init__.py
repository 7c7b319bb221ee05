"""The tasks by name. This file imports none of them; ``find`` imports the one that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pellucid.errors import UsageError, near

if TYPE_CHECKING:
    from pellucid.task import Task

TASKS = {
    "digits": "pellucid.tasks.digits:Digits",
    "images": "pellucid.tasks.images:Images",
    "sketches": "pellucid.tasks.sketches:Sketches",
    "sentences": "pellucid.tasks.sentences:Sentences",
    "atari": "pellucid.tasks.atari:Atari",
    "translation": "pellucid.tasks.translation:Translation",
    "speech": "pellucid.tasks.speech:Speech",
    "words": "pellucid.tasks.words:Words",
}
NETWORKS = {
    "digits": ("mlp", "cnn", "lenet", "example"),
    "images": (
        "quick",
        "resnet20",
        "resnet32",
        "resnet44",
        "resnet56",
        "resnet110",
        "preresnet110",
        "preresnet164",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnet50-v1.5",
    ),
    "sketches": ("cnn", "strokes"),
    "sentences": ("rand", "static", "non-static", "multichannel"),
    "atari": ("small", "nature", "minatar"),
    "translation": ("convs2s",),
    "speech": ("wavenet",),
    "words": ("cnn",),
}
SUMMARIES = {
    "digits": "read handwritten digits with an MLP or a CNN (MNIST); the main job",
    "images": "classify your own folder of pictures, one sub-folder a class",
    "sketches": "play pictionary: guess drawings, from pixels or from pen strokes (Quick, Draw!)",
    "sentences": "classify text with a convolution over words (Kim 2014)",
    "atari": "play Atari from pixels (DQN, Mnih et al. 2015)",
    "translation": "translate with convolutions and attention (ConvS2S, Gehring et al. 2017)",
    "speech": "speak digits and sing notes, raw audio sample by sample (WaveNet)",
    "words": "recognise spoken words: the voice user interface",
}


def network_of(task: Mapping[str, Any]) -> str:
    """Return the network of a ``task.json``: what it says, or the only one of the task; "" if unknown."""
    known = NETWORKS.get(str(task.get("task")), ())
    return str(task.get("network") or (known[0] if len(known) == 1 else ""))


def find(name: str) -> type[Task]:
    """Return the class of a task.

    Raises:
        UsageError: there is no such task; the near match is named.
    """
    if name not in TASKS:
        raise UsageError(f'no task "{name}"; the tasks are {", ".join(TASKS)}.{near(name, TASKS)}')
    module, kind = TASKS[name].split(":")
    return getattr(import_module(module), kind)
