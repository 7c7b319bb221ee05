import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from pellucid import losses
from pellucid.errors import DataError, UsageError

EXTREME = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]])
SCORES = arrays(np.float64, (4, 5), elements=st.floats(-1e4, 1e4))
TARGETS = np.array([0, 4, 2, 2])


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def torch_gradient(function, *tensors):
    """What autograd says about the sum of ``function``'s outputs, for every one of ``tensors``."""
    leaves = [torch.from_numpy(t).requires_grad_() for t in tensors]
    function(*leaves).sum().backward()
    return [leaf.grad.numpy() for leaf in leaves]


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_softmax_equals_torch_for_scores_up_to_ten_thousand(logits):
    np.testing.assert_allclose(losses.softmax(logits), torch.from_numpy(logits).softmax(-1), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_log_softmax_equals_torch_for_scores_up_to_ten_thousand(logits):
    np.testing.assert_allclose(
        losses.log_softmax(logits), torch.from_numpy(logits).log_softmax(-1), rtol=1e-12, atol=1e-12
    )


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_cross_entropy_equals_torch_for_scores_up_to_ten_thousand(logits):
    expected = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(TARGETS))
    assert losses.cross_entropy(logits, TARGETS) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_the_gradient_of_cross_entropy_equals_autograds(logits):
    (expected,) = torch_gradient(lambda z: functional.cross_entropy(z, torch.from_numpy(TARGETS)), logits)
    np.testing.assert_allclose(losses.cross_entropy_gradient(logits, TARGETS), expected, atol=1e-12)


def test_single_precision_is_kept_and_stays_within_a_millionth():
    logits = random(8, 10).astype(np.float32)
    ours = losses.softmax(logits)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, torch.from_numpy(logits).softmax(-1), atol=1e-6)


def test_a_wrong_score_ten_thousand_too_high_costs_ten_thousand_nats():
    assert losses.cross_entropy(EXTREME[:1], np.array([1])) == 1e4


def test_extreme_scores_give_finite_numbers_everywhere():
    with np.errstate(all="raise", under="ignore"):
        found = [
            losses.softmax(EXTREME),
            losses.log_softmax(EXTREME),
            losses.cross_entropy_gradient(EXTREME, TARGETS[[0, 2, 3]]),
        ]
    assert all(np.isfinite(each).all() for each in found)


def test_ten_equal_scores_cost_the_logarithm_of_ten():
    assert losses.cross_entropy(np.zeros((3, 10)), np.array([0, 5, 9])) == pytest.approx(2.302585092994046)


def test_the_gradient_through_softmax_equals_autograds():
    upstream = random(4, 5)
    (expected,) = torch_gradient(lambda z: z.softmax(-1) * torch.from_numpy(upstream), random(4, 5) * 3)
    np.testing.assert_allclose(losses.softmax_gradient(random(4, 5) * 3, upstream), expected, atol=1e-12)


def test_the_gradient_through_log_softmax_equals_autograds():
    upstream = random(4, 5)
    (expected,) = torch_gradient(lambda z: z.log_softmax(-1) * torch.from_numpy(upstream), random(4, 5) * 3)
    np.testing.assert_allclose(losses.log_softmax_gradient(random(4, 5) * 3, upstream), expected, atol=1e-12)


def test_relu_equals_torch_at_zero_and_on_both_sides_of_it():
    values = np.array([-2.0, -0.0, 0.0, 1e-30, 3.0])
    np.testing.assert_array_equal(losses.relu(values), torch.from_numpy(values).relu())


def test_the_gradient_of_relu_equals_autograds_at_zero_and_on_both_sides_of_it():
    values, upstream = np.array([-2.0, -0.0, 0.0, 1e-30, 3.0]), random(5)
    (expected,) = torch_gradient(lambda x: x.relu() * torch.from_numpy(upstream), values)
    np.testing.assert_array_equal(losses.relu_gradient(values, upstream), expected)


def test_linear_equals_torch():
    inputs, weight, bias = random(3, 6), random(4, 6), random(4)
    expected = functional.linear(*(torch.from_numpy(a) for a in (inputs, weight, bias)))
    np.testing.assert_allclose(losses.linear(inputs, weight, bias), expected, atol=1e-12)


def test_the_gradients_of_linear_equal_autograds():
    inputs, weight, bias, upstream = random(3, 6), random(4, 6), random(4), random(3, 4)
    expected = torch_gradient(
        lambda *a: functional.linear(*a) * torch.from_numpy(upstream), inputs, weight, bias
    )
    for ours, theirs in zip(losses.linear_gradients(inputs, weight, upstream), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("target", [-1, 5])
def test_a_target_that_is_no_class_is_refused(target):
    with pytest.raises(DataError, match=f"{target}; expected a class in .0, 4."):
        losses.cross_entropy(random(1, 5), np.array([target]))


def test_class_weights_count_a_heavy_class_more():
    logits = torch.from_numpy(random(4, 2))
    each = functional.cross_entropy(logits, torch.tensor([0, 0, 1, 1]), reduction="none")
    expected = (each[:2].sum() + 3 * each[2:].sum()) / 4
    assert torch.isclose(
        losses.classification(logits, torch.tensor([0, 0, 1, 1]), class_weights=[1, 3]), expected
    )


def test_label_smoothing_mixes_in_the_loss_against_every_class():
    logits = torch.from_numpy(random(4, 5))
    hard = functional.cross_entropy(logits, torch.from_numpy(TARGETS))
    expected = 0.9 * hard - 0.1 * logits.log_softmax(-1).mean()
    assert torch.isclose(
        losses.classification(logits, torch.from_numpy(TARGETS), label_smoothing=0.1), expected
    )


def test_a_wrong_number_of_class_weights_is_refused():
    with pytest.raises(UsageError, match="3 class weights for 2 classes"):
        losses.classification(torch.zeros(1, 2), torch.tensor([0]), class_weights=[1, 1, 1])


def test_label_smoothing_of_one_is_refused():
    with pytest.raises(UsageError, match="label smoothing is 1"):
        losses.classification(torch.zeros(1, 2), torch.tensor([0]), label_smoothing=1)
