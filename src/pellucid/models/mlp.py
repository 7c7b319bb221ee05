"""The multilayer perceptron: an image flattened to a vector, then layers of weighted sums.

``MLP()`` is 784-512-512-10, the network of the Keras example ``mnist_mlp`` (Chollet and others, 2015), which
adds dropout of 0.2 and its own initial weights: ``keras_mnist_mlp()``.
"""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from pellucid.models.dropout import Dropout

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class MLP(nn.Sequential):
    """``(N, ...)`` inputs of ``inputs`` numbers each to ``(N, classes)`` logits.

    The children are called ``flatten``, then ``hidden1``, ``relu1``, ``dropout1``, ``hidden2`` and so on
    (another activation gives its own name), and ``scores``.

    Args:
        inputs: numbers per sample, 28 * 28 for a digit.
        hidden: the width of each hidden layer; empty for a linear classifier.
        classes: how many scores come out.
        dropout: probability of dropping the output of a hidden layer, from 0 up to, not including, 1; with 0
            there are no dropout layers.
        activation: a name in ``ACTIVATIONS``.
    Raises:
        ValueError: a width below 1, a probability outside the range, or an unknown activation.
    """

    def __init__(
        self,
        inputs: int = 784,
        hidden: Sequence[int] = (512, 512),
        classes: int = 10,
        dropout: float = 0.0,
        activation: str = "relu",
    ):
        check_widths(inputs, hidden, classes)
        nonlinearity = find_activation(activation)
        layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        width = inputs
        for number, next_width in enumerate(hidden, start=1):
            layers[f"hidden{number}"] = nn.Linear(width, next_width)
            layers[f"{activation}{number}"] = nonlinearity()
            if dropout:
                layers[f"dropout{number}"] = Dropout(dropout)
            width = next_width
        layers["scores"] = nn.Linear(width, classes)
        super().__init__(layers)


def keras_mnist_mlp(inputs: int = 784, classes: int = 10) -> MLP:
    """Return the network of the Keras example ``mnist_mlp`` with Keras's initial weights.

    Two hidden layers of 512 ReLUs, dropout 0.2 after each: 669,706 parameters. The example trains it with
    RMSprop (1e-3, rho 0.9, epsilon 1e-7), batches of 128, 20 epochs, and reports 98.40 % on the test set.
    """
    return glorot_uniform(MLP(inputs, (512, 512), classes, dropout=0.2))


def glorot_uniform(network: MLP) -> MLP:
    """Give every layer Keras's initial weights, in place (Glorot and Bengio 2010, eq. 16); zero biases."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network


def check_widths(inputs: int, hidden: Sequence[int], classes: int) -> None:
    """Refuse layers without units."""
    widths = [inputs, *hidden, classes]
    if min(widths) < 1:
        sizes = "-".join(map(str, widths))
        raise ValueError(f"mlp: the layers are {sizes}, expected at least 1 unit in each")


def find_activation(name: str) -> type[nn.Module]:
    """Return the module class called ``name``."""
    if name not in ACTIVATIONS:
        close = difflib.get_close_matches(name, ACTIVATIONS, n=1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        raise ValueError(f'mlp: the activation is "{name}", expected one of {", ".join(ACTIVATIONS)}.{hint}')
    return ACTIVATIONS[name]
