"""Networks that value actions from pixels: the deep Q-networks of 2013 and 2015, and their later heads.

Papers: Mnih et al. 2013 (arXiv:1312.5602), Mnih et al. 2015 (Nature 518, 529), Wang et al. 2016 (dueling),
Bellemare et al. 2017 (categorical), Dabney et al. 2018 (quantile), Young and Tian 2019 (MinAtar). Weights and
biases begin uniform in +-1/sqrt(fan in), which is torch's default and was Lua torch's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# name -> convolutions (filters, size, stride), hidden units
BODIES: dict[str, tuple[tuple[tuple[int, int, int], ...], int]] = {
    "nature": (((32, 8, 4), (64, 4, 2), (64, 3, 1)), 512),
    "small": (((16, 8, 4), (32, 4, 2)), 256),
    "minatar": (((16, 3, 1),), 128),
}


class DQN(nn.Module):
    """``(N, C, H, W)`` frames in [0, 1] -> ``(N, A)``: what each action is worth.

    Args:
        shape: ``(C, H, W)`` of an input; C holds the frames of a stack.
        actions: how many there are.
        body: a name in ``BODIES``.
        dueling: estimate the worth of the state and of the actions apart, each with its own hidden layer.
        kind: "mean" learns one number an action, "quantile" the quantiles of its return, "categorical" the
            probabilities of fixed returns.
        atoms: quantiles, or fixed returns, of an action; 1 for "mean".
        bounds: the lowest and highest fixed return of "categorical".
    Raises:
        ValueError: an input is too small for the convolutions.
    """

    support: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        actions: int,
        *,
        body: str = "nature",
        dueling: bool = False,
        kind: str = "mean",
        atoms: int = 1,
        bounds: tuple[float, float] = (-10.0, 10.0),
    ):
        super().__init__()
        convolutions, hidden = BODIES[body]
        layers: list[nn.Module] = []
        (channels, *sides), given = shape, shape
        for filters, size, stride in convolutions:
            if min(sides) < size:
                raise ValueError(f'frames of {given} are too small for the network "{body}"')
            layers += [nn.Conv2d(channels, filters, size, stride), nn.ReLU()]
            channels, sides = filters, [(side - size) // stride + 1 for side in sides]
        self.body = nn.Sequential(*layers, nn.Flatten())
        features = channels * sides[0] * sides[1]
        self.actions, self.atoms, self.kind = actions, atoms, kind
        self.advantage = _stream(features, hidden, actions * atoms)
        self.value = _stream(features, hidden, atoms) if dueling else None
        if kind == "categorical":
            self.register_buffer("support", torch.linspace(*bounds, atoms))

    def forward(self, frames: Tensor) -> Tensor:
        """Return the expected return of each action: ``(N, A)``."""
        return self.expected(self.returns(frames))

    def returns(self, frames: Tensor) -> Tensor:
        """Return what the head says of each action's return: ``(N, A, K)``.

        That is the return itself, its quantiles, or the logits of the fixed returns.
        """
        value, advantage = self._streams(frames)
        return advantage if value is None else value + advantage - advantage.mean(1, keepdim=True)

    def expected(self, returns: Tensor) -> Tensor:
        """Turn what the head says into means: ``(..., K)`` -> ``(...)``."""
        if self.kind == "categorical":
            return returns.softmax(-1) @ self.support
        return returns.mean(-1)

    def apart(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return the worth of the state, ``(N,)``, and what each action adds to it, ``(N, A)``.

        Without a dueling head the worth of the state is that of its best action. With one it is the mean over
        the actions, which is what the value stream says: the head takes the advantages' mean away.
        """
        worth = self(frames)
        best = worth.mean(1) if self.value is not None else worth.amax(1)
        return best, worth - best[:, None]

    def _streams(self, frames: Tensor) -> tuple[Tensor | None, Tensor]:
        features = self.body(frames)
        advantage = self.advantage(features).view(-1, self.actions, self.atoms)
        return (None if self.value is None else self.value(features)[:, None]), advantage


def _stream(features: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
