"""The task: the paper's numbers, fields that are refused, facts, answers, and Graves' RMSProp where it is asked for."""

import dataclasses

import numpy as np
import pytest
import torch

from pellucid.errors import DataError, UsageError
from pellucid.graves import GravesRMSprop
from pellucid.tasks.atari import Atari, paper, tiny


def test_paper_has_the_numbers_of_extended_data_table_1():
    task, training = paper(), paper().training
    assert (training.batch_size, task.replay, task.stack, task.discount) == (32, 1_000_000, 4, 0.99)
    assert (task.target_every, task.repeat, task.steps_per_update) == (10_000, 4, 4)
    assert (training.learning_rate, training.rho) == (0.00025, 0.95)
    assert (task.epsilon, task.exploration, task.start, task.noops) == (0.1, 1_000_000, 50_000, 30)
    assert training.steps * task.steps_per_update == 50_000_000
    assert (task.network, task.episodes, task.evaluation_epsilon, task.frames) == (
        "nature",
        30,
        0.05,
        5 * 60 * 60,
    )


def test_paper_has_none_of_what_came_later():
    task = paper()
    assert (task.double, task.dueling, task.n_step, task.priority, task.returns) == (
        False,
        False,
        1,
        None,
        "mean",
    )
    assert (task.sticky, task.games, task.summed, task.life_loss) == (0.0, 1, True, True)


def test_rmsprop_is_that_of_the_paper():
    training = dataclasses.replace(tiny().training, optimizer="rmsprop", learning_rate=None)
    task = dataclasses.replace(tiny(), training=training)
    optimizer = task.learner(task.data()).optimizer
    assert isinstance(optimizer, GravesRMSprop)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["rho"], group["eps"]) == (2.5e-4, 0.95, 0.01)


def test_a_game_is_spelled_as_the_paper_does():
    assert Atari(game="space invaders").game == "Space Invaders"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"game": "pung"}, 'Did you mean "Pong"'),
        ({"games": 0}, "--games is 0"),
        ({"sticky": 1.5}, "--sticky is 1.5"),
        ({"returns": "quantile", "atoms": 1}, "--returns quantile needs --atoms"),
        ({"returns": "categorical", "atoms": 1}, "--returns categorical needs --atoms"),
        ({"priority": 0.0}, "--priority is 0.0"),
        ({"start": 10}, "--start is 10"),
        ({"replay": 5000}, "--replay 5000"),
        ({"bounds": (1.0, 1.0)}, "--bounds must rise"),
        ({"bounds": (-float("inf"), 1.0)}, "--bounds must rise and be finite"),
    ],
)
def test_what_cannot_be_meant_is_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        Atari(**fields)


def test_the_mean_of_a_return_is_one_number_whatever_the_atoms_are():
    task = dataclasses.replace(tiny(), returns="mean", atoms=51)
    facts = task.data().facts
    assert task.model(facts).returns(torch.zeros(1, *facts["shape"])).shape == (1, 3, 1)
    assert dataclasses.replace(task, returns="quantile").model(facts).atoms == 51


def test_a_network_that_does_not_fit_the_game_is_refused_with_one_that_does():
    task = dataclasses.replace(tiny(), network="nature")
    with pytest.raises(UsageError, match="take --network minatar"):
        task.model(task.data().facts)


def test_a_moment_is_bytes_of_the_game_s_own_shape():
    task = tiny()
    facts = task.data().facts
    sample = np.full((2, 10, 10), 255, np.uint8)
    (stage,) = task.takes.read(sample, facts).values()
    inputs, _ = task.prepare(torch.from_numpy(stage)[None], facts=facts)
    assert float(inputs.max()) == 1
    with pytest.raises(DataError, match="expected the frames of a moment"):
        task.takes.read("photo.png", facts)
    with pytest.raises(UsageError, match="expected bytes"):
        task.prepare(inputs, facts=facts)


def test_an_answer_names_the_action_that_is_worth_most():
    task = tiny()
    answer = task.answer(torch.tensor([0.25, -1.0, 0.5]), task.data().facts)
    assert answer.text == "right"
    assert answer.logits == {"stay": 0.25, "left": -1.0, "right": 0.5}
    assert answer.probabilities == {}


def test_a_replay_that_does_not_fit_in_a_file_is_refused_before_anything_is_played():
    task = dataclasses.replace(tiny(), game="Pong", network="small", stack=4, replay=1_000_000, start=1000)
    pytest.importorskip("ale_py")
    with pytest.raises(UsageError, match=r"--keep-replay: 6\.6 GB"):
        task.learner(task.data())
