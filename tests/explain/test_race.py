import numpy as np
import pytest
import torch

from pellucid.errors import UsageError
from pellucid.explain.race import SURFACES, grid, race

TORCH = {
    "sgd": lambda p, r: torch.optim.SGD([p], lr=r),
    "momentum": lambda p, r: torch.optim.SGD([p], lr=r, momentum=0.9),
    "nesterov": lambda p, r: torch.optim.SGD([p], lr=r, momentum=0.9, nesterov=True),
    "adagrad": lambda p, r: torch.optim.Adagrad([p], lr=r),
    "adadelta": lambda p, r: torch.optim.Adadelta([p], lr=r),
    "rmsprop": lambda p, r: torch.optim.RMSprop([p], lr=r, alpha=0.9, eps=1e-7),
    "adam": lambda p, r: torch.optim.Adam([p], lr=r),
    "adamw": lambda p, r: torch.optim.AdamW([p], lr=r),
    "nadam": lambda p, r: torch.optim.NAdam([p], lr=r),
    "muon": lambda p, r: torch.optim.Muon([p], lr=r, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
}
# The same surfaces once more, for autograd: no gradient of ours is used.
HEIGHTS = {
    "valley": lambda x, y: 0.05 * x**2 + 2 * y**2,
    "saddle": lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
    "bowl": lambda x, y: (x**2 + y**2) / 2,
    "beale": lambda x, y: (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2,
}


@pytest.fixture
def full_precision(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def torch_path(surface, name, steps, seed):
    point = torch.nn.Parameter(torch.tensor([surface.start]))
    optimizer = TORCH[name](point, surface.learning_rates[name])
    noise = np.random.default_rng(seed).normal(scale=surface.noise, size=(steps, 2))
    path = [point.detach().clone()]
    for shake in noise:
        optimizer.zero_grad()
        HEIGHTS[surface.name](*point[0]).backward()
        point.grad += torch.from_numpy(shake)
        optimizer.step()
        path.append(point.detach().clone())
    return torch.cat(path).numpy()


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_every_path_equals_a_run_of_torch_step_for_step(surface, name, full_precision):
    path = race(surface, steps=60, seed=3)[name]
    np.testing.assert_allclose(path, torch_path(surface, name, 60, 3), rtol=0, atol=1e-9)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_every_racer_ends_lower_than_it_started(surface):
    ends = {name: float(surface.value(path[-1])) for name, path in race(surface).items()}
    assert max(ends.values()) < float(surface.value(np.array(surface.start))) / 2


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_the_gradient_vanishes_at_every_minimum(surface):
    np.testing.assert_allclose(surface.gradient(np.array(surface.minima)), 0, atol=1e-12)


def test_the_same_seed_shakes_the_bowl_the_same_way():
    first, again = race(SURFACES["bowl"], seed=7), race(SURFACES["bowl"], seed=7)
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_another_seed_shakes_the_bowl_in_another_way():
    assert not np.array_equal(race(SURFACES["bowl"], seed=7)["sgd"], race(SURFACES["bowl"], seed=8)["sgd"])


def test_on_a_surface_without_noise_the_seed_changes_nothing():
    assert np.array_equal(race(SURFACES["valley"], seed=7)["adam"], race(SURFACES["valley"], seed=8)["adam"])


def test_a_path_holds_the_start_and_every_step():
    path = race(SURFACES["valley"], start=(1.0, 2.0), learning_rates={"sgd": 0.1}, steps=5)["sgd"]
    assert path.shape == (6, 2)
    assert path[0].tolist() == [1.0, 2.0]


def test_a_racer_thrown_out_does_not_stop_the_others():
    paths = race(SURFACES["beale"], learning_rates={"sgd": 10.0, "adam": 0.1})
    assert not np.isfinite(paths["sgd"][-1]).all()
    assert np.isfinite(paths["adam"]).all()


def test_the_grid_gives_the_height_at_its_own_points():
    x, y, heights = grid(SURFACES["beale"], points=11)
    expected = HEIGHTS["beale"](x[None, :], y[:, None])
    np.testing.assert_allclose(heights, expected, rtol=1e-12)


def test_an_unknown_racer_is_met_with_the_near_one():
    with pytest.raises(UsageError, match='Did you mean "adam"'):
        race(SURFACES["valley"], learning_rates={"adm": 1.0})


def test_a_race_without_steps_is_refused():
    with pytest.raises(UsageError, match="0 steps"):
        race(SURFACES["valley"], steps=0)
