"""Kim's sets: sizes and vocabularies as the paper has them, folds and parts that do not meet."""

from collections import Counter

import pytest

from pellucid.datasets import corpus, sentences, tokens
from pellucid.errors import DataError, UsageError

TREE = "(3 (2 It) (4 (2 (1 's) (3 good)) (2 .)))"


def split(found):
    words = tokens.splitter(found.splitter)
    return [words(text.text) for text in (*found.train, *found.valid, *found.test())]


@pytest.mark.mirror
def test_trec_s_vocabulary_is_the_paper_s():
    found = split(corpus.read("trec"))
    assert (len(found), len({word for text in found for word in text})) == (5952, 9592)  # table 1: |V|


@pytest.mark.mirror
def test_sst1_s_vocabulary_and_sizes_are_the_paper_s():
    found = split(corpus.read("sst1"))
    assert (len(found), len({word for text in found for word in text})) == (11855, 17836)


@pytest.mark.mirror
def test_mr_s_sentences_have_the_lengths_that_kim_s_code_finds():
    lengths = [len(text) for text in split(corpus.read("mr"))]
    assert (len(lengths), max(lengths)) == (9596, 56)
    assert sum(lengths) / len(lengths) == pytest.approx(20.4, abs=0.05)


@pytest.mark.mirror
def test_each_sentence_of_mr_is_tested_in_exactly_one_fold():
    corpus.read("mr")
    tested = Counter(text.text for fold in range(10) for text in corpus.read("mr", fold=fold).test())
    assert tested == Counter(text.text for text in sentences.read("mr", "all"))


@pytest.mark.mirror
def test_nothing_that_is_tested_is_trained_or_validated_on():
    found = corpus.read("mr")
    tested = {text.text for text in found.test()}
    assert not tested & {text.text for text in (*found.train, *found.valid)}


@pytest.mark.mirror
def test_neutral_phrases_are_left_out_of_two_classes():
    corpus.read("sst2")
    two, five = sentences.phrases("sst2", "train"), sentences.phrases("sst1", "train")
    assert Counter(text.label > 2 for text in five if text.label != 2) == Counter(bool(t.label) for t in two)


def test_the_phrases_of_a_tree_are_all_its_nodes():
    found = list(sentences.nodes(TREE, where="x"))
    assert found == [
        ("It", 2),
        ("'s", 1),
        ("good", 3),
        ("'s good", 2),
        (".", 2),
        ("'s good .", 4),
        ("It 's good .", 3),
    ]


@pytest.mark.parametrize("broken", ["(2 a", "2 a)", "(7 a)", "(2 a) (2 b)", "", "(", "((2 a))", "(" * 2000])
def test_a_broken_tree_is_refused(broken):
    with pytest.raises(DataError):
        list(sentences.nodes(broken, where="x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"fold\ttext\n1\ta\n", "no column 'label'"),
        (b"label\ttext\n5\ta\n", "expected 0 to 1"),
        (b"label\ttext\n1\n", "line 2: 1 columns"),
        (b"label\ttext\n", "no text"),
        (b"label\ttext\n1\t\xff\n", "line 2: not UTF-8"),
    ],
)
def test_a_broken_pack_is_refused(content, message):
    with pytest.raises(DataError, match=message):
        sentences.parse(content, name="x", columns=("text",), classes=2)


def test_folds_of_a_file_are_stratified_and_cover_it(tmp_path):
    rows = "".join(f"text number {n},{'rare' if n % 10 == 0 else 'common'}\n" for n in range(100))
    (tmp_path / "own.csv").write_text("text,label\n" + rows)
    tests = [corpus.read(str(tmp_path / "own.csv"), fold=fold, folds=5).test() for fold in range(5)]
    assert sorted(text.text for test in tests for text in test) == sorted(
        f"text number {n}" for n in range(100)
    )
    assert [sum(text.label for text in test) for test in tests] == [2] * 5


def test_an_unknown_set_names_the_near_one():
    with pytest.raises(UsageError, match='Did you mean "trec"'):
        corpus.read("trek")


def test_made_up_sentences_are_balanced():
    assert Counter(text.label for text in sentences.tiny(100, seed=3)) == {0: 50, 1: 50}
