"""What was played: single frames, from which stacks are rebuilt and several steps are summed up.

Every game's latest frames lie in a ring, one ``uint8`` frame a step. A place holds a frame, the action that
followed it, and what came of it; the last frame of an episode is followed by no action. A stack is put
together when it is asked for, with zeros for frames before the episode began; it never reaches into another
episode.
Sources: Mnih et al. 2015; Schaul et al. 2016 (arXiv:1511.05952) for priorities.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pellucid.errors import UsageError

FIRST_PRIORITY = 1.0
LEAST_PRIORITY = 1e-6  # nothing is never drawn


class Sample(NamedTuple):
    """Transitions of ``n`` steps, N of them.

    Attributes:
        stacks: uint8 ``(N, S * C, H, W)``, what was seen.
        actions: ``(N,)``, what was done.
        returns: ``(N,)``, the discounted sum of the rewards of the steps that followed.
        discounts: ``(N,)``, what the worth of ``next_stacks`` counts: discount ** steps, or 0.
        next_stacks: uint8, what was seen then.
        weights: ``(N,)``, what a sample counts in the loss; 1 unless priorities chose it.
        places: ``(N,)``, to tell the priorities later.
    """

    stacks: np.ndarray
    actions: np.ndarray
    returns: np.ndarray
    discounts: np.ndarray
    next_stacks: np.ndarray
    weights: np.ndarray
    places: np.ndarray


class Replay:
    """A ring of frames for each of E games.

    Args:
        capacity: frames in all.
        games: E.
        shape: of a frame, ``(C, H, W)``.
        stack: S, frames that are seen at once.
        steps: n, over which rewards are summed.
        discount: of a reward for each step that it is away.
        alpha: how much the priorities count; None draws uniformly.
    Raises:
        UsageError: the capacity is too small for one sample of every game.
    """

    def __init__(
        self,
        capacity: int,
        games: int,
        shape: tuple[int, int, int],
        *,
        stack: int,
        steps: int = 1,
        discount: float = 0.99,
        alpha: float | None = None,
    ):
        self.length, self.games, self.stack, self.steps = capacity // games, games, stack, steps
        if self.length < stack + steps + 1:
            least = games * (stack + steps + 1)
            raise UsageError(f"--replay is {capacity}; with {games} games it must be at least {least}")
        self.frames = np.zeros((self.length, games, *shape), np.uint8)
        self.actions = np.zeros((self.length, games), np.uint8)
        self.rewards = np.zeros((self.length, games), np.float32)
        self.terminal = np.zeros((self.length, games), bool)  # the worth of what follows does not count
        self.last = np.zeros((self.length, games), bool)  # of its episode: no action followed
        self.age = np.zeros((self.length, games), np.int32)  # steps since the episode began
        self.count = 0  # frames of each game so far
        self.powers = discount ** np.arange(steps + 1)
        self.tree = None if alpha is None else Priorities(self.length * games, alpha)

    def __len__(self) -> int:
        """Return how many frames are kept."""
        return min(self.count, self.length) * self.games

    def see(self, frames: np.ndarray, begins: np.ndarray, last: np.ndarray) -> None:
        """Keep the frames ``(E, C, H, W)`` that are seen now.

        Args:
            begins: ``(E,)``, whether an episode begins with it.
            last: ``(E,)``, whether it is the last one of its episode.
        """
        place = self.count % self.length
        before = self.age[place - 1] if self.count else np.full(self.games, -1)
        self.frames[place], self.last[place] = frames, last
        self.age[place] = np.where(begins, 0, before + 1)
        self.rewards[place], self.terminal[place], self.actions[place] = 0, False, 0
        self.count += 1
        if self.tree is not None:
            self._open(place)

    def act(self, actions: np.ndarray, rewards: np.ndarray, terminal: np.ndarray) -> None:
        """Note what followed the frames that were seen last: ``(E,)`` each."""
        place = (self.count - 1) % self.length
        self.actions[place], self.rewards[place], self.terminal[place] = actions, rewards, terminal

    def sample(self, count: int, chance: np.random.Generator, *, beta: float = 0.0) -> Sample:
        """Draw ``count`` transitions, uniformly or by priority.

        Args:
            beta: how far the weights make up for the priorities, 0 to 1.
        """
        if self.tree is None:
            places, weights = self._uniform(count, chance), np.ones(count, np.float32)
        else:
            places, shares = self.tree.draw(count, chance)
            weights = ((shares * len(self)) ** -beta).astype(np.float32)
            weights /= weights.max()
        return self.at(places, weights)

    def at(self, places: np.ndarray, weights: np.ndarray | None = None) -> Sample:
        """Return the transitions that begin at ``places``: place in the ring * E + game."""
        rows, games = np.divmod(places, self.games)
        ahead = (rows[:, None] + np.arange(self.steps)) % self.length  # (N, n)
        column = games[:, None]
        terminal, last = self.terminal[ahead, column], self.last[ahead, column]
        # A step counts if no step before it was terminal and no frame up to its own was an episode's last.
        going = np.ones_like(terminal)
        going[:, 1:] = ~(np.logical_or.accumulate(terminal, 1)[:, :-1])
        going &= ~np.logical_or.accumulate(last, 1)
        returns = (self.rewards[ahead, column] * going) @ self.powers[:-1]
        steps = going.sum(1)
        discounts = np.where((terminal & going).any(1), 0.0, self.powers[steps])
        after = (rows + steps) % self.length
        if weights is None:
            weights = np.ones(len(places), np.float32)
        actions = self.actions[rows, games].astype(np.int64)
        return Sample(
            self.stacks(rows, games), actions, returns.astype(np.float32), discounts.astype(np.float32),
            self.stacks(after, games), weights, places,
        )  # fmt: skip

    def stacks(self, rows: np.ndarray, games: np.ndarray) -> np.ndarray:
        """Return what was seen at places of the ring, oldest frame first: uint8 ``(N, S * C, H, W)``.

        In memory the channels come last, as the convolutions of a CPU want them.
        """
        channels, height, width = self.frames.shape[2:]
        found = np.empty((len(rows), height, width, self.stack * channels), np.uint8)
        ages = self.age[rows, games]
        for place, back in enumerate(range(self.stack - 1, -1, -1)):
            part = self.frames[(rows - back) % self.length, games]  # (N, C, H, W)
            part[ages < back] = 0
            found[..., place * channels : (place + 1) * channels] = part.transpose(0, 2, 3, 1)
        return found.transpose(0, 3, 1, 2)

    def valid(self) -> np.ndarray:
        """Return every place from which a transition can be drawn."""
        rows = np.arange(*self._window()) % self.length
        places = rows[:, None] * self.games + np.arange(self.games)
        return places[~self.last[rows]]

    def learn(self, places: np.ndarray, errors: np.ndarray) -> None:
        """Set priorities by the size of the errors ``(N,)``; nothing happens where they are not used.

        A place that was closed or overwritten meanwhile stays closed.
        """
        if self.tree is not None:
            self.tree.set(places, errors, only_open=True)

    def state(self) -> dict[str, Any]:
        """Return all of it, as arrays and numbers."""
        kept = min(self.count, self.length)
        names = ("frames", "actions", "rewards", "terminal", "last", "age")
        found: dict[str, Any] = {name: getattr(self, name)[:kept] for name in names}
        tree = {} if self.tree is None else {"leaves": self.tree.leaves.copy(), "highest": self.tree.highest}
        return {**found, **tree, "count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what ``state`` returned."""
        self.count = state["count"]
        for name in ("frames", "actions", "rewards", "terminal", "last", "age"):
            getattr(self, name)[: min(self.count, self.length)] = state[name]
        if self.tree is not None:
            self.tree.restore(np.asarray(state["leaves"]), state["highest"])

    def _window(self) -> tuple[int, int]:
        """Return the first and one past the last count at which a transition can begin."""
        oldest = max(0, self.count - self.length)
        return oldest + (self.stack - 1 if oldest else 0), max(0, self.count - self.steps)

    def _uniform(self, count: int, chance: np.random.Generator) -> np.ndarray:
        low, high = self._window()
        places = np.empty(0, np.int64)
        while len(places) < count:  # an episode's last frame is drawn again: there are few
            drawn = chance.integers(low * self.games, high * self.games, count)
            rows, games = np.divmod(drawn, self.games)
            rows %= self.length
            places = np.concatenate([places, (rows * self.games + games)[~self.last[rows, games]]])
        return places[:count]

    def _open(self, place: int) -> None:
        """Close what the ring is about to lose, open what has become whole."""
        assert self.tree is not None
        games = np.arange(self.games)
        for row in range(place, place + self.stack):  # a stack that begins there would lack frames
            if self.count > self.length or row == place:
                self.tree.close(row % self.length * self.games + games)
        if self.count > self.steps:
            row = (place - self.steps) % self.length
            self.tree.open(row * self.games + games[~self.last[row]])


class Priorities:
    """A binary tree of sums: draws places with chances as their priorities, in log(size) looks."""

    def __init__(self, size: int, alpha: float):
        self.alpha, self.highest = alpha, FIRST_PRIORITY
        self.half = 1 << max(1, (size - 1).bit_length())
        self.sums = np.zeros(2 * self.half)

    @property
    def leaves(self) -> np.ndarray:
        """The priorities themselves."""
        return self.sums[self.half :]

    def open(self, places: np.ndarray) -> None:
        """Give places that are new the highest priority there was."""
        self._write(places, np.full(len(places), self.highest))

    def close(self, places: np.ndarray) -> None:
        """Let places not be drawn any more."""
        self._write(places, np.zeros(len(places)))

    def set(self, places: np.ndarray, errors: np.ndarray, *, only_open: bool = False) -> None:
        """Set priorities to ``|error| ** alpha``."""
        priorities = (np.abs(errors) + LEAST_PRIORITY) ** self.alpha
        if only_open:
            there = self.leaves[places] > 0
            places, priorities = places[there], priorities[there]
        if len(places):
            self.highest = max(self.highest, float(priorities.max()))
            self._write(places, priorities)

    def draw(self, count: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw places, one from each of ``count`` equal parts of the sum; return them and their chances."""
        total = self.sums[1]
        wanted = (np.arange(count) + chance.random(count)) * (total / count)
        nodes = np.ones(count, np.int64)
        while nodes[0] < self.half:
            left = self.sums[2 * nodes]
            # rounding must not lead into a branch that holds nothing
            right = (wanted >= left) & (self.sums[2 * nodes + 1] > 0)
            wanted = np.where(right, wanted - left, wanted)
            nodes = 2 * nodes + right
        return nodes - self.half, self.sums[nodes] / total

    def restore(self, leaves: np.ndarray, highest: float) -> None:
        """Take priorities as they were; sums are made anew."""
        self.highest = float(highest)
        self.sums[self.half :] = leaves
        for node in range(self.half.bit_length() - 2, -1, -1):
            row = np.arange(1 << node, 2 << node)
            self.sums[row] = self.sums[2 * row] + self.sums[2 * row + 1]

    def _write(self, places: np.ndarray, priorities: np.ndarray) -> None:
        nodes = places + self.half
        self.sums[nodes] = priorities
        while nodes.size and nodes[0] > 1:
            nodes = np.unique(nodes >> 1)
            self.sums[nodes] = self.sums[2 * nodes] + self.sums[2 * nodes + 1]
