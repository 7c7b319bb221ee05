"""A match: one game that a person and a network play by turns, as long at a time as the person likes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid import playing
from pellucid.errors import UsageError
from pellucid.playing import Moment
from pellucid.qlearning import values_of
from pellucid.verbs import games
from pellucid.verbs.trained import Ready


class Match:
    """A game of a seed, which anybody who knows its actions can play again (``games.replay``).

    At every step the network says what it would do, with the chance of its own games; so a match that it
    plays alone is the game that ``games.play`` plays from this seed.

    Attributes:
        moment: what is seen now, with what the network would do. Its reward is what the last action brought.
        actions: that were done so far.
        over: nothing can be done any more.
    """

    def __init__(self, ready: Ready, seed: int):
        task: Any = ready.task
        self.ready, self.seed, self.actions = ready, seed, list[int]()
        self._game = task.maker()()
        self._values = values_of(ready.network, task, ready.facts)
        self._seen = playing.Stacks(1, self._game.shape, task.stack)
        number = playing.seeds(seed, 1, "person")[0]
        self._chance, self._epsilon = playing.policy(number), task.evaluation_epsilon
        self._look(self._game.reset(number), 0.0)

    def step(self, action: int | None = None) -> Moment:
        """Do an action, or with None what the network would do, and return the next moment.

        Raises:
            UsageError: the game is over, or has no such action.
        """
        if self.over:
            raise UsageError("this game is over; begin another one")
        done = self.moment.action if action is None else action
        if not 0 <= done < len(self._game.actions):
            raise UsageError(
                f"action {done}: this game has {len(self._game.actions)}, {', '.join(self._game.actions)}"
            )
        self.actions.append(done)
        self._look(self._game.step(done), self.moment.score)
        return self.moment

    def alone(self) -> dict[str, Any]:
        """Return what the network brings alone from this seed, in as many steps."""
        return games.play(self.ready, self.seed, most=max(1, len(self.actions)))[1]

    def _look(self, move: Any, score: float) -> None:
        self.over = move.terminated or move.truncated
        self._seen.see(0, move.frame)
        worth = self._values(self._seen.seen)[0]
        best = playing.chosen(worth, len(self._game.actions), self._epsilon, self._chance)
        self.moment = Moment(
            len(self.actions), self._game.screen(), self._seen.seen[0].copy(), np.array(worth), best,
            score + move.reward, move.reward,
        )  # fmt: skip
