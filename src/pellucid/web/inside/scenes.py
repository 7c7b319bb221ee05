"""The scenes that were looked at last, one looker at a time each, and few at work at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Query, Request

from pellucid.verbs.scene import Scene
from pellucid.verbs.utterance import Utterance
from pellucid.web.library import Kept, Library, Opened, Sample, block
from pellucid.web.refusals import Refusal

MOST_SCENES = 12  # kept, each with a copy of its network
MOST_UTTERANCES = 4  # kept, each with the logits of all its samples
MOST_SEARCHES = 32  # for what excites the units of a layer
AT_ONCE = 4  # at work
PATIENCE = 10.0  # seconds that a request waits for its turn


class Scenes:
    """Scenes over a library, made once and shared by the requests that name the same sample.

    ``excited`` keeps which images excite the units of a layer, by (place, layer); ``utterances`` what was
    drawn sample by sample, by (run, weights, request, draw).
    """

    def __init__(self, library: Library):
        self.library = library
        self._kept: Kept[tuple[Scene, threading.Lock]] = Kept(MOST_SCENES)
        self.excited: Kept[Any] = Kept(MOST_SEARCHES)
        self.utterances: Kept[Utterance] = Kept(MOST_UTTERANCES)
        self._stages: Kept[Mapping[str, np.ndarray]] = Kept(MOST_SCENES)
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def at(self, run: str, sample: str) -> Iterator[Scene]:
        """Hold a scene, so that nobody else works in it meanwhile.

        Raises:
            Refusal: no such run or sample, or too much is under way.
        """
        with self.turn():
            opened = self.library.open(run)
            scene, lock = self._scene(opened, self.library.sample(opened, sample))
            if not lock.acquire(timeout=PATIENCE):
                raise Refusal(503, "busy", "this network is being looked into; try again", retry_after=1)
            try:
                yield scene
            finally:
                lock.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to compute; what waits too long is sent away."""
        if not self._turns.acquire(timeout=PATIENCE):
            raise Refusal(503, "busy", "too much is being looked into at once; try again", retry_after=1)
        try:
            yield
        finally:
            self._turns.release()

    def keep(self, opened: Opened, stages: Mapping[str, np.ndarray]) -> Sample:
        """Keep an input of a person with the stages that led to it."""
        sample = self.library.keep(list(stages.values())[-1])
        self._stages.get(sample.id, lambda: stages)
        return sample

    def _scene(self, opened: Opened, sample: Sample) -> tuple[Scene, threading.Lock]:
        def make() -> tuple[Scene, threading.Lock]:
            scene = Scene(
                opened.trained,
                sample.raw,
                place=f"{opened.id}@{opened.sha8}",
                name=sample.id,
                true=sample.target,
                stages=self._stages.peek(sample.id),
            )
            return scene, threading.Lock()

        return self._kept.get((opened.id, opened.sha8, sample.id), make)


def scenes(request: Request) -> Scenes:
    """Return the scenes of the application, for routes: ``Depends(scenes)``."""
    state = request.app.state
    if not hasattr(state, "scenes"):
        state.scenes = Scenes(state.library)
    return state.scenes


Looking = Annotated[Scenes, Depends(scenes)]
SampleId = Annotated[str, Query(max_length=80, description="valid:12, or the id that an answer gave")]
Class = Annotated[int | None, Query(ge=0, le=10**6, description="the true class, or the answer")]


def shown(scene: Scene, node: str, elements: list[int] | None = None) -> dict[str, Any]:
    """Return a tensor of a scene as a block; of a vector only the ``elements``, if they are given."""
    tensor = scene.tensor(node)
    return block(tensor if elements is None else tensor[elements], scene.ref(node))


def chosen(scene: Scene, target: int | None) -> int:
    """Return the class that is meant: the given one, or the true one, or the answer.

    Raises:
        Refusal: the network does not answer with classes, or has no such class.
    """
    if not scene.classes or scene.scores.shape != (1, len(scene.classes)):
        raise Refusal(422, "classes", "this network does not answer with class scores")
    if target is None:
        return scene.target
    if target >= len(scene.classes):
        raise Refusal(422, "class", f"there is no class {target}; expected 0 to {len(scene.classes) - 1}")
    return target
