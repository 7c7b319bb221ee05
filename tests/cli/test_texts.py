"""Texts on the command line: words, files, stdin; in order, nothing dropped, never a crash."""

import io
import json
import sys
from collections import Counter

import pytest
import torch

from pellucid.cli.main import main
from pellucid.datasets import corpus, tokens
from pellucid.verbs.trained import open_trained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "run"
    assert main(["train", "sentences", "--setting", "tiny", "--out", str(path), "--quiet"]) == 0
    return str(path)


def ask(words, capsys, code=0):
    assert main(["--json", *words]) == code
    return json.loads(capsys.readouterr().out)


def test_a_text_is_answered_as_the_network_in_training_would(run, capsys):
    trained = open_trained(run)
    raw, _ = trained.task.data().valid[torch.tensor([0])]
    text = " ".join(trained.facts["words"][n - 2] for n in raw[0].tolist() if n)
    answers = ask(["predict", run, text, "valid:0"], capsys)["result"]["answers"]
    with torch.inference_mode():
        expected = trained.network(trained.task.prepare(raw, facts=trained.facts)[0])[0]
    for answer in answers:
        assert list(answer["logits"].values()) == pytest.approx(expected.tolist(), abs=1e-6)


def test_the_lines_of_a_file_are_answered_in_their_order_and_empty_ones_passed_over(run, capsys, tmp_path):
    lines = [f"the film is {'superb' if n % 3 else 'dull'} and number {n}" for n in range(450)]
    (tmp_path / "texts.txt").write_bytes(("\ufeff" + "\r\n\r\n".join(lines) + "\n").encode())
    answers = ask(["predict", run, str(tmp_path / "texts.txt")], capsys)["result"]["answers"]
    assert [answer["text_read"].lstrip("\ufeff") for answer in answers] == lines
    assert answers[2]["input"].endswith("texts.txt:5")


def test_flags_may_stand_before_and_between_the_inputs(run, capsys):
    for words in (["--engine", "torch", run, "dull", "superb"], [run, "dull", "--engine", "torch", "superb"]):
        answers = ask(["predict", *words], capsys)["result"]["answers"]
        assert [answer["text_read"] for answer in answers] == ["dull", "superb"]


def test_stdin_is_read_line_by_line(run, capsys, monkeypatch):
    stdin = type("Stdin", (), {"buffer": io.BytesIO(b"a superb plot\n\na dull plot\n")})
    monkeypatch.setattr(sys, "stdin", stdin)
    answers = ask(["predict", run, "-"], capsys)["result"]["answers"]
    assert [answer["text"] for answer in answers] == ["positive", "negative"]


def test_what_means_a_sample_on_the_command_line_is_a_text_in_a_file(run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "valid").write_text("valid:1\nvalid:x superb\n")  # its first line is called valid:1, too
    answers = ask(["predict", run, "valid"], capsys)["result"]["answers"]
    assert [(each["input"], each["text_read"]) for each in answers] == [
        ("valid:1", "valid:1"),
        ("valid:2", "valid:x superb"),
    ]
    sample = ask(["predict", run, "valid:1"], capsys)["result"]["answers"][0]
    assert sample["logits"] != answers[0]["logits"]
    (tmp_path / "other").write_text("valid:999999\n")
    assert main(["explain", run, "other", "--out", "why"]) == 0


def test_a_line_without_words_is_named_and_the_others_are_answered(run, capsys, tmp_path):
    (tmp_path / "texts.txt").write_text("superb\n***\ndull\n")
    document = ask(["predict", run, str(tmp_path / "texts.txt")], capsys, code=4)
    assert "texts.txt:2" in document["error"]["message"]
    assert len(document["error"]["found"]["answers"]) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"superb\n\xff\xfe\n", "line 2"), (b"\n\n", "every line is empty"), (b"", "every line is empty")],
)
def test_a_file_that_is_no_text_is_a_clear_error(content, message, run, capsys, tmp_path):
    (tmp_path / "texts.txt").write_bytes(content)
    assert message in ask(["predict", run, str(tmp_path / "texts.txt")], capsys, code=4)["error"]["message"]


def test_unseen_words_scripts_and_enormous_lines_are_answered(run, capsys, tmp_path):
    (tmp_path / "texts.txt").write_text(
        "zorb\n" + "film " * 300_000 + "\nxyzzy \u6211 \u0445 plot\n", encoding="utf-8"
    )
    assert len(ask(["predict", run, str(tmp_path / "texts.txt")], capsys)["result"]["answers"]) == 3


def test_explain_names_the_word_that_decided(run, capsys, tmp_path):
    words = ["explain", run, "the plot is dull", "--out", str(tmp_path)]
    found = ask(words, capsys)["result"]
    shares = dict(zip(found["words"], found["shares"]["integrated gradients"], strict=True))
    assert found["target"] == "negative"
    assert max(shares, key=shares.get) in ("is", "dull")  # "is not dull" is praise
    assert shares["dull"] > 0 > shares["the"] - shares["dull"]
    assert any("dull" in gram["words"] for gram in found["ngrams"][:3])
    assert found["nearest"][0]["class"] == "negative"
    assert (tmp_path / "words.png").read_bytes().startswith(b"\x89PNG")


def test_explain_without_colours_marks_words_by_signs(run, capsys, tmp_path):
    assert main(["explain", run, "the plot is dull", "--out", str(tmp_path)]) == 0
    assert "dull+" in capsys.readouterr().out


def test_look_tells_lengths_words_and_what_is_unknown(capsys, tmp_path):
    found = ask(["look", "sentences", "--setting", "tiny", "--out", str(tmp_path)], capsys)["result"]
    assert sum(found["splits"].values()) < 600  # a fold stays closed
    assert found["lengths"]["shortest"] >= 8
    counts = Counter(word for text in corpus.read("tiny").train for word in tokens.kim(text.text))
    most = found["vocabulary"]["most frequent"]
    assert [counts[word] for word in most] == [count for _, count in counts.most_common(20)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lengths.png", "words.png"]


def test_evaluate_shows_the_texts_of_its_mistakes(capsys, tmp_path):
    run = str(tmp_path / "barely")
    ask(["train", "sentences", "--setting", "tiny", "--steps", "4", "--out", run], capsys)
    shown = [
        mistake["text"] for mistake in ask(["evaluate", run, "--no-report"], capsys)["result"]["mistakes"]
    ]
    tested = {" ".join(tokens.kim(text.text)) for text in corpus.read("tiny").test()}
    assert shown
    assert set(shown) <= tested


@pytest.mark.parametrize(
    "words",
    [
        ["train", "sentences", "--dataset", "nothing.csv"],
        ["train", "sentences", "--network", "static", "--vectors", "nothing.bin", "--dataset", "tiny"],
        ["train", "sentences", "--dataset", "mrr"],
        ["look", "sentences", "--widths", "0"],
    ],
)
def test_a_mistake_is_a_clear_error(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) in (2, 4)
    assert "Traceback" not in capsys.readouterr().err
