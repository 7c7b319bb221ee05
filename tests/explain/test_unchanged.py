"""Whatever is asked about a network, it comes out exactly as it went in."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.explain.anatomy import describe, totals, touches
from pellucid.explain.ascent import ascend
from pellucid.explain.gradcam import gradcam
from pellucid.explain.gradients import integrated_gradients, saliency, smooth_saliency
from pellucid.explain.inside import exciting, feature_maps, filters, first_weights, layers, penultimate
from pellucid.explain.occlusion import occlusion
from pellucid.explain.sanity import cascade, deletion, sanity

QUESTIONS = {
    "describe": lambda m, x: describe(m, x.shape[1:]),
    "totals": lambda m, x: totals(m, x.shape[1:]),
    "touches": lambda m, x: touches(m, x, "conv2", (1, 1), trials=4),
    "saliency": lambda m, x: saliency(m, x, 3),
    "smooth_saliency": lambda m, x: smooth_saliency(m, x, 3, copies=2),
    "integrated_gradients": lambda m, x: integrated_gradients(m, x, 3, baseline=0.0, steps=4, tolerance=9.0),
    "gradcam": lambda m, x: gradcam(m, x, 3),
    "occlusion": lambda m, x: occlusion(m, x, 3, value=0.0),
    "layers": layers,
    "feature_maps": lambda m, x: feature_maps(m, x, "relu1"),
    "first_weights": lambda m, x: first_weights(m),
    "filters": lambda m, x: filters(m),
    "exciting": lambda m, x: exciting(m, x, "relu2"),
    "penultimate": penultimate,
    "ascend": lambda m, x: list(ascend(m, "conv2", 1, shape=(1, 8, 8), low=0, high=1, steps=2)),
    "ascend_stopped": lambda m, x: next(ascend(m, "conv2", 1, shape=(1, 8, 8), low=0, high=1, steps=2)),
    "sanity": lambda m, x: sanity(m, x, 3, saliency),
    "cascade": lambda m, x: list(cascade(m, x, 3, saliency)),
    "deletion": lambda m, x: deletion(m, x, 3, np.zeros((4, 8, 8)), value=0.0, steps=2, orders=1),
}


def state(model):
    """Everything about a network that a question could disturb."""
    weights = {
        name: (
            each.data_ptr(),
            each.requires_grad,
            None if each.grad is None else each.grad.clone(),
            each.clone(),
        )
        for name, each in [*model.named_parameters(), *model.named_buffers()]
    }
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks), m.training)
        for m in model.modules()
    ]
    return weights, hooks, torch.random.get_rng_state()


def same(first, second):
    equal = lambda a, b: torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b  # noqa: E731
    weights = all(
        equal(a, b) for name in first[0] for a, b in zip(first[0][name], second[0][name], strict=True)
    )
    return weights and first[1] == second[1] and torch.equal(first[2], second[2])


@pytest.fixture
def unusual(cnn):
    """Half in training mode, with gradients on some weights, a frozen one, a hook and a batch norm."""
    cnn.train()
    cnn.relu2.eval()
    cnn.add_module("normal", nn.BatchNorm1d(10))
    cnn(torch.rand(4, 1, 8, 8)).sum().backward()
    cnn.conv1.weight.requires_grad_(False)
    cnn.conv2.weight.grad = None
    cnn.conv1.register_forward_hook(lambda *_: None)
    return cnn


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_leaves_the_network_as_it_was(question, unusual, images):
    before = state(unusual)
    QUESTIONS[question](unusual, images)
    assert same(before, state(unusual))


class Breaking(nn.Module):
    def forward(self, x):
        raise KeyError("broken on purpose")


@pytest.mark.parametrize("question", sorted(set(QUESTIONS) - {"first_weights", "filters"}))
def test_a_question_that_fails_leaves_the_network_as_it_was(question, unusual, images):
    unusual.add_module("breaking", Breaking())
    before = state(unusual)
    with pytest.raises(KeyError, match="on purpose"):
        QUESTIONS[question](unusual, images)
    assert same(before, state(unusual))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_leaves_the_inputs_as_they_were(question, unusual, images):
    before = images.clone()
    QUESTIONS[question](unusual, images)
    assert torch.equal(images, before)
    assert not images.requires_grad


@pytest.mark.parametrize(
    "question", ["saliency", "gradcam", "integrated_gradients", "ascend", "touches", "sanity"]
)
def test_gradients_can_be_asked_for_where_they_are_switched_off(question, cnn, images):
    with torch.inference_mode():
        QUESTIONS[question](cnn, images.clone())
