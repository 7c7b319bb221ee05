"""Explain: where a network looked in one input, and what its features are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.datasets import sketchbook
from pellucid.datasets.squares import over_the_photo
from pellucid.explain import inside, sanity
from pellucid.plots import features
from pellucid.task import Answer
from pellucid.verbs.predict import answer_to, prepared
from pellucid.verbs.trained import Ready

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Layer = TypeVar("Layer")
UNITS = 8  # units of a layer whose exciting images are shown
SEARCHED = 2000  # validation images among which they are looked for
DOUBTFUL = 0.5  # likeness to a random network's map from which on a map is not trusted
MAPS = 24  # feature maps of a layer that are shown
LAYERS = 4  # of each kind, from the first to the last
BENDS = ("ReLU", "GELU")  # kinds of layers that are shown before and after


@dataclass(frozen=True)
class Explanation:
    """Why a network answered as it did.

    Attributes:
        answer: what it said.
        target: the class that is explained.
        maps: method -> ``(H, W)``: how much each pixel spoke for the class.
        twins: the same for the network with randomised weights: a map that stays the same explains nothing
            (Adebayo et al. 2018).
        similarity: method -> rank correlation of the two, in [-1, 1].
        sample: the raw input.
    """

    answer: Answer
    target: str
    maps: dict[str, np.ndarray]
    twins: dict[str, np.ndarray]
    similarity: dict[str, float]
    sample: np.ndarray

    def passes(self, method: str) -> bool:
        """Say whether a method's map changes when the weights do, as one that tells of the network must."""
        return abs(self.similarity[method]) < DOUBTFUL

    def picture(self) -> Figure:
        """Draw the maps over the input, beside those of the randomised network."""
        title = f"Why {self.target}? Where the network looked"
        return features.heat(
            self.sample, self.maps, twins=self.twins, similarity=self.similarity, title=title
        )

    def _repr_png_(self) -> bytes:
        from pellucid.plots import canvas

        return canvas.png(self.picture())


def explain(ready: Ready, sample: np.ndarray, target: int | None = None) -> Explanation:
    """Explain the answer to one raw sample; ``target`` picks another class than the answer's."""
    inputs, answer = prepared(ready, sample), answer_to(ready, sample)
    said = answer.probabilities or answer.logits  # what plays has no probabilities
    names, chances = list(said), list(said.values())
    chosen = chances.index(max(chances)) if target is None else target
    task, facts = ready.task, ready.facts
    maps = task.explain(ready.network, inputs, chosen, facts)
    twins = task.explain(sanity.randomised(ready.network, seed=0), inputs, chosen, facts)
    similarity = {name: sanity.rank_correlation(maps[name], twins[name]) for name in maps}
    shown = sample
    if drawn(ready):
        shown = sketchbook.images(torch.from_numpy(np.array(sample))[None], facts)[0].numpy()
    elif task.takes.kind == "sound":
        shown = inputs[0, 0].numpy()  # where in the spectrogram it listened
    return Explanation(answer, names[chosen], maps, twins, similarity, shown)


def drawn(ready: Ready) -> bool:
    """Say whether the samples are strokes, which have no pixels of their own."""
    return bool(ready.facts.get("strokes"))


def photo_picture(found: Explanation, stages: dict[str, np.ndarray]) -> Figure | None:
    """Draw Grad-CAM over the whole photograph, where the sample is its middle; None elsewhere."""
    photo = stages.get("photo")
    if photo is None or photo.shape == found.sample.shape or "Grad-CAM" not in found.maps:
        return None
    shown = photo[:, :, :3] if photo.ndim == 3 else photo
    values = over_the_photo(found.maps["Grad-CAM"], shown.shape[:2])
    return features.over_photo(shown, values, name="Grad-CAM", title=f"Why {found.target}? Where it looked")


def layer_pictures(ready: Ready, sample: np.ndarray) -> Iterator[tuple[str, Figure]]:
    """Draw what each layer made of one sample: (name, figure), feature maps before and after they bend."""
    every = inside.layers(ready.network, prepared(ready, sample))
    for layer in spaced([each for each in every if each.kind in BENDS and each.before.ndim == 4]):
        before, after = layer.before[0], layer.after[0]
        maps = " x ".join(map(str, before.shape))
        title = f"{layer.name}: {maps}, before and after {layer.kind}"
        yield f"maps-{layer.name}", features.feature_maps(before[:MAPS], after[:MAPS], title=title)


def feature_pictures(ready: Ready) -> Iterator[tuple[str, Figure]]:
    """Draw what the network learned: first weights, filters, and the images that excite units most."""
    shape = tuple(ready.facts["shape"])
    first = inside.first_weights(ready.network, shape=(1, *shape) if len(shape) == 2 else None)
    if first.ndim == 3:  # (units, H, W): a weight for every pixel
        yield "first-weights", features.weights(first[:100])
    for name, kernels in spaced(list(inside.filters(ready.network).items())):
        yield f"filters-{name}", features.filters(kernels, title=f"Convolution filters of {name}")
    valid = ready.task.data().valid
    raw, _ = valid[torch.arange(min(SEARCHED, len(valid)))]
    images, _ = ready.task.prepare(raw, facts=ready.facts)
    for name in spaced(rectified(ready.network)):
        yield f"exciting-{name}", _exciting(ready.network, images, raw, name)


def spaced(layers: list[Layer]) -> list[Layer]:
    """Return at most ``LAYERS`` of them, evenly spaced from the first to the last."""
    if len(layers) <= LAYERS:
        return layers
    return [layers[round(i * (len(layers) - 1) / (LAYERS - 1))] for i in range(LAYERS)]


def rectified(network: nn.Module) -> list[str]:
    """Return the names of the ReLU and GELU layers, in order."""
    return [name for name, module in network.named_modules() if isinstance(module, (nn.ReLU, nn.GELU))]


def _exciting(network: nn.Module, images: Tensor, raw: Tensor, layer: str) -> Figure:
    found: Any = inside.exciting(network, images, layer, count=9)  # of all units: some layers have few
    names = [f"{layer}, unit {unit}" for unit in found.units[:UNITS]]
    rows = {name: raw[places].numpy() for name, places in zip(names, found.indices, strict=False)}
    values = dict(zip(names, found.activations, strict=False))
    return features.exciting(
        rows, values=values, title=f"Validation images that excite units of {layer} most"
    )
