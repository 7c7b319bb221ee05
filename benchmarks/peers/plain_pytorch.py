"""The Keras ``mnist_mlp`` recipe the way most people write it in PyTorch: Dataset, DataLoader, loop.

784-512-512-10, ReLU, dropout 0.2, RMSprop 1e-3 with Keras's rho 0.9 and epsilon 1e-7, batch 128, pixels /
255. The images are turned into floats once, before the clock starts, which is kinder than doing it an
image at a time.
"""

from time import perf_counter

import material
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    """One image tensor and its label at a time."""

    def __init__(self, images, labels):
        self.images = torch.from_numpy(images).float().div(255)
        self.labels = torch.from_numpy(labels).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


def main():
    """Train, time every epoch, test."""
    options = material.options(__doc__)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels, test_images, test_labels = material.load(options)
    train_loader = DataLoader(Digits(images, labels), batch_size=128, shuffle=True)
    test_loader = DataLoader(Digits(test_images, test_labels), batch_size=1000)

    model = network()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)
    seconds = []
    for _ in range(options.epochs):
        start = perf_counter()
        train(model, train_loader, optimizer)
        seconds.append(perf_counter() - start)
    score = test(model, test_loader)
    material.report(options, peer="plain_pytorch", packages=["torch"], seconds=seconds, accuracy=score)


def network():
    """784-512-512-10."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2)),
        nn.Linear(512, 10),
    )


def train(model, loader, optimizer):
    """One epoch."""
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def test(model, loader):
    """Share of right answers."""
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


if __name__ == "__main__":
    main()
