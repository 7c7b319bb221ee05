"""The deep Q-networks: sizes from the papers, and heads that say what their papers define."""

import pytest
import torch

from pellucid.models.dqn import DQN

SCREEN = (4, 84, 84)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_network_of_2015_has_as_many_parameters_as_its_sizes_say():
    convolutions = (4 * 64 + 1) * 32 + (32 * 16 + 1) * 64 + (64 * 9 + 1) * 64
    assert count(DQN(SCREEN, 4)) == convolutions + (7 * 7 * 64 + 1) * 512 + 513 * 4 == 1_686_180


def test_the_network_of_2013_has_as_many_parameters_as_its_sizes_say():
    convolutions = (4 * 64 + 1) * 16 + (16 * 16 + 1) * 32
    assert count(DQN(SCREEN, 6, body="small")) == convolutions + (9 * 9 * 32 + 1) * 256 + 257 * 6 == 677_686


def test_the_network_of_minatar_has_as_many_parameters_as_its_sizes_say():
    assert count(DQN((4, 10, 10), 6, body="minatar")) == (4 * 9 + 1) * 16 + (8 * 8 * 16 + 1) * 128 + 129 * 6


def test_first_weights_are_within_one_over_the_root_of_the_fan_in():
    torch.manual_seed(0)
    network = DQN(SCREEN, 4)
    for layer, fan_in in ((network.body[0], 4 * 64), (network.advantage[0], 3136)):
        for tensor in (layer.weight, layer.bias):
            assert tensor.abs().max() <= fan_in**-0.5
            assert tensor.abs().max() > 0.8 * fan_in**-0.5


@pytest.mark.parametrize(("kind", "atoms"), [("mean", 1), ("quantile", 7)])
def test_a_dueling_head_s_advantages_have_no_mean_so_the_values_mean_is_the_state_s_worth(kind, atoms):
    network = DQN((2, 10, 10), 3, body="minatar", dueling=True, kind=kind, atoms=atoms)
    frames = torch.rand(5, 2, 10, 10)
    stream = network.value(network.body(frames)).mean(1)
    worth, advantages = network.apart(frames)
    torch.testing.assert_close(worth, stream)
    torch.testing.assert_close(advantages.mean(1), torch.zeros(5), atol=1e-6, rtol=0)


def test_without_a_dueling_head_the_best_action_has_no_advantage():
    worth, advantages = DQN((2, 10, 10), 3, body="minatar").apart(torch.rand(5, 2, 10, 10))
    assert advantages.amax(1).abs().max() == 0
    assert worth.shape == (5,)


def test_the_worth_of_a_categorical_head_is_the_mean_of_its_fixed_returns():
    network = DQN((1, 10, 10), 2, body="minatar", kind="categorical", atoms=3, bounds=(-1.0, 1.0))
    logits = torch.tensor([[[0.0, 0.0, 0.0], [-50.0, 0.0, 0.0]]])
    torch.testing.assert_close(network.expected(logits), torch.tensor([[0.0, 0.5]]))


def test_frames_that_are_too_small_are_refused_with_their_size():
    with pytest.raises(ValueError, match=r"\(4, 10, 10\) are too small .*nature"):
        DQN((4, 10, 10), 4)
