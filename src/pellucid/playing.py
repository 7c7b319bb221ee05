"""Playing whole games with a network or at random: what evaluating, watching and explaining start from.

An episode is a function of its seed, of the network and of epsilon; which other episodes are played beside it
changes nothing but the last bits of the network's sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid import seeding
from pellucid.datasets.games import Game

Values = Callable[[np.ndarray], np.ndarray]  # uint8 (N, S * C, H, W) -> (N, A)
AT_ONCE = 10  # episodes that are played together


@dataclass
class Episode:
    """One episode.

    Attributes:
        seed: from which all chance in it follows.
        score: the sum of its rewards, as the game counts them.
        actions: that were done.
        truncated: it was stopped before it was over.
    """

    seed: int
    score: float = 0.0
    actions: list[int] = field(default_factory=list)
    truncated: bool = False


@dataclass(frozen=True)
class Moment:
    """What is seen and done at one step of an episode.

    Attributes:
        step: from 0.
        screen: what a person sees, uint8 ``(H, W, 3)``.
        stack: what the network sees, uint8 ``(S * C, H, W)``.
        values: what each action is worth to the network, ``(A,)``; empty in random play.
        action: that is done now.
        score: so far.
        reward: that the action brought.
    """

    step: int
    screen: np.ndarray
    stack: np.ndarray
    values: np.ndarray
    action: int
    score: float
    reward: float


class Stacks:
    """The latest S frames of several games, oldest first, zeros before an episode begins."""

    def __init__(self, games: int, shape: tuple[int, int, int], stack: int):
        self.channels = shape[0]
        self.seen = np.zeros((games, stack * shape[0], *shape[1:]), np.uint8)

    def see(self, place: int | slice, frame: np.ndarray) -> None:
        """Add the frame that is seen now."""
        old = self.seen[place]
        self.seen[place] = np.concatenate([old[..., self.channels :, :, :], frame], -3)

    def forget(self, place: int | np.ndarray) -> None:
        """Begin with zeros."""
        self.seen[place] = 0


def episodes(
    make: Callable[[], Game],
    values: Values | None,
    seeds: Sequence[int],
    *,
    stack: int,
    epsilon: float,
) -> list[Episode]:
    """Play one episode from each seed.

    Args:
        make: returns a game.
        values: what each action is worth in each stack; None plays at random.
        stack: frames that are seen at once.
        epsilon: chance of a random action.
    """
    waiting = [Episode(seed) for seed in seeds]
    done = list(waiting)
    tables = [_Table(make()) for _ in range(min(AT_ONCE, len(waiting)))]
    seen = Stacks(len(tables), tables[0].game.shape, stack) if tables else None
    for place, table in enumerate(tables):
        _begin(table, waiting.pop(0), seen, place)
    while any(table.episode for table in tables):
        assert seen is not None
        playing = [place for place, table in enumerate(tables) if table.episode]
        worth = None if values is None else values(seen.seen[playing])
        for row, place in enumerate(playing):
            table = tables[place]
            assert table.episode is not None
            best = None if worth is None else worth[row]
            action = chosen(best, len(table.game.actions), epsilon, table.chance)
            move = table.game.step(action)
            seen.see(place, move.frame)
            table.episode.actions.append(action)
            table.episode.score += move.reward
            if move.terminated or move.truncated:
                table.episode.truncated = move.truncated
                table.episode = None
                if waiting:
                    _begin(table, waiting.pop(0), seen, place)
    return done


def watch(
    make: Callable[[], Game], values: Values | None, seed: int, *, stack: int, epsilon: float
) -> Iterator[Moment]:
    """Play one episode and yield every step of it; the same episode as that of ``episodes``."""
    game, chance = make(), policy(seed)
    move, seen, score, step = game.reset(seed), Stacks(1, game.shape, stack), 0.0, 0
    while not (move.terminated or move.truncated):
        seen.see(0, move.frame)
        worth = np.empty(0) if values is None else values(seen.seen)[0]
        action = chosen(worth if len(worth) else None, len(game.actions), epsilon, chance)
        screen, now = game.screen(), seen.seen[0].copy()
        move = game.step(action)
        yield Moment(step, screen, now, worth, action, score, move.reward)
        score, step = score + move.reward, step + 1


def replayed(make: Callable[[], Game], seed: int, actions: Sequence[int]) -> float:
    """Return the score of an episode whose actions were written down."""
    game, score = make(), 0.0
    game.reset(seed)
    for action in actions:
        score += game.step(action).reward
    return score


def seeds(seed: int, count: int, stream: str) -> list[int]:
    """Return the seeds of ``count`` episodes; another ``stream`` gives others."""
    return [seeding.mix(seed, number, f"{stream} episode") for number in range(count)]


def policy(seed: int) -> np.random.Generator:
    """Return the chance by which the player of an episode explores."""
    return np.random.default_rng(seeding.mix(seed, 0, "policy"))


def chosen(worth: np.ndarray | None, actions: int, epsilon: float, chance: np.random.Generator) -> int:
    """Return the best action, or with the chance ``epsilon`` a random one; always that without ``worth``."""
    explores = chance.random() < epsilon
    other = int(chance.integers(actions))
    return other if explores or worth is None else int(worth.argmax())


class _Table:
    """A game, the episode that is played in it, and its player's chance."""

    def __init__(self, game: Game):
        self.game = game
        self.episode: Episode | None = None
        self.chance = policy(0)


def _begin(table: _Table, episode: Episode, seen: Stacks | None, place: int) -> None:
    assert seen is not None
    table.episode, table.chance = episode, policy(episode.seed)
    seen.forget(place)
    seen.see(place, table.game.reset(episode.seed).frame)
