"""Schedules against torch's and against lines drawn by hand."""

import pytest
import torch
from torch import nn

from pellucid import schedules
from pellucid.errors import UsageError


def torch_rates(scheduler, optimizer, steps):
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("steps", [4, 10, 37, 100])
def test_one_cycle_equals_torchs(steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=steps, cycle_momentum=False
    )
    expected = torch_rates(scheduler, optimizer, steps)
    ours = [schedules.factor("one-cycle", step, steps, last=0.04e-4) for step in range(steps)]
    assert ours == pytest.approx(expected, abs=1e-12)


def test_cosine_equals_torchs():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    expected = torch_rates(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40), optimizer, 40)
    assert [schedules.factor("cosine", step, 40) for step in range(40)] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_warm_up_climbs_a_straight_line_to_one(name):
    assert [schedules.factor(name, step, 20, warmup=4) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_linear_falls_to_zero_at_the_end():
    assert [schedules.factor("linear", step, 4) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize("name", schedules.SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
@pytest.mark.parametrize("warmup", [0, 1, 5, 60])
def test_a_factor_is_always_between_zero_and_one(name, steps, warmup):
    found = [schedules.factor(name, step, steps, warmup=warmup) for step in range(steps + 3)]
    assert all(0 <= factor <= 1 for factor in found)


def test_exponential_rises_by_equal_factors_and_stops_at_one():
    found = [schedules.factor("exponential", step, 7) for step in range(9)]
    assert found == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1, 1])


def test_the_rise_of_one_cycle_lasts_as_long_as_its_warm_up():
    factors = [schedules.factor("one-cycle", step, 50, warmup=10) for step in range(50)]
    assert factors.index(max(factors)) == 9


def test_a_plateau_divides_by_ten_from_the_first_loss_that_is_no_better_on():
    losses = [3.0, 2.0, 2.0, 1.0, 0.5]  # once it began it goes on, whatever comes
    found = [schedules.plateau(losses[:count]) for count in range(6)]
    assert found == pytest.approx([1.0, 1.0, 1.0, 0.1, 0.01, 0.001])


def test_an_unknown_schedule_is_met_with_the_near_one():
    with pytest.raises(UsageError, match='Did you mean "cosine"'):
        schedules.factor("cosin", 0, 1)


def test_a_negative_step_is_refused():
    with pytest.raises(UsageError, match="step=-1"):
        schedules.factor("cosine", -1, 10)
