import itertools

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pellucid.datasets import doodle
from pellucid.errors import DataError

FORM = doodle.Form(side=32, longer=24.0, line=2.0)
TEE = [np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[50.0, 0.0], [50.0, 80.0]])]


def test_a_straight_line_covers_the_pixels_that_geometry_says():
    image = doodle.render([np.array([[0.0, 0.0], [10.0, 0.0]])], FORM) / 255
    middle = image[:, 16]
    assert middle.nonzero()[0].tolist() == [
        15,
        16,
    ]  # the line lies between the two middle rows, 1 pixel each way
    assert np.allclose(middle[[15, 16]], 1)


def test_a_line_half_a_pixel_aside_is_shared_by_three_rows():
    odd = doodle.Form(side=33, longer=24.0, line=2.0)  # the centre of the image is now the centre of a pixel
    middle = doodle.render([np.array([[0.0, 0.0], [10.0, 0.0]])], odd)[:, 16] / 255
    assert np.allclose(middle[15:18], [0.5, 1, 0.5], atol=1 / 255)


def test_the_ink_is_as_much_as_pillow_draws_at_sixteen_times_the_size():
    fine = 16
    canvas = Image.new("L", (32 * fine, 32 * fine))
    pen = ImageDraw.Draw(canvas)
    points = [(4, 8), (28, 24), (10, 26)]
    pen.line([(x * fine, y * fine) for x, y in points], fill=255, width=2 * fine, joint="curve")
    for x, y in (points[0], points[-1]):  # Pillow's lines have no round ends
        pen.ellipse([(x - 1) * fine, (y - 1) * fine, (x + 1) * fine, (y + 1) * fine], fill=255)
    theirs = np.asarray(canvas.reduce(fine)).astype(float)
    drawing = np.array(points, float)
    ours = doodle.render([drawing], doodle.Form(32, 24.0, 2.0)).astype(float)
    top = (32 - 18) / 2 - 8  # ours is centred: the box is 24 x 18 pixels
    moved = np.roll(theirs, int(top), axis=0)
    assert abs(ours.sum() / moved.sum() - 1) < 0.04  # Pillow rounds its widths
    assert np.abs(ours - moved).mean() < 2


def test_a_drawing_looks_the_same_wherever_and_however_large_it_was_drawn():
    moved = [stroke * 3 + [500, -40] for stroke in TEE]
    assert np.array_equal(doodle.render(TEE, FORM), doodle.render(moved, FORM))


def test_the_longer_side_fills_its_pixels_and_the_box_is_centred():
    rows, columns = (np.flatnonzero(doodle.render(TEE, FORM).any(axis)) for axis in (1, 0))
    assert (columns[0], columns[-1]) == (3, 28)  # 24 pixels and half a line on each side
    assert rows[0] + rows[-1] == 31


def test_a_dot_is_a_disc_of_the_pens_width_in_the_middle():
    image = doodle.render([np.array([[7.0, 9.0]])], doodle.Form(side=32, longer=24.0, line=8.0))
    assert abs(image.sum() / 255 - np.pi * 16) < 2
    assert np.array_equal(image, image[::-1, ::-1])


def test_a_batch_gives_what_each_drawing_gives_alone():
    drawings = [TEE, TEE[:1], [np.random.default_rng(0).random((9, 2))]]
    together = doodle.render_batch(doodle.pack(drawings), FORM)
    assert all(
        np.array_equal(image, doodle.render(each, FORM))
        for image, each in zip(together.numpy(), drawings, strict=True)
    )


def test_packing_and_unpacking_loses_nothing():
    assert all(
        np.array_equal(a, b) for a, b in zip(doodle.unpack(doodle.pack([TEE])[0].numpy()), TEE, strict=True)
    )


def test_a_long_drawing_keeps_the_ends_of_its_strokes():
    line = np.column_stack([np.arange(100.0), np.zeros(100)])
    kept = doodle.unpack(doodle.pack([[line, line + 1]], 20)[0].numpy())
    assert [(len(stroke) > 2, stroke[0, 0], stroke[-1, 0]) for stroke in kept] == [
        (True, 0, 99),
        (True, 1, 100),
    ]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9, 1.0])
def test_a_part_of_a_drawing_has_that_share_of_its_length(share):
    length = sum(
        np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in doodle.part(TEE, share) if len(stroke) > 1
    )
    assert np.isclose(length, 180 * share)


def test_the_first_part_of_a_batch_ends_at_the_point_that_passes_the_share():
    line = [np.column_stack([np.arange(11.0), np.zeros(11)])]
    shown = doodle.first(doodle.pack([line]), torch.tensor([0.5]))
    assert (shown[0, :, 2] >= 0).sum() == 6  # 0 to 5 of 10


def test_no_stroke_is_refused():
    for nothing in ([], [np.zeros((0, 2))]):
        with pytest.raises(DataError, match="nothing is drawn"):
            doodle.render(nothing, FORM)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
def test_a_wild_coordinate_is_refused(value):
    with pytest.raises(DataError, match="finite"):
        doodle.render([np.array([[0, value]])], FORM)


def test_the_steps_of_the_pen_lead_from_point_to_point():
    steps = doodle.steps(doodle.pack([TEE]))[0]
    assert steps.tolist() == [[0, 0, 1, 1], [100, 0, 0, 1], [-50, 0, 1, 1], [0, 80, 0, 1]]


def test_a_traced_line_is_simplified_to_its_corners_whatever_the_number_of_its_points():
    corners = np.array([[0.0, 0], [255, 0], [255, 200], [40, 90]])
    along = np.linspace(0, 1, 40)[:, None]
    traced = np.concatenate([a + along * (b - a) for a, b in itertools.pairwise(corners)])
    assert np.allclose(doodle.simplified([traced])[0], corners)


def test_no_point_that_simplifying_drops_lies_more_than_two_units_from_what_stays():
    angle = np.linspace(0, 2 * np.pi, 500)
    circle = 127.5 + 127.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    kept = doodle.simplified([circle])[0]
    apart = np.linalg.norm(np.diff(kept, axis=0), axis=1)
    sagitta = 127.5 - np.sqrt(127.5**2 - (apart / 2) ** 2)  # the arc's height over each chord
    assert len(kept) < 40
    assert sagitta.max() <= 2


def test_a_dot_and_a_line_of_one_place_stay():
    assert [len(stroke) for stroke in doodle.simplified([np.zeros((1, 2)), np.ones((5, 2))])] == [1, 2]
