import pytest
import torch

from pellucid.models.dropout import Dropout, random_int16


def test_evaluation_passes_the_values_on():
    values = torch.randn(7, 5)
    assert Dropout(0.5).eval()(values) is values


def test_probability_zero_passes_the_values_on_while_training():
    values = torch.randn(7, 5)
    assert Dropout(0.0).train()(values) is values


@pytest.mark.parametrize("probability", [0.02, 0.2, 0.5, 0.9])
def test_the_share_of_zeros_is_the_probability(probability):
    torch.manual_seed(1)
    dropped = (Dropout(probability)(torch.ones(1_000_003)) == 0).double().mean().item()
    deviation = (probability * (1 - probability) / 1_000_003) ** 0.5
    assert abs(dropped - probability) < 4 * deviation


def test_every_fourth_value_is_dropped_as_often_as_the_others():
    torch.manual_seed(1)
    dropped = (Dropout(0.5)(torch.ones(250_000, 4)) == 0).double().mean(0)
    assert (dropped - 0.5).abs().max() < 0.004  # four standard deviations


def test_neighbours_are_dropped_independently():
    torch.manual_seed(2)
    signs = (Dropout(0.5)(torch.ones(250_000, 4)) == 0).double() * 2 - 1
    correlations = signs.T @ signs / len(signs) - torch.eye(4)
    assert correlations.abs().max() < 0.009  # four standard deviations and a bit


def test_what_stays_is_scaled_so_that_the_mean_stays():
    torch.manual_seed(3)
    output = Dropout(0.25)(torch.ones(1000))
    assert sorted(set(output.tolist())) == pytest.approx([0, 4 / 3])


def test_the_gradient_passes_where_the_value_passed():
    torch.manual_seed(4)
    values = torch.ones(1000, requires_grad=True)
    output = Dropout(0.5)(values)
    output.sum().backward()
    assert torch.equal(values.grad, output.detach())


def test_the_same_seed_gives_the_same_mask():
    layer, values = Dropout(0.5), torch.ones(33, 3)
    torch.manual_seed(5)
    first = layer(values)
    torch.manual_seed(5)
    assert torch.equal(layer(values), first)


def test_the_next_call_gives_another_mask():
    layer, values = Dropout(0.5), torch.ones(1000)
    assert not torch.equal(layer(values), layer(values))


def test_the_random_bits_fill_the_whole_range_of_int16():
    torch.manual_seed(6)
    bits = random_int16(torch.empty(1_000_000)).double().view(-1, 4)
    uniform_deviation = 65536 / 12**0.5
    assert (bits.mean(0) + 0.5).abs().max() < 5 * uniform_deviation / 500
    assert (bits.std(0) / uniform_deviation - 1).abs().max() < 0.01


@pytest.mark.parametrize("probability", [-0.1, 1.0, 1.5, float("nan")])
def test_a_probability_outside_its_range_is_refused(probability):
    with pytest.raises(ValueError, match="expected 0 <= probability < 1"):
        Dropout(probability)
