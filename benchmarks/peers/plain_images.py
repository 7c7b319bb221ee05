"""Pictures in folders the way most people train on them: Dataset, transforms a picture at a time, DataLoader.

The network, the optimiser and the augmentation are those of ``pellucid train images --setting cifar``: moves
of 2 pixels over mirror images, mirrored by chance, a covered square. Every epoch opens the JPEG files anew.
Prints one JSON line: seconds of processor time of every step.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from time import process_time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from pellucid.models.quick import Quick
from pellucid.tasks.images import cifar

MEAN, DEVIATION = torch.tensor([0.49, 0.48, 0.445]), torch.tensor([0.246, 0.243, 0.261])
MOVE, COVERED = 2, 8


class Pictures(Dataset):
    """One file, opened, moved, mirrored, normalised and covered at a time."""

    def __init__(self, root: Path):
        self.classes = sorted(folder.name for folder in root.iterdir())
        self.files = [(path, self.classes.index(path.parent.name)) for path in sorted(root.glob("*/*.jpg"))]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, label = self.files[index]
        pixels = np.asarray(Image.open(path).convert("RGB"))
        pixels = np.pad(pixels, ((MOVE, MOVE), (MOVE, MOVE), (0, 0)), "reflect")
        top, left = random.randint(0, 2 * MOVE), random.randint(0, 2 * MOVE)
        pixels = pixels[top : top + 32, left : left + 32]
        if random.random() < 0.5:
            pixels = pixels[:, ::-1]
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div(255)
        tensor = (tensor - MEAN[:, None, None]) / DEVIATION[:, None, None]
        down, right = random.randint(0, 31), random.randint(0, 31)
        tensor[:, max(0, down - 4) : down + 4, max(0, right - 4) : right + 4] = 0
        return tensor, label


def main() -> None:
    """Train for some steps and time each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with train/CLASS/*.jpg")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    material = Pictures(options.data / "train")
    network = Quick(torch.randn(12, 3, 2, 2), widths=cifar().widths, classes=len(material.classes))
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-3, weight_decay=0.02)
    seconds, start = [], process_time()
    for images, labels in DataLoader(material, batch_size=256, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels, label_smoothing=0.2).backward()
        optimizer.step()
        now = process_time()
        seconds.append(now - start)
        start = now
        if len(seconds) == options.steps:
            break
    print(json.dumps({"seconds": seconds, "pictures": len(material)}))


if __name__ == "__main__":
    main()
