"""WaveNet: causality and receptive field by gradient, exact at both ends; the hand-written backward; shapes."""

import pytest
import torch
from torch.nn import functional

from pellucid.models.wavenet import WaveNet
from pellucid.tasks.speech import Speech, paper


def network(kernel=2, dilations=(1, 2, 4, 1, 2), **sizes):
    torch.manual_seed(0)
    sizes = {"residual": 6, "gate": 5, "skip": 7, "condition": 4, "frame": 4, "phases": True, **sizes}
    return WaveNet(3, 20, 10, kernel=kernel, dilations=dilations, **sizes).double().eval()


def inputs(length=40, batch=2):
    generator = torch.Generator().manual_seed(1)
    whole = torch.zeros(batch, 6, length, dtype=torch.double)
    whole[:, 0] = torch.randint(0, 256, (batch, length), generator=generator)
    whole[:, 1] = torch.arange(batch)[:, None]
    whole[:, 2] = torch.linspace(2, 15.5, length // 4).repeat_interleave(4)
    whole[:, 3] = torch.linspace(0, 8.25, length // 4).repeat_interleave(4)
    turned = torch.arange(length, dtype=torch.double) * 0.7 + torch.arange(batch)[:, None]
    whole[:, 4:] = torch.stack([turned.sin(), turned.cos()], 1)
    return whole


def reach(net, at, length=40):
    """Return which samples move the logits of sample ``at``: the gradient with respect to one-hot codes."""
    net, whole = net, inputs(length, 1)
    hot = functional.one_hot(whole[:, 0].long(), 256).double().requires_grad_()
    taps, kernel = net.first.taps, net.kernel
    x = net.first.bias.expand(1, length, -1)
    for tap in range(kernel):
        age = kernel - tap
        x = x + functional.pad(hot @ taps[tap], (0, 0, age, 0))[:, :length]
    x = x + whole[:, 4:].transpose(1, 2) @ net.phase.weight.T
    torch.testing.assert_close(x, net.begin(whole))
    net.after(x, net.conditioning(whole))[0, at].sum().backward()
    return hot.grad[0].abs().sum(1).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(("kernel", "dilations"), [(2, (1, 2, 4, 1, 2)), (3, (1, 2, 4)), (4, (1, 3))])
def test_logits_see_exactly_the_receptive_field_before_their_sample(kernel, dilations):
    net = network(kernel, dilations)
    by_hand = (kernel - 1) * sum(dilations) + kernel  # van den Oord's count, and the first convolution
    assert net.receptive_field == by_hand
    found = reach(net, 35)
    assert (found[0], found[-1]) == (35 - by_hand, 34)


def test_a_changed_sample_changes_the_next_logits_and_none_up_to_its_own():
    net, whole = network(), inputs()
    other = whole.clone()
    other[:, 0, 20] = (other[:, 0, 20] + 100) % 256
    before, after = net(whole), net(other)
    assert torch.equal(before[:, :21], after[:, :21])
    assert (before[:, 21] != after[:, 21]).any()
    assert torch.equal(before[:, 20 + net.receptive_field + 1 :], after[:, 20 + net.receptive_field + 1 :])


def test_the_phase_of_a_sample_is_seen_by_its_own_logits_and_those_after_it():
    net, whole = network(), inputs(batch=1).requires_grad_()
    net(whole)[0, 30].sum().backward()
    seen = whole.grad[0, 4:].abs().sum(0).nonzero()[:, 0].tolist()
    assert (seen[0], seen[-1]) == (30 - (1 + 2 + 4 + 1 + 2), 30)  # the layers' dilations; not the first layer


def test_without_phases_four_rows_are_enough_and_nothing_else_is_asked_for():
    net = network(phases=False)
    assert torch.equal(net(inputs()[:, :4]), net(inputs()))
    other = network().state_dict()
    assert set(other) - set(net.state_dict()) == {"phase.weight"}
    assert all(torch.equal(other[name], weight) for name, weight in net.state_dict().items())


def test_the_paper_s_stack_of_ten_layers_has_its_receptive_field():
    assert network(2, tuple(2**i for i in range(10))).receptive_field - 1 == 1024  # section 2.1, and one more


def test_the_paper_s_setting_has_its_dilations_and_rate():
    net = paper().model({"voices": ["a"], "units": ["b"], "frame": 160})
    assert net.dilations == tuple(2**i for i in range(10)) * 3
    assert (net.kernel, paper().rate, net.last.out_features) == (2, 16000, 256)


@pytest.mark.parametrize(("kernel", "dilations"), [(2, (1, 2, 4, 1, 64)), (3, (1, 2, 4))])
def test_the_hand_written_backward_is_that_of_the_layers(kernel, dilations):
    net, whole = network(kernel, dilations), inputs()
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    found = {}
    for training in (False, True):
        net.train(training).zero_grad()
        loss = functional.cross_entropy(net(whole).flatten(0, 1), whole[:, 0].long().flatten())
        loss.backward()
        found[training] = [loss.detach(), *(parameter.grad.clone() for parameter in net.parameters())]
    for slow, fast in zip(found[False], found[True], strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-12)
    assert all(float(gradient.abs().max()) > 0 for gradient in found[True][1:])


def test_the_default_fits_two_cores_and_hears_a_sixteenth_of_a_second():
    task = Speech()
    net = task.model({"voices": ["a"] * 8, "units": ["b"] * 17, "frame": 80})
    assert net.receptive_field == 1 + sum([1, 2, 4, 8, 16, 32, 64, 128] * 2) + 1
    assert net.receptive_field / task.rate == pytest.approx(0.064)
