"""Lines in, lines out: every line has its place, streams are answered as they come, and what is wrong is said."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from commands import environment

from pellucid.cli import translations
from pellucid.cli.main import main
from pellucid.errors import DataError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("translation") / "run"
    words = ["train", "translation", "--setting", "tiny", "--epochs", "9", "--out", str(path), "--quiet"]
    assert main(words) == 0
    return path


def said(words, capsys):
    code = main(["--json", *words])
    document = json.loads(capsys.readouterr().out)
    return code, document.get("result"), document.get("error")


def test_a_file_gives_a_line_for_each_line(run, tmp_path, capsys):
    (tmp_path / "in.txt").write_text("ba ko\n\nmi la da\n   \nge\n")
    assert main(["predict", str(run), str(tmp_path / "in.txt")]) == 0
    out = capsys.readouterr().out.split("\n")
    assert len(out) == 6  # five lines, and what stands after the last end
    assert (out[1], out[3]) == ("", "")
    assert all(out[place] for place in (0, 2, 4))
    alone = [said(["predict", str(run), text], capsys)[1]["answers"][0]["text"] for text in ("ba ko", "ge")]
    assert [out[0], out[4]] == alone


def test_what_means_a_sample_on_the_command_line_is_a_line_in_a_file(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "valid").write_text("valid:1\nvalid:x ba\n")
    _, found, _ = said(["predict", str(run), "valid"], capsys)
    assert [each["text_read"] for each in found["answers"]] == ["valid:1", "valid:x ba"]
    _, sample, _ = said(["predict", str(run), "valid:1"], capsys)
    assert sample["answers"][0]["text"] != found["answers"][0]["text"]
    (tmp_path / "other").write_text("valid:999999\n")
    assert main(["explain", str(run), "other", "--out", "why"]) == 0


def test_a_line_that_cannot_be_translated_keeps_its_place_and_the_others_their_answers(run, tmp_path, capsys):
    (tmp_path / "in.txt").write_bytes(b"ba ko\n" + b"ba " * 200 + b"\n\xff\xfe\nge\n")
    code = main(["predict", str(run), str(tmp_path / "in.txt")])
    out, err = capsys.readouterr()
    lines = out.split("\n")
    assert code == 4
    assert len(lines) == 5
    assert lines[0]
    assert (lines[1], lines[2]) == ("", "")
    assert lines[3]
    assert "in.txt:2" in err
    assert "in.txt:3" in err
    assert "UTF-8" in err


def test_json_has_the_hypotheses_with_scores_and_the_attention(run, capsys):
    code, result, _ = said(["predict", str(run), "ba ko mi", "--beam", "3"], capsys)
    assert code == 0
    (answer,) = result["answers"]
    assert 1 <= len(answer["hypotheses"]) <= 3
    assert answer["hypotheses"][0]["text"] == answer["text"]
    assert len(answer["attention"]) == len(answer["pieces"])
    assert [sum(row) for row in answer["attention"]] == pytest.approx([1.0] * len(answer["pieces"]), abs=1e-4)
    greedy = said(["predict", str(run), "ba ko mi", "--beam", "1"], capsys)[1]["answers"][0]
    assert len(greedy["hypotheses"]) == 1


def test_a_search_that_cannot_be_is_refused(run, capsys):
    code, _, error = said(["predict", str(run), "ba", "--beam", "0"], capsys)
    assert (code, "--beam is 1 to" in str(error)) == (2, True)
    code, _, error = said(["predict", "digits", "x.png", "--beam", "2"], capsys)
    assert (code, "does not search" in str(error)) == (2, True)


def test_stdin_is_answered_line_by_line_while_it_stays_open(run):
    words = [sys.executable, "-m", "pellucid", "predict", str(run), "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with subprocess.Popen(words, env=environment(), **pipes) as process:
        for text in ("ba ko", "", "mi la da"):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()  # comes although more may follow
            assert answer.endswith("\n")
            assert bool(answer.strip()) == bool(text)
        process.stdin.close()
        assert process.wait(60) == 0


def test_lines_come_in_order_whoever_is_late():
    every = [str(number) for number in range(1000)]
    batches = list(translations._gathered(iter(every)))
    assert [line for batch in batches for line in batch] == every
    assert max(map(len, batches)) <= translations.AT_ONCE


def test_an_error_while_reading_comes_after_what_was_read():
    def broken():
        yield "first"
        raise DataError("the disk is gone")

    found = []
    with pytest.raises(DataError, match="the disk is gone"):
        for batch in translations._gathered(broken()):
            found += batch
    assert found == ["first"]


def test_a_line_without_end_is_not_read_into_memory(monkeypatch):
    monkeypatch.setattr(translations, "MOST_LINE", 10)
    lines = list(translations._numbered(io.BytesIO(b"short\nok\n"), "x"))
    assert [text for _, text in lines] == ["short", "ok"]
    with pytest.raises(DataError, match="line 1: more than 10"):
        list(translations._numbered(io.BytesIO(b"a" * 100), "x"))


def test_explain_draws_every_layer_and_the_alignment(run, tmp_path, capsys):
    code, result, _ = said(["explain", str(run), "ba ko mi", "--out", str(tmp_path / "why")], capsys)
    assert code == 0
    assert list(result["layers"]) == ["decoder layer 1", "decoder layer 2"]
    assert result["words read"] == ["ba", "ko", "mi", "</s>"]
    assert {"attention.png", "alignment.png"} == {path.name for path in (tmp_path / "why").iterdir()}


def test_evaluate_says_what_its_bleu_is(run, capsys):
    code, result, _ = said(["evaluate", str(run), "--no-report"], capsys)
    assert code == 0
    assert set(result["scores"]) == {"bleu", "bleu_tokenised", "chrf", "loss", "pieces"}
    assert "tok:13a" in result["signatures"]["bleu"]
    assert result["search"] == {"beam": 5, "length_penalty": 1.0}
    assert len(result["examples"]) == 20  # of made-up data; others' sentences are not copied
    score = result["scores"]["bleu"]
    assert score["low"] <= score["value"] <= score["high"]
    assert score["n"] == 100


def test_what_makes_no_sense_for_translations_says_so(run, capsys):
    code, _, error = said(["walk", str(run), "valid:0"], capsys)
    assert code == 2
    assert "translation gives text" in str(error)


def test_your_own_files_are_trained_on(tmp_path, capsys):
    rows = [f"ba {a} {b}" for a in ("ko", "mi", "la", "da") for b in ("ge", "go", "ni", "no", "be")]
    (tmp_path / "a.txt").write_text("\n".join(rows))
    (tmp_path / "b.txt").write_text("\n".join(row.upper() for row in rows))
    words = ["train", "translation", "--setting", "tiny", "--steps", "2"]
    files = ["--source", str(tmp_path / "a.txt"), "--target", str(tmp_path / "b.txt")]
    code, _, error = said([*words, *files, "--out", str(tmp_path / "run")], capsys)
    assert (code, error) == (0, None)
    (tmp_path / "b.txt").write_text("one line")
    code, _, error = said([*words, *files, "--out", str(tmp_path / "other")], capsys)
    assert code == 4
    assert "has 20 lines" in str(error)
    assert not (tmp_path / "other").exists()
