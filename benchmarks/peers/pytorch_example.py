"""PyTorch's basic MNIST example: its network, its recipe, and what it does to every single image.

Two 3 x 3 convolutions (32, 64), 2 x 2 maximum, dropout 0.25, 9216-128, dropout 0.5, 10; Adadelta 1.0,
times 0.7 an epoch, batch 64 in file order (the example shuffles on accelerators only). Each image becomes
a PIL picture, then a float tensor, then (x - 0.1307) / 0.3081: the operations of torchvision's
transforms, written out here because torchvision is not used. The example's printing is left out.
(pytorch/examples, mnist/main.py)
"""

from time import perf_counter

import material
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    """One picture at a time: bytes -> PIL -> (1, 28, 28) floats in [0, 1] -> normalised."""

    def __init__(self, images, labels):
        self.images = torch.from_numpy(images)
        self.labels = torch.from_numpy(labels).long()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        picture = Image.fromarray(self.images[index].numpy())
        return normalised(to_tensor(picture)), int(self.labels[index])


class Network(nn.Module):
    """The example's network; 1,199,882 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.hidden = nn.Linear(9216, 128)
        self.scores = nn.Linear(128, 10)

    def forward(self, images):
        features = functional.relu(self.conv2(functional.relu(self.conv1(images))))
        features = self.dropout1(functional.max_pool2d(features, 2)).flatten(1)
        hidden = self.dropout2(functional.relu(self.hidden(features)))
        return functional.log_softmax(self.scores(hidden), dim=1)


def main():
    """Train, time every epoch, test."""
    options = material.options(__doc__)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels, test_images, test_labels = material.load(options)
    train_loader = DataLoader(Digits(images, labels), batch_size=64)
    test_loader = DataLoader(Digits(test_images, test_labels), batch_size=1000)

    model = Network()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    seconds = []
    for _ in range(options.epochs):
        start = perf_counter()
        train(model, train_loader, optimizer)
        seconds.append(perf_counter() - start)
        schedule.step()
    score = test(model, test_loader)
    packages = ["torch", "pillow"]
    material.report(options, peer="pytorch_example", packages=packages, seconds=seconds, accuracy=score)


def train(model, loader, optimizer):
    """One epoch."""
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = functional.nll_loss(model(images), labels)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def test(model, loader):
    """Share of right answers."""
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def to_tensor(picture):
    """A grey picture -> (1, H, W) floats in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture, copy=True))
    pixels = pixels.view(picture.height, picture.width, 1).permute(2, 0, 1).contiguous()
    return pixels.to(torch.float32).div(255)


def normalised(tensor):
    """Mean 0.1307 and deviation 0.3081 become 0 and 1, channel by channel."""
    mean = torch.as_tensor((0.1307,)).view(-1, 1, 1)
    deviation = torch.as_tensor((0.3081,)).view(-1, 1, 1)
    return tensor.clone().sub_(mean).div_(deviation)


if __name__ == "__main__":
    main()
