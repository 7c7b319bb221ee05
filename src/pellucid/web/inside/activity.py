"""What a network does: its graph, every layer's activations, what excites a unit, and why it answers so."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Query
from torch import nn

from pellucid.explain import anatomy, ascent, inside, sanity, window
from pellucid.explain.graph import graph
from pellucid.verbs.scene import Scene
from pellucid.web.inside.scenes import Class, Looking, SampleId, chosen, shown
from pellucid.web.library import block
from pellucid.web.refusals import Refusal

MOST_NUMBERS = 2**16  # of a tensor that comes with the list of layers
MOST_SENT = 2**20  # of a tensor that is asked for by name
SEARCHED = 2000  # validation images among which the exciting ones are looked for
FRAMES = 33  # of a climb

router = APIRouter(prefix="/api/v1", tags=["inside"])
LayerName = Annotated[str, Query(max_length=200)]


@router.get("/runs/{run}/graph")
def network(run: str, look: Looking) -> dict[str, Any]:
    """Return the network's graph: calls, shapes, parameters, operations, receptive fields, who feeds whom."""
    with look.at(run, "valid:0") as scene:
        inputs = scene.inputs
        nodes = graph(scene.layered, inputs)
        rows = iter(anatomy.describe(scene.layered, tuple(inputs.shape[1:]), dtype=inputs.dtype))
        totals = anatomy.totals(scene.layered, tuple(inputs.shape[1:]), dtype=inputs.dtype)
        weights = {name: list(value.shape) for name, value in scene.ready.network.state_dict().items()}
        return {
            "nodes": [vars(node) | {"facts": vars(next(rows)) if node.layer else None} for node in nodes],
            "totals": vars(totals),
            "weights": weights,
            "kind": type(scene.ready.network).__name__,
            "lines": _lines(scene),
        }


@router.get("/runs/{run}/layers")
def layers(run: str, sample: SampleId, look: Looking) -> dict[str, Any]:
    """Return what every layer gives for one input, and what a ReLU took."""
    with look.at(run, sample) as scene:
        found, calls = [], {}  # type: ignore[var-annotated]
        modules = dict(scene.layered.named_modules())
        axes = _axes(scene)
        for each in scene.activations:
            call = calls[each.name] = calls.get(each.name, 0) + 1
            end = each.name if call == 1 else f"{each.name}:{call}"
            small = max(each.after.size, each.before.size) <= MOST_NUMBERS
            bends = each.clipped is not None
            found.append(
                {
                    "name": each.name,
                    "call": call,
                    "kind": each.kind,
                    "channels": _channels(modules[each.name], each.before),
                    "from": list(each.before.shape[1:]),
                    "shape": list(each.after.shape[1:]),
                    "axis": axes[each.name],
                    "minimum": float(each.after.min()),
                    "mean": float(each.after.mean()),
                    "maximum": float(each.after.max()),
                    "clipped": each.clipped,
                    "share_clipped": each.share_clipped,
                    "after": shown(scene, f"after:{end}") if small else {"ref": scene.ref(f"after:{end}")},
                    "before": shown(scene, f"before:{end}") if small and bends else None,
                }
            )
        told = {"sample": scene.name, "true": scene.true, "classes": scene.classes}
        return {"input": shown(scene, "input"), "layers": found, **told}


@router.get("/runs/{run}/tensor")
def tensor(
    run: str, sample: SampleId, node: Annotated[str, Query(max_length=400)], look: Looking
) -> dict[str, Any]:
    """Return one tensor of a scene by its name."""
    with look.at(run, sample) as scene:
        found = shown(scene, node)
    if int(np.prod(found["shape"])) > MOST_SENT:
        raise Refusal(413, "large", f"this tensor has more than {MOST_SENT} numbers")
    return found


@router.get("/runs/{run}/exciting")
def exciting(
    run: str, look: Looking, layer: LayerName, unit: Annotated[int, Query(ge=0, le=10**6)] = 0
) -> dict[str, Any]:
    """Return the validation images that excite a unit most, strongest first."""
    with look.at(run, "valid:0") as scene:
        valid = look.library.data(scene.ready.task).valid
        raw, targets = valid[torch.arange(min(SEARCHED, len(valid)))]

        def search() -> inside.Excited:
            images, _ = scene.ready.task.prepare(raw, facts=scene.ready.facts)
            return inside.exciting(scene.layered, images, layer, axis=1 + _axes(scene).get(layer, 0))

        found = look.excited.get((scene.place, layer), search)
        if unit >= len(found.units):
            raise Refusal(422, "unit", f"this layer has the units 0 to {len(found.units) - 1}, not {unit}")
        places = found.indices[unit]
        return {
            "place": scene.place,
            "samples": [f"valid:{place}" for place in places],
            "targets": targets[places].tolist(),
            "activations": found.activations[unit].tolist(),
            "positions": found.positions[unit].tolist(),
            "searched": len(raw),
            "classes": scene.classes,
        }


@router.get("/runs/{run}/feature")
def feature(
    run: str,
    look: Looking,
    layer: LayerName,
    unit: Annotated[int, Query(ge=0, le=10**6)] = 0,
    seed: Annotated[int, Query(ge=0, le=2**31)] = 0,
    steps: Annotated[int, Query(ge=1, le=256)] = 128,
    smooth: Annotated[float, Query(ge=0, le=1)] = 0.2,
) -> dict[str, Any]:
    """Climb from noise to the image that excites a unit most; return images on the way."""
    with look.at(run, "valid:0") as scene:
        low, high = _values(scene)
        shape = tuple(scene.inputs.shape[1:])
        if len(shape) != 3:
            raise Refusal(422, "picture", "only networks that take pictures can be shown what excites them")
        climb = list(
            ascent.ascend(
                scene.layered,
                layer,
                unit,
                shape=shape,
                low=low,
                high=high,
                steps=steps,
                seed=seed,
                smooth=smooth,
            )
        )
        kept = sorted({round(at) for at in np.linspace(0, len(climb) - 1, FRAMES)})
        name = f"feature:{layer}:{unit}:{seed}:{steps}:{smooth!r}"
        return {
            "images": block(np.stack([climb[at].image for at in kept]), scene.ref(name)),
            "steps": [climb[at].step for at in kept],
            "activations": [each.activation for each in climb],
            "low": low,
            "high": high,
        }


@router.get("/runs/{run}/explain")
def explain(run: str, sample: SampleId, look: Looking, target: Class = None) -> dict[str, Any]:
    """Return where the network looked, by every method, beside the same map of a random network."""
    with look.at(run, sample) as scene:
        true = int(scene.scores[0].argmax()) if target is None else chosen(scene, target)
        found = scene.explanation(true)
        methods = []
        for name, values in found.maps.items():
            node = name.replace(" ", "-")
            twin = sanity.compare(values[None], found.twins[name][None])
            methods.append(
                {
                    "name": name,
                    "map": shown(scene, f"map:{true}:{node}"),
                    "twin": shown(scene, f"random-map:{true}:{node}"),
                    "likeness": {
                        "value": found.similarity[name],
                        "ref": scene.ref(f"likeness:{true}:{node}"),
                    },
                    "ssim": float(twin.ssim[0]),
                    "passes": found.passes(name),
                }
            )
        return {
            "answer": found.answer.text,
            "probabilities": shown(scene, "probabilities"),
            "target": true,
            "classes": scene.classes,
            "sample": shown(scene, "raw"),
            "methods": methods,
        }


@router.get("/runs/{run}/touches")
def touches(
    run: str,
    sample: SampleId,
    look: Looking,
    layer: LayerName,
    row: Annotated[int | None, Query(ge=0, le=10**6)] = None,
    column: Annotated[int | None, Query(ge=0, le=10**6)] = None,
) -> dict[str, Any]:
    """Prove a receptive field on the network itself: disturb the pixels and see what changes."""
    with look.at(run, sample) as scene:
        place = () if row is None or column is None else (row, column)
        found = anatomy.touches(scene.layered, scene.inputs, layer, place)
        return {
            "mask": block(found.mask.astype(np.uint8), scene.ref(f"touches:{layer}")),
            "seen": found.seen,
            "promised": found.promised,
            "outside": found.outside,
            "edges": found.edges,
            "agrees": found.agrees,
        }


def _axes(scene: Scene) -> dict[str, int]:
    """Return on which axis of its output, the batch left out, each layer has its units.

    It is the first, but the last behind layers that have their channels after time, as what reads words has.
    """
    found, last = {}, False
    modules = dict(scene.layered.named_modules())
    for each in scene.activations:
        if (side := _channels(modules[each.name], each.before)) is not None:
            last = side == "last"
        elif each.before.dtype.kind == "i":
            last = True
        found[each.name] = 1 if last and each.after.ndim == 3 else 0
    return found


def _channels(module: nn.Module, before: np.ndarray) -> str | None:
    """Return where a weighted sum has its channels, "first" or "last"; None for other layers."""
    if not window.can_be_walked(module):
        return None
    return "first" if window.channels_first(module, before) else "last"


def _values(scene: Scene) -> tuple[float, float]:
    """Return the smallest and the largest value that a prepared picture can have."""
    shape = tuple(scene.sample.shape)
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(-1, *[1] * len(shape)).expand(-1, *shape)
    inputs, _ = scene.ready.task.prepare(levels.clone(), facts=scene.ready.facts)
    return float(inputs.min()), float(inputs.max())


def _lines(scene: Scene) -> dict[str, str]:
    """Return where the source defines each layer."""
    from pellucid.verbs.trace import made_by

    names = {each.name for each in scene.activations if each.name}
    return {name: made_by(scene.layered, f"after:{name}")[1] for name in sorted(names)}
