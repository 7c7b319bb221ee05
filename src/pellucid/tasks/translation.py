"""Translation: a sentence becomes one of another language, by convolutions and attention (ConvS2S).

``Translation()`` is what trains well on two cores with Multi30k, German to English; ``en_de()`` and
``en_fr()`` are other directions, ``iwslt()`` and ``paper()`` the shapes of Gehring et al. 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import metrics
from pellucid.datasets import parallel, subwords
from pellucid.errors import DataError, UsageError
from pellucid.learners import Supervised
from pellucid.media import TextInput
from pellucid.metrics import Score
from pellucid.models.convs2s import END, PAD, UNKNOWN, ConvS2S
from pellucid.seeding import Draws
from pellucid.task import Answer, Data, Task
from pellucid.training import Training
from pellucid.translating import Found, Translating, search, text_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LAYERS, MOST_CHANNELS, WIDEST, MOST_BEAM = 64, 8192, 31, 100


def words(sample: np.ndarray, facts: dict[str, Any]) -> list[str]:
    """Return the words of a source ``(S,)``."""
    cut = subwords.of(facts)
    return subwords.text_of(map(cut.piece, sample.tolist())).split()


def read_text(text: str, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Cut a text into pieces and number them.

    Raises:
        DataError: there is nothing in it, or more than the network has places for.
    """
    cut = subwords.of(facts)
    numbers = [*cut.encode(subwords.normal(text, lower=facts["lower"])), subwords.END]
    if len(numbers) == 1:
        raise DataError(f"there is nothing to translate in {text[:40]!r}; give a text")
    if len(numbers) > facts["positions"]:
        raise DataError(
            f"{text[:40]!r}... has {len(numbers):,} pieces and the network reads {facts['positions']:,}; "
            "give one sentence a line"
        )
    return {
        "pieces": np.array([cut.piece(number) for number in numbers]),
        "sample": np.array(numbers, np.int32),
    }


@dataclass(frozen=True)
class Translated(Answer):
    """A translation.

    Attributes:
        source: the pieces that were read, the end included.
        pieces: the pieces that were written, the end included.
        attention: ``(T, S)``: where the decoder looked, the mean of its layers, for each piece it wrote.
        hypotheses: {"text", "score", "log_probability"} of each that was finished, best first.
    """

    source: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    attention: list[list[float]] = field(default_factory=list)
    hypotheses: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Translation(Task):
    """Translate.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "translation"
    goal: ClassVar[str] = "bleu"
    takes: ClassVar[TextInput] = TextInput(into=read_text, words=words)
    gives: ClassVar[str] = "text"
    paths = {
        "dataset": parallel.is_file,
        "source": bool,
        "target": bool,
    }

    dataset: str = "multi30k"
    """multi30k, tiny; or a file of your own: .tsv (source, tab, target)"""
    source: str | None = None
    """a text file of your own, one sentence a line; needs --target"""
    target: str | None = None
    """its translation, line by line"""
    source_language: str = "de"
    """the language that is read: of multi30k de, en, fr, cs"""
    target_language: str = "en"
    """the language that is written"""
    pieces: int = 4000
    """subwords of both languages together (SentencePiece, byte pairs)"""
    coverage: float = 1.0
    """share of the letters that get a piece each; lower for scripts with thousands of signs"""
    lower: bool = False
    """everything in lower case"""
    longest: int = 100
    """training pairs with a side of more pieces are left out"""
    positions: int = 256
    """most pieces of a sentence that the network has places for"""
    network: Literal["convs2s"] = "convs2s"
    """the only one there is"""
    size: int = 256
    """numbers in a piece's vector"""
    encoder: tuple[int, ...] = (256, 256, 256, 256)
    """channels of each encoder layer"""
    encoder_widths: tuple[int, ...] = (3, 3, 3, 3)
    """pieces under the kernel of each encoder layer"""
    decoder: tuple[int, ...] = (256, 256, 256)
    """channels of each decoder layer"""
    decoder_widths: tuple[int, ...] = (3, 3, 3)
    """pieces under the kernel of each decoder layer"""
    last: int = 256
    """channels before the scores of the pieces"""
    share: Literal["none", "decoder", "all"] = "all"
    """tables that are one: none, as in the paper; decoder: its vectors and scores; all: the source's too"""
    dropout: float = 0.3
    """part of the vectors and of every layer's input that is silent in a training step"""
    label_smoothing: float = 0.1
    """share of certainty that the loss spreads over all pieces"""
    beam: int = 5
    """hypotheses that a search keeps; 1 is greedy"""
    length_penalty: float = 1.0
    """power of the length by which a log-probability is divided; more prefers longer translations"""
    training: Training = field(
        default_factory=lambda: Training(
            epochs=24,
            batch_size=64,
            optimizer="adamw",
            learning_rate=1e-3,
            schedule="one-cycle",
            warmup=0.1,
            clip=1.0,
            ema=0.999,
            precision="auto",
        )
    )

    def __post_init__(self) -> None:
        for side in ("encoder", "decoder"):
            wide, widths = getattr(self, side), getattr(self, f"{side}_widths")
            if not wide or len(wide) != len(widths) or len(wide) > MOST_LAYERS:
                raise UsageError(
                    f"--{side} has {len(wide)} layers and --{side}-widths {len(widths)}; the same number of "
                    f"each, 1 to {MOST_LAYERS}"
                )
            if not all(1 <= n <= MOST_CHANNELS for n in wide) or not all(1 <= n <= WIDEST for n in widths):
                raise UsageError(f"--{side} takes 1 to {MOST_CHANNELS} channels, its widths 1 to {WIDEST}")
        if not 1 <= self.size <= MOST_CHANNELS or not 1 <= self.last <= MOST_CHANNELS:
            raise UsageError(f"--size and --last are {self.size} and {self.last}; 1 to {MOST_CHANNELS} each")
        if self.share != "none" and self.last != self.size:
            raise UsageError(f"--share {self.share} needs --last equal to --size; or give --share none")
        if not 0 <= self.dropout < 1 or not 0 <= self.label_smoothing < 1 or not 0 < self.coverage <= 1:
            raise UsageError("--dropout and --label-smoothing are 0 to below 1, --coverage above 0 to 1")
        if not subwords.LEAST_PIECES <= self.pieces <= subwords.MOST_PIECES:
            least, most = subwords.LEAST_PIECES, subwords.MOST_PIECES
            raise UsageError(f"--pieces is {self.pieces}; it must be {least} to {most:,}")
        if not 2 <= self.longest <= self.positions:
            raise UsageError(f"--longest {self.longest} must be 2 or more, and at most --positions")
        if not 1 <= self.beam <= MOST_BEAM or not 0 <= self.length_penalty < math.inf:
            raise UsageError(f"--beam is 1 to {MOST_BEAM}, --length-penalty 0 or more, and finite")

    def data(self) -> Data:
        """Read the pairs and learn the pieces from the training pairs."""
        found = parallel.read(
            self.dataset, (self.source_language, self.target_language), (self.source, self.target)
        )
        texts = [subwords.normal(text, lower=self.lower) for pair in found.train for text in pair]
        pieces = subwords.learn(texts, self.pieces, coverage=self.coverage)
        facts = {
            **found.facts,
            "languages": [self.source_language, self.target_language],
            "lower": self.lower,
            "positions": self.positions,
            "pieces": pieces,
        }
        train, left_out = parallel.numbered(found.train, facts, longest=self.longest)
        if not len(train):
            raise DataError(f"no training pair is shorter than --longest {self.longest} pieces")
        valid, _ = parallel.numbered(found.valid, facts)
        facts["counts"] = {"train": len(train), "valid": len(valid), "too long": left_out}
        return Data(train, valid, lambda: parallel.numbered(found.test(), facts)[0], facts)

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Put what was written so far beside the source: ``(N, S)`` -> ``(N, 2, L)``.

        With targets that is all of them, one place later, so that every piece is learned at once; without, it
        is only the END that stands before the first piece.
        """
        written = torch.full((len(inputs), 1), END, dtype=torch.int64)
        if targets is not None:
            targets = targets.long()
            before = targets[:, :-1].masked_fill(targets[:, :-1] == END, PAD)
            written = torch.cat([written, before], 1)
            targets = targets.masked_fill(targets >= len(facts["pieces"]), UNKNOWN)
        longest = max(inputs.shape[1], written.shape[1])
        sides = [functional.pad(side, (0, longest - side.shape[1])) for side in (inputs.long(), written)]
        return torch.stack(sides, 1), targets

    def model(self, facts: dict[str, Any]) -> ConvS2S:
        """Build the network."""
        return ConvS2S(
            len(facts["pieces"]),
            size=self.size,
            encoder=list(zip(self.encoder, self.encoder_widths, strict=True)),
            decoder=list(zip(self.decoder, self.decoder_widths, strict=True)),
            last=self.last,
            dropout=self.dropout,
            positions=self.positions,
            share=self.share,
        )

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the mean cross-entropy of the pieces, scores ``(N, T, V)`` against ``(N, T)``."""
        return functional.cross_entropy(
            outputs.flatten(0, 1).float(),
            targets.flatten(),
            ignore_index=PAD,
            label_smoothing=self.label_smoothing,
        )

    def learner(self, data: Data) -> Supervised:
        """Return supervised learning in batches of equal lengths, judged by greedy translations as well."""
        return Translating(self, data)

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Return the loss and the share of right pieces, each given the right ones before it.

        Args:
            outputs: ``(N, 2)``: a sentence's sum of -log p in nats, and how many pieces were most probable.
            targets: ``(N, T)``.
        """
        count = int((targets != PAD).sum())
        right = metrics.wilson(int(outputs[:, 1].sum()), count)
        return {"loss": Score(float(outputs[:, 0].sum()) / count, None, None, count), "pieces": right}

    def ask(self, network: nn.Module, inputs: Tensor, facts: dict[str, Any]) -> list[Found]:
        """Search the translations of prepared inputs, ``self.beam`` hypotheses each."""
        return search(network, inputs[:, 0], beam=self.beam, penalty=self.length_penalty)

    def answer(self, output: Found, facts: dict[str, Any]) -> Translated:
        """Put what a search found into words."""
        cut, best = subwords.of(facts), output.hypotheses[0]
        texts = [text_of(output.source, each, facts) for each in output.hypotheses]
        return Translated(
            text=texts[0],
            source=[cut.piece(number) for number in output.source],
            pieces=[cut.piece(number) for number in (*best.pieces, END)],
            attention=[] if best.attention is None else best.attention[:, : len(output.source)].tolist(),
            hypotheses=[
                {"text": text, "score": each.score, "log_probability": each.log_probability}
                for text, each in zip(texts, output.hypotheses, strict=True)
            ],
        )

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw where the decoder looked for each piece that it wrote."""
        from pellucid.plots import sequences  # matplotlib is slow to import and only pictures need it

        assert isinstance(answer, Translated)
        looks = {"the mean of the layers": np.array(answer.attention)}
        return sequences.attention(answer.source, answer.pieces, looks, title=answer.text)


def iwslt() -> Translation:
    """The authors' shape for IWSLT'14 German-English, trained as they do: 4 and 3 layers of 256."""
    training = Training(
        epochs=50,
        batch_size=64,
        optimizer="nesterov",
        momentum=0.99,
        learning_rate=0.25,
        schedule="plateau",
        clip=0.1,
    )
    return Translation(
        pieces=10_000,
        dropout=0.2,
        label_smoothing=0.0,
        share="none",
        longest=175,
        positions=1024,
        training=training,
    )


def paper() -> Translation:
    """The paper's network for WMT'14 English-German: twice 15 layers, 512 to 2,048 channels."""
    encoder, decoder = ((512,) * 9 + (1024,) * 4 + (2048,) * 2,) * 2
    widths = (3,) * 13 + (1,) * 2
    return replace(
        iwslt(),
        source_language="en",
        target_language="de",
        pieces=40_000,
        size=768,
        encoder=encoder,
        encoder_widths=widths,
        decoder=decoder,
        decoder_widths=widths,
        last=512,
    )


def en_de() -> Translation:
    """English to German."""
    return Translation(source_language="en", target_language="de")


def en_fr() -> Translation:
    """English to French."""
    return Translation(source_language="en", target_language="fr")


def tiny() -> Translation:
    """Made-up sentences whose translation is their words backwards: seconds, for tests and first tries."""
    training = Training(
        epochs=3, batch_size=30, optimizer="adamw", learning_rate=5e-3, schedule="one-cycle", clip=1.0
    )
    return Translation(
        dataset="tiny",
        pieces=60,
        size=48,
        encoder=(48, 48),
        encoder_widths=(3, 3),
        decoder=(48, 48),
        decoder_widths=(3, 3),
        last=48,
        dropout=0.0,
        positions=64,
        longest=60,
        training=training,
    )
