"""Evaluate: the test set, once, with everything that makes a score worth trusting.

This is the only place that opens a test set.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid import metrics
from pellucid.datasets import tokens
from pellucid.errors import GateFailed, UsageError, near
from pellucid.explain import inside, robustness
from pellucid.learners import outputs_of
from pellucid.verbs import scored, sketching
from pellucid.verbs.trained import Trained

SURE = "sure_above"  # a score of validation alone: what is needed to answer
WORST = 40  # mistakes in the gallery
EMBEDDED = 1000  # test samples in the two-dimensional picture
SPOILED = 1000  # test pictures in colour that are made worse; grey ones are cheap and all are


@dataclass(frozen=True)
class Evaluation:
    """What the test set says of a network.

    Attributes:
        scores: of the task's metrics.
        document: all of it as JSON; ``scores.json`` holds this.
        arrays: what pictures are drawn from, by name.
    """

    scores: dict[str, metrics.Score]
    document: dict[str, Any]
    arrays: dict[str, Any] = field(repr=False)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{name}</td><td>{score}</td></tr>" for name, score in self.scores.items())
        return f"<table><caption>On the test set</caption>{rows}</table>"

    def __str__(self) -> str:
        return "\n".join(f"{name}: {score}" for name, score in self.scores.items())


def evaluate(trained: Trained, *, command: str = "") -> Evaluation:
    """Test a network on the test set of its task: each sample once; one that plays, in whole games.

    The document says of which step its weights are, as a training may go on.
    """
    found = _judge(trained, command)
    return replace(found, document={"step": trained.step, **found.document})


def _judge(trained: Trained, command: str) -> Evaluation:
    if trained.task.gives == "actions":
        from pellucid.verbs import games  # drawing is slow to import

        tested = games.evaluate(trained, command=command)
        return Evaluation(tested.scores, tested.document, {"tested": tested})
    if trained.task.gives == "text":
        from pellucid.verbs import translations  # drawing is slow to import

        return Evaluation(*translations.scored(trained, command), {})
    data = trained.data()
    test = data.test()
    logits, targets = outputs_of(trained.network, trained.task, test, trained.facts)
    found = trained.task.metrics(logits, targets, trained.facts)
    document: dict[str, Any] = {
        "command": command,
        "split": "test",
        "n": len(test),
        "scores": {name: score.to_json() for name, score in found.items()},
    }
    arrays: dict[str, Any] = {"logits": logits.numpy(), "targets": targets.numpy()}
    if trained.task.gives == "classes":
        _judge_classes(trained, data.valid, test, document, arrays)
    return Evaluation(found, document, arrays)


@dataclass(frozen=True)
class Gate:
    """A bound that a score must keep.

    Attributes:
        name: of the score.
        bound: it must be at least this; at most, where ``smaller`` is better.
    """

    name: str
    bound: float
    smaller: bool = False

    def __str__(self) -> str:
        return f"--at-{'most' if self.smaller else 'least'} {self.name}={self.bound:g}"

    def check(self, score: metrics.Score) -> None:
        """Hold a score against the bound.

        Raises:
            GateFailed: it does not keep it.
        """
        if score.value > self.bound if self.smaller else score.value < self.bound:
            raise GateFailed(f"{self.name} is {score}; asked for was {self}")


def check_gates(trained: Trained, gates: Sequence[Gate]) -> None:
    """Refuse a gate on a score that the training itself never recorded, before the test set is opened.

    Raises:
        UsageError: there is no such score.
    """
    evaluated = [record["scores"] for record in trained.run.progress() if record.get("scores")]
    if evaluated:
        _require_known(gates, [name for name in evaluated[-1] if name != SURE])


@dataclass(frozen=True)
class Tested:
    """The answers to a test set, sample by sample, in its order.

    Attributes:
        targets: ``(N,)`` true classes.
        probabilities: ``(N, K)`` float64.
        samples: the test set itself.
        temperature: that was chosen on validation.
    """

    targets: np.ndarray
    probabilities: np.ndarray
    samples: Any = field(repr=False)
    temperature: float = 1.0

    @cached_property
    def predicted(self) -> np.ndarray:
        """The answers: ``(N,)`` classes."""
        return self.probabilities.argmax(1)

    @property
    def calibrated(self) -> np.ndarray:
        """The probabilities at the temperature: ``(N, K)``."""
        shares = self.probabilities ** (1 / self.temperature)
        return shares / shares.sum(1, keepdims=True)

    @cached_property
    def doubtful(self) -> np.ndarray:
        """Whether each label is doubtful: ``(N,)``."""
        return metrics.doubtful(self.calibrated, self.targets)

    def sample(self, index: int) -> np.ndarray:
        """Return one raw sample."""
        return self.samples[torch.tensor([index])][0][0].numpy()


def tested(trained: Trained) -> Tested:
    """Answer the test set of a classifier once more, to show what is behind the scores that it has.

    Raises:
        UsageError: the run was not evaluated, and its test set stays closed until it is; or it was with the
            weights of another step.
    """
    found = scored.evaluation(trained.run)
    if not found:
        raise UsageError("this run was not tested yet; evaluate it first")
    if found.get("step", trained.step) != trained.step:
        raise UsageError(
            f"{trained.run.path.name}: the weights that were tested are those of step {found['step']:,}, and "
            f"by now it has those of step {trained.step:,}; test it again"
        )
    test = trained.data().test()
    probabilities, targets = judged(trained, test)
    return Tested(targets, probabilities, test, found.get("temperature", {}).get("value", 1.0))


def judged(trained: Trained, samples: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities ``(N, K)`` of samples, float64, and their true classes ``(N,)``."""
    logits, targets = outputs_of(trained.network, trained.task, samples, trained.facts)
    return _softmax(logits.numpy()), targets.numpy()


def require(evaluation: Evaluation, gates: Sequence[Gate]) -> None:
    """Hold scores against their bounds.

    Raises:
        GateFailed: a score does not keep one.
        UsageError: there is no such score.
    """
    _require_known(gates, evaluation.scores)
    for gate in gates:
        gate.check(evaluation.scores[gate.name])


def _require_known(gates: Sequence[Gate], scores: Collection[str]) -> None:
    for gate in gates:
        if gate.name not in scores:
            near_by = near(gate.name, scores)
            raise UsageError(f'no score "{gate.name}"; the scores are {", ".join(scores)}.{near_by}')


def _judge_classes(
    trained: Trained, valid: Any, test: Any, document: dict[str, Any], arrays: dict[str, Any]
) -> None:
    """Add what only a classifier can be asked: confusion, calibration, mistakes, robustness."""
    logits, targets, names = arrays["logits"], arrays["targets"], trained.facts["classes"]
    probabilities = _softmax(logits)
    arrays["confusion"] = metrics.confusion(logits, targets)
    rows = metrics.per_class(arrays["confusion"])
    document["classes"] = list(names)
    document["per_class"] = [{"class": name, **row.to_json()} for name, row in zip(names, rows, strict=True)]
    document["confusion"] = arrays["confusion"].tolist()
    document["confusion_axes"] = "rows are true classes, columns are predicted classes"

    valid_logits, valid_targets = outputs_of(trained.network, trained.task, valid, trained.facts)
    temperature = metrics.fit_temperature(valid_logits.numpy(), valid_targets.numpy())
    document["temperature"] = {"value": temperature, "chosen on": "validation", "n": len(valid_targets)}
    document["calibration"] = metrics.calibration(probabilities, targets).to_json()
    document["calibration_with_temperature"] = metrics.calibration(
        _softmax(logits / temperature), targets
    ).to_json()

    if trained.task.takes.kind == "drawing":
        document |= sketching.judge(trained, (valid_logits.numpy(), valid_targets.numpy()), temperature)

    worst = metrics.worst(probabilities, targets, WORST)
    document["mistakes"] = [
        {
            "index": int(i),
            "true": names[targets[i]],
            "predicted": names[int(probabilities[i].argmax())],
            "probability": float(probabilities[i].max()),
            "probability_of_true": float(probabilities[i, targets[i]]),
        }
        for i in worst
    ]
    if trained.task.takes.kind == "text":
        for mistake in document["mistakes"]:
            raw, _ = test[torch.tensor([mistake["index"]])]
            mistake["text"] = " ".join(tokens.spelled(raw[0].numpy(), trained.facts))
    arrays.update(worst=worst, probabilities=probabilities)
    _add_images(trained, test, document, arrays)


def _add_images(trained: Trained, test: Any, document: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Add what needs the images: robustness, the worst mistakes' pictures, features for the map."""
    targets, logits = arrays["targets"], arrays["logits"]
    raw, _ = test[torch.arange(len(test))]
    if raw.ndim in (3, 4) and raw.dtype == torch.uint8:
        every = 1 if raw.ndim == 3 else -(-len(raw) // SPOILED)
        spoiled, known = raw[::every], torch.from_numpy(targets)[::every]
        found = robustness.curves(lambda images: _classify(trained, images), spoiled, known)
        document["robustness"] = {
            name: {
                "levels": list(curve.levels),
                "unit": robustness.UNITS[name],
                "accuracy": [score.to_json() for score in curve.accuracies],
            }
            for name, curve in found.items()
        }
        arrays["worst_images"] = raw[arrays["worst"]].numpy()
    some = torch.arange(min(EMBEDDED, len(test)))
    inputs, _ = trained.task.prepare(raw[some], facts=trained.facts)
    arrays["features"] = inside.penultimate(trained.network, inputs)
    arrays["embedded"] = targets[: len(some)]
    arrays["embedded_wrong"] = logits[: len(some)].argmax(1) != targets[: len(some)]


def _classify(trained: Trained, raw: Tensor) -> Tensor:
    with torch.inference_mode():
        prepared = (trained.task.prepare(part, facts=trained.facts)[0] for part in raw.split(1000))
        parts = [trained.task.ask(trained.network, inputs, trained.facts) for inputs in prepared]
    return torch.cat(parts)


def _softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).double().softmax(1).numpy()
