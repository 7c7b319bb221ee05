"""LeNet-5 in its usual modern form (LeCun, Bottou, Bengio and Haffner 1998, fig. 2).

The same layers and widths as the paper, on 28 x 28 images padded to its 32 x 32. What differs:

- ReLU instead of the scaled tanh, and largest of four instead of their trainable weighted sum (so S2 and S4
  have no parameters; the paper's have 12 and 32);
- every map of C3 sees all six maps of S2; in the paper's table I most see three or four (1,516 parameters,
  here 2,416);
- ten linear scores and softmax instead of distances to hand-drawn prototypes (radial basis functions).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class LeNet5(nn.Sequential):
    """``(N, 1, 28, 28)`` images to ``(N, classes)`` logits; 61,706 parameters with ten classes.

    The children carry the paper's letters: ``c1``, ``s2``, ``c3``, ``s4``, ``c5``, ``f6``, ``scores``.

    Args:
        classes: how many scores come out.
    """

    def __init__(self, classes: int = 10):
        super().__init__(
            OrderedDict(
                c1=nn.Conv2d(1, 6, 5, padding=2),  # (N, 1, 28, 28) -> (N, 6, 28, 28)
                relu1=nn.ReLU(),
                s2=nn.MaxPool2d(2),  # -> (N, 6, 14, 14)
                c3=nn.Conv2d(6, 16, 5),  # -> (N, 16, 10, 10)
                relu3=nn.ReLU(),
                s4=nn.MaxPool2d(2),  # -> (N, 16, 5, 5)
                c5=nn.Conv2d(16, 120, 5),  # -> (N, 120, 1, 1)
                relu5=nn.ReLU(),
                flatten=nn.Flatten(),
                f6=nn.Linear(120, 84),
                relu6=nn.ReLU(),
                scores=nn.Linear(84, classes),
            )
        )
