"""The replay against brute force: every stack and every return, from a list of all that ever happened."""

import numpy as np
import pytest

from pellucid.datasets.replay import Priorities, Replay
from pellucid.errors import UsageError

GAMES, SHAPE, GAMMA = 3, (2, 2, 3), 0.9


def played(replay, steps, seed=0, ends=0.15):
    """Play made-up games; return for each game the list of (frame, begins, last, action, reward, terminal)."""
    chance = np.random.default_rng(seed)
    history = [[] for _ in range(GAMES)]
    over = np.ones(GAMES, bool)
    for step in range(steps + 1):
        frames = chance.integers(1, 256, (GAMES, *SHAPE)).astype(np.uint8)
        begins = over
        over = ~begins & (chance.random(GAMES) < ends)
        replay.see(frames, begins, over)
        for game in range(GAMES):
            history[game].append({"frame": frames[game], "begins": begins[game], "last": over[game]})
        if step == steps:
            return history
        actions, rewards = chance.integers(0, 9, GAMES), chance.normal(size=GAMES).astype(np.float32)
        terminal = chance.random(GAMES) < 0.1  # a lost life: the episode goes on
        replay.act(actions, rewards, terminal)
        for game in range(GAMES):
            history[game][-1] |= {
                "action": actions[game], "reward": rewards[game], "terminal": terminal[game]
            }  # fmt: skip


def stack_by_hand(told, time, size):
    frames = []
    for back in range(size):
        frames.append(told[time - back]["frame"])
        if told[time - back]["begins"]:
            break
    frames += [np.zeros(SHAPE, np.uint8)] * (size - len(frames))
    return np.concatenate(frames[::-1])


def return_by_hand(told, time, steps):
    """Return (sum of rewards, what the worth counts, time of the frame whose worth it is)."""
    total, weight = 0.0, 1.0
    for now in range(time, time + steps):
        if told[now]["last"]:
            return total, weight, now
        total += weight * float(told[now]["reward"])
        weight *= GAMMA
        if told[now]["terminal"]:
            return total, 0.0, now + 1
    return total, weight, time + steps


@pytest.mark.parametrize("stack", [1, 4])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("length", [30, 200])  # the ring turns over, or does not
def test_every_sample_is_what_brute_force_says(stack, steps, length):
    replay = Replay(length * GAMES, GAMES, SHAPE, stack=stack, steps=steps, discount=GAMMA)
    history = played(replay, 100)
    places = replay.valid()
    assert len(places) > 50
    found = replay.at(places)
    newest = 100
    for row, place in enumerate(places):
        slot, game = divmod(int(place), GAMES)
        time = newest - (newest - slot) % length
        told = history[game]
        total, weight, after = return_by_hand(told, time, steps)
        np.testing.assert_array_equal(found.stacks[row], stack_by_hand(told, time, stack))
        assert found.actions[row] == told[time]["action"]
        assert found.returns[row] == pytest.approx(total, abs=1e-5)
        assert found.discounts[row] == pytest.approx(weight, abs=1e-6)
        if weight:
            np.testing.assert_array_equal(found.next_stacks[row], stack_by_hand(told, after, stack))


@pytest.mark.parametrize("alpha", [None, 0.6])
def test_nothing_is_drawn_but_what_is_whole(alpha):
    replay = Replay(40 * GAMES, GAMES, SHAPE, stack=4, steps=3, discount=GAMMA, alpha=alpha)
    for steps in (20, 57, 123):  # each goes on in the same ring, which turns over
        played(replay, steps, seed=steps)
        drawn = {int(place) for each in range(200)
                 for place in replay.sample(32, np.random.default_rng(each)).places}  # fmt: skip
        assert drawn == set(replay.valid().tolist())


def test_the_newest_frame_is_never_drawn_because_nothing_followed_it():
    replay = Replay(20 * GAMES, GAMES, SHAPE, stack=2, discount=GAMMA)
    played(replay, 33)
    assert 33 % 20 not in {int(place) // GAMES for place in replay.valid()}


def test_an_episode_that_was_stopped_counts_the_worth_of_its_last_frame_and_one_that_ended_does_not():
    for terminal, worth in ((False, GAMMA), (True, 0.0)):
        replay = Replay(20, 1, SHAPE, stack=1, discount=GAMMA)
        frames = np.arange(1, 4, dtype=np.uint8)[:, None, None, None, None] * np.ones(
            (1, 1, *SHAPE), np.uint8
        )
        replay.see(frames[0], np.array([True]), np.array([False]))
        replay.act(np.array([1]), np.array([1.0]), np.array([terminal]))
        replay.see(frames[1], np.array([False]), np.array([True]))
        replay.act(np.array([0]), np.array([0.0]), np.array([False]))
        replay.see(frames[2], np.array([True]), np.array([False]))
        assert replay.valid().tolist() == [0]  # place 1 is the last of its episode, place 2 the newest
        found = replay.at(np.array([0]))
        assert found.discounts[0] == pytest.approx(worth)
        assert found.next_stacks[0].max() == 2  # its own last frame, not the first of the next episode


def test_places_are_drawn_as_often_as_their_priorities_say():
    tree = Priorities(10, alpha=0.5)
    errors = np.array([0.0, 1.0, 4.0, 9.0, 0.25])
    tree.set(np.array([0, 3, 4, 8, 9]), errors)
    shares = np.sqrt(errors + 1e-6) / np.sqrt(errors + 1e-6).sum()
    counts = np.zeros(10)
    for seed in range(400):
        places, chances = tree.draw(50, np.random.default_rng(seed))
        np.add.at(counts, places, 1)
    np.testing.assert_allclose(counts[[0, 3, 4, 8, 9]] / counts.sum(), shares, atol=0.01)
    told = dict(zip([0, 3, 4, 8, 9], shares, strict=True))
    np.testing.assert_allclose(chances, [told[place] for place in places])


def test_weights_make_up_for_the_priorities():
    replay = Replay(40 * GAMES, GAMES, SHAPE, stack=1, discount=GAMMA, alpha=1.0)
    played(replay, 30, ends=0.0)
    places = replay.valid()
    replay.learn(places, np.linspace(0.1, 2.0, len(places)))
    found = replay.sample(2000, np.random.default_rng(0), beta=1.0)
    value = places % 7.0  # any number of a place
    uniform = value.mean()
    lookup = dict(zip(places.tolist(), value.tolist(), strict=True))
    drawn = np.array([lookup[int(place)] for place in found.places])
    assert np.average(drawn, weights=found.weights) == pytest.approx(uniform, rel=0.05)
    assert found.weights.max() == 1


def test_what_was_restored_gives_the_same_samples():
    for alpha in (None, 0.5):
        first, second = (
            Replay(30 * GAMES, GAMES, SHAPE, stack=3, steps=2, discount=GAMMA, alpha=alpha) for _ in range(2)
        )
        played(first, 47)
        if alpha:
            first.learn(first.valid()[:20], np.linspace(0, 3, 20))
        second.restore(first.state())
        for seed in range(5):
            one, two = (
                replay.sample(16, np.random.default_rng(seed), beta=0.4) for replay in (first, second)
            )
            for a, b in zip(one, two, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_replay_that_cannot_hold_a_sample_is_refused():
    with pytest.raises(UsageError, match="--replay is 20; with 4 games it must be at least 32"):
        Replay(20, 4, SHAPE, stack=4, steps=3)
