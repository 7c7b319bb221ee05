"""The task sentences: Kim's settings to the letter, padding that changes nothing, bounds that hold, honest chance."""

import random
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from pellucid import engine
from pellucid.datasets import corpus, sentences, wordvectors
from pellucid.errors import DataError, UsageError
from pellucid.tasks.sentences import Sentences, paper, read_words, tiny, wildml


def trained(task):
    learner = task.learner(task.data())
    for _ in engine.fit(learner):
        pass
    return learner


def test_paper_is_kim_s_configuration():
    task = paper()
    assert (task.size, task.widths, task.maps, task.dropout, task.max_norm) == (300, (3, 4, 5), 100, 0.5, 3.0)
    training = task.training
    assert (training.optimizer, training.rho, training.batch_size, training.epochs) == (
        "adadelta",
        0.95,
        50,
        25,
    )
    assert (training.learning_rate, training.schedule, task.vocabulary, task.fill) == (
        None,
        "constant",
        "all",
        True,
    )


def test_wildml_is_the_tutorial_s_configuration():
    task = wildml()
    assert (task.size, task.maps, task.max_norm, task.training.batch_size) == (128, 128, None, 64)
    assert (task.training.optimizer, task.training.learning_rate, task.training.epochs) == ("adam", 1e-3, 200)


def test_padding_is_four_before_and_up_to_the_longest_text_and_four_after():
    facts = {"length": 56, "once": []}
    words = torch.ones(2, 56, dtype=torch.int32)
    padded, _ = paper().prepare(words, facts=facts)
    assert padded.shape == (2, 64)  # as in Kim's code: 56 + 8
    assert padded[:, 4:60].eq(1).all()
    assert padded.sum() == 112


def test_padding_a_short_batch_less_gives_the_paper_s_logits():
    task = tiny()
    data = task.data()
    network = task.model({**data.facts, "length": 56}).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network.channels["tuned"].constrain()
    words, _ = task.prepare(data.valid[torch.arange(9)][0], facts={**data.facts, "length": 56})
    whole = functional.pad(words, (0, 64 - words.shape[1]))
    assert words.shape[1] < 30
    torch.testing.assert_close(network(words), network(whole), atol=0, rtol=0)


def test_bounds_hold_after_training_and_the_padding_is_exactly_zero():
    network = trained(replace(tiny(), max_norm=0.7)).network
    norms = network.scores.weight.norm(dim=1)
    assert norms.max() <= 0.7 + 1e-6
    assert norms.max() > 0.69  # the bound was reached
    assert network.channels["tuned"].weight[0].abs().max() == 0


def test_labels_without_meaning_are_learned_to_chance(monkeypatch):
    def shuffled(count, seed):
        texts = made_up(600, seed)
        labels = [text.label for text in texts]
        random.Random(5).shuffle(labels)
        return [replace(text, label=label) for text, label in zip(texts, labels, strict=True)]

    made_up = sentences.tiny
    monkeypatch.setattr(sentences, "tiny", shuffled)
    right = total = 0
    for fold in range(4):
        task = replace(tiny(), fold=fold)
        learner = trained(task)
        test = task.data().test()
        words, labels = test[torch.arange(len(test))]
        answers = learner.network.eval()(task.prepare(words, facts=learner.facts)[0]).argmax(1)
        right, total = right + int((answers == labels).sum()), total + len(labels)
    assert abs(right / total - 0.5) < 3 * (0.25 / total) ** 0.5  # three deviations of as many coins


def test_the_made_up_sentences_are_learned():
    assert trained(tiny()).evaluate()["accuracy"].value > 0.95


def test_a_word_seen_once_is_hidden_from_training_only_and_only_at_random():
    task = replace(tiny(), unknown=0.5)
    facts = {**task.data().facts, "once": [5, 6]}
    words = torch.tensor([[5, 6, 7, 5, 6, 7]] * 50, dtype=torch.int32)
    from pellucid.seeding import Draws

    hidden, _ = task.prepare(words, facts=facts, draws=Draws(0, 0, torch.arange(50)))
    middle = hidden[:, 4:10]
    assert (middle[:, [2, 5]] == 7).all()
    assert 0.35 < float((middle == 1).float().mean()) * 6 / 4 < 0.65
    assert not (task.prepare(words, facts=facts)[0] == 1).any()


def test_fill_makes_the_last_batch_whole():
    task = replace(tiny(), fill=True)
    assert len(task.data().train) % task.training.batch_size == 0
    assert len(task.data().train) - len(tiny().data().train) < task.training.batch_size


@pytest.fixture
def table(tmp_path):
    """Vectors for some of the made-up words, in capitals too."""
    words = ["film", "superb", "dull", "unused"]
    values = torch.randn(4, 7, generator=torch.Generator().manual_seed(0)).numpy()
    path = tmp_path / "vectors.bin"
    path.write_bytes(wordvectors.encode(wordvectors.WordVectors(words, values), binary=True))
    return str(path), dict(zip(words, values, strict=True))


@pytest.mark.parametrize(
    ("network", "moved"), [("static", [False]), ("non-static", [True]), ("multichannel", [False, True])]
)
def test_given_vectors_stand_at_their_words_and_only_tuned_ones_learn(network, moved, table):
    path, values = table
    task = replace(tiny(), network=network, vectors=path)
    learner = task.learner(task.data())
    place = learner.facts["words"].index("superb") + 2
    channels = list(learner.network.channels.values())
    assert learner.facts["size"] == 7
    assert all(torch.equal(channel.weight[place], torch.from_numpy(values["superb"])) for channel in channels)
    before = [channel.weight.clone() for channel in channels]
    learner.update(next(learner.batches(0)), 0)
    learner.update(next(learner.batches(1)), 1)
    assert [not torch.equal(a, c.weight) for a, c in zip(before, channels, strict=True)] == moved


def test_a_vocabulary_of_the_training_texts_leaves_test_words_unknown_and_one_of_all_does_not(tmp_path):
    path, names = tmp_path / "films.csv", [f"{a}{b}ork" for a in "bcdfghkl" for b in "aeiou"]
    rows = [f"{name} was in it,{'good' if place % 2 else 'bad'}" for place, name in enumerate(names)]
    path.write_text("\n".join(["text,label", *rows]))
    tested = {text.text.split()[0] for text in corpus.read(str(path), folds=4).test()}
    assert len(tested) == 10
    base = Sentences(dataset=str(path), folds=4)
    known = {which: replace(base, vocabulary=which).data().facts["words"] for which in ("train", "all")}
    assert not tested & {*known["train"]}
    assert known["all"] == sorted([*names, "was", "in", "it"])


def test_text_becomes_numbers_with_unknown_words_in_their_place():
    facts = {"words": ["film", "good"], "splitter": "kim", "longest": 3}
    found = read_words("Good zorb film, again", facts)
    assert (found["words"].tolist(), found["sample"].tolist()) == (["good", "zorb", "film"], [3, 1, 2])


@pytest.mark.parametrize("text", ["", "   ", "***", "\u6211\u7231"])
def test_a_text_without_a_word_is_refused(text):
    with pytest.raises(DataError, match="no word"):
        read_words(text, {"words": ["a"], "splitter": "kim", "longest": 9})


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "imdb"},
        {"dataset": "texts.docx"},
        {"widths": ()},
        {"maps": 0},
        {"dropout": 1.0},
        {"fold": 10},
        {"folds": 1},
        {"network": "static"},
        {"vectors": "glove"},
        {"max_norm": 0.0},
        {"max_norm": float("inf")},
    ],
)
def test_a_field_outside_its_range_is_refused(fields):
    with pytest.raises(UsageError):
        Sentences(**fields)


def test_a_file_of_one_s_own_is_trained_on(tmp_path):
    rows = "".join(
        f"{text.text},{['no', 'yes'][text.label]}\n".replace(" ,", "") for text in sentences.tiny(80, 1)
    )
    (tmp_path / "own.csv").write_text("review,verdict\n" + rows)
    task = replace(tiny(), dataset=str(tmp_path / "own.csv"), label_column="verdict")
    data = task.data()
    assert data.facts["classes"] == ["no", "yes"]
    assert data.facts["columns"] == {"text": "review", "label": "verdict", "rows left out": 0}
    assert len(data.train) + len(data.valid) + len(data.test()) == 80
