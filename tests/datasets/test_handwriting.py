import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from commands import environment
from PIL import Image, ImageDraw, ImageFilter

from pellucid import media
from pellucid.datasets import mnist
from pellucid.datasets.handwriting import from_picture, pieces
from pellucid.errors import DataError
from pellucid.verbs.trained import open_trained

CANVAS = 280
COUNT = 1000
NETWORKS = ("digits/mlp", "digits/cnn")  # released; they never saw the test digits


def redrawn(image, random):
    """Draw a digit anywhere on a canvas ten times as wide, at 0.5 to 1.5 times half that, thin or thick."""
    side = int(random.uniform(0.5, 1.5) * CANVAS / 2)
    large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    reach = 2 * max(1, round(0.35 * side / 28)) + 1  # strokes are about 3 of 28 pixels wide
    pen = random.integers(3)
    if pen:
        large = large.filter((ImageFilter.MinFilter if pen == 1 else ImageFilter.MaxFilter)(reach))
    ink = np.zeros((CANVAS, CANVAS), np.float32)
    top, left = random.integers(0, CANVAS - side + 1, 2)
    ink[top : top + side, left : left + side] = np.asarray(large, np.float32) / 255
    dark, light = random.uniform(0, 70), random.uniform(180, 255)
    paper, pen_grey = (dark, light) if random.random() < 0.5 else (light, dark)
    return (paper + (pen_grey - paper) * ink).astype(np.uint8)


def reader(name):
    """Return how many of the digits a released network reads right."""
    ready = open_trained(name)

    def right(samples, truth):
        inputs, _ = ready.task.prepare(torch.from_numpy(np.stack(samples)), facts=ready.facts)
        with torch.inference_mode():
            return float((ready.network(inputs).argmax(1).numpy() == truth).mean())

    return right


@pytest.mark.parametrize(
    ("count", "lost"), [(COUNT, 0.01), pytest.param(10_000, 0.005, marks=pytest.mark.slow)]
)
def test_redrawn_test_digits_lose_at_most_half_a_point(count, lost):
    images, labels = mnist.test()  # of 1,000 images half a point is 5: the whole test set is for the night
    random = np.random.default_rng(0)
    samples = [from_picture(redrawn(image, random))["sample"] for image in images[:count]]
    for right in map(reader, NETWORKS):
        assert right(samples, labels[:count]) >= right(images[:count], labels[:count]) - lost


def test_a_network_that_gets_the_canvas_merely_shrunk_reads_little():
    images, labels = mnist.test()  # the bar above means something
    random = np.random.default_rng(0)
    canvases = [redrawn(image, random) for image in images[:300]]
    shrunk = [np.asarray(Image.fromarray(canvas).resize((28, 28))) for canvas in canvases]
    for right in map(reader, NETWORKS):
        assert right(shrunk, labels[:300]) < 0.4


@pytest.mark.parametrize("turned", [False, True])
def test_an_image_of_mnist_passes_unchanged_in_either_polarity(turned):
    for image in mnist.train()[0][:300]:
        assert (from_picture(255 - image if turned else image)["sample"] == image).all()


def drawing(size=(300, 400), paper=230, ink=30, at=(150, 60), width=14):
    """A 7 of two strokes on paper."""
    image = Image.new("L", size, paper)
    x, y = at
    ImageDraw.Draw(image).line([(x, y), (x + 80, y), (x + 30, y + 140)], fill=ink, width=width, joint="curve")
    return np.asarray(image)


def near(one, other):
    return np.abs(one["sample"].astype(int) - other["sample"]).mean() < 4


def test_the_place_on_the_paper_does_not_matter():
    assert near(from_picture(drawing(at=(20, 30))), from_picture(drawing(at=(190, 200))))


def test_the_polarity_does_not_matter():
    assert near(from_picture(drawing(paper=20, ink=220)), from_picture(drawing()))


def test_the_contrast_does_not_matter():
    assert near(from_picture(drawing(paper=140, ink=90)), from_picture(drawing()))


def test_uneven_light_does_not_matter():
    y, x = np.mgrid[:400, :300] / 400
    lit = (drawing() * (1 - 0.45 * x - 0.2 * y)).astype(np.uint8)
    assert near(from_picture(lit), from_picture(drawing()))


def test_grain_does_not_matter():
    grain = np.random.default_rng(0).normal(0, 6, (400, 300))
    assert near(from_picture(np.clip(drawing() + grain, 0, 255).astype(np.uint8)), from_picture(drawing()))


def test_the_edge_of_the_table_does_not_matter():
    with_table = drawing().copy()
    with_table[:, :12] = 60
    assert near(from_picture(with_table), from_picture(drawing()))


def test_specks_do_not_matter():
    specked = drawing().copy()
    specked[20:23, 20:23] = specked[380:383, 280:284] = 0
    assert near(from_picture(specked), from_picture(drawing()))


def test_a_bar_apart_from_the_rest_stays():
    image = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(image)
    pen.line([(100, 100), (100, 160), (170, 170), (160, 230), (90, 230)], fill=0, width=14, joint="curve")
    pen.line([(125, 85), (190, 85)], fill=0, width=14)
    assert from_picture(np.asarray(image))["ink"].shape[0] > 145  # 85 to 230, and not 100 to 230


@pytest.mark.parametrize("colours", [(255, 0), (0, 255)])
def test_ink_on_transparent_paper_is_seen(colours):
    ink = colours[1]
    opacity = 255 - drawing(paper=255, ink=0)
    picture = np.dstack([np.full((400, 300, 3), ink, np.uint8), opacity])
    assert near(from_picture(picture), from_picture(drawing()))


def test_the_box_is_twenty_pixels_long_and_keeps_the_aspect():
    box = from_picture(drawing(width=2))["box"]  # the ink is 82 x 141
    assert box.shape == (20, 12)


def test_the_centre_of_mass_lies_in_the_centre_as_in_mnist():
    sample = from_picture(drawing())["sample"].astype(float)
    y, x = np.mgrid[:28, :28]
    assert abs((sample * y).sum() / sample.sum() - 14) <= 0.5
    assert abs((sample * x).sum() / sample.sum() - 14) <= 0.5


def test_the_stages_come_in_order_and_as_bytes():
    stages = from_picture(drawing())
    assert list(stages) == ["grey", "flattened", "ink", "box", "sample"]
    assert {stage.dtype for stage in stages.values()} == {np.dtype(np.uint8)}


@pytest.mark.parametrize(
    "blank",
    [
        np.full((300, 200), 240, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.full((1, 1), 9, np.uint8),
        np.clip(np.random.default_rng(0).normal(200, 6, (200, 200)), 0, 255).astype(np.uint8),
        np.tile(np.linspace(120, 240, 200).astype(np.uint8), (200, 1)),
    ],
    ids=["white", "black", "one pixel", "grain", "light from one side"],
)
def test_a_blank_page_is_refused(blank):
    with pytest.raises(DataError, match="no ink found"):
        from_picture(blank)


@pytest.mark.parametrize(
    "picture", [np.zeros((3, 3)), np.zeros((3, 3, 2), np.uint8), np.zeros((0, 3), np.uint8)]
)
def test_an_array_that_is_no_picture_is_refused(picture):
    with pytest.raises(DataError, match="a picture is uint8"):
        from_picture(picture)


@pytest.mark.parametrize("density", [0.05, 0.3, 0.5, 0.9])
def test_pieces_are_those_of_scipy(density):
    from scipy import ndimage

    mask = np.random.default_rng(1).random((60, 70)) < density
    truth, count = ndimage.label(mask, np.ones((3, 3)))
    found = pieces(mask)
    assert found.max() == count
    assert len(np.unique(np.stack([truth.ravel(), found.ravel()]), axis=1).T) == count + (not mask.all())


def test_a_jpeg_of_a_drawing_becomes_the_same_sample():
    buffer = io.BytesIO()
    Image.fromarray(drawing()).save(buffer, "JPEG", quality=80)
    assert near(from_picture(media.picture(buffer.getvalue())), from_picture(drawing()))


def test_reading_a_picture_needs_neither_torch_nor_scipy():
    code = """
import sys, numpy
from pellucid.datasets import mnist
picture = numpy.full((90, 90), 250, "uint8"); picture[20:60, 40:46] = 0
mnist.from_picture(picture)
assert not {"torch", "scipy", "pooch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
