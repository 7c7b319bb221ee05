"""Deep Q-learning: a chain reaches its optimal values, play is reproducible, a resume goes on."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from pellucid import checks, engine
from pellucid.datasets.games import Move
from pellucid.errors import NonFinite, RunError, UsageError
from pellucid.qlearning import ADAM_EPSILON, values_of
from pellucid.tasks.atari import Atari, tiny

GAMMA = 0.8


class Chain:
    """Five states in a row; right of the last one is a point and the end. Each state is a picture of its own."""

    actions, shape = ("left", "right"), (1, 3, 5)

    def reset(self, seed):
        self.place, self.steps = seed % 5, 0
        return self._move(0.0, over=False)

    def step(self, action):
        self.steps += 1
        self.place = max(0, self.place - 1) if action == 0 else self.place + 1
        over = self.place == 5
        self.place = min(4, self.place)
        return self._move(float(over), over=over)

    def _move(self, reward, *, over):
        frame = np.zeros(self.shape, np.uint8)
        frame[0, :, self.place] = 255
        return Move(frame, reward, over, not over and self.steps >= 30, 0)

    def screen(self):
        return np.zeros((3, 5, 3), np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChainTask(Atari):
    def maker(self, *, sticky=None):
        return Chain


BEST = [max(GAMMA ** (4 - s), 0) for s in range(5)]  # right, until the point
OPTIMAL = [[GAMMA * BEST[max(0, s - 1)], BEST[s]] for s in range(5)]


def changed(task, **changes):
    training = {name: changes.pop(name) for name in list(changes) if hasattr(task.training, name)}
    return dataclasses.replace(task, **changes, training=dataclasses.replace(task.training, **training))


def chain_task(**changes):
    settings = {
        "game": "catch", "network": "minatar", "discount": GAMMA, "replay": 2000, "start": 400, "games": 4,
        "target_every": 20, "epsilon": 1.0, "stack": 1, "n_step": 1, "dueling": False, "double": False,
    }  # fmt: skip
    task = ChainTask(**{**settings, **changes})
    return changed(
        task, steps=600, batch_size=32, learning_rate=2e-3, evaluate_every=10**6, schedule="linear"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"double": True, "dueling": True, "priority": 0.5, "returns": "quantile", "atoms": 8},
        {"returns": "categorical", "atoms": 21, "bounds": (0.0, 1.0)},
    ],
    ids=["plain", "double dueling prioritised quantile", "categorical"],
)
def test_a_chain_of_five_states_reaches_its_optimal_values(changes):
    task = chain_task(**changes)
    learner = task.learner(task.data())
    for step, batch in zip(range(task.training.steps), learner.batches(0), strict=False):
        learner.update(batch, step)
    states = np.zeros((5, 1, 3, 5), np.uint8)
    for place in range(5):
        states[place, 0, :, place] = 255
    found = values_of(learner.network, task, learner.facts)(states)
    np.testing.assert_allclose(found, OPTIMAL, atol=1e-2 if not changes else 3e-2)


def test_the_same_seed_plays_the_same_first_two_thousand_transitions():
    def first(seed):
        task = changed(tiny(), start=2000, replay=4000, seed=seed)
        learner = task.learner(task.data())
        next(learner.batches(0))
        memory = learner.memory
        return [
            part[:500].copy() for part in (memory.frames, memory.actions, memory.rewards, memory.terminal)
        ]

    one, again, other = first(3), first(3), first(4)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[1], other[1])
    assert one[1].size == 2000


def test_an_untrained_network_scores_like_random_play():
    from pellucid import metrics, playing

    task = tiny()
    data, seeds = task.data(), playing.seeds(0, 200, "test")
    network = task.model(data.facts)
    scores = [
        [each.score for each in playing.episodes(task.maker(), values, seeds, stack=2, epsilon=epsilon)]
        for values, epsilon in ((values_of(network, task, data.facts), 0.5), (None, 1.0))
    ]
    network_score, random_score = (metrics.mean_return(each).value for each in scores)
    assert abs(network_score - random_score) < 1  # a perfect player has 11


def test_a_lost_life_is_terminal_only_where_the_task_says_so():
    found = []
    for life_loss in (False, True):
        task = changed(tiny(), life_loss=life_loss, start=400)
        learner = task.learner(task.data())
        next(learner.batches(0))
        memory = learner.memory
        ends = memory.terminal[: memory.count]
        followed = memory.last[1 : memory.count] & ends[:-1]
        found.append((int(ends.sum()), int(followed.sum())))
    (without, without_ends), (lives, lives_ends) = found
    assert without == without_ends == lives_ends  # only the end of a game
    assert lives > 2 * without  # three lives a game


def test_rewards_are_clipped_for_learning_and_raw_in_scores():
    class Rich(Chain):
        def step(self, action):
            return super().step(action)._replace(reward=-500.0)

    task = chain_task()
    learner = task.learner(task.data())
    learner.players.games[:] = [Rich() for _ in range(4)]
    next(learner.batches(0))
    assert set(np.unique(learner.memory.rewards[: learner.memory.count])) == {-1.0, 0.0}
    assert max(learner.players.finished) <= -500


def test_epsilon_falls_along_a_line_of_actions():
    task = changed(tiny(), epsilon=0.1, exploration=1000, steps_per_update=4)
    learner = task.learner(task.data())
    assert learner.epsilon(0) == 1
    assert learner.epsilon(125) == pytest.approx(0.55)  # 500 of 1000 actions
    assert learner.epsilon(250) == learner.epsilon(10**6) == pytest.approx(0.1)


def test_the_target_network_changes_only_when_it_is_due():
    task = changed(tiny(), target_every=5)
    learner = task.learner(task.data())
    before = learner.target.advantage[0].weight.clone()
    for step, batch in zip(range(5), learner.batches(0), strict=False):
        learner.update(batch, step)
        same = torch.equal(learner.target.advantage[0].weight, before)
        assert same == (step < 4)
    assert torch.equal(learner.target.advantage[0].weight, learner.network.advantage[0].weight)


def test_as_many_actions_are_done_as_the_clock_says():
    task = changed(tiny(), start=200, games=4, steps_per_update=2)
    learner = task.learner(task.data())
    for step, _ in zip(range(11), learner.batches(0), strict=False):
        done = 200 + 2 * (step + 1)
        assert done <= learner.played < done + 4


@pytest.mark.parametrize(
    "changes", [{"priority": 0.5}, {"optimizer": "rmsprop", "learning_rate": None, "summed": True}]
)
def test_a_training_that_keeps_its_replay_resumes_to_the_same_weights(changes):
    checks.interrupted_and_resumed_equals_uninterrupted(changed(tiny(), **changes))


def test_a_training_on_the_emulator_that_keeps_its_replay_resumes_to_the_same_weights():
    pytest.importorskip("ale_py", reason="the extra atari is not installed")
    task = changed(
        tiny(), game="Breakout", network="small", stack=4, replay=300, start=100, sticky=0.25, frames=100,
        validation_episodes=1, batch_size=8,
    )  # fmt: skip
    checks.interrupted_and_resumed_equals_uninterrupted(task)


def test_a_training_that_does_not_keep_it_plays_anew_and_goes_on():
    task = changed(tiny(), keep_replay=False, steps=12, evaluate_every=6)
    first = task.learner(task.data())
    for progress in engine.fit(first):
        if progress.step == 6:
            break
    state = first.state_dict()
    assert state["replay"] is None
    second = task.learner(task.data())
    second.load_state_dict(state)
    last = list(engine.fit(second, start=6))[-1]
    assert last.step == 12
    assert second.base == 6
    assert second.played >= task.start
    assert min(second.players.episodes) >= min(first.players.episodes)  # no episode is played twice


def test_a_state_of_other_settings_or_without_a_part_is_refused():
    task = tiny()
    learner = task.learner(task.data())
    next(learner.batches(0))
    state = learner.state_dict()
    other = changed(tiny(), n_step=2)
    with pytest.raises(RunError, match="not this training"):
        other.learner(other.data()).load_state_dict(state)
    del state["target"]
    with pytest.raises(RunError, match="lacks target"):
        task.learner(task.data()).load_state_dict(state)


def test_what_a_player_cannot_have_is_refused():
    for name, value in {"ema": 0.9, "averaged": 2, "precision": "bf16", "limit": 5}.items():
        task = changed(tiny(), **{name: value})
        with pytest.raises(UsageError, match=f"--{name}"):
            task.learner(task.data())


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [("adam", "weight_decay"), ("adam", "rho"), ("rmsprop", "beta2"), ("rmsprop", "momentum")],
)
def test_a_setting_that_the_optimiser_of_a_player_lacks_is_refused(optimizer, name):
    task = changed(tiny(), optimizer=optimizer, **{name: 0.1})
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} is not for {optimizer}"):
        task.learner(task.data())


def test_a_momentum_of_a_player_reaches_its_optimiser():
    task = changed(tiny(), optimizer="momentum", momentum=0.5)
    assert task.learner(task.data()).optimizer.param_groups[0]["momentum"] == 0.5


def test_a_loss_that_is_not_finite_changes_no_weight():
    task = tiny()
    learner = task.learner(task.data())
    batch = next(learner.batches(0))
    before = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    with pytest.raises(NonFinite, match="step 1"):
        learner.update(batch._replace(returns=torch.full_like(batch.returns, float("nan"))), 0)
    assert all(torch.equal(before[name], tensor) for name, tensor in learner.network.state_dict().items())


def test_adam_has_the_constant_of_those_who_tuned_it():
    task = changed(tiny(), learning_rate=None)
    assert task.learner(task.data()).optimizer.param_groups[0]["eps"] == ADAM_EPSILON == 1.5e-4


def test_the_batches_go_on_after_the_replay_turned_over():
    task = changed(tiny(), replay=240, start=200)
    learner = task.learner(task.data())
    for batch in itertools.islice(learner.batches(0), 100):
        assert batch.states.shape == (32, 2, 10, 10)
    assert learner.memory.count > 2 * learner.memory.length
