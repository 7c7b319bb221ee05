"""Episodes follow from their seeds, whoever plays beside them, and can be played again."""

from functools import partial

import numpy as np
import pytest

from pellucid import playing
from pellucid.datasets.games import Catch, Players


def follow(stacks):
    """Go where the ball is: a perfect player."""
    worth = np.zeros((len(stacks), 3))
    for row, frame in enumerate(stacks[:, -1]):
        ball = int((frame == 255).any(0).argmax())
        paddle = np.flatnonzero(frame[-1] == 160)
        middle = 0 if len(paddle) == 0 else round(float(paddle.mean()))
        worth[row, 0 if abs(middle - ball) < 1 else (1 if ball < middle else 2)] = 1
    return worth


def test_a_perfect_player_misses_nothing():
    (episode,) = playing.episodes(Catch, follow, [3], stack=1, epsilon=0.0)
    assert episode.truncated
    assert episode.score == len(episode.actions) // 9  # a ball falls nine rows
    assert len(episode.actions) == 200


@pytest.mark.parametrize("sticky", [0.0, 0.25])
def test_an_episode_does_not_depend_on_who_plays_beside_it(sticky):
    make, seeds = partial(Catch, sticky=sticky), list(range(25))
    together = playing.episodes(make, follow, seeds, stack=2, epsilon=0.3)
    for seed in (0, 11, 24):
        (alone,) = playing.episodes(make, follow, [seed], stack=2, epsilon=0.3)
        assert together[seed] == alone
    assert len({episode.score for episode in together}) > 1


@pytest.mark.parametrize("sticky", [0.0, 0.25])
def test_a_recorded_list_of_actions_reproduces_its_score(sticky):
    make = partial(Catch, sticky=sticky)
    for episode in playing.episodes(make, follow, [5, 6, 7], stack=1, epsilon=0.5):
        assert playing.replayed(make, episode.seed, episode.actions) == episode.score
    changed = [2 - action for action in episode.actions]
    assert playing.replayed(make, episode.seed, changed) != episode.score


def test_watching_an_episode_shows_the_one_that_was_scored():
    (episode,) = playing.episodes(Catch, follow, [9], stack=2, epsilon=0.4)
    moments = list(playing.watch(Catch, follow, 9, stack=2, epsilon=0.4))
    assert [moment.action for moment in moments] == episode.actions
    assert moments[-1].score + moments[-1].reward == episode.score
    assert moments[0].stack[0].max() == 0  # zeros before the first frame
    np.testing.assert_array_equal(moments[5].stack[0], moments[4].stack[1])


class Recorded(Catch):
    """A game that is over after one step, and writes down the seed of each episode."""

    def __init__(self, begun):
        self.begun = []
        super().__init__(limit=1)
        self.begun = begun

    def reset(self, seed):
        self.begun.append(seed)
        return super().reset(seed)


def test_seeds_of_training_validation_and_test_are_not_the_same():
    streams = [playing.seeds(0, 500, stream) for stream in ("validation", "test", "look", "person")]
    trained = []
    players = Players(partial(Recorded, trained), 4, seed=0)
    players.begin()
    for _ in range(2 * 199):
        players.step(np.zeros(4, int))
    assert len(trained) == 4 * 200
    assert len(set(trained).union(*streams)) == 800 + 4 * 500


def test_an_action_after_the_end_is_not_done_and_begins_the_next_episode():
    players = Players(partial(Catch, limit=5), 2, seed=1)
    begun = players.begin()
    assert begun.begins.all()
    moves = [players.step(np.array([0, 1])) for _ in range(8)]
    assert [bool(move.truncated[0]) for move in moves] == [
        False,
        False,
        False,
        False,
        True,
        False,
        False,
        False,
    ]
    assert [bool(move.begins[0]) for move in moves] == [False, False, False, False, False, True, False, False]
    assert not any(move.terminated.any() for move in moves)  # stopped is not over
    assert moves[5].rewards[0] == 0


def test_games_that_were_put_away_go_on_as_if_they_had_not_been():
    one, two = Players(partial(Catch, sticky=0.3), 3, seed=2), Players(partial(Catch, sticky=0.3), 3, seed=99)
    chance = np.random.default_rng(0)
    one.begin(), two.begin()
    for _ in range(70):
        one.step(chance.integers(0, 3, 3))
    two.seed = 2
    two.load(one.save())
    for _ in range(150):
        actions = chance.integers(0, 3, 3)
        for a, b in zip(one.step(actions), two.step(actions), strict=True):
            np.testing.assert_array_equal(a, b)
