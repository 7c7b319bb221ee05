import numpy as np
import pytest

from pellucid.plots import images

from .looking import panel, pictures, words


def test_every_pixel_has_its_value_written_in_its_cell(digit):
    axes = images.numbers(digit).axes[0]
    written = np.full(digit.shape, -1)
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        written[row, column] = int(text.get_text())
    assert (written == digit).all()


def test_dark_cells_carry_light_numbers_and_light_cells_dark_ones():
    axes = images.numbers(np.array([[0, 255]], dtype=np.uint8)).axes[0]
    assert [text.get_color() for text in axes.texts] == ["#ffffff", "#1b1f24"]


def test_an_image_too_large_for_numbers_is_refused():
    with pytest.raises(ValueError, match=r"\(41, 5\) is too large to write its numbers"):
        images.numbers(np.zeros((41, 5), dtype=np.uint8))


def test_the_sheet_shows_each_class_in_its_own_row(digit):
    shades = np.arange(6, dtype=np.uint8)[:, None, None] + np.zeros((6, 4, 4), dtype=np.uint8)
    figure = images.sheet(shades, np.array([1, 0, 1, 0, 1, 1]), ["cat", "dog"], columns=3)
    assert [int(picture[0, 0]) for picture in pictures(figure)] == [1, 3, 255, 0, 2, 4]
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["class cat\n2 images", "class dog\n4 images"]


def test_the_average_of_a_class_is_the_mean_of_its_pixels():
    pair = np.array([[[0, 200]], [[100, 201]]], dtype=np.uint8)
    (mean,) = pictures(images.averages({"seven": pair}))
    assert mean.tolist() == [[50.0, 200.5]]


def test_flattening_shows_the_pixels_row_by_row(digit):
    figure = images.flattening(digit)
    strips = [picture for picture in pictures(figure) if picture.shape == (1, 784)]
    expected = [digit[r, c] for r in range(28) for c in range(28)]
    assert strips[0][0].tolist() == expected
    assert strips[1][0].tolist() == [r for r in range(28) for _ in range(28)]


def test_flattening_lists_sixteen_entries_at_four_r_plus_c(digit):
    figure = images.flattening(digit)
    line = panel(figure, "the same 16 values as a list")
    entries = {int(t.get_position()[0]): int(t.get_text()) for t in line.texts if t.get_text().isdigit()}
    assert entries == {4 * r + c: images.EXAMPLE[r][c] for r in range(4) for c in range(4)}
    assert "row 2, column 1\n4 x 2 + 1 = 9" in words(figure)


def test_a_mistake_is_shown_with_both_answers_and_their_probabilities(digit):
    chances = np.array([[0.1, 0.655, 0.245]])
    figure = images.gallery(digit[None], np.array([2]), np.array([1]), chances, classes=["a", "b", "c"])
    assert "says b: 65.5%\nis c: 24.5%" in words(figure)


def test_stages_keep_their_order_and_name_their_size(digit):
    figure = images.stages({"grey": digit, "ink": digit > 100, "crop": digit[4:24, 4:24]}, "photograph")
    said = words(figure)
    assert [text for text in said if text[:2] in ("1.", "2.", "3.")] == ["1. grey", "2. ink", "3. crop"]
    assert "20 x 20 pixels" in said
    assert "From photograph to what the network sees" in said


def test_a_single_stage_comes_from_nowhere(digit):
    assert "What the network sees" in words(images.stages({"sample": digit}, "photograph"))


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(ValueError, match="images: got nothing to draw"):
        images.sheet(np.zeros((0, 28, 28)), np.zeros(0), ["a"])


def test_labels_that_do_not_fit_the_images_are_refused(digit):
    with pytest.raises(ValueError, match="images has 1, labels has 2"):
        images.sheet(digit[None], np.array([0, 1]), ["a", "b"])
