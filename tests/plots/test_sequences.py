"""Pictures of words: colours follow values, every word is written, nothing breaks on strange words."""

import numpy as np
import pytest

from pellucid.plots import canvas, sequences


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_every_word_is_written_in_its_order():
    words = [f"w{n}" for n in range(60)]
    figure = sequences.coloured({"a": (words, np.linspace(-1, 1, 60))}, target="good")
    assert texts(figure) == words


def test_the_word_that_speaks_most_has_the_deepest_colour():
    figure = sequences.coloured({"a": (["x", "y", "z"], np.array([0.1, -2.0, 1.0]))}, target="good")
    colours = [np.array(text.get_bbox_patch().get_facecolor()[:3]) for text in figure.axes[0].texts]
    brightness = [colour.sum() for colour in colours]
    assert brightness.index(min(brightness)) == 1
    assert colours[1][2] > colours[1][0]  # blue: against
    assert colours[2][0] > colours[2][2]  # orange: for


def test_signs_of_mathematics_and_long_words_are_drawn():
    figure = sequences.answer(["$x^{$", "a" * 500, "\u6211"], {"yes": 0.75, "no": 0.25})
    with pytest.warns(UserWarning, match="Glyph"):  # a letter that no font here has is drawn as a box
        assert canvas.png(figure).startswith(b"\x89PNG")


def test_lengths_are_counted_once_each():
    figure = sequences.lengths({"a": np.array([1, 2, 2]), "b": np.array([5])})
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == 4


def test_words_fall_in_frequency():
    figure = sequences.words_by_count(np.array([50, 20, 3, 1]), {0: "the", 2: "film"})
    assert {"the", "film"} <= set(texts(figure))
