"""TextCNN (Kim 2014, Convolutional neural networks for sentence classification, EMNLP, section 2).

Word vectors, filters over windows of 3, 4 and 5 words, the maximum over time, dropout, class scores.

A filter over h words is a sum of h products, one a word: word i of the window with row i of the filter. So
all products of a batch are those of its *different* words, which are far fewer than its words, and a window
needs no more than h additions. Of all windows only the strongest one a filter matters, so only it gets a
gradient. That is what ``forward`` computes, several times as fast as the convolution written out, which is
``layers``: the same parameters as plain torch layers, for whoever wants to look inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid.models.dropout import Dropout

PAD = 0  # the row of the embedding that stands for no word


class TextCNN(nn.Module):
    """``(N, L)`` numbers of words to ``(N, classes)`` logits.

    Args:
        words: rows of the embedding; row 0 is the padding and always 0.
        size: of a word vector; 300 in the paper.
        widths: words under a filter; 3, 4, 5 in the paper.
        maps: filters of each width; 100 in the paper.
        channels: word vectors that learn ("tuned"), that do not ("fixed"), or both: the multichannel network,
            whose filters look at both and add what they find before ReLU.
        dropout: of the pooled features.
        max_norm: of the weights of each class, kept after every step; None keeps none.
        by_rows: the embedding's gradient holds only the rows of the batch's words.
    Raises:
        ValueError: a size below 1 or no channel.
    """

    def __init__(
        self,
        words: int,
        size: int = 300,
        widths: Sequence[int] = (3, 4, 5),
        maps: int = 100,
        classes: int = 2,
        *,
        channels: Sequence[str] = ("tuned",),
        dropout: float = 0.5,
        max_norm: float | None = 3.0,
        by_rows: bool = False,
    ):
        super().__init__()
        if min(words, size, maps, classes, *widths) < 1 or not {*channels} <= {"tuned", "fixed"}:
            raise ValueError(
                f"textcnn: {words} words of size {size}, widths {list(widths)}, {maps} maps, "
                f"{classes} classes, channels {list(channels)}; expected at least 1 of each, and channels "
                "tuned or fixed"
            )
        self.channels = nn.ModuleDict(
            {name: WordVectors(words, size, by_rows=by_rows and name == "tuned") for name in channels}
        )
        if "fixed" in channels:
            self.channels["fixed"].weight.requires_grad_(False)
        self.convolutions = nn.ModuleList(nn.Conv1d(size, maps, width) for width in widths)
        self.dropout = Dropout(dropout)
        self.keep = 1.0
        self.scores = BoundedLinear(maps * len(widths), classes, max_norm=max_norm)

    def forward(self, words: Tensor) -> Tensor:
        """Return class scores of ``(N, L)`` int64, 0 where there is no word, padded on both sides."""
        return self.scores(self.dropout(self.features(words)) * self.keep)

    def features(self, words: Tensor) -> Tensor:
        """Return the strongest answer of each filter: ``(N, L)`` -> ``(N, widths * maps)``."""
        if words.shape[1] < max(self.widths):
            raise ValueError(
                f"textcnn: {words.shape[1]} places; a filter needs {max(self.widths)}, padding included"
            )
        different, places = torch.unique(words, return_inverse=True)
        if int(different[0]) != PAD:  # row 0 of the vectors below must be the padding's
            different, places = torch.cat([different.new_zeros(1), different]), places + 1
        vectors = torch.stack([channel(different) for channel in self.channels.values()]).sum(0)  # (U, size)
        strongest = [
            _Strongest.apply(vectors, convolution.weight, Windows(places, width)) + convolution.bias
            for convolution, width in zip(self.convolutions, self.widths, strict=True)
        ]
        return torch.cat(strongest, 1).relu()

    @property
    def widths(self) -> list[int]:
        """Words under the filters of each convolution."""
        return [convolution.kernel_size[0] for convolution in self.filters()]

    def filters(self) -> list[nn.Conv1d]:
        """Return the convolutions, one for each width."""
        return [each for each in self.convolutions if isinstance(each, nn.Conv1d)]

    def vectors(self) -> list[WordVectors]:
        """Return the channels."""
        return [each for each in self.channels.values() if isinstance(each, WordVectors)]

    def initialise_as(self, recipe: str, spread: float) -> TextCNN:
        """Draw the first weights and return the network.

        Args:
            recipe: "kim": vectors uniform in [-spread, spread], filters in [-0.01, 0.01], biases and the last
                layer 0; his dropout does not enlarge what it leaves, so test features are halved. "wildml":
                vectors in [-1, 1], filters normal with deviation 0.1, cut at two, biases 0.1, the last layer
                Xavier's (Britz 2015, Implementing a CNN for text classification in TensorFlow).
            spread: of the vectors; 0.25 in the paper.
        """
        kim = recipe == "kim"
        self.keep = 1 - self.dropout.probability if kim else 1.0
        bias = 0.0 if kim else 0.1
        first, *others = self.vectors()
        nn.init.uniform_(first.weight, *((-spread, spread) if kim else (-1.0, 1.0)))
        first.constrain()
        with torch.no_grad():
            for other in others:
                other.weight.copy_(first.weight)
        for convolution in self.filters():
            if kim:
                nn.init.uniform_(convolution.weight, -0.01, 0.01)
            else:
                nn.init.trunc_normal_(convolution.weight, std=0.1, a=-0.2, b=0.2)
            nn.init.constant_(convolution.bias, bias)  # type: ignore[arg-type]
        (nn.init.zeros_ if kim else nn.init.xavier_uniform_)(self.scores.weight)
        nn.init.constant_(self.scores.bias, bias)
        return self

    def embed(self, rows: Tensor, vectors: Tensor) -> None:
        """Put given vectors ``(R, size)`` at ``rows`` ``(R,)`` of every channel."""
        with torch.no_grad():
            for channel in self.vectors():
                channel.weight[rows] = vectors.to(channel.weight)

    def embedded(self, words: Tensor) -> Tensor:
        """Return the vectors of all places, channels added up: ``(N, L)`` -> ``(N, L, size)``."""
        return torch.stack([channel(words) for channel in self.channels.values()]).sum(0)

    def layers(self) -> WrittenOut:
        """Return the same network as plain torch layers, with the same weights, to look inside."""
        return WrittenOut(self)


class FromVectors(nn.Module):
    """What stands above the word vectors, as the paper defines it: ``(N, L, size)`` to ``(N, classes)``.

    The children are ``conv3``, ``relu3``, ``max3`` and so on, ``dropout`` and ``scores``.
    """

    def __init__(self, network: TextCNN):
        super().__init__()
        self.widths, self.keep = network.widths, network.keep
        for width, convolution in zip(self.widths, network.convolutions, strict=True):
            self.add_module(f"conv{width}", convolution)
            self.add_module(f"relu{width}", nn.ReLU())
            self.add_module(f"max{width}", nn.AdaptiveMaxPool1d(1))
        self.dropout, self.scores = network.dropout, network.scores

    def forward(self, vectors: Tensor) -> Tensor:
        """Return class scores."""
        columns = vectors.transpose(1, 2)
        pooled = []
        for width in self.widths:
            answers = getattr(self, f"relu{width}")(
                getattr(self, f"conv{width}")(columns)
            )  # (N, maps, L - h + 1)
            pooled.append(getattr(self, f"max{width}")(answers)[:, :, 0])
        return self.scores(self.dropout(torch.cat(pooled, 1)) * self.keep)


class WrittenOut(FromVectors):
    """TextCNN layer by layer, beginning with ``vectors`` (and ``fixed``, where there are two channels).

    Filters look at both channels and add what they find, before ReLU: so the channels are added first.
    """

    def __init__(self, network: TextCNN):
        nn.Module.__init__(self)
        self.vectors, *others = network.channels.values()
        self.fixed = others[0] if others else None
        rest = FromVectors(network)
        self.widths, self.keep = rest.widths, rest.keep
        for name, child in rest.named_children():
            self.add_module(name, child)

    def forward(self, words: Tensor) -> Tensor:
        """``(N, L)`` int64 -> ``(N, classes)``."""
        vectors = self.vectors(words)  # (N, L, size)
        return super().forward(vectors if self.fixed is None else vectors + self.fixed(words))


class WordVectors(nn.Embedding):
    """A vector for each word; row 0, the padding, is 0 and stays 0.

    Args:
        by_rows: the gradient is a sparse tensor with the rows that were looked up.
    """

    def __init__(self, words: int, size: int, *, by_rows: bool = False):
        super().__init__(words, size, padding_idx=PAD, sparse=by_rows)

    @torch.no_grad()
    def constrain(self) -> None:
        """Set the padding back to 0, as Kim's code does after every update."""
        self.weight[PAD] = 0


class BoundedLinear(nn.Linear):
    """A linear layer each of whose outputs has weights of norm ``max_norm`` at most (Hinton et al. 2012).

    The bound is kept by ``constrain``, after a step and never before it: a longer row is scaled back.
    """

    def __init__(self, inputs: int, outputs: int, *, max_norm: float | None):
        super().__init__(inputs, outputs)
        self.max_norm = max_norm

    @torch.no_grad()
    def constrain(self) -> None:
        """Scale rows that are too long back to the bound (Kim 2014, section 2.1)."""
        if self.max_norm is not None:
            norms = self.weight.norm(dim=1, keepdim=True)
            self.weight.mul_(norms.clamp(max=self.max_norm) / (norms + 1e-7))


class Windows:
    """The windows of ``width`` words of a batch that hold a word, sentence after sentence.

    Args:
        places: ``(N, L)``: for each place the row of its word among the batch's words; 0 is padding.

    Attributes:
        rows: ``(M, width)``: rows of the words of each window.
        counts: windows of each sentence.
        empty: ``(N,)`` whether the sentence has a window of padding alone, which counts as well.
    """

    def __init__(self, places: Tensor, width: int):
        windows = places.unfold(1, width, 1)  # (N, T, width)
        with_words = (windows != PAD).any(2)
        self.rows, self.width = windows[with_words], width
        self.counts = with_words.sum(1)
        self.empty = self.counts < windows.shape[1]


class _Strongest(torch.autograd.Function):
    """The largest answer of each filter over a sentence's windows, without the bias.

    ``vectors (U, size)``, ``weight (maps, size, width)`` -> ``(N, maps)``.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, windows: Windows) -> Tensor:
        maps, size, width = weight.shape
        by_word = weight.permute(1, 2, 0).reshape(size, width * maps)
        products = (vectors @ by_word).view(-1, maps)  # row u * width + j: word u under row j of the filters
        bags = windows.rows * width + torch.arange(width, device=weight.device)
        answers = functional.embedding_bag(bags, products, mode="sum")  # (M, maps)
        values, winners = _maxima(answers, windows.counts)
        padding = windows.empty[:, None] & (values <= 0)  # a window of padding answers 0
        values = values.masked_fill(padding, 0)
        ctx.save_for_backward(vectors, by_word, bags, winners, padding)
        ctx.shape = weight.shape
        return values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        vectors, by_word, bags, winners, padding = ctx.saved_tensors
        maps, size, width = ctx.shape
        gradient = gradients[0].masked_fill(padding, 0)
        rows = bags[winners]  # (N, maps, width): of the products that the winners added up
        flat = rows * maps + torch.arange(maps, device=rows.device)[:, None]
        products = gradient.new_zeros(len(vectors) * width * maps)
        products.index_add_(0, flat.flatten(), gradient[:, :, None].expand_as(rows).flatten())
        products = products.view(len(vectors), width * maps)
        for_vectors = products @ by_word.T if ctx.needs_input_grad[0] else None
        for_weight = (vectors.T @ products).view(size, width, maps).permute(2, 0, 1)
        return for_vectors, for_weight, None


def _maxima(answers: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sentence's largest windows and their places: ``(M, maps)`` to ``(N, maps)``."""
    maps = answers.shape[1]
    values = answers.new_full((len(counts), maps), -torch.inf)
    winners = torch.zeros(len(counts), maps, dtype=torch.int64, device=answers.device)
    start = 0
    for sentence, part in enumerate(answers.split(counts.tolist())):
        if len(part):
            torch.max(part, 0, out=(values[sentence], winners[sentence]))
            winners[sentence] += start
            start += len(part)
    return values, winners
