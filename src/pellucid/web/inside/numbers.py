"""Numbers one by one: pixels, softmax, a window of a kernel, a gradient; and the way back to any of them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Query

from pellucid.explain import walk
from pellucid.verbs import normalised
from pellucid.verbs.nodes import OWN_RATE, changed, index, number
from pellucid.verbs.scene import Scene
from pellucid.verbs.trace import Reference, trace
from pellucid.web.commands import Spoken
from pellucid.web.inside.scenes import Class, Looking, SampleId, chosen, shown
from pellucid.web.library import block
from pellucid.web.refusals import Refusal

MOST_TESTED = 2000  # validation images of one accuracy
MOST_DEVIATION = 100
HISTOGRAM = 2000  # training images of the histogram
MOST_LINE = 2**17  # moments of one channel
MOST_NEXT = 64  # of what may come next
MOST_BEFORE = 40  # of what came before it
MOST_CHAIN = 2**16  # products of one gradient that are sent

router = APIRouter(prefix="/api/v1", tags=["inside"])
Changed = Annotated[str, Query(max_length=500, description="temperature;class=score;... such as 2;3=4.5")]
Numbers = Annotated[str, Query(max_length=80, pattern=r"^(\d+(,\d+)*)?$")]
Channels = Annotated[str, Query(max_length=200, description="a number for each channel: 0.49,0.48,0.45")]


@router.get("/runs/{run}/pixels")
def pixels(run: str, sample: SampleId, look: Looking) -> dict[str, Any]:
    """Return a picture as raw values and as the network takes it, and its normalisation."""
    with look.at(run, sample) as scene:
        mean, deviation = normalised.centre_and_scale(scene.ready)
        found = {
            "raw": shown(scene, "raw"),
            "input": shown(scene, "input"),
            "mean": mean,
            "deviation": deviation,
            "true": scene.true,
            "classes": scene.classes,
            "normalisations": normalised.known(scene.ready),
        }
    data = look.library.data(scene.ready.task)
    raw, _ = data.train[torch.arange(min(HISTOGRAM, len(data.train)))]
    if raw.dtype != torch.uint8:
        return found | {"histogram": None, "images": len(raw)}
    channels = raw.reshape(-1, len(mean)).T.long()  # in colour they are the last axis
    counts = [torch.bincount(each, minlength=256).tolist() for each in channels]
    return found | {"histogram": counts, "images": len(raw)}


@router.get("/runs/{run}/normalised")
def accuracy(
    run: str,
    mean: Channels,
    deviation: Channels,
    look: Looking,
    count: Annotated[int, Query(ge=1, le=MOST_TESTED)] = 500,
) -> dict[str, Any]:
    """Return the scores on validation images that are normalised in another way than in training."""
    means, deviations = ([number(part) for part in each.split(",")] for each in (mean, deviation))
    if not all(0 < each <= MOST_DEVIATION for each in deviations):
        raise Refusal(422, "deviation", f"deviation is {deviation}; expected above 0, to {MOST_DEVIATION}")
    with look.at(run, "valid:0") as scene:
        valid = look.library.data(scene.ready.task).valid
        raw, targets = valid[torch.arange(min(count, len(valid)))]
        return normalised.scores(scene.ready, raw, targets, means, deviations)


@router.get("/runs/{run}/softmax")
def softmax(
    run: str, sample: SampleId, look: Looking, target: Class = None, given: Changed = "1"
) -> dict[str, Any]:
    """Return softmax term by term and the loss of a class, for scores that a person may have changed."""
    with look.at(run, sample) as scene:
        true = chosen(scene, target)
        names = ("scores", "shifted", "exponentials", "total", "largest", "probabilities")
        found = {name: shown(scene, f"{name}:{given}") for name in names}
        found |= {"given": shown(scene, "scores"), "loss": shown(scene, f"loss:{true}:{given}")}
        loss = walk.cross_entropy(changed(scene.scores, given), true)
        return found | {
            "gradient": shown(scene, f"loss-gradient:{true}:{given}"),
            "classes": scene.classes,
            "target": true,
            "curve": {
                "probabilities": loss.curve_probabilities.tolist(),
                "losses": loss.curve_losses.tolist(),
            },
        }


@router.get("/runs/{run}/next")
def following(
    run: str,
    sample: SampleId,
    look: Looking,
    place: Annotated[int, Query(ge=0, le=10**6)] = 0,
    temperature: Annotated[float, Query(gt=0, le=100)] = 1.0,
    count: Annotated[int, Query(ge=1, le=MOST_NEXT)] = 10,
) -> dict[str, Any]:
    """Return softmax term by term over what may come at one place of what the network writes.

    ``listed`` are the most probable and what came; the blocks hold their elements of the tensors, in order.
    """
    with look.at(run, sample) as scene:
        found, given = scene.choices, f"next:{place}:{{}}:{temperature!r}"
        chances = scene.tensor(given.format("probabilities"))
        listed = np.argsort(-chances, kind="stable")[:count].tolist()
        came = found.came[place]
        listed += [came] if came not in listed else []
        terms = ("scores", "shifted", "exponentials", "probabilities")
        return {
            "place": place,
            "places": len(found.came),
            "of": len(chances),
            "before": [found.name(each) for each in found.came[max(0, place - MOST_BEFORE) : place]],
            "came": came,
            "listed": [{"index": index, "name": found.name(index)} for index in listed],
            **{name: shown(scene, given.format(name), listed) for name in terms},
            **{name: shown(scene, given.format(name)) for name in ("largest", "total")},
        }


@router.get("/runs/{run}/kernel")
def kernel(
    run: str,
    sample: SampleId,
    look: Looking,
    layer: Annotated[str, Query(max_length=200)],
    channel: Annotated[int, Query(ge=0, le=10**6)] = 0,
    position: Numbers = "",
) -> dict[str, Any]:
    """Take one output of a convolution or a linear layer apart: inputs, weights, products, sum, bias."""
    with look.at(run, sample) as scene:
        found = scene.window(layer, channel, index(position))
        end = f"{layer}:{channel}:{position}" if position else f"{layer}:{channel}"
        module = dict(scene.layered.named_modules())[layer]
        return {
            **{name: shown(scene, f"{name}:{end}") for name in ("values", "kernel", "products", "sum")},
            "places": found.places.tolist(),
            "inside": found.inside.tolist(),
            "first": found.first,
            "reach": scene.reach(layer),
            "bias": None if module.bias is None else shown(scene, f"weight:{layer}.bias"),
            "channel": channel,
            "output": {"value": found.output, "ref": _element(scene, f"after:{layer}", found.index)},
            "apart": found.apart,
            "layer": repr(module),
            "before": {"shape": list(scene.activation(layer).before.shape[1:])},
            "after": {"shape": list(scene.activation(layer).after.shape[1:])},
        }


@router.get("/runs/{run}/line")
def line(
    run: str,
    sample: SampleId,
    look: Looking,
    layer: Annotated[str, Query(max_length=200)],
    side: Annotated[str, Query(pattern="^(before|after)$")],
    channel: Annotated[int, Query(ge=0, le=10**6)] = 0,
) -> dict[str, Any]:
    """Return one channel of what a layer over time sees or gives; ``{}`` in its ref stands for the moment."""
    with look.at(run, sample) as scene:
        values, ref = scene.over_time(layer, side, channel)
    if len(values) > MOST_LINE:
        raise Refusal(413, "large", f"this line has more than {MOST_LINE} numbers")
    return block(values, ref)


@router.get("/runs/{run}/gradient")
def gradient(
    run: str,
    sample: SampleId,
    look: Looking,
    weight: Annotated[str, Query(max_length=200)],
    at: Numbers = "",
    target: Class = None,
    learning_rate: Annotated[float | None, Query(gt=0, le=1000)] = None,
) -> dict[str, Any]:
    """Return the numbers that make one weight's gradient, and the first step of every optimiser."""
    with look.at(run, sample) as scene:
        true = chosen(scene, target)
        found = scene.weight(true, weight, index(at), learning_rate)
        end = f"{true}:{weight}:{at}"
        rate = OWN_RATE if learning_rate is None else repr(learning_rate)
        return {
            "weight": weight,
            "at": list(found.index),
            "target": true,
            "classes": scene.classes,
            "loss": shown(scene, f"loss:{true}"),
            "value": {"value": found.value, "ref": _element(scene, f"weight:{weight}", found.index)},
            "gradient": {
                "value": found.gradient,
                "ref": _element(scene, f"gradient:{true}:{weight}", found.index),
            },
            "slope": shown(scene, f"slope:{end}"),
            "chain": None if found.chain is None else _uses(scene, weight, found.index, end),
            "moves": [
                vars(move) | {"ref": scene.ref(f"step:{true}:{move.optimizer}:{rate}:{weight}:{at}")}
                for move in found.moves
            ],
            "parameters": _parameters(scene.walk(true)),
        }


@router.get("/runs/{run}/walk")
def walked(
    run: str,
    sample: SampleId,
    look: Looking,
    true: Class = None,
    optimizer: Annotated[str, Query(max_length=40)] = "sgd",
    learning_rate: Annotated[float | None, Query(gt=0, le=1000)] = None,
) -> dict[str, Any]:
    """Return the whole walk as JSON: forward, softmax, loss, backward, one step of an optimiser."""
    with look.at(run, sample) as scene:
        return scene.walk(chosen(scene, true), optimizer, learning_rate).to_json()


@router.get("/trace")
def traced(ref: Annotated[str, Query(max_length=800)], look: Looking, spoken: Spoken) -> dict[str, Any]:
    """Compute the tensor of a reference anew and tell everything about the number."""
    wanted = Reference.read(ref)
    opened = look.library.open(wanted.run)
    if wanted.weights not in ("", opened.sha8):
        raise Refusal(409, "weights", f"the weights are {opened.sha8} now, not {wanted.weights}")
    with look.at(wanted.run, wanted.sample) as scene:
        return trace(scene, ref, spoken.where(wanted.run)).to_json()


def _element(scene: Scene, node: str, at: tuple[int, ...]) -> str:
    return f"{scene.ref(node)}[{','.join(map(str, at))}]"


def _parameters(there: walk.Walk) -> list[dict[str, Any]]:
    """Return the weights that can be picked, and those of greatest gradient in each."""
    return [
        {
            "name": parameter.name,
            "kind": layer.kind,
            "shape": list(parameter.value.shape),
            "norm": parameter.gradient_norm,
            "largest": [{"at": list(top.index), "gradient": top.gradient} for top in parameter.largest],
        }
        for layer in there.layers
        for parameter in layer.parameters
    ]


def _uses(scene: Scene, weight: str, at: tuple[int, ...], end: str) -> dict[str, Any]:
    """Return what a weight met at each use, and the shapes of the maps that it stands between."""
    seen = scene.activation(weight.rpartition(".")[0])
    blocks = {name: shown(scene, f"{name}:{end}") for name in ("went-in", "came-back", "met", "met-sum")}
    if blocks["met"]["shape"][0] > MOST_CHAIN:
        raise Refusal(
            422, "large", f"this weight is used more than {MOST_CHAIN} times; pick one of a later layer"
        )
    return blocks | {"from": list(seen.before.shape[1:]), "to": list(seen.after.shape[1:])}
