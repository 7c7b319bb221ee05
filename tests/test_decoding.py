"""Searches against exhaustive enumeration and against each other, on toy networks whose scores are a table."""

from __future__ import annotations

import itertools

import pytest
import torch

from pellucid import decoding

END = 2


class Table:
    """A toy network: the scores depend on everything written so far, by a hash of it; sentences differ."""

    def __init__(self, sentences, vocabulary, seed=0):
        self.numbers, self.vocabulary, self.seed = list(range(sentences)), vocabulary, seed
        self.written = [[()] for _ in range(sentences)]

    def scores(self, sentence, written):
        key = hash((self.seed, sentence, written)) % (2**31)
        return torch.randn(self.vocabulary, generator=torch.Generator().manual_seed(key)) * 2

    def step(self, pieces):
        self.written = [
            [w + (int(p),) for w, p in zip(row, new, strict=True)]
            for row, new in zip(self.written, pieces, strict=True)
        ]
        rows = [
            torch.stack([self.scores(number, w) for w in row])
            for number, row in zip(self.numbers, self.written, strict=True)
        ]
        looks = torch.tensor([[[len(w), sum(w)] for w in row] for row in self.written], dtype=torch.float32)
        return torch.stack(rows), looks

    def reorder(self, parents):
        self.written = [
            [row[parent] for parent in new] for row, new in zip(self.written, parents.tolist(), strict=True)
        ]

    def keep(self, sentences):
        self.written = [self.written[row] for row in sentences.tolist()]
        self.numbers = [self.numbers[row] for row in sentences.tolist()]


def log_probability(table, sentence, pieces):
    total, written = 0.0, (END,)
    for piece in pieces:
        total += float(table.scores(sentence, written).log_softmax(0)[piece])
        written += (piece,)
    return total


def everything(table, sentence, longest, penalty):
    """Return every finished sequence of at most ``longest`` pieces with its score, best first."""
    others = [piece for piece in range(table.vocabulary) if piece != END]
    found = []
    for long in range(longest):
        for pieces in itertools.product(others, repeat=long):
            total = log_probability(table, sentence, (*pieces, END))
            found.append((total / (long + 1) ** penalty, list(pieces), total))
    return sorted(found, key=lambda each: -each[0])


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_beam_that_holds_everything_finds_what_exhaustive_search_finds(penalty, seed):
    table = Table(2, 4, seed)
    longest = torch.tensor([4, 3])
    found = decoding.beam_search(Table(2, 4, seed), end=END, longest=longest, beam=64, penalty=penalty)
    for sentence, hypotheses in enumerate(found):
        expected = everything(table, sentence, int(longest[sentence]), penalty)[:64]
        assert len(hypotheses) == len(expected) == (40, 13)[sentence]
        assert hypotheses[0].pieces == expected[0][1]
        for mine, (score, _, total) in zip(hypotheses, expected, strict=True):
            assert mine.score == pytest.approx(score, abs=1e-4)
            assert mine.log_probability == pytest.approx(
                log_probability(table, sentence, (*mine.pieces, END)), abs=1e-4
            )
            assert total < 0


def test_every_hypothesis_has_the_log_probability_of_its_pieces():
    table, longest = Table(3, 9), torch.tensor([7, 5, 9])
    for sentence, hypotheses in enumerate(
        decoding.beam_search(Table(3, 9), end=END, longest=longest, beam=4, penalty=0.5)
    ):
        assert hypotheses
        scores = [each.score for each in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for each in hypotheses:
            assert len(each.pieces) + 1 <= longest[sentence]
            expected = log_probability(table, sentence, (*each.pieces, END))
            assert each.log_probability == pytest.approx(expected, abs=1e-4)
            assert each.score == pytest.approx(expected / (len(each.pieces) + 1) ** 0.5, abs=1e-4)


def test_greedy_takes_the_most_probable_piece_each_time():
    table = Table(5, 12)
    for sentence, found in enumerate(decoding.greedy(Table(5, 12), end=END, longest=torch.full((5,), 9))):
        written, expected = (END,), []
        while len(expected) < 8:
            piece = int(table.scores(sentence, written).argmax())
            if piece == END:
                break
            expected.append(piece)
            written += (piece,)
        assert found.pieces == expected


def test_a_beam_of_one_is_greedy():
    longest = torch.full((30,), 12)
    greedy = decoding.greedy(Table(30, 6), end=END, longest=longest)
    beams = decoding.beam_search(Table(30, 6), end=END, longest=longest, beam=1)
    for alone, (only,) in zip(greedy, beams, strict=True):
        assert alone.pieces == only.pieces
        assert alone.log_probability == pytest.approx(only.log_probability, abs=1e-4)
        assert alone.attention.tolist() == only.attention.tolist()


def test_a_wider_beam_never_ends_worse_on_average():
    longest = torch.full((40,), 8)
    means = [
        sum(each[0].log_probability for each in decoding.beam_search(
            Table(40, 6), end=END, longest=longest, beam=beam, penalty=0.0)) / 40
        for beam in (1, 4, 16)
    ]  # fmt: skip
    assert means[0] < means[1] < means[2]


def test_the_attention_of_a_hypothesis_is_the_one_of_its_own_pieces():
    for hypotheses in decoding.beam_search(Table(3, 7), end=END, longest=torch.full((3,), 8), beam=5):
        for each in hypotheses:
            before = [END, *each.pieces]
            expected = [[place + 1, sum(before[: place + 1])] for place in range(len(before))]
            assert each.attention.tolist() == expected


def test_what_is_forbidden_is_never_written():
    for search in (
        decoding.greedy,
        lambda *a, **k: [h for f in decoding.beam_search(*a, beam=3, **k) for h in f],
    ):
        found = search(Table(8, 6), end=END, longest=torch.full((8,), 9), never=(0, 1))
        assert all(piece not in (0, 1) for each in found for piece in each.pieces)
        assert any(each.pieces for each in found)


def test_an_empty_beam_is_refused():
    with pytest.raises(ValueError, match="the beam is 0"):
        decoding.beam_search(Table(1, 4), end=END, longest=torch.tensor([3]), beam=0)
