"""Scores that others published on the same test sets, to stand beside ours: as printed, with their source.

Only what was measured on the test set of a task's data is here; what differs is said: in the protocol, or in
the data, of which our packs do not hold all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pellucid.datasets.sentences import SOURCES

LECUN = (
    "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, fig. 9"
)
SIMARD = "Simard, Steinkraus and Platt 2003, Best practices for convolutional neural networks, table 1"
ZALANDO = "README.md of github.com/zalandoresearch/fashion-mnist at commit 02cf067, submitted benchmarks"
SUBMITTED = "submitted by its author; the keepers of the table did not test it"
AUGMENTED = "random crops and horizontal flips"
KIM = "Kim 2014, Convolutional neural networks for sentence classification, table 2"
WORD2VEC = "word vectors of word2vec (Google News)"
FOLDS = "mean of ten folds"


@dataclass(frozen=True)
class Published:
    """One published score.

    Attributes:
        system: what was measured.
        accuracy: 0 to 1, as printed.
        source: where it is printed.
        note: what was otherwise than here; "" if nothing is known.
    """

    system: str
    accuracy: float
    source: str
    note: str = ""


def _kim(dataset: str, rand: float, static: float, non_static: float, multichannel: float) -> list[Published]:
    source = SOURCES[dataset]
    ours = f"ours are {source.note}" if source.note else ""
    note = "; ".join(filter(None, (FOLDS if "all" in source.files else "", ours)))
    pretrained = "; ".join(filter(None, (WORD2VEC, note)))
    return [
        Published("CNN-rand", rand, KIM, note),
        Published("CNN-static", static, KIM, pretrained),
        Published("CNN-non-static", non_static, KIM, pretrained),
        Published("CNN-multichannel", multichannel, KIM, pretrained),
    ]


PUBLISHED: dict[tuple[str, str], list[Published]] = {  # (task, dataset) -> what was published on its test set
    ("digits", "mnist"): [
        Published("linear classifier", 0.880, LECUN),
        Published("2-layer network, 300 hidden units", 0.953, LECUN),
        Published("LeNet-5", 0.9905, LECUN),
        Published("LeNet-5, distorted training images", 0.992, LECUN),
        Published("2-layer network, 800 hidden units, elastic distortions", 0.993, SIMARD),
        Published("convolutional network, elastic distortions", 0.996, SIMARD),
    ],
    ("digits", "fashion"): [
        Published("MLP 256-128-64", 0.900, ZALANDO, SUBMITTED),
        Published("2 convolutions, fewer than 100,000 parameters", 0.925, ZALANDO, SUBMITTED),
        Published("support vector machine on HOG", 0.926, ZALANDO, SUBMITTED),
        Published("WRN-40-4, 8.9 million parameters", 0.967, ZALANDO, f"{AUGMENTED}; {SUBMITTED}"),
    ],
    ("sentences", "mr"): _kim("mr", 0.761, 0.810, 0.815, 0.811),
    ("sentences", "sst1"): _kim("sst1", 0.450, 0.455, 0.480, 0.474),
    ("sentences", "sst2"): _kim("sst2", 0.827, 0.868, 0.872, 0.881),
    ("sentences", "subj"): _kim("subj", 0.896, 0.930, 0.934, 0.932),
    ("sentences", "trec"): _kim("trec", 0.912, 0.928, 0.936, 0.922),
    ("sentences", "cr"): _kim("cr", 0.798, 0.847, 0.843, 0.850),
    ("sentences", "mpqa"): _kim("mpqa", 0.834, 0.896, 0.895, 0.894),
}  # fmt: skip


def published(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was published on the test set of a run, from its ``task.json``; [] if nothing is known."""
    if task.get("folder") or task.get("data"):  # data of one's own
        return []
    rows = PUBLISHED.get((str(task.get("task")), str(task.get("dataset"))), [])
    return [asdict(row) for row in rows]
