"""What look, evaluate, predict and explain do where the network plays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import metrics, playing
from pellucid.datasets import atari, nature
from pellucid.errors import UsageError
from pellucid.explain import gradients, sanity
from pellucid.playing import Episode, Moment
from pellucid.plots import games
from pellucid.qlearning import values_of
from pellucid.verbs.predict import VALID, prepared, raw_sample, stages_of
from pellucid.verbs.trained import Ready, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEST_SEED = 20150226  # the day the paper came out; training and validation draw from other streams
ALIKE = {" not sticky": 0.0, " sticky": 0.25}  # games like that of the training; Machado et al. 2018
LOOKED_AT = 10  # episodes of random play
SHOWN = 18  # screens of it
POINTS = 16  # of the path of integrated gradients


def looked(task: Any, data: Any) -> dict[str, Any]:
    """Return what a game is and what random play brings in it."""
    make = task.maker()
    game = make()
    episodes = _random(task, make, playing.seeds(TEST_SEED, LOOKED_AT, "look"))
    published = nature.PUBLISHED.get(task.game)
    return {
        "game": task.game,
        "actions": list(game.actions),
        "frame": list(game.shape),
        "seen at once": task.stack,
        "random play": {
            "score": metrics.mean_return([each.score for each in episodes]).to_json(),
            "steps": float(np.mean([len(each.actions) for each in episodes])),
        },
        "published": published._asdict() if published else None,
        "licence": data.facts["licence"],
        "source": data.facts["source"],
    }


def look_pictures(task: Any, step: int) -> list[tuple[str, Figure]]:
    """Draw the way from the screen at a step to the network, and random play."""
    make = task.maker()
    seed = playing.seeds(TEST_SEED, 1, "look")[0]
    moments = list(playing.watch(make, None, seed, stack=task.stack, epsilon=1.0))
    game, chosen = make(), moments[min(step, len(moments) - 1)]
    game.reset(seed)
    for moment in moments[: chosen.step]:
        game.step(moment.action)
    stack = games.planes(chosen.stack, game.shape[0])
    some = [moments[int(place)] for place in np.linspace(0, len(moments) - 1, min(SHOWN, len(moments)))]
    captions = [f"step {each.step}, score {each.score:g}" for each in some]
    return [
        ("way", games.way(atari.stages(game), stack)),
        ("random", games.sheet([each.screen for each in some], captions)),
    ]


@dataclass(frozen=True)
class Tested:
    """A network's episodes beside those of random play, in the game of the training and in its like.

    Attributes:
        scores: each mean with its interval.
        document: all of it as JSON.
        episodes: name -> the episodes' scores.
        marks: where the published players stand.
    """

    scores: dict[str, metrics.Score]
    document: dict[str, Any]
    episodes: dict[str, list[float]] = field(repr=False)
    marks: dict[str, float]

    def picture(self) -> Figure:
        """Draw every episode's score."""
        return games.scores(self.episodes, self.marks, game=self.document["game"])


def evaluate(trained: Trained, *, command: str = "") -> Tested:
    """Play the test episodes by the network and at random: as in training, then not sticky, and sticky.

    Without sticky actions a game that has no chance of its own tells little: all episodes may be the same.
    """
    task: Any = trained.task
    games, episodes = _tested(trained)
    every = {name: [each.score for each in played] for name, played in episodes.items()}
    scores: dict[str, metrics.Score] = {name: metrics.mean_return(points) for name, points in every.items()}
    published = nature.PUBLISHED.get(task.game)
    rows = {
        name: {
            "sticky": games[name.removeprefix("score").removeprefix("random")],
            "mean": float(np.mean(points)), "deviation": metrics.deviation(points),
            "lowest": min(points), "highest": max(points), "episodes": points,
            "steps": [len(each.actions) for each in episodes[name]],
            "stopped": sum(each.truncated for each in episodes[name]),
            "normalised": _normalised(scores[name], published),
        }
        for name, points in every.items()
    }  # fmt: skip
    document = {
        "command": command,
        "split": "test episodes",
        "game": task.game,
        "n": task.episodes,
        "epsilon": task.evaluation_epsilon,
        "scores": {name: score.to_json() for name, score in scores.items()},
        "players": rows,
        "published": published._asdict() if published else None,
    }
    marks = {} if published is None else {
        "random, paper": published.random, "human, paper": published.human,
        "DQN, paper": published.dqn, "human, 2016": published.newer_human,
    }  # fmt: skip
    return Tested(scores, document, every, marks)


def _tested(trained: Trained) -> tuple[dict[str, float], dict[str, list[Episode]]]:
    """Return the chance of a sticky action by the end of a game's name, and each player's episodes."""
    task: Any = trained.task
    seeds = playing.seeds(TEST_SEED, task.episodes, "test")
    values = values_of(trained.network, task, trained.facts)
    games = {"": task.sticky, **{name: chance for name, chance in ALIKE.items() if chance != task.sticky}}
    episodes: dict[str, list[Episode]] = {}
    for name, chance in games.items():
        make = task.maker(sticky=chance)
        episodes[f"score{name}"] = playing.episodes(
            make, values, seeds, stack=task.stack, epsilon=task.evaluation_epsilon
        )
        episodes[f"random{name}"] = _random(task, make, seeds)
    return games, episodes


def play(
    ready: Ready,
    seed: int,
    *,
    kept: range = range(0),
    most: int | None = None,
    epsilon: float | None = None,
    sticky: float | None = None,
) -> tuple[list[Moment], dict[str, Any]]:
    """Let a network play one game; return some of its moments and what came of it.

    Args:
        seed: of the game, as a person gives it.
        kept: steps whose moments are returned.
        most: steps after which nobody looks any more; None plays to the end.
        epsilon: chance of a random action; None takes the task's.
        sticky: chance that the last action goes on; None takes the training's.
    """
    task: Any = ready.task
    make = task.maker(sticky=sticky)
    values = values_of(ready.network, task, ready.facts)
    chance = task.evaluation_epsilon if epsilon is None else epsilon
    number = playing.seeds(seed, 1, "person")[0]
    moments, actions, score = [], [], 0.0
    watched = playing.watch(make, values, number, stack=task.stack, epsilon=chance)
    for each in itertools.islice(watched, most):
        actions.append(each.action)
        score = each.score + each.reward
        if each.step in kept:
            moments.append(each)
    found = {
        "game": task.game, "seed": seed, "score": score, "steps": len(actions), "epsilon": chance,
        "sticky": task.sticky if sticky is None else sticky, "actions": actions,
    }  # fmt: skip
    return moments, found


def replay(task: Any, seed: int, actions: Sequence[int], *, sticky: float | None = None) -> float:
    """Return the score of a game whose actions ``play`` wrote down."""
    return playing.replayed(task.maker(sticky=sticky), playing.seeds(seed, 1, "person")[0], actions)


def film(moments: Sequence[Moment], actions: Sequence[str]) -> bytes:
    """Return a GIF of some moments of a game."""
    return games.film(((each.screen, each.values, each.action, each.score) for each in moments), actions)


@dataclass(frozen=True)
class Explanation:
    """Why a network does what it does at one moment.

    Attributes:
        action: that is explained.
        values: what each action is worth.
        worth: of the state.
        advantages: what each action adds to it.
        saliency: ``(S, H, W)``, how fast the action's worth changes with each pixel.
        shares: ``(S,)``, what each frame contributed: its part of the integrated gradients from a black
            screen, without regard to sign.
        motion: what the action is worth more than if the newest frame had stood still.
        similarity: rank correlation of the saliency with that of a network with random weights.
        sample: the stack ``(S * C, H, W)``.
        screen: what a person sees, where the moment was played.
    """

    action: str
    values: dict[str, float]
    worth: float
    advantages: dict[str, float]
    saliency: np.ndarray
    shares: list[float]
    motion: float
    similarity: float
    sample: np.ndarray
    screen: np.ndarray | None = None

    def picture(self) -> Figure:
        """Draw it."""
        channels = len(self.sample) // len(self.shares)
        return games.explained(
            games.planes(self.sample, channels), self.saliency, self.shares, self.values, self.advantages,
            worth=self.worth, screen=self.screen, title=f"Why {self.action}?",
        )  # fmt: skip

    def _repr_png_(self) -> bytes:
        from pellucid.plots import canvas

        return canvas.png(self.picture())

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        names = ("action", "values", "worth", "advantages", "shares", "motion", "similarity")
        return {**{name: getattr(self, name) for name in names}, "saliency": self.saliency.tolist()}


def explain(
    ready: Ready, sample: np.ndarray, target: int | None = None, *, screen: np.ndarray | None = None
) -> Explanation:
    """Explain what a network does at a moment; ``target`` picks another action than its own."""
    network: Any = ready.network
    inputs, names, channels = prepared(ready, sample), ready.facts["actions"], ready.facts["frame"][0]
    with torch.inference_mode():
        values = network(inputs)[0]
        worth, advantages = (part[0] for part in network.apart(inputs))
    chosen = int(values.argmax()) if target is None else target
    heat = _saliency(network, inputs, chosen, channels)
    twin = _saliency(sanity.randomised(network, seed=0), inputs, chosen, channels)
    path = gradients.integrated_gradients(network, inputs, chosen, baseline=0.0, steps=POINTS, tolerance=1.0)
    parts = np.abs(path.attributions[0]).reshape(len(heat), -1).sum(1)
    shares = parts / parts.sum() if parts.sum() else np.full(len(heat), 1 / len(heat))
    still = inputs[:, -channels:].repeat(1, len(heat), 1, 1)
    with torch.inference_mode():
        motion = float(values[chosen] - network(still)[0, chosen])
    return Explanation(
        names[chosen], dict(zip(names, values.tolist(), strict=True)), float(worth),
        dict(zip(names, advantages.tolist(), strict=True)), heat, shares.tolist(), motion,
        sanity.rank_correlation(heat, twin), np.array(sample), screen,
    )  # fmt: skip


def moment(ready: Ready, source: str) -> Moment:
    """Return a moment of a game that the network plays: "7:120" is step 120 of the game with seed 7.

    Raises:
        UsageError: it cannot be meant, or the game is over by then.
    """
    seed, colon, step = source.partition(":")
    if not (colon and seed.isdecimal() and step.isdecimal()):
        raise UsageError(f"{source}: expected SEED:STEP, such as 7:120, or valid:12")
    moments, found = play(ready, int(seed), kept=range(int(step), int(step) + 1))
    if not moments:
        raise UsageError(f"{source}: this game is over after {found['steps']} steps; give a smaller step")
    return moments[0]


def moment_of(ready: Ready, source: Any) -> np.ndarray:
    """Return the stack of a moment: of a game that is played, "7:120"; of a validation sample; an array."""
    if isinstance(source, str) and not source.startswith(VALID):
        return moment(ready, source).stack
    return raw_sample(stages_of(ready, source)[0])


def _saliency(network: nn.Module, inputs: Tensor, target: int, channels: int) -> np.ndarray:
    slopes = np.abs(gradients.saliency(network, inputs, target)[0])
    return slopes.reshape(-1, channels, *slopes.shape[1:]).max(1)


def _random(task: Any, make: Any, seeds: Sequence[int]) -> list[Episode]:
    return playing.episodes(make, None, seeds, stack=task.stack, epsilon=1.0)


def _normalised(score: metrics.Score, published: nature.Published | None) -> dict[str, Any] | None:
    """Return a score on both human scales, with its interval; None for a game that is not in the paper."""
    if published is None:
        return None
    names = (("human of Mnih et al. 2015", False), ("human of Wang et al. 2016", True))
    return {
        name: {
            part: None if value is None else published.normalised(value, newer=newer)
            for part, value in (("value", score.value), ("low", score.low), ("high", score.high))
        }
        for name, newer in names
    }
