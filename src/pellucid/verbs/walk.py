"""Walk: one input through the whole network and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import UsageError
from pellucid.explain import ngrams
from pellucid.explain import walk as walking
from pellucid.models.textcnn import FromVectors
from pellucid.verbs.predict import prepared
from pellucid.verbs.trained import Ready

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Walked:
    """A walk and the raw input it began with."""

    walk: walking.Walk
    sample: np.ndarray

    def picture(self) -> Figure:
        """Draw the whole walk as one tall page."""
        from pellucid.plots.walk import walk_page  # matplotlib is slow to import

        walk = self.walk
        layers = [_shown(layer) for layer in walk.layers[:-1] if _only_bends(layer)] + [
            _shown(walk.layers[-1])
        ]
        norms = {
            parameter.name: parameter.gradient_norm for layer in walk.layers for parameter in layer.parameters
        }
        return walk_page(
            self.sample,
            walk.inputs[0],
            layers,
            walk.softmax.logits,
            walk.softmax.probabilities,
            classes=walk.classes,
            true=walk.loss.target,
            loss=walk.loss.value,
            gradient_norms=norms,
            loss_after=walk.step.loss_after,
            step=f"one step of {walk.step.optimizer}, learning rate {walk.step.learning_rate:g}",
        )


def walk(
    ready: Ready,
    sample: np.ndarray,
    true: int | None,
    *,
    optimizer: str = "sgd",
    learning_rate: float | None = None,
) -> Walked:
    """Walk one raw sample through a network; without a ``true`` class its answer is taken."""
    if ready.task.gives != "classes":
        raise UsageError(
            f"walk follows one input to class scores and back, and {ready.task.name} gives "
            f"{ready.task.gives}; see where an answer comes from with: pellucid explain"
        )
    if ready.facts.get("strokes"):
        raise UsageError("walk shows a network that sees an image; this one was trained with pen strokes")
    if ready.task.gives != "classes":
        raise UsageError("walk ends at class scores; this network has none, see pellucid explain")
    inputs, network = prepared(ready, sample), ready.network
    if ready.task.takes.kind == "sound":
        sample = inputs[0, 0].numpy()  # the page shows what the network sees: the spectrogram
    if ready.task.takes.kind == "text":  # numbers of words have no gradient: the walk begins at their vectors
        network = ngrams.word_filters(network)
        inputs, network = network.embedded(inputs).detach(), FromVectors(network)
    target = int(network(inputs)[0].argmax()) if true is None else true
    found = walking.walk(
        network,
        inputs,
        target,
        classes=ready.facts["classes"],
        optimizer=optimizer,
        learning_rate=learning_rate,
    )
    return Walked(found, sample)


def _only_bends(layer: walking.Layer) -> bool:
    """Say whether a layer is an activation: it keeps the shape, changes values and has no weights."""
    same_shape = layer.before.shape == layer.after.shape
    return same_shape and not layer.parameters and not np.array_equal(layer.before, layer.after)


def _shown(layer: walking.Layer) -> dict[str, Any]:
    """Return an activation with what it changed, another layer with what came out."""
    bends = _only_bends(layer)
    return {
        "name": layer.name,
        "kind": layer.kind,
        "before": layer.before if bends else layer.after,
        "after": layer.after if bends else None,
        "clipped": layer.clipped,
    }
