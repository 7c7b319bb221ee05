import io

import numpy as np
import pytest
from PIL import Image

from pellucid.plots import surfaces

X, Y = np.linspace(-2, 2, 30), np.linspace(-1, 1, 20)
BOWL = X[None, :] ** 2 + 4 * Y[:, None] ** 2
PATHS = {
    "sgd": np.stack([np.linspace(-1.5, 0, 21), np.linspace(0.8, 0, 21)], axis=1),
    "adam": np.stack([np.linspace(-1.5, 0, 11), np.full(11, 0.8)], axis=1),
}


def test_each_path_is_drawn_through_all_its_points():
    figure = surfaces.surface(X, Y, BOWL, PATHS, minimum=(0, 0))
    drawn = [line.get_xydata().tolist() for line in figure.axes[0].lines]
    assert PATHS["sgd"].tolist() in drawn
    assert PATHS["adam"].tolist() in drawn


def test_the_race_has_the_frames_asked_for_and_moves():
    gif = Image.open(io.BytesIO(surfaces.race_gif(X, Y, BOWL, PATHS, frames=4, seconds=1)))
    assert gif.format == "GIF"
    assert gif.n_frames == 4
    first = np.asarray(gif.convert("RGB")).copy()
    gif.seek(3)
    assert (np.asarray(gif.convert("RGB")) != first).any()


def test_the_runners_leave_ever_longer_tracks():
    gif = Image.open(io.BytesIO(surfaces.race_gif(X, Y, BOWL, {"sgd": PATHS["sgd"]}, frames=3)))
    inked = []
    for frame in range(3):
        gif.seek(frame)
        inked.append(int((np.asarray(gif.convert("RGB")) == (0, 114, 178)).all(axis=2).sum()))
    assert inked[0] + 50 < inked[1]
    assert inked[1] + 50 < inked[2]


def test_a_full_race_is_smaller_than_one_and_a_half_megabytes():
    many = {f"optimiser {index}": PATHS["sgd"] + 0.02 * index for index in range(10)}
    assert len(surfaces.race_gif(X, Y, BOWL, many)) < 1_500_000


def test_the_same_race_gives_the_same_bytes():
    assert surfaces.race_gif(X, Y, BOWL, PATHS, frames=3) == surfaces.race_gif(X, Y, BOWL, PATHS, frames=3)


def test_a_path_that_became_nan_is_refused_by_name():
    with pytest.raises(ValueError, match="path of sgd: 1 of 4 values are NaN"):
        surfaces.surface(X, Y, BOWL, {"sgd": [[0.0, 1.0], [0.5, np.nan]]})


def test_a_race_without_runners_is_refused():
    with pytest.raises(ValueError, match="paths: got nothing to draw"):
        surfaces.race_gif(X, Y, BOWL, {})
