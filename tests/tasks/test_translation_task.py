"""The task translation: settings of the paper, batches, searches that depend on one sentence alone, a copy at 100 %."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid import engine, translating
from pellucid.datasets import multi30k, parallel, subwords
from pellucid.decoding import Hypothesis
from pellucid.errors import DataError, UsageError
from pellucid.models.convs2s import END, PAD, UNKNOWN, Incremental
from pellucid.tasks.translation import Translation, en_de, en_fr, iwslt, paper, read_text, tiny
from pellucid.translating import Found, search, text_of
from pellucid.verbs import translations


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A task that copies sentences of your own file, its data, and its learner after training."""
    path = tmp_path_factory.mktemp("copy") / "copy.tsv"
    draw = random.Random(0)
    rows = [" ".join(draw.choices(parallel.WORDS, k=draw.randint(2, 7))) for _ in range(700)]
    path.write_text("".join(f"{row}\t{row}\n" for row in dict.fromkeys(rows)))
    task = replace(tiny(), dataset=str(path), beam=3)
    task = replace(task, training=replace(task.training, epochs=12))
    data = task.data()
    learner = task.learner(data)
    for progress in engine.fit(learner):
        scores = progress.scores or {}
    return task, data, learner, scores


def test_a_copy_task_reaches_100_percent(copied):
    task, data, learner, scores = copied
    assert scores["exact"]["value"] == scores["bleu"]["value"] == 1.0
    found = translating.translations(learner.network, data.test(), data.facts, beam=task.beam)
    assert [text for text, _ in found] == [target for _, target in data.test().texts]


def test_translations_depend_neither_on_the_batch_nor_on_the_order(copied):
    _, data, learner, _ = copied
    source, _ = data.valid[torch.arange(40)]
    noise = torch.randint(3, len(data.facts["pieces"]), source.shape)
    source = torch.where(source > END, noise, source).long()  # what it never saw, so that hypotheses compete
    shuffled = torch.randperm(40)
    together = search(learner.network, source, beam=4)
    apart = [search(learner.network, source[place : place + 1], beam=4)[0] for place in range(40)]
    mixed = search(learner.network, source[shuffled], beam=4)
    for place in range(40):
        once, alone = together[place], apart[place]
        other = mixed[int((shuffled == place).nonzero())]
        pieces = [[each.pieces for each in found.hypotheses] for found in (once, alone, other)]
        assert pieces[0] == pieces[1] == pieces[2]
        assert once.source == alone.source == other.source
        for first, second in zip(once.hypotheses, alone.hypotheses, strict=True):
            assert first.score == pytest.approx(second.score, abs=1e-4)


def test_greedy_search_is_a_beam_of_one_and_the_full_network_agrees(copied):
    _, data, learner, _ = copied
    source, _ = data.valid[torch.arange(20)]
    network = learner.network.eval()
    for found in search(network, source.long(), beam=1):
        written, expected = [END], []
        with torch.inference_mode():
            memory = network.encoder(torch.tensor([found.source]))
            while len(expected) < 30:
                scores, _ = network.decoder(torch.tensor([written]), memory)
                scores[..., PAD] = -torch.inf
                piece = int(scores[0, -1].argmax())
                if piece == END:
                    break
                expected.append(piece)
                written.append(piece)
        assert found.hypotheses[0].pieces == expected


def test_the_loss_is_that_of_every_piece_given_the_right_ones_before_it(copied):
    task, data, learner, _ = copied
    rows, targets = translating.judged(learner.network, task, data.valid, data.facts)
    found = task.metrics(rows, targets, data.facts)
    total, right = 0.0, 0
    with torch.inference_mode():
        for place in range(len(data.valid)):
            source, target = data.valid[[place]]
            steps, newest = Incremental(learner.network.eval(), source.long()), END
            for piece in target[0].tolist():
                scores = steps.step(torch.tensor([[newest]]))[0][0, 0].log_softmax(0)
                total, right, newest = (
                    total - float(scores[piece]),
                    right + int(scores.argmax() == piece),
                    piece,
                )
    count = int((targets != PAD).sum())
    assert found["loss"].value == pytest.approx(total / count, abs=1e-5)
    assert found["pieces"].value == right / count


def test_the_attention_of_the_answer_has_a_row_for_each_piece_that_sums_to_1(copied):
    task, data, learner, _ = copied
    ready = translations.Ready(task=task, facts=data.facts, network=learner.network.eval())
    sample = read_text("ba ko mi", data.facts)["sample"]
    found = translations.explain(ready, sample)
    assert found.answer.text == "ba ko mi"
    assert np.array(found.answer.attention).shape == (len(found.answer.pieces), len(found.answer.source))
    mean = np.mean(list(found.layers.values()), axis=0)
    np.testing.assert_allclose(mean, found.answer.attention, atol=1e-5)  # the search's and the full network's
    np.testing.assert_allclose(found.alignment.sum(1), 1, atol=1e-5)
    assert found.words == (["ba", "ko", "mi", "</s>"],) * 2
    assert list(found.layers) == ["decoder layer 1", "decoder layer 2"]


def test_pieces_are_joined_to_words_by_hand():
    words, places = translations.words_of(["\u2581Ein", "\u2581Spiel", "haus", ".", "</s>"])
    assert (words, places) == (["Ein", "Spielhaus.", "</s>"], [0, 1, 1, 1, 2])
    shares = np.array([[0.5, 0.25, 0.25, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0], [0.2, 0.2, 0.2, 0.2, 0.2]])
    expected = [[0.25, 0.75, 0.0], [0.2, 0.6, 0.2]]
    np.testing.assert_allclose(translations.joined(shares, [0, 0, 1], places), expected)


def test_an_unknown_piece_is_replaced_by_what_it_looked_at():
    pieces = [*subwords.MARKS, "\u2581the", "\u2581", "a"]
    facts, beyond = {"pieces": pieces}, len(pieces)
    source = [3, beyond + ord("\u00d8"), 5, END]
    looks = np.array([[0.9, 0.1, 0, 0], [0.1, 0.2, 0, 0.7], [0.3, 0.4, 0.3, 0], [0, 0, 0, 1]])
    hypothesis = Hypothesis([3, 4, UNKNOWN], -1.0, -0.3, looks)
    assert text_of(source, hypothesis, facts) == "the \u00d8"
    assert text_of(source, replace(hypothesis, attention=None), facts) == "the"


def test_batches_are_of_one_length_and_a_function_of_seed_and_epoch():
    task = tiny()
    data = task.data()
    learner = task.learner(data)
    first, again, other = (learner._wholes(epoch) for epoch in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert len(first) == learner.clock.epoch_steps
    assert torch.cat(list(first)).unique().numel() == len(data.train)
    lengths = [float(data.train.sources.lengths[batch].float().mean()) for batch in first]
    assert lengths != sorted(lengths)  # the batches are shuffled


def test_prepared_pairs_hold_the_source_and_what_is_written_before_each_piece():
    facts = {"pieces": ["x"] * 10}
    source, target = torch.tensor([[5, 6, END]]), torch.tensor([[7, 8, 12, 9, END]])
    pairs, targets = tiny().prepare(source, target, facts=facts)
    assert pairs.tolist() == [[[5, 6, END, 0, 0], [END, 7, 8, 12, 9]]]
    assert targets.tolist() == [[7, 8, UNKNOWN, 9, END]]
    two = torch.tensor([[7, END, 0], [7, 8, END]])
    pairs, _ = tiny().prepare(source.repeat(2, 1), two, facts=facts)
    assert pairs[:, 1].tolist() == [[END, 7, 0], [END, 7, 8]]
    alone, none = tiny().prepare(source, facts=facts)
    assert alone.tolist() == [[[5, 6, END], [END, 0, 0]]]
    assert none is None


def test_paper_has_the_shapes_of_the_authors_wmt_network():
    task = paper()
    assert task.encoder == task.decoder == (512,) * 9 + (1024,) * 4 + (2048,) * 2
    assert task.encoder_widths == task.decoder_widths == (3,) * 13 + (1,) * 2
    assert (task.size, task.last, task.share, task.positions, task.label_smoothing) == (
        768, 512, "none", 1024, 0.0,
    )  # fmt: skip
    assert (task.training.optimizer, task.training.momentum) == ("nesterov", 0.99)
    assert (task.training.learning_rate, task.training.clip, task.training.batch_size) == (0.25, 0.1, 64)


def test_iwslt_and_the_other_languages_are_settings():
    assert (iwslt().encoder, iwslt().decoder, iwslt().dropout) == ((256,) * 4, (256,) * 3, 0.2)
    assert [(t.source_language, t.target_language) for t in (Translation(), en_de(), en_fr())] == [
        ("de", "en"), ("en", "de"), ("en", "fr"),
    ]  # fmt: skip


def test_nesterov_gets_the_paper_s_momentum():
    task = tiny()
    task = replace(task, training=dataclasses.replace(task.training, optimizer="nesterov", momentum=0.99))
    assert task.learner(task.data()).optimizer.param_groups[0]["momentum"] == 0.99


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": (8, 8), "encoder_widths": (3,)}, "--encoder has 2 layers"),
        ({"decoder": (0,), "decoder_widths": (3,)}, "--decoder takes 1 to"),
        ({"last": 32}, "--share all needs --last"),
        ({"dropout": 1.0}, "--dropout"),
        ({"pieces": 3}, "--pieces is 3"),
        ({"beam": 0}, "--beam is 1 to"),
        ({"length_penalty": float("nan")}, "--length-penalty 0 or more"),
        ({"length_penalty": float("inf")}, "--length-penalty 0 or more"),
        ({"longest": 500}, "--longest 500"),
    ],
)
def test_a_field_out_of_range_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        replace(tiny(), **changes)


def test_a_text_that_is_empty_or_longer_than_the_network_reads_is_refused(copied):
    _, data, _, _ = copied
    with pytest.raises(DataError, match="nothing to translate"):
        read_text(" \n\t ", data.facts)
    with pytest.raises(DataError, match="one sentence a line"):
        read_text("ba " * 100, data.facts)


def test_unseen_letters_and_scripts_get_an_answer(copied):
    task, data, learner, _ = copied
    for text in ("\u65e5\u672c\u8a9e", "\U0001f600 ba", "\u0645\u0631\u062d\u0628\u0627", "a\u0308\u0301"):
        sample = torch.from_numpy(read_text(text, data.facts)["sample"])[None]
        pairs, _ = task.prepare(sample, facts=data.facts)
        answer = task.answer(task.ask(learner.network, pairs, data.facts)[0], data.facts)
        assert isinstance(answer.text, str)
        assert len(answer.source) == sample.shape[1]


def test_a_found_translation_has_n_best_hypotheses_with_scores(copied):
    task, data, learner, _ = copied
    pairs, _ = task.prepare(data.valid[[0]][0], facts=data.facts)
    (found,) = task.ask(learner.network, pairs, data.facts)
    answer = task.answer(found, data.facts).to_json()
    assert isinstance(found, Found)
    assert 1 < len(answer["hypotheses"]) <= 3
    scores = [each["score"] for each in answer["hypotheses"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["text"] == answer["hypotheses"][0]["text"]


@pytest.mark.mirror
def test_default_learns_pieces_of_both_languages_of_multi30k():
    data = Translation(pieces=1000).data()
    assert data.facts["counts"] == {"train": 29_000, "valid": 1_014, "too long": 0}
    assert data.facts["licence"] == multi30k.LICENCE
    assert {"\u2581Mann", "\u2581man"} <= set(data.facts["pieces"])
    assert len(data.facts["pieces"]) == 1000
