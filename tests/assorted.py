"""More than twenty networks as people write them, each in a few lines, and a task that trains any of them.

All take pictures ``(N, 1, 16, 16)`` and give class scores ``(N, 3)``. Those for sequences read the rows.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from pellucid.datasets.memory import InMemory
from pellucid.task import Data
from pellucid.tasks.digits import Digits
from pellucid.training import Training


def conv(inputs, outputs, size=3, **settings):
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, **settings)


def scores(channels):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))


class Residual(nn.Module):
    """He et al. 2016: the way around may need a projection; the ReLU works in place and is called twice."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs), nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        self.around = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs):
        inside = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(inputs)))))
        inside += self.around(inputs)
        return self.relu(inside)


class Dense(nn.Module):
    """Huang et al. 2017: every layer sees all before it."""

    def __init__(self, inputs, growth=2, depth=3):
        super().__init__()
        self.layers = nn.ModuleList(conv(inputs + i * growth, growth) for i in range(depth))

    def forward(self, inputs):
        found = [inputs]
        for layer in self.layers:
            found.append(functional.relu(layer(torch.cat(found, 1))))
        return torch.cat(found, dim=1)


class Inception(nn.Module):
    """Szegedy et al. 2015: four branches side by side."""

    def __init__(self, inputs):
        super().__init__()
        self.one = nn.Conv2d(inputs, 2, 1)
        self.three = nn.Sequential(nn.Conv2d(inputs, 2, 1), nn.ReLU(), conv(2, 2))
        self.five = nn.Sequential(nn.Conv2d(inputs, 2, 1), nn.ReLU(), conv(2, 2, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(inputs, 2, 1))

    def forward(self, inputs):
        return torch.cat([branch(inputs) for branch in self.children()], 1)


class Squeeze(nn.Module):
    """Hu et al. 2018: a number for each channel scales it."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, 2), nn.Linear(2, channels)

    def forward(self, inputs):
        scale = self.excite(functional.relu(self.squeeze(inputs.mean((2, 3)))))
        return inputs * torch.sigmoid(scale)[:, :, None, None]


class Inverted(nn.Module):
    """Sandler et al. 2018: wide, depthwise, narrow, and around."""

    def __init__(self, channels):
        super().__init__()
        wide = 2 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1),
            nn.ReLU6(),
            conv(wide, wide, groups=wide),
            nn.Hardswish(),
            nn.Conv2d(wide, channels, 1),
        )

    def forward(self, inputs):
        return inputs + self.body(inputs)


class Shuffle(nn.Module):
    """Zhang et al. 2018: groups that exchange their channels by reshaping."""

    def __init__(self, channels):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 1, groups=2) for _ in range(2))

    def forward(self, inputs):
        left, right = self.first(inputs).chunk(2, 1)
        return self.second(torch.stack([left, right], 2).flatten(1, 2))


class Next(nn.Module):
    """Liu et al. 2022: channels go last for the norm, and come back."""

    def __init__(self, channels):
        super().__init__()
        self.depthwise, self.norm = conv(channels, channels, 5, groups=channels), nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, inputs):
        inside = self.norm(self.depthwise(inputs).permute(0, 2, 3, 1))
        inside = self.scale * self.narrow(functional.gelu(self.widen(inside)))
        return inputs + inside.permute(0, 3, 1, 2)


class UNet(nn.Module):
    """Ronneberger et al. 2015: two steps down, two up, joined to what went down."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.low, self.pool = conv(1, 2), conv(2, 4), conv(4, 4), nn.MaxPool2d(2)
        self.rise2, self.rise1 = nn.ConvTranspose2d(4, 4, 2, 2), nn.ConvTranspose2d(4, 2, 2, 2)
        self.up2, self.up1 = conv(8, 4), conv(4, 3)

    def forward(self, inputs):
        first = self.down1(inputs).relu()
        second = self.down2(self.pool(first)).relu()
        low = self.low(self.pool(second)).relu()
        high = self.up2(torch.cat((self.rise2(low), second), 1)).relu()
        return self.up1(torch.cat((self.rise1(high), first), 1)).mean(dim=(2, 3))


class Pyramid(nn.Module):
    """Lin et al. 2017: coarse maps are enlarged and added to fine ones; one head looks at all of them."""

    def __init__(self):
        super().__init__()
        self.fine, self.coarse, self.side = conv(1, 4, stride=2), conv(4, 4, stride=2), nn.Conv2d(4, 4, 1)
        self.head = conv(4, 3)

    def forward(self, inputs):
        fine = functional.relu(self.fine(inputs))
        coarse = functional.relu(self.coarse(fine))
        merged = self.side(fine) + functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        return sum(self.head(level).amax((2, 3)) for level in (merged, coarse))


class Rows(nn.Module):
    """Hand the rows of a picture to a network for sequences ``(N, L, C)``."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, inputs):
        return self.body(inputs.squeeze(1))


class Words(nn.Module):
    """Numbers of words, embedded, then an LSTM in both directions."""

    def __init__(self):
        super().__init__()
        self.words, self.lstm = nn.Embedding(8, 4), nn.LSTM(4, 4, batch_first=True, bidirectional=True)
        self.out = nn.Linear(8, 3)

    def forward(self, inputs):
        words = inputs.mean(-1).mul(4).long().clamp(0, 7)
        _, (hidden, _) = self.lstm(self.words(words))
        return self.out(torch.cat([hidden[0], hidden[1]], -1))


class Cell(nn.Module):
    """A cell that is called once for each row."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(16, 4), nn.Linear(4, 3)

    def forward(self, inputs):
        state = inputs.new_zeros(len(inputs), 4)
        for row in inputs.unbind(1):
            state = self.cell(row, state)
        return self.out(state)


class Gated(nn.Module):
    """van den Oord et al. 2016: dilated causal convolutions, gates, a way around and a way out of each."""

    def __init__(self, depth=3):
        super().__init__()
        self.enter = nn.Conv1d(16, 4, 1)
        self.filters, self.gates = (
            nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**i) for i in range(depth)) for _ in range(2)
        )
        self.residuals, self.skips = (
            nn.ModuleList(nn.Conv1d(4, 4, 1) for _ in range(depth)) for _ in range(2)
        )
        self.out = nn.Conv1d(4, 3, 1)

    def forward(self, inputs):
        state, total = self.enter(inputs.transpose(1, 2)), 0
        for i, parts in enumerate(zip(self.filters, self.gates, self.residuals, self.skips, strict=True)):
            filters, gate, residual, skip = parts
            before = functional.pad(state, (2**i, 0))
            inside = torch.tanh(filters(before)) * torch.sigmoid(gate(before))
            state, total = state + residual(inside), total + skip(inside)
        return self.out(functional.relu(total))[..., -1]


class Translator(nn.Module):
    """An encoder of the upper rows, and a decoder of the lower ones that attends to it."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Conv1d(16, 4, 3, padding=1), nn.Conv1d(16, 4, 2)
        self.out = nn.Linear(8, 3)

    def forward(self, inputs):
        source, target = inputs.transpose(1, 2).split(8, dim=2)
        memory = self.encoder(source)
        state = self.decoder(functional.pad(target, (1, 0))).transpose(1, 2)
        attended = torch.softmax(state @ memory, -1) @ memory.transpose(1, 2)
        return self.out(torch.cat([state, attended], -1)).mean(1)


class Vision(nn.Module):
    """Dosovitskiy et al. 2021: patches, a token for the class, places that are learned, a transformer."""

    def __init__(self):
        super().__init__()
        self.patches, self.out = nn.Conv2d(1, 4, 4, 4), nn.Linear(4, 3)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.zeros(1, 17, 4))
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, inputs):
        patches = self.patches(inputs).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(inputs), -1, -1), patches], 1) + self.places
        return self.out(self.encoder(tokens)[:, 0])


class Heads(nn.Module):
    """Vaswani et al. 2017: attention of two heads, written out, and torch's own after it."""

    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(16, 8) for _ in range(3))
        self.norm, self.own = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, inputs):
        queries, keys, values = (
            layer(inputs).unflatten(-1, (2, 4)).transpose(1, 2)
            for layer in (self.queries, self.keys, self.values)
        )
        heads = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        state = self.norm(heads.transpose(1, 2).flatten(2))
        again, _ = self.own(query=state, key=state, value=state)
        return self.out((state + again).mean(1))


class Shift(nn.Module):
    """Lin et al. 2019: some channels come from one place before, written into an empty map."""

    def __init__(self, channels):
        super().__init__()
        self.conv = conv(channels, channels)

    def forward(self, inputs):
        shifted = torch.zeros_like(inputs)
        shifted[:, :1, 1:] = inputs[:, :1, :-1]
        shifted[:, 1:] = inputs[:, 1:]
        return self.conv(shifted)


class Twins(nn.Module):
    """Bromley et al. 1993: one network looks at both halves."""

    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(conv(1, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.out = nn.Linear(16, 3)

    def forward(self, inputs):
        left, right = inputs.chunk(2, dim=3)
        return self.out((self.tower(left) - self.tower(right)).abs())


class Experts(nn.Module):
    """Jacobs et al. 1991: experts, weighed by a gate."""

    def __init__(self):
        super().__init__()
        self.experts, self.gate = nn.ModuleList(nn.Linear(256, 3) for _ in range(3)), nn.Linear(256, 3)

    def forward(self, inputs):
        flat = torch.flatten(inputs, 1)
        weights = functional.softmax(self.gate(flat), 1)
        said = torch.stack([expert(flat) for expert in self.experts], 1)
        return torch.einsum("ne,nek->nk", weights, said)


class Bare(nn.Module):
    """No layers at all: weights and functions."""

    def __init__(self):
        super().__init__()
        self.kernel, self.weight = nn.Parameter(torch.randn(4, 1, 3, 3)), nn.Parameter(torch.randn(3, 4))

    def forward(self, inputs):
        maps = functional.leaky_relu(functional.conv2d(inputs, self.kernel, stride=2))
        maps = functional.avg_pool2d(maps, 7)
        return functional.linear(maps.flatten(1), self.weight)


NETWORKS = {
    "mlp": lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 3)),
    "lenet": lambda: nn.Sequential(
        conv(1, 4, 5), nn.ReLU(), nn.AvgPool2d(2), conv(4, 4), nn.ReLU(), scores(4)
    ),
    "vgg": lambda: nn.Sequential(
        *[part for i in (1, 4, 4) for part in (conv(i, 4), nn.BatchNorm2d(4), nn.ReLU(True))], scores(4)
    ),
    "residual": lambda: nn.Sequential(Residual(1, 4), Residual(4, 4), Residual(4, 8, 2), scores(8)),
    "dense": lambda: nn.Sequential(conv(1, 2), Dense(2), nn.AvgPool2d(2), scores(8)),
    "inception": lambda: nn.Sequential(conv(1, 4), Inception(4), nn.ReLU(), scores(8)),
    "squeeze": lambda: nn.Sequential(conv(1, 4), Squeeze(4), scores(4)),
    "mobile": lambda: nn.Sequential(conv(1, 4), Inverted(4), Inverted(4), scores(4)),
    "shuffle": lambda: nn.Sequential(conv(1, 4), Shuffle(4), nn.PReLU(4), scores(4)),
    "shift": lambda: nn.Sequential(conv(1, 4), Shift(4), nn.ELU(), scores(4)),
    "next": lambda: nn.Sequential(conv(1, 4), Next(4), Next(4), scores(4)),
    "unet": UNet,
    "pyramid": Pyramid,
    "words": lambda: Rows(Words()),
    "cell": lambda: Rows(Cell()),
    "gated": lambda: Rows(Gated()),
    "translator": lambda: Rows(Translator()),
    "vision": Vision,
    "heads": lambda: Rows(Heads()),
    "twins": Twins,
    "experts": Experts,
    "bare": Bare,
}


@dataclass(frozen=True, kw_only=True)
class Assorted(Digits):
    """Three kinds of noise, told apart by any of the networks."""

    name: ClassVar[str] = "assorted"
    architecture: str = "mlp"
    training: Training = field(default_factory=lambda: Training(steps=2, batch_size=8, evaluate_every=2))

    def data(self):
        images = torch.randint(
            256, (30, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
        )
        split = InMemory(images, torch.arange(30) % 3)
        facts = {"classes": ["a", "b", "c"], "shape": [16, 16], "mean": 0.5, "std": 0.29}
        return Data(split, split, lambda: split, facts)

    def model(self, facts):
        return NETWORKS[self.architecture]()
