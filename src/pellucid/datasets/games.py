"""What a game is to a network: frames, actions, points; a tiny game of our own; several games side by side.

All chance in a game (how long it waits at the start, sticky actions, where a ball falls) comes from the seed
of its episode, so an episode can be played again, and what a game needs to go on later is a few bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from pellucid import seeding

CATCH = 10  # rows and columns of the tiny game
LIVES = 3  # of the tiny game


class Move(NamedTuple):
    """What an action led to.

    Attributes:
        frame: uint8 ``(C, H, W)``, what is seen now.
        reward: points as the game counts them.
        terminated: the game is over.
        truncated: it was stopped, although it is not over.
        lives: that are left.
    """

    frame: np.ndarray
    reward: float
    terminated: bool
    truncated: bool
    lives: int


class Game(Protocol):
    """One game that can be played, seen, put away and taken up again."""

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the actions."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of a frame: ``(C, H, W)``."""

    def reset(self, seed: int) -> Move:
        """Begin an episode whose chances all follow from ``seed``."""

    def step(self, action: int) -> Move:
        """Do an action."""

    def screen(self) -> np.ndarray:
        """Return what a person sees: uint8 ``(H, W, 3)``."""

    def save(self) -> bytes:
        """Return all that is needed to go on from here."""

    def load(self, state: bytes) -> None:
        """Go on from what ``save`` returned."""


class Catch:
    """A tiny game: a ball falls, a paddle moves left or right; a point for each ball, three may be missed.

    The game is that of Osband et al. 2020 (bsuite, "catch"), on 10 x 10 and with lives.

    Args:
        sticky: chance that the last action is done again in the place of the new one.
        limit: steps after which an episode is stopped.
    """

    actions = ("stay", "left", "right")
    shape = (1, CATCH, CATCH)

    def __init__(self, *, sticky: float = 0.0, limit: int = 200):
        self.sticky, self.limit = sticky, limit
        self.reset(0)

    def reset(self, seed: int) -> Move:
        """Begin an episode whose chances all follow from ``seed``."""
        self.chance = np.random.default_rng(seed)
        self.paddle, self.lives, self.steps, self.last = CATCH // 2, LIVES, 0, 0
        self._drop()
        return Move(self._frame(), 0.0, False, False, self.lives)

    def step(self, action: int) -> Move:
        """Move the paddle and let the ball fall by one row."""
        if self.sticky and self.chance.random() < self.sticky:
            action = self.last
        self.last = int(action)
        self.paddle = min(CATCH - 1, max(0, self.paddle + (0, -1, 1)[action]))
        self.row += 1
        self.steps += 1
        reward = 0.0
        if self.row == CATCH - 1:
            caught = abs(self.column - self.paddle) <= 1
            reward = float(caught)
            self.lives -= not caught
            self._drop()
        over = self.lives == 0
        return Move(self._frame(), reward, over, not over and self.steps >= self.limit, self.lives)

    def screen(self) -> np.ndarray:
        """Return what a person sees: uint8 ``(H, W, 3)``."""
        return np.repeat(np.repeat(self._frame()[0], 16, 0), 16, 1)[..., None].repeat(3, 2)

    def save(self) -> bytes:
        """Return all that is needed to go on from here."""
        numbers = [self.paddle, self.lives, self.steps, self.last, self.row, self.column]
        return json.dumps([numbers, self.chance.bit_generator.state]).encode()

    def load(self, state: bytes) -> None:
        """Go on from what ``save`` returned."""
        numbers, chance = json.loads(state)
        self.paddle, self.lives, self.steps, self.last, self.row, self.column = numbers
        self.chance.bit_generator.state = chance

    def _drop(self) -> None:
        self.row, self.column = 0, int(self.chance.integers(CATCH))

    def _frame(self) -> np.ndarray:
        frame = np.zeros(self.shape, np.uint8)
        frame[0, self.row, self.column] = 255
        frame[0, CATCH - 1, max(0, self.paddle - 1) : self.paddle + 2] = 160
        return frame


class Moves(NamedTuple):
    """One step of several games: ``(E,)`` each, frames ``(E, C, H, W)``.

    Attributes:
        lost: a life was lost, or the game is over.
        begins: the frame is the first one of an episode, and the action before it was not done.
    """

    frames: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    lost: np.ndarray
    begins: np.ndarray


class Players:
    """Several games side by side; one that is over begins again at the next step, whose action is not done.

    So the last frame of an episode is seen, and one that was stopped can be told from one that is over.

    Args:
        make: returns a game.
        count: E, how many there are.
        seed: of all that happens; each episode's own seed follows from it, the game's number and the
            episode's.
    """

    def __init__(self, make: Callable[[], Game], count: int, *, seed: int):
        self.games = [make() for _ in range(count)]
        self.seed, self.episodes = seed, [0] * count
        self.over = np.zeros(count, bool)
        self.lives = np.zeros(count, int)
        self.scores = np.zeros(count)
        self.finished: list[float] = []  # scores of the latest episodes

    def begin(self) -> Moves:
        """Begin an episode of every game."""
        return self._together([self._reset(place) for place in range(len(self.games))], begins=True)

    def step(self, actions: np.ndarray) -> Moves:
        """Do one action ``(E,)`` in every game."""
        moves = [self._step(place, action) for place, action in enumerate(actions.tolist())]
        return self._together(moves, begins=False)

    def save(self) -> dict[str, Any]:
        """Return all that is needed to go on from here, as arrays and JSON values."""
        return {
            "games": [np.frombuffer(game.save(), np.uint8).copy() for game in self.games],
            "episodes": list(self.episodes),
            "over": self.over.tolist(),
            "lives": self.lives.tolist(),
            "scores": self.scores.tolist(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what ``save`` returned."""
        for game, saved in zip(self.games, state["games"], strict=True):
            game.load(np.asarray(saved).tobytes())
        self.episodes = list(state["episodes"])
        self.over, self.lives = np.array(state["over"]), np.array(state["lives"])
        self.scores = np.array(state["scores"])

    def _reset(self, place: int) -> Move:
        seed = seeding.mix(self.seed, self.episodes[place], f"episode of game {place}")
        self.episodes[place] += 1
        return self.games[place].reset(seed)

    def _step(self, place: int, action: int) -> Move:
        return self._reset(place) if self.over[place] else self.games[place].step(action)

    def _together(self, moves: Sequence[Move], *, begins: bool) -> Moves:
        began = np.ones(len(moves), bool) if begins else self.over
        terminated = np.array([move.terminated for move in moves])
        truncated = np.array([move.truncated for move in moves])
        lives = np.array([move.lives for move in moves])
        lost = ((lives < self.lives) & ~began) | terminated
        rewards = np.array([move.reward for move in moves], np.float32)
        self.scores = np.where(began, 0.0, self.scores) + rewards
        self.lives, self.over = lives, terminated | truncated
        self.finished = [*self.finished, *self.scores[self.over].tolist()][-100:]
        frames = np.stack([move.frame for move in moves])
        return Moves(frames, rewards, terminated, truncated, lost, began)
