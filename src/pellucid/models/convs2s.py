"""ConvS2S: translation with nothing but convolutions and attention (Gehring et al. 2017, arXiv 1705.03122).

Source pieces go through stacked convolutions with gated linear units; the decoder sees what was written so
far through convolutions that look only backwards, and every one of its layers looks at the source through an
attention of its own. Where the paper's text leaves something open, the authors' code (fairseq, ``fconv``) was
followed: residual sums and attention sums are scaled by the square root of one half, a context by the square
root of the number of source pieces.

Pieces are whole numbers: ``PAD`` is nothing, ``UNKNOWN`` what has no number, ``END`` ends a sentence and
stands before its first piece. Shapes: N sentences, S source pieces, T target pieces, C channels, V pieces
there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PAD, UNKNOWN, END = 0, 1, 2
HALF = math.sqrt(0.5)
SPREAD = 0.1  # deviation of the first embeddings
SHARES = ("none", "decoder", "all")

Shape = Sequence[tuple[int, int]]  # of a stack of convolutions: (channels, kernel width), layer by layer


class ConvS2S(nn.Module):
    """Translate pieces into pieces.

    Args:
        pieces: how many there are, V; one table of numbers serves both languages.
        size: numbers in an embedding.
        encoder: its layers.
        decoder: its layers, each with an attention.
        last: channels before the class scores.
        dropout: part of the embeddings, of every layer's input and of the last channels that is silent.
        positions: the longest sentence, in pieces with its end.
        share: which tables are one: "none"; "decoder", its embeddings and scores; "all", the source's too.
    """

    def __init__(
        self,
        pieces: int,
        *,
        size: int,
        encoder: Shape,
        decoder: Shape,
        last: int,
        dropout: float,
        positions: int = 1024,
        share: str = "none",
    ):
        super().__init__()
        if share not in SHARES or (share != "none" and last != size):
            raise ValueError(
                f"share is {share!r} with {last} last channels and embeddings of {size}; expected one of "
                f"{', '.join(SHARES)}, and the same two numbers where scores and embeddings share a table"
            )
        self.pieces, self.positions = pieces, positions
        source = Embedding(pieces, size, positions)
        target = Embedding(pieces, size, positions, table=source.table if share == "all" else None)
        self.encoder = Encoder(source, size, encoder, dropout, attentions=len(decoder))
        self.decoder = Decoder(target, size, decoder, last, dropout, own_scores=share == "none")

    def forward(self, pairs: Tensor) -> Tensor:
        """Return scores of the next piece at every place of what was written.

        Args:
            pairs: ``(N, 2, L)`` whole numbers, 0 after the end of each: the source with its END, and what was
                written so far, which begins with END.
        Returns:
            ``(N, T, V)``, T the longest of what was written.
        """
        source, written = trimmed(pairs[:, 0]), trimmed(pairs[:, 1])
        return self.decoder(written, self.encoder(source))[0]

    def attend(self, source: Tensor, written: Tensor) -> list[Tensor]:
        """Return the attention of every decoder layer: ``(N, T, S)`` each, rows that sum to 1."""
        return self.decoder(written, self.encoder(source))[1]

    def steps(self, source: Tensor) -> Incremental:
        """Read ``(N, S)`` pieces and return the decoder before its first piece."""
        return Incremental(self, source)


class Prefixes(nn.Module):
    """A network as one function without memory, for a file: what may follow beginnings of translations."""

    def __init__(self, network: ConvS2S):
        super().__init__()
        self.network = network

    def forward(self, source: Tensor, written: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores ``(B, T, V)`` of what may follow each place, and mean attention ``(B, T, S)``.

        Args:
            source: ``(N, S)`` pieces of whole sentences, each with its END, 0 after the shorter ones.
            written: ``(B, T)`` pieces of beginnings, each from the END that stands before its first piece on.
            sentence: ``(B,)`` numbers of the source that each of them translates.
        """
        memory = self.network.encoder(source).rows(sentence)
        scores, attended = self.network.decoder(written, memory)
        return scores, torch.stack(attended).mean(0)


class Memory:
    """What the decoder reads of the source.

    Attributes:
        keys: ``(N, S, C)``.
        values: ``(N, S, C)``, keys and embeddings together.
        padded: ``(N, 1, S)`` booleans.
        scale: ``(N, 1, 1)``, the square root of the true number of source pieces.
    """

    def __init__(self, keys: Tensor, values: Tensor, padded: Tensor, scale: Tensor):
        self.keys, self.values, self.padded, self.scale = keys, values, padded, scale

    def rows(self, places: Tensor) -> Memory:
        """Return the memory of some of the sentences."""
        parts = (self.keys, self.values, self.padded, self.scale)
        return Memory(*(part.index_select(0, places) for part in parts))


class Encoder(nn.Module):
    """Embeddings, a linear layer, gated convolutions with residual sums, a linear layer back."""

    def __init__(self, embedding: Embedding, size: int, shape: Shape, dropout: float, *, attentions: int):
        super().__init__()
        self.embedding, self.dropout, self.attentions = embedding, dropout, attentions
        self.inward = Normed(size, shape[0][0], dropout=dropout)
        self.layers: Any = nn.ModuleList(blocks(shape, dropout))
        self.outward = Normed(shape[-1][0], size)

    def forward(self, source: Tensor) -> Memory:
        """Read ``(N, S)`` pieces."""
        padded = source == PAD
        embedded = functional.dropout(self.embedding(source), self.dropout, self.training)
        hidden = self.inward(embedded)
        for layer in self.layers:
            residual = layer.residual(hidden)
            inputs = functional.dropout(hidden.masked_fill(padded[..., None], 0), self.dropout, self.training)
            before = (layer.width - 1) // 2
            hidden = (layer(inputs, before, layer.width - 1 - before) + residual) * HALF
        keys = self.outward(hidden).masked_fill(padded[..., None], 0)
        # Every attention sends a gradient back; together they would outweigh all the rest (section 3.4, and
        # the authors' code for the 2). The embeddings in the values are spared.
        keys = scaled_gradient(keys, 1 / (2 * self.attentions))
        scale = (~padded).sum(1, keepdim=True)[..., None].to(keys.dtype).sqrt()
        return Memory(keys, (keys + embedded) * HALF, padded[:, None], scale)


class Decoder(nn.Module):
    """Embeddings, a linear layer, gated convolutions that look backwards, each with its attention; scores."""

    def __init__(
        self, embedding: Embedding, size: int, shape: Shape, last: int, dropout: float, *, own_scores: bool
    ):
        super().__init__()
        self.embedding, self.dropout = embedding, dropout
        pieces = embedding.table.num_embeddings
        self.inward = Normed(size, shape[0][0], dropout=dropout)
        self.layers: Any = nn.ModuleList(blocks(shape, dropout))
        self.attentions: Any = nn.ModuleList(Attention(channels, size) for channels, _ in shape)
        self.outward = Normed(shape[-1][0], last)
        self.scores = Normed(last, pieces, dropout=dropout) if own_scores else None
        self.bias = None if own_scores else nn.Parameter(torch.zeros(pieces))

    def forward(self, written: Tensor, memory: Memory) -> tuple[Tensor, list[Tensor]]:
        """Return scores ``(N, T, V)`` and each layer's attention ``(N, T, S)`` for ``(N, T)`` pieces."""
        embedded = functional.dropout(self.embedding(written), self.dropout, self.training)
        hidden, attended = self.inward(embedded), []
        for layer, attention in zip(self.layers, self.attentions, strict=True):
            inputs = functional.dropout(hidden, self.dropout, self.training)
            gated = layer(inputs, layer.width - 1, 0)
            gated, shares = attention(gated, embedded, memory)
            hidden = (gated + layer.residual(hidden)) * HALF
            attended.append(shares)
        return self.score(hidden), attended

    def score(self, hidden: Tensor) -> Tensor:
        """Return the scores of the pieces for the last layer's output."""
        last = functional.dropout(self.outward(hidden), self.dropout, self.training)
        if self.scores is not None:
            return self.scores(last)
        return functional.linear(last, self.embedding.table.weight, self.bias)


class Incremental:
    """The decoder one piece at a time, as ``decoding.Steps`` wants it: N sentences with B hypotheses each.

    Kept are the last inputs of every convolution, as many as its kernel is wide, and of the source the keys
    and values, once a sentence. A new piece then costs one window a layer, however long the sentence is.
    """

    def __init__(self, network: ConvS2S, source: Tensor):
        self.decoder, self.memory, self.place = network.decoder, network.encoder(source), 0
        self.windows = [
            self.memory.keys.new_zeros(len(source), layer.width, layer.inputs)
            for layer in network.decoder.layers
        ]

    def step(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Take ``(N, B)`` pieces; return scores ``(N, B, V)`` and the mean attention ``(N, B, S)``."""
        self.place += 1
        embedded = self.decoder.embedding.at(pieces, torch.full_like(pieces, self.place))  # (N, B, C)
        hidden, attended = self.decoder.inward(embedded), []
        for number, layer in enumerate(self.decoder.layers):
            window = torch.cat([self.windows[number][:, 1:], hidden.flatten(0, 1)[:, None]], 1)
            self.windows[number] = window
            gated = layer(window.flatten(1)).unflatten(0, pieces.shape)
            gated, shares = self.decoder.attentions[number](gated, embedded, self.memory)
            hidden = (gated + layer.residual(hidden)) * HALF
            attended.append(shares)
        return self.decoder.score(hidden), torch.stack(attended).mean(0)

    def reorder(self, parents: Tensor) -> None:
        """Go on with other hypotheses: ``(N, B)`` numbers of the old ones."""
        sentences, before = len(parents), len(self.windows[0]) // len(parents)
        rows = (parents + before * torch.arange(sentences, device=parents.device)[:, None]).flatten()
        self.windows = [window.index_select(0, rows) for window in self.windows]

    def keep(self, sentences: Tensor) -> None:
        """Go on with some sentences only: their numbers."""
        all_before = len(self.memory.keys)
        self.windows = [
            window.unflatten(0, (all_before, -1)).index_select(0, sentences).flatten(0, 1)
            for window in self.windows
        ]
        self.memory = self.memory.rows(sentences)


class Embedding(nn.Module):
    """A piece's vector and its place's vector, added; places are counted from 1 over what is not PAD.

    Args:
        table: of another embedding, which is then shared: it stands once among the weights.
    """

    def __init__(self, pieces: int, size: int, positions: int, *, table: nn.Embedding | None = None):
        super().__init__()
        self.pieces = nn.Embedding(pieces, size, padding_idx=PAD) if table is None else None
        self.places = nn.Embedding(positions + 1, size, padding_idx=PAD)
        self._shared = (table,)  # in a tuple torch does not see it, and it is saved with its owner only
        for own in filter(None, (self.pieces, self.places)):
            nn.init.normal_(own.weight, std=SPREAD)
            with torch.no_grad():
                own.weight[PAD] = 0

    @property
    def table(self) -> nn.Embedding:
        """The pieces' vectors, own or shared."""
        found = self._shared[0] if self.pieces is None else self.pieces
        assert found is not None
        return found

    def known(self, numbers: Tensor) -> Tensor:
        """Return pieces with UNKNOWN in place of numbers that are none."""
        return numbers.masked_fill(numbers >= self.table.num_embeddings, UNKNOWN)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return ``(N, L, C)`` for ``(N, L)``."""
        there = (numbers != PAD).long()
        return self.at(numbers, there.cumsum(1) * there)

    def at(self, numbers: Tensor, places: Tensor) -> Tensor:
        """Return the vectors of pieces at given places; both have one shape."""
        return self.table(self.known(numbers)) + self.places(places)


class Normed(nn.Module):
    """A linear layer or convolution whose kernel is a direction times a gain (Salimans and Kingma 2016).

    The kernel lies flat, ``(outputs, width * inputs)``, so that a convolution is one matrix product with
    ``width`` neighbours side by side. In use, without gradients, it is computed once and kept until the
    weights are loaded anew.

    Args:
        gated: the outputs feed a gated linear unit, which halves them and more: they begin larger.
        dropout: of the inputs, which the first weights make up for.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int = 1, *, gated: bool = False, dropout: float = 0.0
    ):
        super().__init__()
        self.inputs, self.width = inputs, width
        self.direction = nn.Parameter(torch.empty(outputs, width * inputs))
        self.gain = nn.Parameter(torch.empty(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._kept: tuple[tuple[object, ...], Tensor] | None = None
        spread = math.sqrt((4 if gated else 1) * (1 - dropout) / (width * inputs))
        nn.init.normal_(self.direction, std=spread)
        with torch.no_grad():
            self.gain.copy_(self.direction.norm(dim=1))

    def train(self, mode: bool = True) -> Normed:
        """Switch between training and use; what was kept is forgotten."""
        self._kept = None
        return super().train(mode)

    def kernel(self) -> Tensor:
        """Return the weights, ``(outputs, width * inputs)``."""
        if self.training or torch.is_grad_enabled():
            return self._computed()  # a fused optimiser changes weights without telling
        parts = (self.direction, self.gain)
        state = tuple((id(p), p._version, p.device, p.dtype) for p in parts)
        if self._kept is None or self._kept[0] != state:
            self._kept = (state, self._computed())
        return self._kept[1]

    def _computed(self) -> Tensor:
        return self.direction * (self.gain / self.direction.norm(dim=1))[:, None]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``(..., outputs)`` for ``(..., width * inputs)``."""
        return functional.linear(inputs, self.kernel(), self.bias)


class Block(Normed):
    """A convolution over time with a gated linear unit: ``(N, T, C)`` -> ``(N, T, channels)``."""

    def __init__(self, inputs: int, channels: int, width: int, dropout: float):
        super().__init__(inputs, 2 * channels, width, gated=True, dropout=dropout)
        self.project = Normed(inputs, channels) if inputs != channels else None

    def residual(self, inputs: Tensor) -> Tensor:
        """Return what is added to the output; a linear layer makes it as wide."""
        return inputs if self.project is None else self.project(inputs)

    def forward(self, inputs: Tensor, before: int = 0, after: int = 0) -> Tensor:
        """Convolve with ``before`` and ``after`` zeros around the sentence; with none, over given windows."""
        if before or after:
            inputs = functional.pad(inputs, (0, 0, before, after))
            long = inputs.shape[1] - self.width + 1
            inputs = torch.cat([inputs[:, start : start + long] for start in range(self.width)], -1)
        return functional.glu(super().forward(inputs), -1)


class Attention(nn.Module):
    """Which source pieces a decoder layer looks at: a product, a softmax, a weighted sum."""

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.inward, self.outward = Normed(channels, size), Normed(size, channels)

    def forward(self, hidden: Tensor, embedded: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return ``(N, T, C)`` and the shares ``(N, T, S)``: rows sum to 1, and padding gets nothing."""
        query = (self.inward(hidden) + embedded) * HALF
        scores = torch.bmm(query, memory.keys.transpose(1, 2))
        shares = scores.float().masked_fill(memory.padded, -math.inf).softmax(-1)
        context = torch.bmm(shares.to(memory.values.dtype), memory.values)
        # A mean over m pieces has 1/m of their variance where the shares are even: the root of m restores it.
        return (self.outward(context * memory.scale) + hidden) * HALF, shares


def blocks(shape: Shape, dropout: float) -> list[Block]:
    """Return the convolutions of a stack; the first one takes as many channels as it gives."""
    wide = [channels for channels, _ in shape]
    return [
        Block(inputs, channels, width, dropout)
        for inputs, (channels, width) in zip([wide[0], *wide[:-1]], shape, strict=True)
    ]


def scaled_gradient(values: Tensor, factor: float) -> Tensor:
    """Return the values themselves, whose gradient is multiplied on its way back."""
    return values.detach() + factor * (values - values.detach())


def trimmed(numbers: Tensor) -> Tensor:
    """Return pieces ``(N, L)`` without the columns at the end that hold nothing; at least one stays."""
    return numbers[:, : max(1, int((numbers != PAD).sum(1).max()))]
