"""What the network sees of two screens: flicker, luminance, size, against Pillow and by hand."""

import numpy as np
from PIL import Image

from pellucid.datasets import screens


def test_a_sprite_that_shows_on_every_second_frame_only_is_seen_always():
    even, odd = np.zeros((210, 160, 3), np.uint8), np.zeros((210, 160, 3), np.uint8)
    even[100:110, 40:50] = (200, 72, 72)
    odd[30:40, 100:110] = (92, 186, 92)
    for first, second in ((even, odd), (odd, even)):
        seen = screens.seen(first, second)
        assert seen[42, 23] > 90  # (100..110) * 84 / 210, (40..50) * 84 / 160
        assert seen[14, 55] > 90
        assert seen[70, 70] == 0


def test_the_maximum_is_taken_of_each_colour_not_of_the_grey():
    red, green = np.zeros((210, 160, 3), np.uint8), np.zeros((210, 160, 3), np.uint8)
    red[..., 0], green[..., 1] = 100, 100
    both = round(0.299 * 100 + 0.587 * 100)  # a maximum of greys would be 59
    assert screens.seen(red, green)[40, 40] == both == 89


def test_grey_is_the_luminance_of_bt_601():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    np.testing.assert_allclose(screens.grey(colours), [[76.245, 149.685, 29.07, 255.0]], rtol=1e-5)


def test_resizing_is_the_bilinear_one_of_pillow():
    picture = np.random.default_rng(0).integers(0, 256, (210, 160)).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(picture).resize((84, 84), Image.Resampling.BILINEAR)).astype(int)
    ours = screens.resized(picture.astype(np.float32)).astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_a_line_of_one_pixel_never_falls_between_two():
    for row in range(60, 90):
        picture = np.zeros((210, 160), np.float32)
        picture[row] = 255
        assert screens.resized(picture).max() >= 48
