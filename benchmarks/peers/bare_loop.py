"""The bare loop: what Pellucid's engine does in a step and nothing else, for measuring the engine's
overhead.

Pellucid's networks, its RMSprop and its rounding of the tiniest numbers to zero; resident ``uint8`` images,
one index-select, pixels / 255, forward, backward, optimiser step. No clock, no log, no checkpoint, no check
for non-finite losses: whatever these cost is the overhead.
"""

from time import perf_counter

import material
import torch
from torch import nn

from pellucid.models.mlp import keras_mnist_mlp
from pellucid.models.mnist_example import MnistExample
from pellucid.optimizers import FusedRMSprop

NETWORKS = {"mlp": keras_mnist_mlp, "example": MnistExample}
OPTIMIZERS = {
    "rmsprop": lambda weights, rate: FusedRMSprop(weights, lr=rate, alpha=0.9, eps=1e-7),
    "adadelta": lambda weights, rate: torch.optim.Adadelta(weights, lr=rate),
    "adamw": lambda weights, rate: torch.optim.AdamW(weights, lr=rate, fused=True),
    "sgd": lambda weights, rate: torch.optim.SGD(weights, lr=rate),
}


def main():
    """Train, time every epoch, test."""
    options = arguments()
    torch.set_flush_denormal(True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels, test_images, test_labels = (torch.from_numpy(array) for array in material.load(options))

    model = NETWORKS[options.network]()
    optimizer = OPTIMIZERS[options.optimizer](model.parameters(), options.learning_rate)
    seconds = []
    for _ in range(options.epochs):
        start = perf_counter()
        train(model, optimizer, images, labels.long(), options.batch)
        seconds.append(perf_counter() - start)
    score = test(model, test_images, test_labels.long())
    material.report(options, peer="bare_loop", packages=["torch"], seconds=seconds, accuracy=score)


def arguments():
    """The common arguments and the network, optimiser, learning rate and batch size."""
    parser = material.parser(__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="mlp")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="rmsprop")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    material.use_cores(options.threads)
    return options


def train(model, optimizer, images, labels, batch):
    """One epoch over resident tensors."""
    model.train()
    for indices in torch.randperm(len(labels)).split(batch):
        inputs = prepare(images.index_select(0, indices))
        loss = nn.functional.cross_entropy(model(inputs), labels.index_select(0, indices))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


@torch.no_grad()
def test(model, images, labels):
    """Share of right answers."""
    model.eval()
    batches = zip(images.split(1000), labels.split(1000), strict=True)
    return sum((model(prepare(x)).argmax(1) == y).sum().item() for x, y in batches) / len(labels)


def prepare(images):
    """(N, 28, 28) bytes -> (N, 1, 28, 28) floats in [0, 1]."""
    return images.unsqueeze(1).float().div_(255)


if __name__ == "__main__":
    main()
