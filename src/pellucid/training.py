"""How a network is trained, in numbers: the settings that every task shares, and the clock they set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from pellucid.errors import UsageError

MOST = {
    "epochs": 10**6,
    "steps": 10**12 - 1,  # the digits in the name of a saved state
    "batch_size": 10**9,
    "evaluate_every": 10**12,
    "seed": 2**63 - 1,
    "workers": 1024,
    "averaged": 100,
    "weight_decay": 10**6,
}


@dataclass(frozen=True)
class Training:
    """How a network is trained. Every task has one of these, and its fields are flags.

    Class attributes:
        only: fields that have an effect under some choices alone, as in ``Task``.
    Raises:
        UsageError: a value is outside its range.
    """

    only: ClassVar[dict[str, tuple[str, tuple[str, ...]]]] = {
        "warmup": ("schedule", ("one-cycle", "cosine", "linear", "constant")),
    }

    epochs: float = 10.0
    """passes through the training set"""
    steps: int | None = None
    """updates of the weights; set instead of epochs"""
    batch_size: int = 128
    """samples in one update, over all processes"""
    optimizer: Literal[
        "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "muon"
    ] = "adamw"
    """rule that turns gradients into steps"""
    learning_rate: float | None = None
    """peak learning rate; None takes the optimiser's own default"""
    weight_decay: float | None = None
    """pull of the weights towards zero; None takes the optimiser's own default"""
    beta2: float | None = None
    """memory of the squared gradients in adam, adamw and nadam; None takes the optimiser's own"""
    momentum: float | None = None
    """memory of the gradients in momentum, nesterov and muon; None takes the optimiser's own"""
    rho: float | None = None
    """memory of adadelta and rmsprop; None takes the optimiser's own default"""
    schedule: Literal["one-cycle", "cosine", "linear", "constant", "exponential", "plateau"] = "one-cycle"
    """how the learning rate changes with the step; exponential rises, for the range test of lr-find; plateau:
    a tenth for every validation from the first whose loss is no better on, until it falls below 1e-4"""
    warmup: float = 0.0
    """part of the steps, 0 to 1, over which the learning rate rises; one-cycle takes 0.3 when this is 0;
    exponential and plateau have none"""
    clip: float | None = None
    """largest norm of the whole gradient; None does not clip"""
    ema: float | None = None
    """decay of the moving average of the weights, such as 0.999; None keeps no average"""
    averaged: int = 1
    """evaluations, the last ones, whose mean weights are scored and kept; 1 takes each one's as they are"""
    evaluate_every: int | None = None
    """steps between validations and saves; None once an epoch"""
    patience: int | None = None
    """stop early after so many evaluations without a better one; None never"""
    keep: Literal["best", "last"] = "best"
    """which weights the run keeps, by validation score"""
    snapshots: float = 32.0
    """megabytes for the weights at evaluations, kept to look back at; 0 keeps none"""
    seed: int = 0
    """of the first weights, the order of samples, augmentation and dropout"""
    limit: int | None = None
    """train on this many samples only"""
    workers: int = 0
    """processes that load data which do not fit in memory"""
    device: str = "auto"
    """cpu, cuda, cuda:1, mps; auto takes the fastest there is"""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """arithmetic of the forward pass; auto takes bf16 where the device multiplies it faster"""
    compile: bool = False
    """torch.compile; costs a minute, pays on long trainings"""

    def __post_init__(self) -> None:
        positive = [
            "epochs",
            "steps",
            "batch_size",
            "learning_rate",
            "clip",
            "averaged",
            "evaluate_every",
            "patience",
            "limit",
        ]
        for name in positive:
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be above 0")
        for name in ("warmup", "ema", "beta2", "momentum", "rho"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise UsageError(f"--{name} is {value}; it must be at least 0 and below 1")
        if not 0 <= self.snapshots < math.inf:
            raise UsageError(f"--snapshots is {self.snapshots}; it must be 0 or more megabytes")
        for name, most in MOST.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be 0 to {most:,}")


@dataclass(frozen=True)
class Clock:
    """When things happen, in steps: one step is one update of the weights.

    Attributes:
        steps: how many there are.
        evaluate_every: a validation after every so many steps, and after the last.
        epoch_steps: how many make one pass through the training set.
    """

    steps: int
    evaluate_every: int
    epoch_steps: int

    @classmethod
    def of(cls, training: Training, samples: int) -> Clock:
        """Turn epochs into steps for ``samples`` training samples.

        A last, smaller batch counts as one; one of a single sample does not, see ``batches.paired``.
        """
        size = training.batch_size
        epoch_steps = math.ceil(samples / size) - (samples > size and samples % size == 1)
        steps = training.steps or max(1, round(training.epochs * epoch_steps))
        return cls(steps, training.evaluate_every or epoch_steps, epoch_steps)
