import numpy as np
import pytest
from PIL import Image, ImageDraw

from pellucid.datasets import doodle, paper
from pellucid.errors import DataError

HOUSE = [
    np.array([[0.0, 90], [0, 200], [180, 200], [180, 90], [0, 90]]),
    np.array([[0.0, 90], [90, 0], [180, 90]]),
    np.array([[70.0, 200], [70, 140], [110, 140], [110, 200]]),
]
FORMS = [doodle.GOOGLE, doodle.THIN]


def photographed(strokes, *, pen=6, size=(500, 420), at=(120, 80), ink=0, ground=255):
    image = Image.new("L", size, ground)
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        draw.line([(x + at[0], y + at[1]) for x, y in stroke], fill=ink, width=pen, joint="curve")
    return np.asarray(image)


def difference(picture, form):
    return np.abs(
        paper.from_picture(picture, form)["sample"].astype(float) - doodle.render(HOUSE, form)
    ).mean()


@pytest.mark.parametrize("form", FORMS, ids=["google", "thin"])
@pytest.mark.parametrize("pen", [2, 6, 14])
def test_a_picture_becomes_the_image_that_its_strokes_give_whatever_the_pen(form, pen):
    assert difference(photographed(HOUSE, pen=pen), form) < 18  # two different drawings differ by 30 to 40


@pytest.mark.parametrize("form", FORMS, ids=["google", "thin"])
def test_light_on_dark_gives_the_same_as_dark_on_light(form):
    picture = photographed(HOUSE)
    dark, light = (paper.from_picture(each, form)["sample"].astype(int) for each in (picture, 255 - picture))
    assert np.abs(dark - light).mean() < 2


@pytest.mark.parametrize("size", [(260, 260), (500, 420), (1600, 900)])
def test_size_and_place_of_the_paper_do_not_matter(size):
    assert difference(photographed(HOUSE, size=size, at=(40, 30)), doodle.GOOGLE) < 18


def test_an_image_of_the_final_size_keeps_its_pixels():
    image = doodle.render(HOUSE, doodle.GOOGLE)
    assert np.array_equal(paper.from_picture(image, doodle.GOOGLE)["sample"], image)


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_a_blank_canvas_is_refused(tone):
    with pytest.raises(DataError, match="no ink found"):
        paper.from_picture(np.full((300, 300), tone, np.uint8), doodle.GOOGLE)


def test_noise_alone_is_refused_or_becomes_an_image_without_an_accident():
    noise = np.random.default_rng(0).integers(118, 138, (200, 200)).astype(np.uint8)
    with pytest.raises(DataError, match="no ink"):
        paper.from_picture(noise, doodle.GOOGLE)


@pytest.mark.parametrize("width", [5, 10, 16, 23])
def test_the_pen_of_a_bar_is_its_width(width):
    bar = np.zeros((200, 200), bool)
    bar[95 : 95 + width] = True
    assert paper.pen_of(bar) == pytest.approx(width, abs=1)


def test_lines_that_cross_and_a_blot_do_not_make_the_pen_wider():
    drawn = np.zeros((200, 200), bool)
    for start in range(10, 200, 30):  # as a net, whose outline is short for its ink
        drawn[start : start + 10] = drawn[:, start : start + 10] = True
    drawn[70:110, 70:110] = True
    assert paper.pen_of(drawn) == pytest.approx(10, abs=1)


def test_the_pen_of_a_ring_is_its_width():
    y, x = np.mgrid[:200, :200] - 100
    distance = np.hypot(x, y)
    assert paper.pen_of((distance > 70) & (distance < 80)) == pytest.approx(10, rel=0.03)
