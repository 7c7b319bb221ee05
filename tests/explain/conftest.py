"""Two small networks: one of random weights, one that reads scikit-learn's 8 x 8 digits."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional


def small_cnn():
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 8, 3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(8, 16, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            dropout=nn.Dropout(0.3),
            flatten=nn.Flatten(),
            hidden=nn.Linear(256, 32),
            relu3=nn.ReLU(),
            scores=nn.Linear(32, 10),
        )
    )


@pytest.fixture
def cnn():
    torch.manual_seed(3)
    return small_cnn()


@pytest.fixture
def images():
    return torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="session")
def reader():
    """A network that reads digits, with the images and labels it learned from."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pictures = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(data.target)
    torch.manual_seed(0)
    model = small_cnn()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(10):
        for batch in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(pictures[batch]), labels[batch]).backward()
            optimizer.step()
    model.zero_grad()
    return model.eval(), pictures, labels
