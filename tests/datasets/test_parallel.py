"""Parallel text: Multi30k as published, your own files, splits that share no sentence, batches of one length."""

from __future__ import annotations

import gzip
import hashlib

import pytest
import torch

from pellucid import seeding
from pellucid.datasets import multi30k, parallel
from pellucid.datasets.parallel import Pairs
from pellucid.errors import DataError, UsageError


def lines(path, rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def numbered(count):
    return [f"sentence {number}" for number in range(count)], [f"Satz {number}" for number in range(count)]


def test_two_files_are_read_line_by_line(tmp_path):
    source, target = numbered(40)
    files = lines(tmp_path / "a.txt", source), lines(tmp_path / "b.txt", target)
    found = parallel.read("multi30k", ("en", "de"), files)
    pairs = [*found.train, *found.valid, *found.test()]
    assert sorted(pairs) == sorted(zip(source, target, strict=True))
    assert (len(found.train), len(found.valid), len(found.test())) == (32, 4, 4)


def test_a_tab_separated_file_is_read_gzipped_or_not(tmp_path):
    rows = [f"{a}\t{b}\tattribution" for a, b in zip(*numbered(30), strict=True)]
    plain = lines(tmp_path / "a.tsv", rows)
    packed = tmp_path / "a.tsv.gz"
    packed.write_bytes(gzip.compress(("\n".join(rows)).encode()))
    first, second = (parallel.read(str(path), ("en", "de")) for path in (plain, packed))
    assert first.train == second.train
    assert first.train[0][1].startswith("Satz")


def test_the_same_source_sentence_never_stands_in_two_parts(tmp_path):
    rows = [f"sentence {n % 25}\tSatz {n}" for n in range(100)]
    found = parallel.read(lines(tmp_path / "a.tsv", rows), ("en", "de"))
    parts = [{source for source, _ in part} for part in (found.train, found.valid, found.test())]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 25


def test_pairs_with_an_empty_side_or_that_come_twice_are_left_out_and_counted(tmp_path):
    source, target = numbered(30)
    source[3], target[7] = "", "  "
    files = (
        lines(tmp_path / "a.txt", [*source, source[0]]),
        lines(tmp_path / "b.txt", [*target, target[0]]),
    )
    found = parallel.read("", ("en", "de"), files)
    assert found.facts["left out"] == {"empty": 2, "twice": 1}
    assert len(found.train) + len(found.valid) + len(found.test()) == 28


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (b"a\nb\nc\n", b"x\ny\n", "has 3 lines and"),
        (b"a\nb\n", b"", "empty"),
        (b"a\n\xff\n", b"x\ny\n", "not UTF-8"),
        (b"a\0\nb\n", b"x\ny\n", "zero bytes"),
        (b"a\nb\n", b"x\ny\n", "at least 10 are needed"),
    ],
)
def test_files_that_do_not_fit_are_refused_with_a_reason(first, second, said, tmp_path):
    for name, content in (("a", first), ("b", second)):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        parallel.read("", ("en", "de"), (str(tmp_path / "a"), str(tmp_path / "b")))


def test_one_column_a_missing_file_and_one_file_alone_are_refused(tmp_path):
    with pytest.raises(DataError, match="line 2: one column"):
        parallel.read(lines(tmp_path / "a.tsv", ["a\tb", "only one"]), ("en", "de"))
    with pytest.raises(DataError, match="no such file"):
        parallel.read(str(tmp_path / "none.tsv"), ("en", "de"))
    with pytest.raises(UsageError, match="belong together"):
        parallel.read("multi30k", ("en", "de"), ("a.txt", None))
    with pytest.raises(UsageError, match='Did you mean "multi30k"'):
        parallel.read("multi3k", ("en", "de"))


def test_a_language_that_multi30k_lacks_is_refused():
    with pytest.raises(UsageError, match="its languages are de, en, fr, cs"):
        multi30k.lines("train", "it")


def test_a_batch_holds_pairs_of_one_length_and_an_epoch_every_pair_once():
    generator = torch.Generator().manual_seed(0)
    long = torch.randint(1, 9, (300, 2), generator=generator).tolist()
    pairs = Pairs([[5] * a for a, _ in long], [[6] * b for _, b in long])
    batches = pairs.by_length(seeding.order(0, 3, 300), 16)
    assert torch.cat(list(batches)).sort().values.tolist() == list(range(300))
    padded = sum(source.numel() for source, _ in (pairs[batch] for batch in batches))
    assert padded <= 1.1 * sum(a for a, _ in long)
    others = pairs.by_length(seeding.order(0, 4, 300), 16)
    assert any(not torch.equal(a, b) for a, b in zip(batches, others, strict=True))


def test_long_pairs_are_left_out_of_training_and_cut_for_testing():
    from pellucid.datasets import subwords

    made = parallel.tiny(40, seed=0)
    facts = {"pieces": subwords.learn([t for pair in made for t in pair], 60), "lower": False, "positions": 4}
    train, left_out = parallel.numbered(made, facts, longest=5)
    test, none = parallel.numbered(made, facts)
    assert left_out == len(made) - len(train) > 0
    assert int(train.targets.lengths.max()) <= 5
    assert (len(test), none, int(test.sources.lengths.max())) == (40, 0, 4)
    assert test.texts == made


@pytest.mark.mirror
def test_multi30k_has_the_published_numbers_of_sentences_and_no_test_sentence_in_training():
    found = parallel.read("multi30k", ("de", "en"))
    assert (len(found.train), len(found.valid), len(found.test())) == (29_000, 1_014, 1_000)
    assert hashlib.sha256("\t".join(found.train[0]).encode()).hexdigest()[:16] == "9aa86bf1a2266c9a"
    assert not {english for _, english in found.test()} & {english for _, english in found.train}
