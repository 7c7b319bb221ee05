import numpy as np
import pytest

from pellucid.plots.walk import walk_page

from .looking import panel, pictures, words

LOGITS = np.log(np.array([0.2, 0.5, 0.3]))
MAPS = np.stack([np.eye(4), -np.eye(4)])


@pytest.fixture
def told(digit):
    hidden = np.array([-1.0, 2.0, -3.0, 4.0])
    return {
        "pixels": digit,
        "normalised": digit / 255.0 - 0.5,
        "layers": [
            {"name": "conv1", "kind": "Conv2d", "before": MAPS, "after": np.maximum(MAPS, 0), "clipped": 4},
            {
                "name": "hidden1",
                "kind": "Linear",
                "before": hidden,
                "after": np.maximum(hidden, 0),
                "clipped": 2,
            },
            {"name": "scores", "kind": "Linear", "before": LOGITS, "after": None, "clipped": None},
        ],
        "logits": LOGITS,
        "probabilities": np.exp(LOGITS),
        "classes": ["a", "b", "c"],
        "true": 2,
        "loss": 1.2039728,
        "gradient_norms": {"conv1": 0.25, "hidden1": 0.5, "scores": 2.0},
        "loss_after": 0.75,
    }


def test_every_number_of_the_walk_is_on_the_page(told):
    said = words(walk_page(**told))
    assert "after: 2 of 4 clipped to zero" in said
    assert "after: 4 of 32 clipped to zero" in said
    assert "this image: p = 0.3000, loss = 1.204" in said
    assert {"0.2500", "0.5000", "2.000", "1.204", "0.7500"} <= set(said)


def test_the_chapters_are_numbered_in_the_order_of_the_walk(told):
    chapters = [text for text in words(walk_page(**told)) if text[:2] in ("1.", "2.", "3.", "4.", "5.", "6.")]
    names = [text.split(" ")[1] for text in chapters if "(" in text or "softmax" in text or "loss" in text]
    assert names.index("conv1") < names.index("hidden1") < names.index("scores") < names.index("Scores")


def test_the_layers_are_drawn_with_their_own_values(told):
    figure = walk_page(**told)
    assert any(np.array_equal(picture, MAPS[1]) for picture in pictures(figure))
    below, above = (step.get_data().values for step in panel(figure, "after: 2 of 4").patches)
    assert (below + above).tolist() == [0.0, 2.0, 0.0, 4.0]


def test_gradient_bars_are_as_long_as_the_norms(told):
    axes = panel(walk_page(**told), "gradient at every layer")
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.5, 2.0]


def test_a_true_class_that_does_not_exist_is_refused(told):
    with pytest.raises(ValueError, match="true is 7; expected a position from 0 to 2"):
        walk_page(**{**told, "true": 7})


def test_a_layer_with_nan_is_refused_by_name(told):
    told["layers"][1]["before"] = np.array([np.nan, 1.0])
    with pytest.raises(ValueError, match="hidden1, before: 1 of 2 values are NaN"):
        walk_page(**told)
