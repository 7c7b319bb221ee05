"""How the tests read a figure: its words, its pictures, its panels."""

from matplotlib.image import AxesImage
from matplotlib.text import Text


def words(figure):
    """All texts that are not empty; those of the ticks too once the figure has been drawn."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def panel(figure, title):
    """The panel whose title starts with these words."""
    found = [
        axes
        for axes in figure.findobj(lambda artist: hasattr(artist, "get_xlim"))
        if axes.get_title("left").startswith(title)
    ]
    assert len(found) == 1, [axes.get_title("left") for axes in found]
    return found[0]


def pictures(figure):
    """The arrays of all images drawn, in order."""
    return [image.get_array() for image in figure.findobj(AxesImage)]
