"""What each optimiser does in one step: the papers' equations in plain numpy.

These are for reading and for racing (``pellucid.explain.race``); training uses torch's fast versions, which
the tests hold against these step for step. Every function has the form
``update(parameter, gradient, state, step, *, learning_rate, ...) -> parameter``: arrays of one shape,
``state`` a dictionary that is empty before the first step and is changed in place, ``step`` counted from 1.
The default settings are those of ``pellucid.optimizers.DEFAULTS``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
State = dict[str, Array]

# Coefficients of Muon's quintic iteration (Jordan et al. 2024): steep at 0, so that five rounds are enough.
QUINTIC = (3.4445, -4.7750, 2.0315)


def sgd(parameter: Array, gradient: Array, state: State, step: int, *, learning_rate: float) -> Array:
    """Go downhill: p <- p - r g (Robbins & Monro 1951)."""
    return parameter - learning_rate * gradient


def momentum(
    parameter: Array, gradient: Array, state: State, step: int, *, learning_rate: float, momentum: float = 0.9
) -> Array:
    """Let the speed remember: v <- m v + g; p <- p - r v (Polyak 1964; Sutskever et al. 2013, eq. 1-2)."""
    velocity = state["velocity"] = momentum * state.get("velocity", 0.0) + gradient
    return parameter - learning_rate * velocity


def nesterov(
    parameter: Array, gradient: Array, state: State, step: int, *, learning_rate: float, momentum: float = 0.9
) -> Array:
    """Look ahead along the velocity: p <- p - r (g + m v) (Nesterov 1983; Sutskever et al. 2013, eq. 3, 4).

    Written for the point looked ahead at, as in Bengio et al. 2012 (arXiv:1212.0901), eq. 7.
    """
    velocity = state["velocity"] = momentum * state.get("velocity", 0.0) + gradient
    return parameter - learning_rate * (gradient + momentum * velocity)


def adagrad(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    epsilon: float = 1e-10,
) -> Array:
    """Divide by the root of all squares so far (Duchi, Hazan & Singer 2011, eq. 1, diagonal form)."""
    squares = state["squares"] = state.get("squares", 0.0) + gradient**2
    return parameter - learning_rate * gradient / (np.sqrt(squares) + epsilon)


def adadelta(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float = 1.0,
    rho: float = 0.9,
    epsilon: float = 1e-6,
) -> Array:
    """Give the step the parameter's own unit: RMS of changes by RMS of gradients (Zeiler 2012, alg. 1)."""
    squares = state["squares"] = rho * state.get("squares", 0.0) + (1 - rho) * gradient**2
    past = state.get("changes", np.zeros_like(gradient))
    change = np.sqrt(past + epsilon) / np.sqrt(squares + epsilon) * gradient
    state["changes"] = rho * past + (1 - rho) * change**2
    return parameter - learning_rate * change


def rmsprop(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    rho: float = 0.9,
    epsilon: float = 1e-7,
) -> Array:
    """Divide by the root of a running mean of squares (Tieleman & Hinton 2012, lecture 6e, slide 29).

    ``epsilon`` is added to the root, as in torch and Keras up to version 2; Keras 3 adds it under the root.
    """
    squares = state["squares"] = rho * state.get("squares", 0.0) + (1 - rho) * gradient**2
    return parameter - learning_rate * gradient / (np.sqrt(squares) + epsilon)


def adam(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Array:
    """Mean of gradients by root of mean of squares, both freed of their start at 0 (Kingma & Ba 2015)."""
    mean = state["mean"] = beta1 * state.get("mean", 0.0) + (1 - beta1) * gradient
    squares = state["squares"] = beta2 * state.get("squares", 0.0) + (1 - beta2) * gradient**2
    mean, squares = mean / (1 - beta1**step), squares / (1 - beta2**step)
    return parameter - learning_rate * mean / (np.sqrt(squares) + epsilon)


def adamw(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    weight_decay: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Array:
    """Shrink the weights beside Adam's step, not through the gradient (Loshchilov & Hutter 2019, alg. 2)."""
    shrunk = parameter * (1 - learning_rate * weight_decay)
    settings = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
    return adam(shrunk, gradient, state, step, **settings)


def nadam(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Array:
    """Adam that looks ahead, with a first moment's decay that warms up (Dozat 2016, alg. 2, decay 0.004)."""
    now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (0.004 * t)) for t in (step, step + 1))
    product = state["product"] = state.get("product", np.float64(1.0)) * now
    mean = state["mean"] = beta1 * state.get("mean", 0.0) + (1 - beta1) * gradient
    squares = state["squares"] = beta2 * state.get("squares", 0.0) + (1 - beta2) * gradient**2
    direction = ahead * mean / (1 - product * ahead) + (1 - now) * gradient / (1 - product)
    return parameter - learning_rate * direction / (np.sqrt(squares / (1 - beta2**step)) + epsilon)


def muon(
    parameter: Array,
    gradient: Array,
    state: State,
    step: int,
    *,
    learning_rate: float,
    weight_decay: float = 0.01,
    momentum: float = 0.95,
) -> Array:
    """Make a matrix's momentum nearly orthogonal, so that no direction is left behind (Jordan et al. 2024).

    ``parameter`` is a matrix. Step size after Liu et al. 2025 (arXiv:2502.16982), eq. 4; looks ahead.
    """
    mean = state["mean"] = momentum * state.get("mean", 0.0) + (1 - momentum) * gradient
    ahead = momentum * mean + (1 - momentum) * gradient
    scale = 0.2 * np.sqrt(max(parameter.shape))
    return parameter * (1 - learning_rate * weight_decay) - learning_rate * scale * orthogonal(ahead)


def orthogonal(matrix: Array, *, rounds: int = 5, epsilon: float = 1e-7) -> Array:
    """Push the singular values of ``matrix`` to 1 by Muon's Newton-Schulz iteration (Jordan et al. 2024).

    The result has singular values in about [0.7, 1.2], unless one was tiny beside the largest.
    """
    a, b, c = QUINTIC
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / max(float(np.linalg.norm(wide)), epsilon)
    for _ in range(rounds):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


UPDATES: dict[str, Callable[..., Array]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
    "nadam": nadam,
    "muon": muon,
}
