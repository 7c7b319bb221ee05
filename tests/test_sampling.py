"""Sampling: the cached loop, the fused step and the naive loop draw the same samples; what is drawn from what."""

import numpy as np
import pytest
import torch

from pellucid import sampling
from pellucid.errors import UsageError
from pellucid.models.wavenet import WaveNet
from pellucid.sampling import Draw


def network(kernel=2, dilations=(1, 2, 4, 1), **sizes):
    torch.manual_seed(0)
    sizes = {"residual": 6, "gate": 5, "skip": 7, "condition": 4, "frame": 8, "phases": True, **sizes}
    net = WaveNet(3, 20, 10, kernel=kernel, dilations=dilations, **sizes)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return net.eval().requires_grad_(False)


def asked(length, lanes=1):
    """Return conditioning that changes with every frame or sample, so that an index off by one is seen."""
    inputs = torch.zeros(lanes, 6, length)
    frames = torch.arange(-(-length // 8))
    inputs[:, 1] = torch.arange(lanes)[:, None] % 3
    inputs[:, 2] = ((frames * 7.3) % 19).repeat_interleave(8)[:length]
    inputs[:, 3] = ((frames * 3.1) % 9).repeat_interleave(8)[:length]
    turned = torch.arange(length) * 0.7 + torch.arange(lanes)[:, None]
    inputs[:, 4:] = torch.stack([turned.sin(), turned.cos()], 1)
    return inputs


@pytest.mark.parametrize("kernel", [2, 3])
def test_cached_and_naive_draw_the_same_4000_samples_in_float64(kernel):
    net, inputs = network(kernel, (1, 2, 4)).double(), asked(4000)
    uniform = Draw(seed=3).uniform(1, 4000)
    fast = torch.stack([codes for _, codes in sampling.steps(net, inputs, Draw(seed=3), uniform)], 1)
    whole = inputs.double().clone()
    whole[:, 0] = fast
    with (
        torch.inference_mode()
    ):  # what the network says of the drawn samples, all at once, is the naive loop's
        logits = net(whole)[0]
    again = sampling.choose(logits, uniform[0], Draw())
    assert torch.equal(again, fast[0])
    short = sampling.generate(net, inputs[:, :, :200], Draw(seed=3), engine="naive")
    assert torch.equal(short[0], sampling.generate(net, inputs[:, :, :200], Draw(seed=3), engine="torch")[0])


@pytest.mark.parametrize(
    ("kernel", "kind", "phases"), [(2, "float32", True), (2, "float32", False), (3, "float64", True)]
)  # each kernel is compiled anew
def test_the_fused_step_has_the_logits_of_the_network(kernel, kind, phases):
    fused = pytest.importorskip("pellucid.fused")
    net = network(kernel, (1, 2, 4), phases=phases).to(getattr(torch, kind))
    inputs = asked(800, lanes=3)[:, : 6 if phases else 4]
    uniform = Draw(seed=5).uniform(3, 800)
    codes, logits = fused.generate(net, inputs, 1.0, 1.0, uniform, keep=True)
    whole = inputs.to(logits.dtype).clone()
    whole[:, 0] = codes
    with torch.inference_mode():
        true = net(whole)
    assert (logits - true).abs().max() < (1e-4 if kind == "float32" else 1e-6)
    assert true.std() > 0.1
    if kind == "float64":
        assert torch.equal(sampling.choose(true.flatten(0, 1), uniform.flatten(), Draw()), codes.flatten())
        assert torch.equal(sampling.generate(net, inputs, Draw(seed=5), engine="torch"), codes)
        for draw in (Draw(temperature=0), Draw(temperature=0.7, nucleus=0.6)):
            by_hand = sampling.generate(net, inputs[:, :, :200], draw, engine="torch")
            assert torch.equal(sampling.generate(net, inputs[:, :, :200], draw, engine="numba"), by_hand)


def test_conditioning_that_is_off_by_one_frame_is_seen():
    net = network(condition=8).double()  # eight channels: some pass the ReLU in every frame
    inputs = asked(80)
    late = inputs.clone()
    late[:, 1:] = inputs[:, 1:].roll(8, 2)
    draw = Draw(temperature=0)
    assert not torch.equal(sampling.generate(net, inputs, draw), sampling.generate(net, late, draw))
    logits = [score for score, _ in sampling.steps(net, inputs, draw, draw.uniform(1, 80))]
    moved = inputs.clone()
    moved[:, 3, 72:] = 0  # the last frame and, through two convolutions of five frames, the four before it
    others = [score for score, _ in sampling.steps(net, moved, draw, draw.uniform(1, 80))]
    same = [torch.equal(a, b) for a, b in zip(logits, others, strict=True)]
    assert same.index(False) == 72 - 4 * 8


def test_the_phase_of_a_sample_moves_its_own_logits_first():
    net, inputs = network().double(), asked(80)
    other = inputs.clone()
    other[:, 4:, 50] *= -1
    uniform = Draw().uniform(1, 80)
    before, after = (
        [score for score, _ in sampling.steps(net, given, Draw(), uniform)] for given in (inputs, other)
    )
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)].index(False) == 50


def test_a_batch_draws_what_each_of_its_lanes_draws_alone():
    net, inputs = network().double(), asked(120, lanes=3)
    uniform = Draw(seed=1).uniform(3, 120)
    together = torch.stack([c for _, c in sampling.steps(net, inputs, Draw(), uniform)], 1)
    for lane in range(3):
        part = slice(lane, lane + 1)
        alone = torch.stack([c for _, c in sampling.steps(net, inputs[part], Draw(), uniform[part])], 1)
        assert torch.equal(alone, together[part])


def test_a_seed_gives_the_same_sound_and_another_gives_another():
    net, inputs = network(), asked(200)
    first, again, other = (sampling.generate(net, inputs, Draw(seed=s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_codes_are_drawn_as_often_as_their_probability_says():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.2, 0.05]])).repeat(20000, 1)
    uniform = torch.rand(20000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn = sampling.choose(logits, uniform, Draw())
    shares = torch.bincount(drawn, minlength=4) / 20000
    assert shares.tolist() == pytest.approx([0.5, 0.25, 0.2, 0.05], abs=0.01)


def test_temperature_zero_takes_the_most_probable_and_a_half_squares_the_odds():
    logits = torch.log(torch.tensor([[0.2, 0.7, 0.1]]))
    assert sampling.choose(logits, torch.tensor([0.99]), Draw(temperature=0)).tolist() == [1]
    squared = np.array([0.04, 0.49, 0.01]) / 0.54
    assert sampling.kept(logits, Draw(temperature=0.5))[0].tolist() == pytest.approx(
        squared.tolist(), rel=1e-5
    )


def test_the_nucleus_keeps_the_fewest_codes_that_reach_it():
    logits = torch.log(torch.tensor([[0.1, 0.5, 0.3, 0.1]]))
    assert (sampling.kept(logits, Draw(nucleus=0.7))[0] > 0).tolist() == [False, True, True, False]
    assert (sampling.kept(logits, Draw(nucleus=0.4))[0] > 0).tolist() == [False, True, False, False]
    assert sampling.choose(logits, torch.tensor([0.999999]), Draw(nucleus=0.7)).tolist() == [2]


@pytest.mark.parametrize("fields", [{"temperature": -1}, {"nucleus": 0}, {"nucleus": 1.1}, {"seed": -1}])
def test_a_draw_outside_its_range_is_refused(fields):
    with pytest.raises(UsageError):
        Draw(**fields)


@pytest.mark.parametrize("engine", ["torch", "numba"])
@pytest.mark.parametrize(
    "draw", [Draw(seed=2), Draw(seed=2, temperature=0.7, nucleus=0.8), Draw(temperature=0)]
)
def test_what_is_watched_is_what_is_generated_and_every_code_follows_from_its_softmax(engine, draw):
    if engine == "numba":
        pytest.importorskip("numba")
    net, inputs = network(), asked(160)
    codes, logits, uniform = sampling.watched(net, inputs, draw, engine=engine)
    assert torch.equal(codes, sampling.generate(net, inputs, draw, engine=engine))
    assert torch.equal(uniform, draw.uniform(1, 160))
    assert torch.equal(sampling.choose(logits[0], uniform[0], draw), codes[0])
    stepped = torch.stack([score for score, _ in sampling.steps(net, inputs, draw, uniform)], 1)
    assert (logits - stepped).abs().max() < (1e-12 if engine == "torch" else 1e-4)


def test_at_temperature_zero_the_most_probable_code_has_all_the_probability():
    logits = torch.log(torch.tensor([[0.2, 0.7, 0.1]]))
    assert sampling.kept(logits, Draw(temperature=0)).tolist() == [[0, 1, 0]]
