"""Files of answers: any class names, any kind of network, each line one input that is not asked again."""

import csv
import json

import pytest

from pellucid.cli.main import main
from pellucid.errors import DataError, UsageError
from pellucid.task import Answer
from pellucid.verbs.answers import Answers

NAMES = ["ok", "problem", "input"]  # two of them are names of columns
ANSWER = Answer("problem", dict(zip(NAMES, (0.25, 0.5, 0.25), strict=True)))


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("reviews") / "run")
    assert main(["train", "sentences", "--setting", "tiny", "--epochs", "1", "--out", path, "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("translator") / "run")
    assert main(["train", "translation", "--setting", "tiny", "--epochs", "9", "--out", path, "--quiet"]) == 0
    return path


def test_json_lines_keep_the_probabilities_of_classes_with_the_names_of_columns(tmp_path):
    path = tmp_path / "answers.jsonl"
    Answers(path, NAMES).add("a.png", ANSWER)
    (row,) = map(json.loads, path.read_text().splitlines())
    assert (row["input"], row["problem"], row["probabilities"]) == ("a.png", "", ANSWER.probabilities)
    assert Answers(path, NAMES).has("a.png")


def test_columns_of_classes_are_renamed_only_where_another_has_the_name(tmp_path):
    path = tmp_path / "answers.csv"
    Answers(path, NAMES).add("a.png", ANSWER)
    head, row = csv.reader(path.open())
    assert head == [
        "input", "answer", "probability", "ok", "probability of problem", "probability of input", "problem",
    ]  # fmt: skip
    assert row == ["a.png", "problem", "0.500000", "0.250000", "0.500000", "0.250000", ""]
    assert Answers(path, NAMES).has("a.png")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_each_line_stands_for_one_input(suffix, tmp_path):
    path = tmp_path / f"answers.{suffix}"
    first = Answers(path, [])
    first.add("so-so\u2028and so on", Answer("gut"))
    first.add("unreadable", DataError("why"))
    again = Answers(path, [])
    assert again.before == 2
    assert [again.has(word) for word in ("so-so\u2028and so on", "so-so\u2028and so on", "unreadable", "new")] == [
        True, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ['{"input": "a", "answer": "b"}\n', "7\n", "no json\n"])
def test_json_lines_of_something_else_are_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match="something else"):
        Answers(path, NAMES)
    assert path.read_text() == text


def test_answers_to_texts_go_into_a_file_in_their_order_and_on_where_it_stopped(reviews, tmp_path, capsys):
    texts, out = tmp_path / "texts.txt", tmp_path / "answers.csv"
    texts.write_text("a superb plot\n***\na dull plot\na superb plot\n")
    assert main(["predict", reviews, str(texts), "--out", str(out)]) == 4  # a line has no word
    whole = out.read_bytes()
    rows = list(csv.DictReader(out.open()))
    assert [row["input"] for row in rows] == ["a superb plot", "***", "a dull plot", "a superb plot"]
    assert "no word" in rows[1]["problem"]
    assert float(rows[0]["positive"]) + float(rows[0]["negative"]) == pytest.approx(1, abs=1e-5)
    out.write_bytes(whole[: whole.index(b"a dull") + 3])
    capsys.readouterr()
    assert main(["--json", "predict", reviews, str(texts), "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert (len(found["answers"]), found["answered before"]) == (2, 2)
    assert out.read_bytes() == whole


def test_translations_go_into_a_file_too_one_for_each_line(translator, tmp_path, capsys):
    texts, out = tmp_path / "texts.txt", tmp_path / "answers.jsonl"
    texts.write_text("ba ko\n\nmi la da\n")
    for before in (0, 3):
        assert main(["predict", translator, str(texts), "--out", str(out)]) == 0
        assert f"{3 - before} answered now, {before} before" in capsys.readouterr().err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["input"] for row in rows] == ["ba ko", "", "mi la da"]
    assert [bool(row["answer"]) for row in rows] == [True, False, True]


@pytest.mark.parametrize("kind", ["reviews", "translator"])
def test_another_kind_of_file_is_refused(kind, request, tmp_path, capsys):
    out = tmp_path / "answers.txt"
    assert main(["predict", request.getfixturevalue(kind), "ba ko", "--out", str(out)]) == 2
    assert ".csv or .jsonl" in capsys.readouterr().err
    assert not out.exists()
