import math

import pytest
import torch

from pellucid.datasets.augment import affine, conceal, numbers_needed, refit, shift, thicken


def digits(count=4, height=28, width=28):
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, height, width), dtype=torch.uint8, generator=generator)


def blob(size=28):
    """Return (1, 1, size, size): a smooth lopsided spot on zeros, so that interpolation loses little."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return torch.exp(-((y - 10.0) ** 2 / 18 + (x - 15.0) ** 2 / 40))[None, None].float()


def turned(image, **settings):
    """Apply ``affine`` with one number raised from the middle of its range to (nearly) its end."""
    column = {"degrees": 0, "scale": 1, "shear": 2, "right": 3, "down": 4, "aspect": 5}
    uniform = torch.full((len(image), 6), 0.5)
    for name in list(settings):
        uniform[:, column[name]] = 1.0
        if name in ("right", "down"):
            settings["shift"] = settings.pop(name)
    return affine(image, uniform, **settings)


def test_a_shift_of_no_pixels_leaves_the_images_as_they_are():
    images = digits()
    assert torch.equal(shift(images, torch.rand(4, 2), 0), images)


@pytest.mark.parametrize("down", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("right", [-2, -1, 0, 1, 2])
def test_a_shift_equals_rolling_and_clearing_what_came_in(down, right):
    images = digits(3, 6, 5)
    expected = torch.roll(images, (down, right), (1, 2))
    if down > 0:
        expected[:, :down] = 0
    if down < 0:
        expected[:, down:] = 0
    if right > 0:
        expected[:, :, :right] = 0
    if right < 0:
        expected[:, :, right:] = 0
    uniform = (torch.tensor([[down, right]]) + 2.5) / 5
    assert torch.equal(shift(images, uniform.expand(3, 2), 2), expected)


def test_each_image_moves_by_its_own_numbers():
    images = torch.zeros(2, 5, 5, dtype=torch.uint8)
    images[:, 2, 2] = 9
    moved = shift(images, torch.tensor([[0.0, 0.5], [0.5, 0.99]]), 1)
    assert moved.nonzero().tolist() == [[0, 1, 2], [1, 2, 3]]


def test_all_nine_moves_of_one_pixel_are_equally_likely():
    images = torch.zeros(90_000, 3, 3, dtype=torch.uint8)
    images[:, 1, 1] = 1
    uniform = torch.rand(90_000, 2, generator=torch.Generator().manual_seed(3))
    counts = shift(images, uniform, 1).sum(0, dtype=torch.float64)
    assert (counts - 10_000).abs().max() < 500  # five standard deviations of a count are 471


def test_floats_with_a_channel_shift_like_bytes_without():
    images, uniform = digits(), torch.rand(4, 2)
    assert torch.equal(shift(images[:, None].float(), uniform, 3)[:, 0], shift(images, uniform, 3).float())


def test_a_shift_wider_than_the_image_is_refused():
    with pytest.raises(ValueError, match="28 pixels, expected 0 to 27"):
        shift(digits(), torch.rand(4, 2), 28)


def test_random_numbers_of_another_batch_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 2\), expected \(4, 2\)"):
        shift(digits(), torch.rand(3, 2), 1)


def test_colour_images_are_refused():
    with pytest.raises(ValueError, match="expected"):
        affine(torch.zeros(2, 3, 28, 28), torch.rand(2, 6))


def test_an_affine_map_of_no_strength_is_the_identity():
    image = digits()[:, None].float() / 255
    assert torch.allclose(affine(image, torch.rand(4, 6)), image, atol=1e-4)


def test_the_middle_of_every_range_is_the_identity():
    image = digits()[:, None].float() / 255
    half = torch.full((4, numbers_needed(elastic=2.0)), 0.5)
    moved = affine(image, half, degrees=30, scale=0.3, shift=3, shear=0.3, aspect=0.2, elastic=2)
    assert torch.allclose(moved, image, atol=1e-4)


def test_a_right_angle_equals_a_quarter_turn():
    image = digits()[:, None].float() / 255
    quarter = turned(image, degrees=90.0)
    assert torch.allclose(quarter, torch.rot90(image, 1, (2, 3)), atol=1e-3)


@pytest.mark.parametrize(("name", "roll"), [("right", (0, -2)), ("down", (-2, 0))])
def test_a_whole_pixel_affine_move_equals_rolling(name, roll):
    image = torch.zeros(1, 1, 28, 28)
    image[..., 5:20, 6:21] = torch.rand(15, 15)
    assert torch.allclose(turned(image, **{name: 2.0}), torch.roll(image, roll, (2, 3)), atol=1e-4)


def test_looking_twice_as_wide_quarters_the_ink():
    image = blob()
    assert turned(image, scale=math.log(2)).sum().item() == pytest.approx(image.sum().item() / 4, rel=0.02)


def test_aspect_and_shear_keep_the_ink():
    image = blob()
    for moved in (turned(image, aspect=0.2), turned(image, shear=0.3)):
        assert moved.sum().item() == pytest.approx(image.sum().item(), rel=0.02)


def test_elastic_knots_at_the_end_of_their_range_move_the_whole_image():
    image = torch.zeros(1, 1, 28, 28)
    image[..., 8:20, 8:20] = torch.rand(12, 12)
    uniform = torch.full((1, numbers_needed(elastic=1.0)), 0.5)
    uniform[:, 6 : 6 + 25] = 1.0
    assert torch.allclose(affine(image, uniform, elastic=3.0), torch.roll(image, -3, 3), atol=1e-4)


def block(top, left, height, width, value=1.0, side=28):
    image = torch.zeros(1, 1, side, side)
    image[..., top : top + height, left : left + width] = value
    return image


def box(image):
    """Return (top, left, height, width) of what is at least half as light as can be."""
    rows, columns = (image[0, 0] >= 0.5).nonzero().unbind(1)
    top, left = int(rows.min()), int(columns.min())
    return top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1


def test_a_thickened_dot_is_a_cross_of_the_share_that_was_drawn():
    dot = torch.zeros(3, 1, 5, 5)
    dot[:, :, 2, 2] = 1
    none, half, whole = thicken(dot, torch.tensor([[0.0], [0.5], [1.0]]), 0.8)[:, 0]
    cross = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert torch.equal(none, dot[0, 0])
    for found, share in ((half, 0.4), (whole, 0.8)):
        expected = dot[0, 0].clone()
        expected[1:4, 1:4] += share * cross
        assert torch.allclose(found, expected)


@pytest.mark.parametrize(
    ("drawn", "longer", "expected"),
    [
        ((0, 0, 4, 4), 8, (10, 10, 8, 8)),
        ((3, 17, 4, 4), 20, (10, 10, 8, 8)),  # twice as large, never more
        ((2, 8, 20, 20), 10, (9, 9, 10, 10)),
        ((1, 1, 2, 8), 16, (12, 6, 4, 16)),
    ],
)
def test_ink_is_centred_and_its_longer_side_brought_to_the_box(drawn, longer, expected):
    assert box(refit(block(*drawn), longer)) == expected


def test_a_part_is_hidden_from_the_side_that_the_direction_says_and_the_rest_fills_the_box():
    left, right = block(12, 4, 4, 4), block(10, 16, 8, 8)
    numbers = torch.tensor([[0.1, 0.0, 0.9], [0.1, 0.5, 0.9], [0.1, 0.0, 0.0], [0.9, 0.0, 0.9]])
    found = conceal((left + right).expand(4, 1, 28, 28), numbers, chance=0.5, longer=20)
    expected = [refit(right, 20), refit(left, 20), refit(left + right, 20), left + right]
    assert torch.allclose(found, torch.cat(expected), atol=1e-6)


def test_no_drawing_loses_anything_without_a_chance():
    drawing = block(12, 4, 4, 4)
    assert conceal(drawing, torch.zeros(1, 3), chance=0.0, longer=20) is drawing
