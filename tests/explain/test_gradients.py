"""Gradient explanations against algebra, finite differences and captum."""

import numpy as np
import pytest
import torch
from commands import environment
from torch import nn

from pellucid.errors import UsageError
from pellucid.explain.gradients import integrated_gradients, saliency, smooth_saliency


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def test_saliency_of_a_linear_model_is_its_weights(linear, images):
    assert np.array_equal(saliency(linear, images, 7)[2].ravel(), linear[1].weight[7].detach().numpy())


def test_saliency_is_the_slope_that_finite_differences_measure(cnn, images):
    model, x = cnn.double().eval(), images.double()
    step = torch.zeros_like(x)
    step[:, 0, 3, 4] = 1e-6
    slope = ((model(x + step) - model(x - step))[:, 2] / 2e-6).detach().numpy()
    assert np.allclose(saliency(model, x, 2)[:, 0, 3, 4], slope, atol=1e-8)


def test_each_input_may_have_its_own_target(linear, images):
    weights = linear[1].weight.detach().numpy()
    assert np.array_equal(saliency(linear, images, [1, 0, 9, 4]).reshape(4, 64), weights[[1, 0, 9, 4]])


def test_smoothing_cannot_change_a_linear_models_gradient(linear, images):
    assert np.allclose(smooth_saliency(linear, images, 7), saliency(linear, images, 7), atol=1e-6)


def test_smoothing_gives_the_same_map_for_the_same_seed(cnn, images):
    assert np.array_equal(smooth_saliency(cnn, images, 1, seed=4), smooth_saliency(cnn, images, 1, seed=4))


def test_integrated_gradients_of_a_linear_model_are_weight_times_input(linear, images):
    found = integrated_gradients(linear, images, 7, baseline=0.25)
    expected = linear[1].weight[7].detach().view(1, 1, 8, 8) * (images - 0.25)
    assert np.allclose(found.attributions, expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("steps", [5, 64, 300])
def test_integrated_gradients_equal_captums(steps, reader):
    from captum.attr import IntegratedGradients

    model, pictures, labels = reader
    ours = integrated_gradients(model, pictures[:3], labels[:3], baseline=0.1, steps=steps, tolerance=np.inf)
    theirs = IntegratedGradients(model).attribute(pictures[:3], 0.1, labels[:3], n_steps=steps)
    assert np.allclose(ours.attributions, theirs.detach().numpy(), atol=1e-5)


def test_completeness_error_is_what_captum_reports(reader):
    from captum.attr import IntegratedGradients

    model, pictures, labels = reader
    ours = integrated_gradients(model, pictures[:5], labels[:5], baseline=0.0, steps=6, tolerance=np.inf)
    _, delta = IntegratedGradients(model).attribute(
        pictures[:5], 0.0, labels[:5], n_steps=6, return_convergence_delta=True
    )
    assert np.allclose(ours.error * np.abs(ours.difference), delta.abs().numpy(), atol=1e-4)


def test_attributions_add_up_to_the_score_within_one_percent(reader):
    model, pictures, labels = reader
    black = model(torch.zeros_like(pictures[:64])).gather(1, labels[:64, None])[:, 0]
    difference = (model(pictures[:64]).gather(1, labels[:64, None])[:, 0] - black).detach().numpy()
    found = integrated_gradients(model, pictures[:64], labels[:64], baseline=0.0)
    total = found.attributions.astype(np.float64).sum((1, 2, 3))
    assert (np.abs(total - difference) / np.abs(difference)).max() < 0.01


def test_steps_double_until_the_attributions_add_up(reader):
    model, pictures, labels = reader
    found = integrated_gradients(model, pictures[:8], labels[:8], baseline=0.0, steps=2)
    assert found.steps > 2
    assert found.error.max() <= 0.01


@pytest.mark.parametrize("target", [10, -1, [0, 1, 2, 99]])
def test_a_class_that_does_not_exist_is_named(target, cnn, images):
    with pytest.raises(UsageError, match="0 to 9"):
        saliency(cnn, images, target)


def test_a_baseline_of_the_wrong_shape_is_named(cnn, images):
    with pytest.raises(UsageError, match=r"\(3, 3\)"):
        integrated_gradients(cnn, images, 0, baseline=torch.zeros(3, 3))


def test_an_empty_batch_is_refused(cnn):
    with pytest.raises(UsageError, match="at least one"):
        saliency(cnn, torch.zeros(0, 1, 8, 8), 0)


def test_importing_every_module_loads_neither_captum_nor_matplotlib_nor_sklearn_and_leaves_the_verb():
    import subprocess
    import sys

    modules = ["anatomy", "ascent", "embedding", "gradcam", "gradients", "inside", "occlusion", "sanity"]
    code = "; ".join(f"import pellucid.explain.{each}" for each in modules)
    code += (
        "; import sys; print([m for m in ('captum', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
        "; pellucid.explain('no such run', 'valid:0')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "[]"
    assert '"no such run" is neither a run directory' in done.stderr
