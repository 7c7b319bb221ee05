"""The network of PyTorch's basic MNIST example (github.com/pytorch/examples, mnist/main.py).

The same layers in the same order. What differs: it returns logits where the example ends in log-softmax, and
its dropout is this package's cheaper one; in the example the first dropout, too, is per value.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from pellucid.models.dropout import Dropout


class MnistExample(nn.Sequential):
    """``(N, 1, 28, 28)`` images to ``(N, classes)`` logits; 1,199,882 parameters with ten classes.

    The example trains it with Adadelta (learning rate 1, times 0.7 after each epoch), batches of 64, 14
    epochs, pixels standardised with mean 0.1307 and deviation 0.3081.

    Args:
        classes: how many scores come out.
    """

    def __init__(self, classes: int = 10):
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(1, 32, 3),  # (N, 1, 28, 28) -> (N, 32, 26, 26)
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(32, 64, 3),  # -> (N, 64, 24, 24)
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(2),  # -> (N, 64, 12, 12)
                dropout2=Dropout(0.25),
                flatten=nn.Flatten(),
                hidden3=nn.Linear(64 * 12 * 12, 128),
                relu3=nn.ReLU(),
                dropout3=Dropout(0.5),
                scores=nn.Linear(128, classes),
            )
        )
