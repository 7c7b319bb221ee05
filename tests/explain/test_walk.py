import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.errors import NonFinite, UsageError
from pellucid.explain import passes
from pellucid.explain.walk import walk
from pellucid.optimizers import DEFAULTS

CLASSES = [f"class {k}" for k in range(10)]


class Residual(nn.Module):
    """Adds what goes in to what comes out, outside of any layer."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(784, 784)

    def forward(self, inputs):
        return inputs + self.inner(inputs)


def mlp():
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("flatten", nn.Flatten())
    model.add_module("hidden1", nn.Linear(784, 32))
    model.add_module("relu1", nn.ReLU())
    model.add_module("dropout1", nn.Dropout(0.5))
    model.add_module("hidden2", nn.Linear(32, 16, bias=False))
    model.add_module("relu2", nn.ReLU())
    model.add_module("scores", nn.Linear(16, 10))
    return model


def cnn():
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(1, 4, 5, stride=2, padding=2))
    model.add_module("norm1", nn.BatchNorm2d(4))
    model.add_module("relu1", nn.ReLU())
    model.add_module("conv2", nn.Conv2d(4, 6, 3, dilation=2, groups=2))
    model.add_module("relu2", nn.ReLU(inplace=True))
    model.add_module("pool", nn.MaxPool2d(2))
    model.add_module("flatten", nn.Flatten())
    model.add_module("scores", nn.Linear(150, 10))
    with torch.no_grad():
        model.train()(torch.randn(8, 1, 28, 28))  # statistics that are not 0 and 1
    return model


def image():
    return torch.randn(1, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def walked(model, target=3, **settings):
    return walk(model, image(), target, classes=CLASSES, **settings)


def autograd(model, target=3):
    """The gradients of an independent backward pass, by parameter name."""
    model = copy.deepcopy(model).eval()
    nn.functional.cross_entropy(model(image()), torch.tensor([target])).backward()
    return {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}


def gradients(walk):
    return {p.name: p.gradient for layer in walk.layers for p in layer.parameters}


BOTH = pytest.mark.parametrize("network", [mlp, cnn])


@BOTH
def test_the_model_is_left_bit_for_bit_as_it_was(network):
    model = network()
    before = copy.deepcopy(model.state_dict())
    walked(model, optimizer="adam", learning_rate=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@BOTH
def test_no_gradient_no_hook_and_no_change_of_mode_is_left_behind(network):
    model = network().train()
    walked(model)
    assert all(p.grad is None for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(module.training for module in model.modules())


def test_a_layer_that_works_in_place_still_does_so_afterwards():
    model = cnn()
    walked(model)
    assert model.relu2.inplace


@BOTH
def test_the_layers_come_in_the_order_of_the_network(network):
    model = network()
    assert [layer.name for layer in walked(model).layers] == [name for name, _ in model.named_children()]


@BOTH
def test_every_activation_is_the_tensors(network):
    model = network().eval()
    value = image()
    for layer, module in zip(walked(model).layers, model, strict=True):
        np.testing.assert_array_equal(layer.before, value[0].detach())
        value = module(value.clone())
        np.testing.assert_array_equal(layer.after, value[0].detach())


@BOTH
def test_every_gradient_is_autograds(network):
    ours, theirs = gradients(walked(network())), autograd(network())
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name])


@BOTH
def test_clipped_counts_what_relu_set_to_zero(network):
    layers = [layer for layer in walked(network()).layers if layer.kind == "ReLU"]
    assert [layer.clipped for layer in layers] == [int((layer.after == 0).sum()) for layer in layers]
    assert all(0 < layer.clipped < layer.after.size for layer in layers)


@BOTH
def test_the_chain_of_every_weight_adds_up_to_its_gradient(network):
    layers = [layer for layer in walked(network()).layers if layer.kind in ("Linear", "Conv2d")]
    expected = [autograd(network())[f"{layer.name}.weight"][layer.chain.index] for layer in layers]
    assert [layer.chain.total for layer in layers] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("index", [(0, 0, 0, 0), (2, 1, 2, 0), (3, 0, 1, 2), (5, 1, 0, 1)])
def test_the_chain_of_a_grouped_dilated_kernel_adds_up_anywhere(index):
    module = nn.Conv2d(4, 6, 3, dilation=2, groups=2, stride=2, padding=(1, 2))
    inputs = torch.randn(1, 4, 9, 11)
    outputs = module(inputs)
    upstream = torch.randn_like(outputs)
    outputs.backward(upstream)
    found = passes.chain(module, inputs, upstream, index)
    assert found.total == pytest.approx(float(module.weight.grad[index]), rel=1e-4, abs=1e-5)


def test_the_chain_of_a_linear_weight_is_one_input_times_one_upstream_gradient():
    walk = walked(mlp())
    found = walk.layers[1].chain
    out, into = found.index
    assert found.inputs.tolist() == [walk.layers[1].before[into]]
    assert found.upstream.tolist() == [walk.layers[1].gradient[out]]


@BOTH
def test_every_tensor_has_a_name_of_its_own(network):
    model = network()
    assert [p.name for layer in walked(model).layers for p in layer.parameters] == [
        n for n, _ in model.named_parameters()
    ]


@BOTH
def test_the_first_weight_named_has_the_greatest_gradient_of_its_tensor(network):
    expected = autograd(network())
    for layer in walked(network()).layers:
        for parameter in layer.parameters:
            values = expected[parameter.name]
            assert abs(parameter.largest[0].gradient) == np.abs(values).max()
            assert values[parameter.largest[0].index] == parameter.largest[0].gradient


def test_our_own_backward_pass_agrees_with_autograd_in_double_precision():
    assert walked(mlp()).plain.largest < 1e-12


def test_our_own_backward_pass_agrees_with_the_gradients_shown_to_a_millionth():
    model = mlp()
    ours = passes.plain_gradients(list(model), image().numpy().astype(np.float64), 3)
    for module, (name, _) in zip(ours, model.named_children(), strict=True):
        for kind in ("weight", "bias"):
            theirs = autograd(model).get(f"{name}.{kind}")
            if theirs is not None:
                assert np.abs(module[kind] - theirs).max() < 1e-6 * np.abs(theirs).max()


def test_the_plain_comparison_sees_a_wrong_relu(monkeypatch):
    monkeypatch.setattr("pellucid.losses.relu_gradient", lambda inputs, upstream: upstream)
    assert walked(mlp()).plain.largest > 0.1


@pytest.mark.parametrize(
    "network", [cnn, lambda: nn.Sequential(nn.Flatten(), Residual(), nn.Linear(784, 10))]
)
def test_a_network_that_is_no_plain_perceptron_has_no_plain_pass(network):
    assert walked(network()).plain is None


def test_the_terms_of_softmax_lead_to_torchs_probabilities():
    model, found = mlp().eval(), walked(mlp()).softmax
    np.testing.assert_allclose(found.probabilities, model(image()).softmax(-1)[0].detach(), rtol=1e-6)
    np.testing.assert_array_equal(found.exponentials / np.float32(found.total), found.probabilities)
    assert found.shifted.max() == 0


def test_the_loss_is_minus_the_logarithm_of_the_true_class():
    found = walked(mlp(), target=7)
    assert found.loss.value == pytest.approx(-np.log(found.softmax.probabilities[7]), rel=1e-6)


def test_the_gradient_by_the_scores_is_the_gradient_of_the_last_layer():
    found = walked(mlp())
    np.testing.assert_allclose(found.loss.gradient, found.layers[-1].gradient, atol=1e-7)


def test_sharper_scores_give_the_loss_that_torch_gives_for_them():
    logits = mlp().eval()(image())
    for each in walked(mlp()).loss.sharpened:
        expected = nn.functional.cross_entropy(logits * each.factor, torch.tensor([3]))
        assert each.loss == pytest.approx(float(expected.detach()), rel=1e-6)


def test_the_curve_of_the_loss_ends_at_zero_for_certainty():
    found = walked(mlp()).loss
    assert (found.curve_probabilities[-1], found.curve_losses[-1]) == (1.0, 0.0)


@BOTH
def test_the_loss_after_the_step_is_that_of_the_stepped_network(network):
    model = network().eval()
    nn.functional.cross_entropy(model(image()), torch.tensor([3])).backward()
    torch.optim.SGD(model.parameters(), lr=0.05).step()
    expected = nn.functional.cross_entropy(model(image()), torch.tensor([3]))
    assert walked(network(), learning_rate=0.05).step.loss_after == pytest.approx(
        float(expected.detach()), rel=1e-6
    )


def test_a_weight_after_a_step_of_sgd_is_the_weight_less_rate_times_gradient():
    weight = walked(mlp(), learning_rate=0.05).layers[1].parameters[0].largest[0]
    assert weight.after == pytest.approx(weight.value - 0.05 * weight.gradient, rel=1e-6)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_step_of_every_optimiser_lowers_the_loss(name):
    step = walked(mlp(), optimizer=name).step
    assert step.loss_after < step.loss_before


@BOTH
def test_the_whole_walk_is_json(network):
    json.dumps(walked(network()).to_json(), allow_nan=False)


def test_large_arrays_are_told_by_their_range_in_json():
    told = walked(mlp()).to_json(limit=100)
    assert told["layers"][1]["parameters"][0]["value"]["shape"] == [32, 784]
    assert len(told["softmax"]["probabilities"]) == 10


def test_a_frozen_model_under_inference_mode_is_walked_too():
    model = mlp().requires_grad_(False)
    with torch.inference_mode():
        assert walked(model).step.gradient_norm > 0


def test_a_layer_that_gives_nan_is_named():
    model = mlp()
    model.hidden2.weight.data[0, 0] = float("nan")
    with pytest.raises(NonFinite, match="hidden2"):
        walked(model)


def test_a_batch_is_refused():
    with pytest.raises(UsageError, match="batch of 2"):
        walk(mlp(), image().repeat(2, 1, 1, 1), 3, classes=CLASSES)


def test_a_target_that_is_no_class_is_refused():
    with pytest.raises(UsageError, match="true class is 10; expected 0 to 9"):
        walked(mlp(), target=10)


def test_class_names_that_do_not_fit_the_network_are_refused():
    with pytest.raises(UsageError, match=r"\(1, 10\); expected \(1, 2\)"):
        walk(mlp(), image(), 0, classes=["no", "yes"])
