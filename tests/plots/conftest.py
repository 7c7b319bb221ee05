import numpy as np
import pytest


@pytest.fixture
def digit():
    """A made-up 28 x 28 digit: a diagonal stroke of grey values, no two rows alike."""
    image = np.zeros((28, 28), dtype=np.uint8)
    for row in range(4, 24):
        image[row, row - 1 : row + 2] = 100 + 7 * (row - 4)
    return image


@pytest.fixture
def classes():
    return [str(index) for index in range(10)]
