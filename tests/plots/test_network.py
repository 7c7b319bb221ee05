from types import SimpleNamespace

import pytest
from matplotlib.patches import Circle, Rectangle

from pellucid.plots import network

from .looking import words

LAYERS = [
    {"name": "input", "kind": "image", "shape": (1, 28, 28), "parameters": 0},
    {"name": "conv1", "kind": "Conv2d", "shape": (4, 14, 14), "parameters": 40},
    {"name": "relu1", "kind": "ReLU", "shape": (4, 14, 14), "parameters": 0},
    {"name": "flatten", "kind": "Flatten", "shape": (784,), "parameters": 0},
    {"name": "scores", "kind": "Linear", "shape": (5,), "parameters": 3925},
]


def test_names_shapes_and_parameters_are_written():
    said = words(network.diagram(LAYERS, title="small"))
    assert "small: 3,965 parameters" in said
    assert {"conv1", "4 x 14 x 14", "40 parameters", "+ relu1", "784 units", "3,925 parameters"} <= set(said)


def test_a_map_of_half_the_pixels_has_half_the_side():
    sheets = [patch for patch in network.diagram(LAYERS).axes[0].patches if isinstance(patch, Rectangle)]
    sides = sorted({round(sheet.get_width(), 6) for sheet in sheets})
    assert sides[1] == pytest.approx(2 * sides[0])


def test_few_units_are_all_drawn_and_many_are_abbreviated_by_three_dots():
    circles = [patch for patch in network.diagram(LAYERS).axes[0].patches if isinstance(patch, Circle)]
    dots = [circle for circle in circles if circle.radius < 0.05]
    left = min(circle.center[0] for circle in circles)
    assert len(dots) == 3
    assert all(dot.center[0] == left for dot in dots)
    assert len([circle for circle in circles if circle.center[0] > left]) == 5


def test_layers_may_be_objects():
    said = words(network.diagram([SimpleNamespace(**layer) for layer in LAYERS]))
    assert "conv1" in said


def test_words_below_the_layers_do_not_overlap():
    figure = network.diagram(LAYERS)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    clashes = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if a.shrunk(0.95, 0.7).overlaps(b.shrunk(0.95, 0.7))
    ]
    assert clashes == []


def test_a_layer_with_another_shape_is_refused_by_name():
    with pytest.raises(ValueError, match=r'layer "odd" has shape \(3, 4\); expected'):
        network.diagram([{"name": "odd", "kind": "?", "shape": (3, 4), "parameters": 0}])
