import base64
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.text import Text

from pellucid.plots import canvas, curves, features, images, network, scores

LAYERS = [
    {"name": "input", "kind": "image", "shape": (1, 28, 28), "parameters": 0},
    {"name": "conv1", "kind": "Conv2d", "shape": (8, 26, 26), "parameters": 80},
    {"name": "scores", "kind": "Linear", "shape": (10,), "parameters": 54090},
]
RECORDS = [
    {"step": 1, "loss": 2.0, "learning_rate": 0.1, "scores": {"accuracy": 0.5}},
    {"step": 2, "loss": 1.0},
]


def figures():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    maps = {"saliency": image / 255.0, "signed": image - 100.0}
    return [
        images.flattening(image),
        features.heat(image, maps),
        curves.comparison({"a": [RECORDS, RECORDS], "b": [RECORDS]}),
        scores.confusion(np.array([[5, 1], [0, 4]]), ["a", "b"]),
        network.diagram(LAYERS),
    ]


@pytest.fixture(scope="module")
def drawn():
    return [(figure, canvas.png(figure)) for figure in figures()]


def test_the_same_figure_gives_the_same_bytes_twice(drawn):
    for figure, written in drawn:
        assert canvas.png(figure) == written


def test_the_same_arguments_give_the_same_bytes(drawn):
    assert [canvas.png(figure) for figure in figures()] == [written for _, written in drawn]


def test_no_text_is_smaller_than_eight_points(drawn):
    sizes = [text.get_fontsize() for figure, _ in drawn for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) >= 8


def test_nothing_is_cut_off_at_the_edge_of_the_page(drawn):
    for figure, _ in drawn:
        page, ink = figure.bbox_inches, figure.get_tightbbox()
        assert (ink.x0 >= page.x0 - 0.01, ink.y0 >= page.y0 - 0.01) == (True, True)
        assert (ink.x1 <= page.x1 + 0.01, ink.y1 <= page.y1 + 0.01) == (True, True)


def test_png_names_neither_software_nor_time():
    written = canvas.png(scores.cross_entropy(0.5))
    assert written.startswith(b"\x89PNG")
    assert b"Software" not in written
    assert b"tIME" not in written


def test_data_uri_holds_the_png():
    figure = scores.cross_entropy(0.5)
    head, body = canvas.data_uri(figure).split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == canvas.png(figure)


def test_drawing_imports_neither_torch_nor_pyplot():
    modules = ["canvas", "curves", "features", "images", "network", "scores", "surfaces", "tiles", "walk"]
    lines = [f"import pellucid.plots.{name}" for name in modules]
    lines += [
        "import sys",
        "print([n for n in ('torch', 'matplotlib.pyplot', 'captum') if n in sys.modules])",
    ]
    ran = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1, "1.00"), (12.54, "12.5"), (0.0134, "0.0134"), (-2.5, "-2.50"), (3.1e-7, "3.1e-07")],
)
def test_numbers_are_written_with_three_digits(value, written):
    assert canvas.short(value) == written


def test_finite_says_how_many_values_are_not_numbers():
    with pytest.raises(ValueError, match="losses: 2 of 3 values are NaN or infinite"):
        canvas.finite("losses", [1.0, np.nan, np.inf])


def test_finite_says_which_shape_it_expected():
    with pytest.raises(ValueError, match=r"image: got an array of shape \(3,\), expected 2 dimensions"):
        canvas.finite("image", [1, 2, 3], dimensions=2)


def test_red_and_green_are_told_apart_by_people_who_see_neither():
    """Deuteranopes see about 0.29 R + 0.71 G and B (Vienot et al. 1999); the first colours stay distinct."""
    from matplotlib.colors import to_rgb

    seen = [np.array([0.29 * r + 0.71 * g, b]) for r, g, b in map(to_rgb, canvas.CATEGORIES)]
    gaps = [np.abs(a - b).max() for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 0.08
