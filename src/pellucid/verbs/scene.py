"""A scene: one sample in one network, in which every tensor has a name and every number a reference.

A reference is ``RUN@WEIGHTS/SAMPLE/NODE[i,j]``: the run's identifier, the first eight digits of the SHA-256
of its weights, the sample (``valid:12``, or the digits of the SHA-256 of an input of one's own), the tensor's
name in the scene, and the index of one element. ``NODES`` are the names; their parts stand between colons.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
import torch

from pellucid.errors import UsageError, near
from pellucid.explain import inside, sanity, walk, watching, window
from pellucid.verbs.explain import Explanation, explain
from pellucid.verbs.predict import VALID, prepared
from pellucid.verbs.trained import Ready

DIGITS = 16  # of the hash that names a sample
RATE = "own"  # an optimiser's own learning rate


def name_of(sample: np.ndarray) -> str:
    """Return what an input of one's own is called: the first digits of its SHA-256."""
    return hashlib.sha256(np.ascontiguousarray(sample).tobytes()).hexdigest()[:DIGITS]


class Scene:
    """One sample in one network.

    Args:
        ready: the network is copied, so that others may use it meanwhile.
        sample: as the data hold it, before ``prepare``.
        place: ``RUN@WEIGHTS``.
        name: ``valid:12``; the sample's hash unless given.
        true: its class, where it is known.
    """

    def __init__(
        self,
        ready: Ready,
        sample: np.ndarray,
        *,
        place: str,
        name: str | None = None,
        true: int | None = None,
    ):
        self.ready = dataclasses.replace(ready, network=copy.deepcopy(ready.network).eval())
        self.sample, self.true, self.place = sample, true, place
        self.name = name if name and name.startswith(VALID) else name_of(sample)

    def ref(self, node: str) -> str:
        """Return the reference of a tensor."""
        return f"{self.place}/{self.name}/{node}"

    def tensor(self, node: str) -> np.ndarray:
        """Return the tensor of a name, without the batch.

        Raises:
            UsageError: there is no tensor of this name.
        """
        kind, *parts = node.split(":")
        if kind not in NODES:
            raise UsageError(f'there is no tensor "{node}".{near(kind, NODES)} There are: {", ".join(NODES)}')
        try:
            return np.asarray(NODES[kind](self, *parts))
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise UsageError(f'"{node}": {kind} does not take {len(parts)} parts') from None

    @cached_property
    def inputs(self) -> torch.Tensor:
        """The sample as the network takes it, a batch of one."""
        return prepared(self.ready, self.sample)

    @cached_property
    def activations(self) -> list[inside.Activation]:
        """What every layer sees and gives, in the order in which they run."""
        return inside.layers(self.ready.network, self.inputs)

    @cached_property
    def scores(self) -> torch.Tensor:
        """The network's output, ``(1, K)`` for one that names classes."""
        with torch.no_grad():
            return self.ready.network(self.inputs)

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.ready.facts.get("classes", ()))

    @property
    def target(self) -> int:
        """The true class, or the answer where it is not known."""
        return int(self.scores[0].argmax()) if self.true is None else self.true

    def walk(self, target: int, optimizer: str = "sgd", learning_rate: float | None = None) -> walk.Walk:
        """Return the walk to the loss of ``target`` and back."""
        return self._walk(target, optimizer, learning_rate)

    def explanation(self, target: int) -> Explanation:
        """Return the maps of ``target`` and those of the network with random weights."""
        return self._explanation(target)

    def softmax(self, given: str) -> walk.Softmax:
        """Return softmax term by term; ``given`` is as ``changed`` takes it."""
        return walk.softmax(changed(self.scores, given)[0])

    def activation(self, layer: str, call: str = "1") -> inside.Activation:
        """Return what a layer saw and gave in its first or a later call."""
        calls = [each for each in self.activations if each.name == layer]
        if not calls:
            known = list(dict.fromkeys(each.name for each in self.activations))
            raise UsageError(f'no layer "{layer}" runs; there are {", ".join(known)}.{near(layer, known)}')
        number = whole(call)
        if not 1 <= number <= len(calls):
            raise UsageError(f'"{layer}" is called {len(calls)} times; there is no call {call}')
        return calls[number - 1]

    def window(self, layer: str, channel: int, position: tuple[int, ...]) -> window.Window:
        """Return one output of a layer taken apart."""
        module = watching.module_named(self.ready.network, layer)
        before = torch.from_numpy(self.activation(layer).before)
        return window.window(module, before, channel, position)

    @cached_property
    def _walk(self) -> Callable[..., walk.Walk]:
        @lru_cache(maxsize=4)
        def made(target: int, optimizer: str, learning_rate: float | None) -> walk.Walk:
            return walk.walk(
                self.ready.network,
                self.inputs,
                target,
                classes=self.classes,
                optimizer=optimizer,
                learning_rate=learning_rate,
            )

        return made

    @cached_property
    def _explanation(self) -> Callable[[int], Explanation]:
        return lru_cache(maxsize=4)(lambda target: explain(self.ready, self.sample, target))


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


def _parameter(scene: Scene, target: str, name: str) -> np.ndarray:
    for layer in scene.walk(_class(scene, target)).layers:
        for parameter in layer.parameters:
            if parameter.name == name:
                return parameter.gradient
    raise UsageError(f'no weights "{name[:80]}" have a gradient')


def _state(scene: Scene, name: str) -> np.ndarray:
    state = scene.ready.network.state_dict()
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


def _loss(scene: Scene, target: str, given: str = "1") -> np.ndarray:
    changed_scores = changed(scene.scores, given)
    return np.float32(walk.cross_entropy(changed_scores, _class(scene, target)).value)


def _window(scene: Scene, part: str, layer: str, channel: str, position: str = "") -> np.ndarray:
    return np.asarray(getattr(scene.window(layer, whole(channel), index(position)), part))


def _similarity(scene: Scene, target: str, method: str) -> np.ndarray:
    maps = (_map(scene, which, target, method) for which in ("maps", "twins"))
    return np.float64(sanity.rank_correlation(*maps))


NODES: dict[str, Callable[..., np.ndarray]] = {
    "raw": lambda scene: scene.sample,
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
    "loss": _loss,
    "loss-gradient": lambda scene, target, given="1": (
        walk.cross_entropy(changed(scene.scores, given), _class(scene, target)).gradient
    ),
    "input-gradient": lambda scene, target: scene.walk(_class(scene, target)).inputs_gradient,
    "upstream": _upstream,
    "gradient": _parameter,
    "values": lambda scene, *parts: _window(scene, "values", *parts),
    "kernel": lambda scene, *parts: _window(scene, "weights", *parts),
    "products": lambda scene, *parts: _window(scene, "products", *parts),
    "sum": lambda scene, *parts: _window(scene, "total", *parts),
    "map": lambda scene, target, method: _map(scene, "maps", target, method),
    "random-map": lambda scene, target, method: _map(scene, "twins", target, method),
    "likeness": _similarity,
}
