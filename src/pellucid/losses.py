"""Losses: torch's for training, and the same mathematics in plain numpy for reading.

The plain functions are the forward and backward steps of a multilayer perceptron, one line of algebra each.
``pellucid walk`` runs them beside autograd and shows how far the two are apart. Arrays may have any floating
type; the result has the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.errors import DataError, UsageError

Array = NDArray[np.floating]


def classification(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    class_weights: Sequence[float] | torch.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Mean cross-entropy in nats of ``logits`` against ``targets``, from torch's.

    Args:
        logits: ``(N, K)`` class scores before softmax.
        targets: ``(N,)`` integers in [0, K - 1], or ``(N, K)`` shares of the classes.
        class_weights: K numbers >= 0, each a factor of the loss of its class. The mean is over the N samples,
            not over their weights, so that the mean over several processes is that of the whole batch.
        label_smoothing: in [0, 1): the share of certainty that is spread over all classes (Szegedy et al.
            2016, section 7).
    Returns:
        A scalar.
    Raises:
        UsageError: weights or smoothing out of range.
    """
    if not 0 <= label_smoothing < 1:
        raise UsageError(f"label smoothing is {label_smoothing}; expected a number in [0, 1), such as 0.1.")
    if class_weights is None:
        return nn.functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    weight = torch.as_tensor(class_weights, dtype=logits.dtype, device=logits.device)
    if weight.shape != logits.shape[1:]:
        raise UsageError(
            f"{weight.numel()} class weights for {logits.shape[1]} classes; expected one a class."
        )
    total = nn.functional.cross_entropy(
        logits, targets, weight, label_smoothing=label_smoothing, reduction="sum"
    )
    return total / len(targets)


def softmax(logits: Array) -> Array:
    """Turn scores into probabilities: exp(z) over its sum along the last axis (Bridle 1990).

    The largest score is taken off first: the quotient stays the same, and exp never overflows.
    """
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def log_softmax(logits: Array) -> Array:
    """Return log(softmax(logits)) without ever taking the logarithm of a rounded zero."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits: Array, targets: NDArray[np.integer]) -> float:
    """Mean over the batch of -log p of the true class, in nats.

    Args:
        logits: ``(N, K)``.
        targets: ``(N,)`` in [0, K - 1].
    Raises:
        DataError: a target that is no class.
    """
    return float(-log_softmax(logits)[np.arange(len(logits)), _checked(logits, targets)].mean())


def cross_entropy_gradient(logits: Array, targets: NDArray[np.integer]) -> Array:
    """Gradient of ``cross_entropy`` by the logits: (softmax - one-hot) / N, of shape ``(N, K)``."""
    gradient = softmax(logits)
    gradient[np.arange(len(logits)), _checked(logits, targets)] -= 1
    return gradient / len(logits)


def softmax_gradient(logits: Array, upstream: Array) -> Array:
    """Gradient by the logits of a function whose gradient by the probabilities is ``upstream``."""
    probabilities = softmax(logits)
    return probabilities * (upstream - (probabilities * upstream).sum(axis=-1, keepdims=True))


def log_softmax_gradient(logits: Array, upstream: Array) -> Array:
    """Gradient by the logits of a function whose gradient by the log-probabilities is ``upstream``."""
    return upstream - softmax(logits) * upstream.sum(axis=-1, keepdims=True)


def relu(inputs: Array) -> Array:
    """Keep what is positive, clip the rest to 0 (Nair & Hinton 2010)."""
    return np.maximum(inputs, 0)


def relu_gradient(inputs: Array, upstream: Array) -> Array:
    """Pass ``upstream`` where the input was positive, block it elsewhere (at 0 too, as torch does)."""
    return np.where(inputs > 0, upstream, 0)


def linear(inputs: Array, weight: Array, bias: Array | None = None) -> Array:
    """Weighted sums: ``inputs (N, I)``, ``weight (O, I)``, ``bias (O,)`` -> ``(N, O)``."""
    outputs = inputs @ weight.T
    return outputs if bias is None else outputs + bias


def linear_gradients(inputs: Array, weight: Array, upstream: Array) -> tuple[Array, Array, Array]:
    """Gradients of ``linear`` by its inputs ``(N, I)``, weight ``(O, I)`` and bias ``(O,)``.

    ``upstream`` is the gradient by its outputs, ``(N, O)``. A weight's gradient is the input that went in
    times the upstream gradient that came back, summed over the batch.
    """
    return upstream @ weight, upstream.T @ inputs, upstream.sum(axis=0)


def _checked(logits: Array, targets: NDArray[np.integer]) -> NDArray[np.integer]:
    classes = logits.shape[-1]
    wrong = targets[(targets < 0) | (targets >= classes)]
    if wrong.size:
        raise DataError(f"A target is {wrong[0]}; expected a class in [0, {classes - 1}].")
    return targets
