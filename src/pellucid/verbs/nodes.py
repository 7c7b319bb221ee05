"""The names of the tensors in a scene, and how each is computed; see ``pellucid.verbs.scene``.

A name is a kind and its parts, between colons. Where scores matter, a last part says how a person changed
them: "2" divides them by a temperature of 2, "1;3=4.5" puts 4.5 for the score of class 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from pellucid.errors import UsageError, near
from pellucid.explain import sanity, walk

if TYPE_CHECKING:
    from pellucid.verbs.scene import Scene

OWN_RATE = "own"  # each optimiser's own learning rate


def whole(text: str) -> int:
    """Return a whole number, or raise ``UsageError``."""
    if not text.isascii() or not text.removeprefix("-").isdecimal() or len(text) > 9:
        raise UsageError(f'"{text[:40]}" stands where a whole number is expected')
    return int(text)


def index(text: str) -> tuple[int, ...]:
    """Return the numbers of "3,0,1"; none for an empty text."""
    return tuple(whole(part) for part in text.split(",")) if text else ()


def number(text: str) -> float:
    """Return a finite number, or raise ``UsageError``."""
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not np.isfinite(found):
        raise UsageError(f'"{text[:40]}" stands where a number is expected')
    return found


def changed(scores: torch.Tensor, given: str) -> torch.Tensor:
    """Return scores ``(1, K)`` as a person changed them.

    Args:
        given: "2" divides by a temperature of 2; "1;3=4.5;0=-1" then puts 4.5 for the score of class 3
            and -1 for that of class 0, before the division.
    Raises:
        UsageError: no such class, or no temperature above 0.
    """
    temperature, *pairs = given.split(";")
    if number(temperature) <= 0:
        raise UsageError(f"the temperature is {temperature}; expected more than 0")
    scores = scores.detach().clone()
    for pair in pairs:
        place, _, value = pair.partition("=")
        if not 0 <= whole(place) < scores.shape[1]:
            raise UsageError(f"there is no class {place}; expected 0 to {scores.shape[1] - 1}")
        scores[0, int(place)] = number(value)
    return scores / number(temperature) if number(temperature) != 1 else scores


def _stage(scene: Scene, name: str) -> np.ndarray:
    if name not in scene.stages:
        known = ", ".join(scene.stages) or "none; give the picture again"
        raise UsageError(f'there is no stage "{name[:40]}"; there are {known}')
    return scene.stages[name]


def _parameter(scene: Scene, target: str, name: str) -> np.ndarray:
    for layer in scene.walk(_class(scene, target)).layers:
        for parameter in layer.parameters:
            if parameter.name == name:
                return parameter.gradient
    raise UsageError(f'no weights "{name[:80]}" have a gradient')


def _state(scene: Scene, name: str) -> np.ndarray:
    state = {**scene.layered.state_dict(), **scene.ready.network.state_dict()}
    if name not in state:
        raise UsageError(f'no weights are called "{name[:80]}".{near(name, state)}')
    return state[name].numpy()


def _upstream(scene: Scene, target: str, layer: str, call: str = "1") -> np.ndarray:
    scene.activation(layer, call)  # refuses what is not there
    found = [each.gradient for each in scene.walk(_class(scene, target)).layers if each.name == layer]
    return found[whole(call) - 1]


def _map(scene: Scene, maps: str, target: str, method: str) -> np.ndarray:
    found = getattr(scene.explanation(_class(scene, target)), maps)
    spaced = {name.replace(" ", "-"): value for name, value in found.items()}
    if method not in spaced:
        raise UsageError(f'no method "{method[:40]}".{near(method, spaced)} There are: {", ".join(spaced)}')
    return spaced[method]


def _class(scene: Scene, target: str) -> int:
    if not 0 <= whole(target) < len(scene.classes):
        raise UsageError(f"there is no class {target}; expected 0 to {len(scene.classes) - 1}")
    return int(target)


def _loss(scene: Scene, target: str, given: str = "1") -> np.generic:
    changed_scores = changed(scene.scores, given)
    return np.float32(walk.cross_entropy(changed_scores, _class(scene, target)).value)


def _next(scene: Scene, place: str, part: str, given: str = "1") -> np.ndarray:
    found = scene.choices.scores
    if not 0 <= whole(place) < len(found):
        raise UsageError(f"there is no place {place}; expected 0 to {len(found) - 1}")
    softmax = walk.softmax(changed(found[whole(place)][None], given)[0])
    terms = {"scores" if name == "logits" else name: value for name, value in vars(softmax).items()}
    if part not in terms:
        raise UsageError(f'no part "{part[:40]}".{near(part, terms)} There are: {", ".join(terms)}')
    return np.asarray(terms[part], np.float32)


def _window(scene: Scene, part: str, layer: str, channel: str, position: str = "") -> np.ndarray:
    return np.asarray(getattr(scene.window(layer, whole(channel), index(position)), part))


def _chain(scene: Scene, part: str, target: str, name: str, at: str) -> np.ndarray:
    parts = scene.weight(_class(scene, target), name, index(at)).chain
    if parts is None:
        raise UsageError(f'"{name[:80]}" is no weight of a linear layer or a convolution')
    return np.asarray(getattr(parts, part))


def _step(scene: Scene, target: str, optimizer: str, rate: str, name: str, at: str) -> np.generic:
    learning_rate = None if rate == OWN_RATE else number(rate)
    moves = scene.weight(_class(scene, target), name, index(at), learning_rate).moves
    after = {move.optimizer: move.after for move in moves}
    if after.get(optimizer) is None:
        raise UsageError(f'"{optimizer[:40]}" does not move this weight.{near(optimizer, after)}')
    return np.float64(after[optimizer])


def _similarity(scene: Scene, target: str, method: str) -> np.generic:
    maps = (_map(scene, which, target, method) for which in ("maps", "twins"))
    return np.float64(sanity.rank_correlation(*maps))


NODES: dict[str, Callable[..., np.ndarray | np.generic]] = {
    "raw": lambda scene: scene.sample,
    "sample": lambda scene: scene.sample,
    "stage": _stage,
    "output": lambda scene: scene.scores[0].numpy(),
    "input": lambda scene: scene.inputs[0].numpy(),
    "before": lambda scene, layer, call="1": scene.activation(layer, call).before[0],
    "after": lambda scene, layer, call="1": scene.activation(layer, call).after[0],
    "weight": _state,
    "scores": lambda scene, given="1": changed(scene.scores, given)[0].numpy(),
    "shifted": lambda scene, given="1": scene.softmax(given).shifted,
    "exponentials": lambda scene, given="1": scene.softmax(given).exponentials,
    "total": lambda scene, given="1": np.float32(scene.softmax(given).total),
    "largest": lambda scene, given="1": np.float32(scene.softmax(given).largest),
    "probabilities": lambda scene, given="1": scene.softmax(given).probabilities,
    "next": _next,
    "loss": _loss,
    "loss-gradient": lambda scene, target, given="1": (
        walk.cross_entropy(changed(scene.scores, given), _class(scene, target)).gradient
    ),
    "input-gradient": lambda scene, target: scene.walk(_class(scene, target)).inputs_gradient,
    "upstream": _upstream,
    "gradient": _parameter,
    "went-in": lambda scene, *parts: _chain(scene, "inputs", *parts),
    "came-back": lambda scene, *parts: _chain(scene, "upstream", *parts),
    "met": lambda scene, *parts: _chain(scene, "products", *parts),
    "met-sum": lambda scene, *parts: np.float32(_chain(scene, "total", *parts)),
    "slope": lambda scene, target, name, at: np.float64(
        scene.weight(_class(scene, target), name, index(at)).difference
    ),
    "step": _step,
    "values": lambda scene, *parts: _window(scene, "values", *parts),
    "kernel": lambda scene, *parts: _window(scene, "weights", *parts),
    "products": lambda scene, *parts: _window(scene, "products", *parts),
    "sum": lambda scene, *parts: _window(scene, "total", *parts),
    "map": lambda scene, target, method: _map(scene, "maps", target, method),
    "random-map": lambda scene, target, method: _map(scene, "twins", target, method),
    "likeness": _similarity,
}
