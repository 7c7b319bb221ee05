"""The contract: a task is its hyperparameters, and its methods stand in the order in which data flows.

``data`` -> ``prepare`` -> ``model`` -> ``loss`` -> ``learner`` while training;
``metrics`` -> ``answer`` -> ``picture`` -> ``explain`` afterwards.
Flags, JSON and the web form come from the fields. ``pellucid check FILE`` says whether a task of your own
keeps the contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from pellucid import metrics
from pellucid.engine import Learner
from pellucid.learners import Supervised
from pellucid.media import Input
from pellucid.metrics import Score
from pellucid.seeding import Draws
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Split(Protocol):
    """A part of the data; ``torch.utils.data.TensorDataset`` is one."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs and targets at ``indices``: ``(N,)`` int64, each in [0, len)."""


@dataclass(frozen=True)
class Data:
    """The material of a task.

    Attributes:
        train: what the weights are fitted to.
        valid: what choices are made on; cut from the official training set.
        test: opens the official test set. Nothing but ``evaluate`` calls it.
        facts: what the data taught us and the model or a picture needs later, as JSON: ``classes``,
            ``counts``, ``licence``, ``source`` and whatever ``prepare`` and ``model`` read.
    """

    train: Split
    valid: Split
    test: Callable[[], Split]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the network says of one input, in words and numbers.

    A task whose answers are more than that returns a subclass with more fields.

    Attributes:
        text: the answer in one word or line.
        probabilities: one number in [0, 1] for each class, in their order; empty where there are no classes.
        logits: the class scores before softmax.
    """

    text: str
    probabilities: dict[str, float] = field(default_factory=dict)
    logits: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON object."""
        return dict(vars(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td><meter min=0 max=1 value={p:.4f}></meter></td><td>{p:.2%}</td></tr>"
            for name, p in self.probabilities.items()
        )
        return f"<table><caption>{self.text}</caption>{rows}</table>"


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A thing to learn. Subclass it as a frozen dataclass; its fields are its hyperparameters.

    Class attributes:
        name: how the command line calls it.
        earlier: what fields that came later were in the runs that do not state them.
        goal: the validation score that picks the best weights; larger is better unless it starts with "-".
        takes: how what a person gives becomes one raw input.
        gives: what an answer is: "classes", "text", "sound" or "actions".
        paths: fields that may name a file or folder, and what tells whether a value does; found anywhere.
        lasting: facts that must be as they were when the data are used after the training; none, all of them.
        only: fields that have an effect under some choices alone: name -> (the field that chooses, the
            choices). As flags they are refused under any other.
    """

    name: ClassVar[str]
    earlier: ClassVar[dict[str, Any]] = {}
    goal: ClassVar[str] = "accuracy"
    takes: ClassVar[Input]
    gives: ClassVar[str] = "classes"
    paths: ClassVar[dict[str, Callable[[str], bool]]] = {}
    lasting: ClassVar[tuple[str, ...]] = ()
    only: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {}

    training: Training = field(default_factory=Training)

    @abstractmethod
    def data(self) -> Data:
        """Read the material; the test set stays closed."""

    @abstractmethod
    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Turn raw inputs into what the model takes; the same for training and for use.

        Args:
            inputs: ``(N, ...)`` raw samples as the data hold them.
            targets: ``(N, ...)``, or None where there is nothing to compare with.
            facts: of the data.
            draws: random numbers for augmentation; None outside training, and then nothing is random.
        """

    @abstractmethod
    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network, untrained."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return what training makes small: a scalar, the mean over the batch."""

    def learner(self, data: Data) -> Learner:
        """Return how one batch changes the weights; supervised learning unless a task says otherwise."""
        return Supervised(self, data)

    def outcome(
        self, network: nn.Module, inputs: Any, targets: Any, facts: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Return of one prepared batch what ``metrics`` takes: outputs and targets, one row a sample.

        That is the network's own output, unless that is too large to keep for a whole test set (the logits of
        every audio sample) and is better summed up here.
        """
        return network(inputs), targets

    @abstractmethod
    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Score outputs against targets, each score with its interval and its n."""

    def ask(self, network: nn.Module, inputs: Any, facts: dict[str, Any]) -> Any:
        """Ask a trained network about prepared inputs: ``(N, ...)`` -> one output each.

        That is one pass through it, unless an answer is made step by step (a translation, a sound).
        """
        return network(inputs)

    @abstractmethod
    def answer(self, output: Any, facts: dict[str, Any]) -> Answer:
        """Put one output, ``(K,)`` or what ``ask`` has for one input, into words, from ``facts`` alone."""

    @abstractmethod
    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw one raw sample beside its answer."""

    def explain(
        self, network: nn.Module, inputs: Tensor, target: int, facts: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        """Return where the network looked: method -> ``(H, W)``, for one prepared input ``(1, C, H, W)``."""
        from pellucid.explain.gradients import saliency  # only those who ask why load it

        return {"saliency": np.abs(saliency(network, inputs, target)[0]).max(0)}


@dataclass(frozen=True, kw_only=True)
class Classifier(Task):
    """A task whose outputs are the scores of ``facts["classes"]``: ``(N, K)`` before softmax."""

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Return accuracy and mean cross-entropy."""
        logits, classes = outputs.numpy(), targets.numpy()
        return {"accuracy": metrics.accuracy(logits, classes), "loss": metrics.cross_entropy(logits, classes)}

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Name the class with the largest score."""
        names, probabilities = facts["classes"], output.double().softmax(0)
        return Answer(
            text=names[int(output.argmax())],
            probabilities=dict(zip(names, probabilities.tolist(), strict=True)),
            logits=dict(zip(names, output.tolist(), strict=True)),
        )
