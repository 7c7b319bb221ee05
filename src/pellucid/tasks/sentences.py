"""Sentences: classify text with one convolution over words (Kim 2014).

``Sentences()`` is Kim's network with our training, ``paper()`` Kim's own configuration,
``wildml()`` that of the TensorFlow tutorial by D. Britz.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import losses
from pellucid.datasets import corpus, tokens, wordvectors
from pellucid.datasets.ragged import Ragged
from pellucid.errors import DataError, UsageError
from pellucid.learners import Supervised
from pellucid.media import TextInput
from pellucid.models.textcnn import TextCNN
from pellucid.optimizers import BY_ROWS
from pellucid.seeding import Draws
from pellucid.task import Answer, Classifier, Data
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNELS = {
    "rand": ["tuned"],
    "non-static": ["tuned"],
    "static": ["fixed"],
    "multichannel": ["fixed", "tuned"],
}
PAPER_SPREAD = 0.25  # of the first vectors: uniform in [-0.25, 0.25]
MOST_MAPS, MOST_SIZE, WIDEST = 4096, 4096, 64


def read_words(text: str, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Split a text and number its words; a word that is not in the vocabulary is ``UNKNOWN``, never left out.

    Raises:
        DataError: there is no word in it.
    """
    words = tokens.splitter(facts["splitter"])(text)
    if not words:
        raise DataError(f"there is no word in {text[:40]!r}; give a text with letters or digits")
    words = words[: facts["longest"]]
    numbers = [tokens.number(word, facts["words"]) for word in words]
    return {"words": np.array(words), "sample": np.array(numbers, np.int32)}


@dataclass(frozen=True, kw_only=True)
class Sentences(Classifier):
    """Classify sentences.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "sentences"
    takes: ClassVar[TextInput] = TextInput(into=read_words, words=tokens.spelled)
    paths = {
        "dataset": corpus.is_file,
        "vectors": lambda given: given != "glove",
    }

    dataset: str = "mr"
    """mr, sst1, sst2, subj, trec, cr, mpqa, ag-news, tiny; or a file of your own: .csv, .tsv, .jsonl"""
    text_column: str | None = None
    """the text's column in a file of your own; guessed when None"""
    label_column: str | None = None
    """the class's column in a file of your own; guessed when None"""
    fold: int = 0
    """which fold is tested, where there is no test set"""
    folds: int = 10
    """how many folds there are, where there is no test set"""
    phrases: bool = False
    """train on every labelled phrase (sst1 and sst2), test on sentences"""
    splitter: Literal["auto", "kim", "trec", "sst", "words"] = "auto"
    """how text is split: Kim's rules for a set; words: any script"""
    vocabulary: Literal["train", "all"] = "train"
    """words that get a vector: of the training texts, or of all texts, as in Kim's code"""
    least: int = 1
    """times a word must occur to be in the vocabulary"""
    longest: int = 400
    """words of a text that are read"""
    network: Literal["rand", "static", "non-static", "multichannel"] = "rand"
    """rand: vectors from nothing; static: given ones, kept; non-static: given, trained; multichannel: both"""
    vectors: str | None = None
    """given vectors: "glove" (50 numbers a word), or a file in word2vec's or GloVe's format"""
    size: int = 300
    """numbers in a word's vector; given vectors bring their own"""
    widths: tuple[int, ...] = (3, 4, 5)
    """words under the filters"""
    maps: int = 100
    """filters of each width"""
    dropout: float = 0.5
    """part of the pooled features that is silent in a training step"""
    max_norm: float | None = 3.0
    """largest norm of a class's weights, kept after every step; None keeps none"""
    initial: Literal["kim", "wildml"] = "kim"
    """first weights: Kim's, or the TensorFlow tutorial's"""
    unknown: float = 0.0
    """chance that a word seen once in training is shown as unknown, so that unknown words mean something"""
    fill: bool = False
    """repeat a few training texts at random so that the last batch is whole, as Kim's code does"""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: a rare class weighs more in the loss, by n / (K n_k)"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=12, batch_size=50, optimizer="adadelta", rho=0.95, schedule="constant", patience=4
        )
    )

    def __post_init__(self) -> None:
        if not corpus.known(self.dataset):
            corpus.read(self.dataset)  # says what there is
        if not self.widths or not all(1 <= width <= WIDEST for width in self.widths):
            raise UsageError(f"--widths is {self.widths}; each filter sees 1 to {WIDEST} words")
        if not 1 <= self.maps <= MOST_MAPS or not 1 <= self.size <= MOST_SIZE:
            raise UsageError(f"--maps is {self.maps} and --size {self.size}; at least 1, at most {MOST_MAPS}")
        if not 0 <= self.dropout < 1 or not 0 <= self.unknown <= 1:
            raise UsageError("--dropout and --unknown are parts of a whole: at least 0, --dropout below 1")
        if self.max_norm is not None and not 0 < self.max_norm < math.inf:
            raise UsageError(f"--max-norm is {self.max_norm}; it must be above 0 and finite, or None")
        if self.folds < 2 or not 0 <= self.fold < self.folds:
            raise UsageError(f"--fold {self.fold} of --folds {self.folds}; from 0, and at least two folds")
        if self.least < 1 or self.longest < 1:
            raise UsageError(f"--least {self.least} and --longest {self.longest}; both at least 1")
        if (self.network == "rand") == (self.vectors is not None):
            raise UsageError(
                f"--network {self.network} with --vectors {self.vectors}: rand has no given vectors, the "
                "others need them: --vectors glove, or a file in word2vec's or GloVe's format"
            )

    def data(self) -> Data:
        """Read and split the texts; the vocabulary is that of the training texts, or of all."""
        columns = (self.text_column, self.label_column)
        texts = corpus.read(
            self.dataset, fold=self.fold, folds=self.folds, phrases=self.phrases, columns=columns
        )
        facts = dict(texts.facts, splitter=texts.splitter if self.splitter == "auto" else self.splitter)
        split = tokens.splitter(facts["splitter"])
        train, valid = ([split(text.text) for text in part] for part in (texts.train, texts.valid))
        others = [*valid, *(split(text.text) for text in texts.test())] if self.vocabulary == "all" else []
        words, once = corpus.vocabulary([*train, *others], self.least)
        if not words:
            raise DataError(
                f"{self.dataset}: there is no word in the training texts that occurs {self.least} times"
            )
        labels = [text.label for text in texts.train]
        facts |= self._facts(texts, train, valid, words, once)

        def numbered(part: list[corpus.Text], split_texts: list[list[str]] | None = None) -> Ragged:
            split_texts = [split(text.text) for text in part] if split_texts is None else split_texts
            return corpus.numbered(split_texts, [text.label for text in part], words, self.longest)

        rows = list(range(len(train)))
        if self.fill:
            missing = -len(rows) % self.training.batch_size
            rows += random.Random(corpus.SPLIT_SEED).choices(rows, k=missing)
        whole = corpus.numbered([train[i] for i in rows], [labels[i] for i in rows], words, self.longest)
        return Data(whole, numbered(texts.valid, valid), lambda: numbered(texts.test()), facts)

    def _facts(
        self,
        texts: corpus.Corpus,
        train: list[list[str]],
        valid: list[list[str]],
        words: list[str],
        once: list[str],
    ) -> dict[str, Any]:
        counts = np.bincount([text.label for text in texts.train], minlength=len(texts.classes))
        numbers = {word: number for number, word in enumerate(words, tokens.FIRST)}
        facts = {
            "classes": texts.classes,
            "words": words,
            "once": [numbers[word] for word in once] if self.unknown else [],
            "length": min(self.longest, max(len(text) for text in (*train, *valid))),
            "longest": self.longest,
            "size": self.size,
            "spread": PAPER_SPREAD,
            "counts": {"train": len(train), "valid": len(valid), "train per class": counts.tolist()},
            "class_weights": (len(train) / (len(counts) * counts.clip(1))).tolist(),
        }
        if self.vectors is not None:
            found = self._given(words)
            spread = round(float(np.sqrt(3 * found.values.var())), 4) if len(found.words) else PAPER_SPREAD
            facts |= {"size": found.size, "spread": spread}
            facts["vectors"] = {
                "name": self.vectors if self.vectors == "glove" else "a file of your own",
                "sha256": wordvectors.checksum(self.vectors),
                "words found": len(found.words),
            }
        return facts

    def _given(self, words: list[str]) -> wordvectors.WordVectors:
        """Return the given vectors of the vocabulary; a word with capitals may be known without them."""
        assert self.vectors is not None
        found = wordvectors.read(self.vectors, {form for word in words for form in (word, word.lower())})
        rows = {word: row for row, word in enumerate(found.words)}
        places = [(word, rows.get(word, rows.get(word.lower()))) for word in words]
        kept = [(word, row) for word, row in places if row is not None]
        return wordvectors.WordVectors([word for word, _ in kept], found.values[[row for _, row in kept]])

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Pad with zeros: ``(N, L)`` numbers of words -> ``(N, L')`` int64.

        The paper pads with (widest filter - 1) zeros before the sentence, and after it up to the longest
        sentence and as many again. Windows of padding alone are all alike, so one of them is as good as all,
        and a batch of short sentences is padded less, with the same result.
        """
        if inputs.ndim != 2 or inputs.is_floating_point():
            raise UsageError(
                f"sentences: the input is {tuple(inputs.shape)} {inputs.dtype}; expected (N, L) whole numbers"
            )
        words = inputs.long()
        if draws is not None and facts["once"]:
            rare = torch.isin(words, torch.tensor(facts["once"]))
            hidden = draws.uniform(words.shape[1], "unknown") < self.unknown
            words = words.masked_fill(rare & hidden, tokens.UNKNOWN)
        before = max(self.widths) - 1
        longest = max(words.shape[1], facts["length"])
        after = min(longest + before - words.shape[1], before + 1)
        return functional.pad(words, (before, after)), targets

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, L)`` numbers of words -> ``(N, K)`` class scores."""
        rows = self.training.optimizer in BY_ROWS and self.training.clip is None
        network = TextCNN(
            len(facts["words"]) + tokens.FIRST,
            facts["size"],
            self.widths,
            self.maps,
            len(facts["classes"]),
            channels=CHANNELS[self.network],
            dropout=self.dropout,
            max_norm=self.max_norm,
            by_rows=rows and not self.training.weight_decay,
        )
        return network.initialise_as(self.initial, facts["spread"])

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the class scores ``(N, K)`` and the classes ``(N,)``."""
        weights = facts["class_weights"] if self.class_weights == "balanced" else None
        return losses.classification(outputs, targets, class_weights=weights)

    def learner(self, data: Data) -> Supervised:
        """Return supervised learning whose word vectors begin as the given ones, where there are any."""
        learner = Supervised(self, data)
        if self.vectors is not None:
            found = self._given(data.facts["words"])
            numbers = [tokens.number(word, data.facts["words"]) for word in found.words]
            for network in filter(None, (learner.network, learner.average)):
                getattr(network, "module", network).embed(
                    torch.tensor(numbers), torch.from_numpy(found.values)
                )
        return learner

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the words as the network got them, and the probability of each class."""
        from pellucid.plots import sequences  # matplotlib is slow to import and only pictures need it

        return sequences.answer(tokens.spelled(sample, facts), answer.probabilities)


def paper() -> Sentences:
    """Kim's configuration: 25 epochs, batches of 50, Adadelta 0.95, the best on a tenth.

    One thing differs: of epochs that are equally good on that tenth, Kim's code takes the last, we the first.
    """
    training = Training(epochs=25, batch_size=50, optimizer="adadelta", rho=0.95, schedule="constant")
    return Sentences(vocabulary="all", fill=True, training=training)


def wildml() -> Sentences:
    """D. Britz's TensorFlow tutorial: vectors of 128, Adam at 1e-3, batches of 64, no bound on norms."""
    training = Training(
        epochs=200, batch_size=64, optimizer="adam", learning_rate=1e-3, schedule="constant", keep="last"
    )
    return Sentences(vocabulary="all", size=128, maps=128, max_norm=None, initial="wildml", training=training)


def tiny() -> Sentences:
    """Made-up sentences and a small network: seconds, for tests and first tries."""
    task = Sentences(dataset="tiny", size=16, maps=8)
    return replace(task, training=replace(task.training, epochs=4, batch_size=10, ema=0.9))
