"""TextCNN as the usual PyTorch tutorial writes it: Conv2d over padded embeddings, DataLoader, dense Adadelta.

Same data, same size and same batches as ours; one line of JSON. ``--mode train`` times updates,
``--mode predict`` answers in batches of 1,000 without gradients.
"""

import argparse
import json
import resource
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pellucid.datasets import corpus, tokens

PADDING = 4


class Net(nn.Module):
    def __init__(self, words, size=300, widths=(3, 4, 5), maps=100, classes=2):
        super().__init__()
        self.embed = nn.Embedding(words, size, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv2d(1, maps, (width, size)) for width in widths])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(len(widths) * maps, classes)

    def forward(self, x):
        x = self.embed(x).unsqueeze(1)  # (N, 1, L, size)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]
        x = [F.max_pool1d(each, each.size(2)).squeeze(2) for each in x]
        return self.fc(self.dropout(torch.cat(x, 1)))


def main():
    """Time one system, one mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("train", "predict"), required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    inputs, labels, words = material()
    net = Net(words)
    seconds, count = (train if options.mode == "train" else predict)(net, inputs, labels, options.steps)
    print(
        json.dumps(
            {"wall": seconds[0], "processor": seconds[1], "sentences": count, "torch": torch.__version__}
        )
    )


def material():
    """MR as one padded tensor, with labels and the size of the vocabulary."""
    texts = corpus.read("mr")
    whole = [*texts.train, *texts.valid, *texts.test()]
    split = [tokens.kim(text.text) for text in whole]
    vocabulary, _ = corpus.vocabulary(split)
    number = {word: index for index, word in enumerate(vocabulary, 2)}
    longest = max(map(len, split))
    rows = [[0] * PADDING + [number[w] for w in t] + [0] * (longest + PADDING - len(t)) for t in split]
    return torch.tensor(rows), torch.tensor([text.label for text in whole]), len(vocabulary) + 2


def train(net, inputs, labels, steps):
    """Seconds of ``steps`` updates of 50 sentences, after ten to warm up."""
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=50, shuffle=True)
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0, rho=0.95)
    net.train()
    done, total = 0, 0.0
    while True:
        for x, y in loader:
            if done == 10:
                start = clock()
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
            done += 1
            if done == steps + 10:
                return since(start), 50 * steps


def predict(net, inputs, labels, steps):
    """Seconds to answer all sentences, after one batch to warm up."""
    net.eval()
    with torch.no_grad():
        net(inputs[:1000])
        start = clock()
        for batch in inputs.split(1000):
            net(batch).argmax(1)
        return since(start), len(inputs)


def clock():
    """Wall and processor seconds now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return perf_counter(), used.ru_utime + used.ru_stime


def since(start):
    """Wall and processor seconds since ``start``."""
    return tuple(now - then for now, then in zip(clock(), start, strict=True))


if __name__ == "__main__":
    main()
