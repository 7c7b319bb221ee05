"""A scene: one sample in one network, in which every tensor has a name and every number a reference.

A reference is ``RUN@WEIGHTS/SAMPLE/NODE[i,j]``: the run's identifier, the first eight digits of the SHA-256
of its weights, the sample (``valid:12``, or the digits of the SHA-256 of an input of one's own), the tensor's
name in the scene, and the index of one element. ``NODES`` are the names; their parts stand between colons.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache

import numpy as np
import torch

from pellucid.errors import UsageError, near
from pellucid.explain import inside, watching
from pellucid.explain import walk as walking
from pellucid.explain import weight as weighing
from pellucid.explain import window as windows
from pellucid.verbs.choices import Choices, choices
from pellucid.verbs.explain import Explanation, explain
from pellucid.verbs.nodes import NODES, changed, whole
from pellucid.verbs.predict import VALID, prepared
from pellucid.verbs.trained import Ready

OWN = "input-"  # how the name of an input of one's own begins
DIGITS = 16  # of the hash that names it


def name_of(sample: np.ndarray) -> str:
    """Return what an input of one's own is called, by its type, its shape and its content."""
    about = f"{sample.dtype} {sample.shape} ".encode()
    return OWN + hashlib.sha256(about + np.ascontiguousarray(sample).tobytes()).hexdigest()[:DIGITS]


class Scene:
    """One sample in one network.

    Args:
        ready: the network is copied, so that others may use it meanwhile.
        sample: as the data hold it, before ``prepare``.
        place: ``RUN@WEIGHTS``.
        name: ``valid:12``; the sample's hash unless given.
        true: its class, where it is known.
        stages: what a reader made of an input of one's own on the way to the sample, by name.
    """

    def __init__(
        self,
        ready: Ready,
        sample: np.ndarray,
        *,
        place: str,
        name: str | None = None,
        true: int | None = None,
        stages: Mapping[str, np.ndarray] | None = None,
    ):
        self.ready = dataclasses.replace(ready, network=copy.deepcopy(ready.network).eval())
        self.layered = watching.written_out(self.ready.network)  # the same weights, layer by layer
        self.sample, self.true, self.place = sample, true, place
        self.stages = dict(stages or {})
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
        return inside.layers(self.layered, self.inputs)

    @cached_property
    def scores(self) -> torch.Tensor:
        """The network's output, ``(1, K)`` for one that names classes."""
        with torch.no_grad():
            return self.ready.network(self.inputs)

    @cached_property
    def choices(self) -> Choices:
        """What a network that writes a sequence chose from, place by place."""
        return choices(self.ready, self.sample)

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.ready.facts.get("classes", ()))

    @property
    def target(self) -> int:
        """The true class, or the answer where it is not known."""
        return int(self.scores[0].argmax()) if self.true is None else self.true

    def walk(self, target: int, optimizer: str = "sgd", learning_rate: float | None = None) -> walking.Walk:
        """Return the walk to the loss of ``target`` and back."""
        return self._walk(target, optimizer, learning_rate)

    def explanation(self, target: int) -> Explanation:
        """Return the maps of ``target`` and those of the network with random weights."""
        return self._explanation(target)

    def softmax(self, given: str) -> walking.Softmax:
        """Return softmax term by term; ``given`` is as ``changed`` takes it."""
        return walking.softmax(changed(self.scores, given)[0])

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

    def window(self, layer: str, channel: int, position: tuple[int, ...]) -> windows.Window:
        """Return one output of a layer taken apart."""
        module = watching.module_named(self.layered, layer)
        before = torch.from_numpy(self.activation(layer).before)
        return windows.window(module, before, channel, position)

    def over_time(self, layer: str, side: str, channel: int) -> tuple[np.ndarray, str]:
        """Return one channel over time of what a weighted sum sees ("before") or gives ("after").

        Returns:
            ``(T,)``, and its reference, in which "{}" stands for the moment.
        Raises:
            UsageError: no weighted sum, not over time, or no such channel.
        """
        module = watching.module_named(self.layered, layer)
        activation = self.activation(layer)
        before = torch.from_numpy(activation.before)
        whole = (windows.sees if side == "before" else windows.gives)(module, before)
        if whole.ndim != 2 or not 0 <= channel < len(whole):
            raise UsageError(f'"{layer}" has no channel {channel} over time; {side} it is {whole.shape}')
        own = self.ref(f"{side}:{layer}")
        if side == "before" and activation.before.ndim == 2:  # codes, seen one-hot
            return whole[channel], f"one-hot({own}[{{}}])[{channel}]"
        first = windows.channels_first(module, before)
        return whole[channel], f"{own}[{channel},{{}}]" if first else f"{own}[{{}},{channel}]"

    def reach(self, layer: str) -> tuple[int, int] | None:
        """Return the first and the last moment that a weighted sum over time looks at; None for others."""
        module = watching.module_named(self.layered, layer)
        activation = self.activation(layer)
        before = torch.from_numpy(activation.before)
        if windows.as_sum(module, before)[1].ndim != 3:
            return None
        first = windows.channels_first(module, before)
        return windows.reach(module, before, activation.after.shape[2 if first else 1])

    def weight(
        self, target: int, name: str, at: tuple[int, ...], learning_rate: float | None = None
    ) -> weighing.OneWeight:
        """Return one weight's gradient taken apart, and the step that each optimiser would take."""
        network, there = self.ready.network, self.walk(target)
        return weighing.one_weight(network, there, name, at, learning_rate=learning_rate)

    @cached_property
    def _walk(self) -> Callable[..., walking.Walk]:
        @lru_cache(maxsize=4)
        def made(target: int, optimizer: str, learning_rate: float | None) -> walking.Walk:
            return walking.walk(
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
