"""Atari: a network that plays from pixels (DQN; Mnih et al. 2015).

``Atari()`` is what learns fastest on two cores, ``paper()`` the paper's configuration with each constant's
source, ``minatar()`` that of Young and Tian 2019, ``tiny()`` a game of our own that needs no emulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from pellucid import bellman, metrics, playing
from pellucid.datasets import atari
from pellucid.datasets.games import Game
from pellucid.datasets.nature import PUBLISHED
from pellucid.errors import UsageError
from pellucid.media import FramesInput
from pellucid.metrics import Score
from pellucid.models.dqn import DQN
from pellucid.qlearning import QLearner
from pellucid.seeding import Draws
from pellucid.task import Answer, Data, Task
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKED_AT = 64  # moments of random play that stand for the data
EVERY = 5  # steps between them
LICENCES = {
    "atari": ("the games belong to their makers; the emulator is under the GPL-2", "ale-py, with its ROMs"),
    "minatar": ("GPL-3", "MinAtar (Young and Tian 2019)"),
    "catch": ("made here, Apache-2.0", "datasets.games.Catch, after bsuite's catch"),
}
POSITIVE: tuple[str, ...] = (
    "atoms", "n_step", "replay", "start", "games", "steps_per_update", "target_every", "stack", "repeat",
    "frames", "episodes", "validation_episodes", "epoch",
)  # fmt: skip
SHARES = ("epsilon", "sticky", "discount", "evaluation_epsilon", "beta")


@dataclass(frozen=True, kw_only=True)
class Atari(Task):
    """Play a game from its pixels.

    Raises:
        UsageError: a field is outside its range, or there is no such game.
    """

    name: ClassVar[str] = "atari"
    goal: ClassVar[str] = "score"
    takes: ClassVar[FramesInput] = FramesInput()
    gives: ClassVar[str] = "actions"
    only = {
        "atoms": ("returns", ("quantile", "categorical")),
        "bounds": ("returns", ("categorical",)),
    }

    game: str = "Pong"
    """one of the paper's 49, such as Breakout; minatar/breakout and its kin; catch, our own"""
    network: Literal["small", "nature", "minatar"] = "small"
    """small: that of 2013; nature: that of 2015; minatar: one convolution for 10 x 10 fields"""
    dueling: bool = False
    """estimate the worth of the state and of the actions apart (Wang et al. 2016)"""
    double: bool = False
    """the network chooses the best next action, the target network judges it (van Hasselt et al. 2016)"""
    returns: Literal["mean", "quantile", "categorical"] = "quantile"
    """what is learned of a return: its mean, its quantiles (QR-DQN), or chances of fixed values (C51)"""
    atoms: int = 51
    """quantiles or fixed values of a return; its mean is one number whatever this says"""
    bounds: tuple[float, float] = (-10.0, 10.0)
    """the lowest and highest fixed value of a categorical return"""
    n_step: int = 3
    """rewards that are summed before the network's own judgement counts"""
    priority: float | None = 0.5
    """draw what surprised more often, by loss to this power, such as 0.5; None draws uniformly"""
    beta: float = 0.4
    """how far weights make up for priorities at the start; 1 at the end (Schaul et al. 2016)"""
    discount: float = 0.99
    """what a reward counts a step later"""
    replay: int = 100_000
    """frames that are remembered"""
    keep_replay: bool = False
    """save what is remembered too, so that a resume is exact; else it is played anew"""
    start: int = 10_000
    """random actions before the first update"""
    games: int = 8
    """that are played side by side"""
    steps_per_update: int = 2
    """actions between two updates, over all games"""
    target_every: int = 500
    """updates after which the target network becomes the network"""
    epsilon: float = 0.01
    """chance of a random action after exploring"""
    exploration: int = 100_000
    """actions over which that chance falls from 1"""
    life_loss: bool = False
    """a lost life ends what a reward counts for, though the game goes on"""
    clip_rewards: bool = True
    """learn from rewards between -1 and 1"""
    summed: bool = False
    """sum the errors of a batch, as the paper does, in the place of their mean"""
    stack: int = 4
    """frames that are seen at once"""
    repeat: int = 4
    """frames of the emulator that an action lasts"""
    noops: int = 30
    """most frames in which nothing is done at the start of a game"""
    sticky: float = 0.0
    """chance, each frame, that the last action goes on; 0.25 in newer work"""
    frames: int = 108_000
    """of the emulator after which a game is stopped: half an hour"""
    episodes: int = 30
    """games in a test"""
    validation_episodes: int = 5
    """games in a validation"""
    evaluation_epsilon: float = 0.01
    """chance of a random action while testing"""
    epoch: int = 250_000
    """actions that count as an epoch"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=2, batch_size=32, optimizer="adam", schedule="constant", evaluate_every=12_500
        )
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "game", atari.spelled(self.game))
        for name in POSITIVE:
            if getattr(self, name) < 1:
                raise UsageError(f"--{_flag(name)} is {getattr(self, name)}; it must be at least 1")
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"--{_flag(name)} is {getattr(self, name)}; it must be 0 to 1")
        if self.returns != "mean" and self.atoms < 2:
            raise UsageError(f"--returns {self.returns} needs --atoms, such as 51; it is {self.atoms}")
        if self.priority is not None and not 0 < self.priority <= 1:
            raise UsageError(f"--priority is {self.priority}; it must be above 0, at most 1, or None")
        rising = -math.inf < self.bounds[0] < self.bounds[1] < math.inf
        if not rising or self.noops < 0 or self.exploration < 0:
            raise UsageError("--bounds must rise and be finite, --noops and --exploration are 0 or more")
        least = self.games * (self.stack + self.n_step + 1)
        if self.replay < max(least, self.start) or self.start < least:
            raise UsageError(
                f"--start is {self.start} and --replay {self.replay}; with {self.games} games the start "
                f"must be at least {least}, and the replay must hold it"
            )

    def maker(self, *, sticky: float | None = None) -> Callable[[], Game]:
        """Return a function that makes the game; ``sticky`` differs from the task's own in tests."""
        chance = self.sticky if sticky is None else sticky
        return atari.maker(self.game, sticky=chance, noops=self.noops, repeat=self.repeat, frames=self.frames)

    def data(self) -> Data:
        """Play some of the game at random: what is seen stands for the data."""
        make = self.maker()
        game = make()
        stacks, actions = self._moments(make, "look", LOOKED_AT)
        channels, height, width = game.shape
        licence, source = LICENCES[atari.family(self.game)]
        facts = {
            "game": self.game,
            "actions": list(game.actions),
            "classes": list(game.actions),
            "frame": [channels, height, width],
            "shape": [self.stack * channels, height, width],
            "licence": licence,
            "source": source,
            "published": PUBLISHED[self.game]._asdict() if self.game in PUBLISHED else None,
        }
        half = len(stacks) // 2
        train, valid = (
            TensorDataset(stacks[part], actions[part]) for part in (slice(half), slice(half, None))
        )
        return Data(train, valid, lambda: TensorDataset(*self._moments(make, "test", LOOKED_AT)), facts)

    def _moments(self, make: Callable[[], Game], stream: str, count: int) -> tuple[Tensor, Tensor]:
        """Return stacks ``(N, S * C, H, W)`` of random play and the actions done there."""
        stacks: list[np.ndarray] = []
        actions: list[int] = []
        for seed in playing.seeds(self.training.seed, count, stream):
            for moment in playing.watch(make, None, seed, stack=self.stack, epsilon=1.0):
                if moment.step % EVERY == 0:
                    stacks.append(moment.stack)
                    actions.append(moment.action)
                if len(stacks) == count:
                    return torch.from_numpy(np.stack(stacks)), torch.tensor(actions)
        return torch.from_numpy(np.stack(stacks)), torch.tensor(actions)

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Scale bytes to [0, 1]: uint8 ``(N, S * C, H, W)`` -> float32."""
        if inputs.ndim != 4 or inputs.is_floating_point():
            raise UsageError(
                f"atari: the input is {tuple(inputs.shape)} {inputs.dtype}; expected bytes (N, C, H, W)"
            )
        return inputs.float().div_(255), targets

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, S * C, H, W)`` -> ``(N, A)``, what each action is worth."""
        try:
            return DQN(
                tuple(facts["shape"]), len(facts["actions"]), body=self.network, dueling=self.dueling,
                kind=self.returns, atoms=1 if self.returns == "mean" else self.atoms, bounds=self.bounds,
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(f"--network {self.network}: {error}; take --network minatar") from None

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the mean loss of what the head says of the actions that were done, ``(N, K)``."""
        return bellman.loss(self.returns, outputs, targets).mean()

    def learner(self, data: Data) -> QLearner:
        """Return deep Q-learning."""
        return QLearner(self, data.facts)

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Return the mean of the episodes' scores ``(N,)``; there are no targets to compare with."""
        return {"score": metrics.mean_return(outputs.tolist())}

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Name the action that is worth most; the logits are what each is worth."""
        names = facts["actions"]
        return Answer(text=names[int(output.argmax())], logits=dict(zip(names, output.tolist(), strict=True)))

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the frames that were seen, and what each action is worth."""
        from pellucid.plots import games  # matplotlib is slow to import and only pictures need it

        return games.answer(games.planes(sample, facts["frame"][0]), answer.logits, answer.text)


def paper() -> Atari:
    """Mnih et al. 2015, Methods and Extended Data Table 1, on Breakout: 50 million frames as they count them.

    They count what the network sees: 50 million actions, 200 million frames of the emulator, 38 days.
    """
    return Atari(
        game="Breakout",  # any of the 49
        network="nature",  # "Model architecture"
        dueling=False,  # came in 2016
        double=False,  # came in 2015, later
        returns="mean",  # "action value"
        n_step=1,  # equation 2
        priority=None,  # "sampled uniformly at random"
        discount=0.99,  # table, "discount factor"
        replay=1_000_000,  # table, "replay memory size"
        start=50_000,  # table, "replay start size"
        games=1,  # "one emulator"; side by side came later
        steps_per_update=4,  # table, "update frequency"
        target_every=10_000,  # table, in "parameter updates"; the released code counts actions instead
        epsilon=0.1,  # table, "final exploration"
        exploration=1_000_000,  # table, "final exploration frame"
        life_loss=True,  # Methods: "used to mark the end of an episode during training"
        clip_rewards=True,  # Methods: "all positive rewards at 1 and all negative rewards at -1"
        summed=True,  # the released code adds up a batch; the constant below RMSProp's root is made for it
        stack=4,  # table, "agent history length"
        repeat=4,  # table, "action repeat"
        noops=30,  # table, "no-op max"
        sticky=0.0,  # came in 2018
        frames=18_000,  # Methods, evaluation: "up to 5 min each time"
        episodes=30,  # Methods, evaluation: "30 times"
        evaluation_epsilon=0.05,  # Methods, evaluation
        training=Training(
            steps=12_500_000,  # 50 million actions / 4
            batch_size=32,  # table, "minibatch size"
            optimizer="rmsprop",  # Graves' form; 0.95 and 0.01 below the root are the table's, in graves.py
            learning_rate=2.5e-4,  # table, "learning rate"
            rho=0.95,  # table, "gradient momentum" and "squared gradient momentum": the two means
            schedule="constant",
            evaluate_every=62_500,  # Methods: every 250,000 actions
        ),
    )


def minatar() -> Atari:
    """Young and Tian 2019 (arXiv:1903.03176), table 1, on Breakout, made faster.

    Ours: Adam, three rewards at once, eight games side by side, an update for every 4 actions and 0.01 as the
    last epsilon; theirs: RMSProp, one reward, one game, an update for every action and 0.1.
    """
    return Atari(
        game="minatar/breakout", network="minatar", returns="mean", n_step=3, priority=None, replay=100_000,
        start=5_000, games=8, steps_per_update=4, target_every=250, epsilon=0.01, exploration=100_000,
        stack=1, repeat=1, noops=0, sticky=0.1, frames=10_000, evaluation_epsilon=0.0,
        validation_episodes=20, epoch=100_000,
        training=Training(
            epochs=10, batch_size=32, optimizer="adam", learning_rate=2.5e-4, schedule="constant",
            evaluate_every=12_500,
        ),
    )  # fmt: skip


def tiny() -> Atari:
    """A game of our own on 10 x 10 fields, a minute of play: for tests and first tries."""
    task = Atari(
        game="catch", network="minatar", dueling=True, double=True, returns="mean", priority=None,
        replay=2_000, start=200, games=4, steps_per_update=4, target_every=50, exploration=500, stack=2,
        epoch=400, keep_replay=True, episodes=5, validation_episodes=3, frames=400,
    )  # fmt: skip
    training = replace(task.training, epochs=3, learning_rate=1e-3, evaluate_every=None)
    return replace(task, training=training)


def _flag(name: str) -> str:
    return name.replace("_", "-")
