"""A translating network as an ONNX file, and a search over such a file.

The file has no memory: sources and beginnings go in, what may follow every piece of the beginnings comes out.
Greedy and beam search run it again for each new piece, and find what the network itself finds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.datasets import subwords
from pellucid.errors import RunError
from pellucid.export import OnnxModel, Signature
from pellucid.models.convs2s import END, PAD

SIGNATURE = Signature(
    inputs={"source": {0: "sentences", 1: "read"}, "written": {0: "hypotheses", 1: "places"}}
    | {"sentence": {0: "hypotheses"}},
    outputs={
        "logits": {0: "hypotheses", 1: "places"},
        "attention": {0: "hypotheses", 1: "places", 2: "read"},
    },
)
SIZES = ((2, 6, 4, 5), (1, 1, 1, 1), (3, 17, 5, 29), (5, 40, 3, 2), (2, 256, 2, 256))
LETTERS = 100  # numbers beyond the pieces, which stand for unknown letters


def calls(pieces: int, positions: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return random arguments of ``convs2s.Prefixes`` in several sizes, with padding, up to 256 positions."""
    generator = torch.Generator().manual_seed(0)

    def sentences(number: int, longest: int) -> Tensor:
        """Each is two pieces shorter than the one before."""
        found = torch.randint(END, pieces + LETTERS, (number, min(longest, positions)), generator=generator)
        for row, sentence in enumerate(found):
            sentence[max(1, len(sentence) - 2 * row) :] = PAD
        return found

    return [
        (sentences(number, read), sentences(hypotheses, places), torch.arange(hypotheses) % number)
        for number, read, hypotheses, places in SIZES
    ]


class OnnxTranslator(nn.Module):
    """An exported file in the place of the network; onnxruntime computes.

    Args:
        facts: what the file carries.
        path: of the file, for what is said of it.
    Raises:
        RunError: the facts lack what a translation needs, or belong to another network.
    """

    def __init__(self, model: OnnxModel, facts: dict[str, Any], path: Path):
        super().__init__()
        self.model = model
        try:
            self.positions = int(facts["positions"])
            count, _ = len(subwords.of(facts).pieces), facts["lower"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"{type(error).__name__}: {error}"
            raise RunError(
                f"{path}: its facts lack what a translation needs ({what}); export it again"
            ) from None
        found = self.model.shapes
        expected = [*SIGNATURE.inputs, *SIGNATURE.outputs]
        if list(found) != expected or found["logits"][-1] != count:
            raise RunError(
                f"{path}: the network is from {found}; expected {', '.join(expected)}, the logits of {count} "
                "pieces; export the run again"
            )

    def forward(self, source: Tensor, written: Tensor, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Return what ``convs2s.Prefixes`` returns: logits ``(B, T, V)`` and attention ``(B, T, S)``."""
        logits, attention = self.model.outputs(source.numpy(), written.numpy(), sentence.numpy())
        return torch.from_numpy(logits), torch.from_numpy(attention)

    def steps(self, source: Tensor) -> Rerun:
        """Read ``(N, S)`` pieces and return the decoder before its first piece."""
        return Rerun(self, source)


class Rerun:
    """A decoder without memory as ``decoding.Steps`` wants it: N sentences with B hypotheses each."""

    def __init__(self, network: OnnxTranslator, source: Tensor):
        self.network, self.source = network, source
        self.written = source.new_empty(len(source), 1, 0)  # (N, B, T)

    def step(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Take ``(N, B)`` pieces; return logits ``(N, B, V)`` and the mean attention ``(N, B, S)``."""
        self.written = torch.cat([self.written, pieces[..., None]], 2)
        sentence = torch.arange(len(pieces)).repeat_interleave(pieces.shape[1])
        outputs = self.network(self.source, self.written.flatten(0, 1), sentence)
        logits, attention = (output[:, -1].unflatten(0, pieces.shape) for output in outputs)
        return logits, attention

    def reorder(self, parents: Tensor) -> None:
        """Go on with other hypotheses: ``(N, B)`` numbers of the old ones."""
        self.written = self.written.take_along_dim(parents[..., None], 1)

    def keep(self, sentences: Tensor) -> None:
        """Go on with some sentences only: their numbers."""
        self.source, self.written = self.source[sentences], self.written[sentences]
