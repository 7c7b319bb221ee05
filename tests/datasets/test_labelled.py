"""Texts of your own: three formats, columns named or guessed, mistakes explained."""

import pytest

from pellucid.datasets import labelled
from pellucid.errors import DataError

CSV = 'text,label\ngood film,pos\n"bad, very bad",neg\n'


def parse(content, kind=".csv", **columns):
    return labelled.parse(content.encode(), kind, name="x", **columns)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (".csv", CSV),
        (".csv", "\ufeffid;review;class\r\n1;good film;pos\r\n2;bad, very bad;neg\r\n"),
        (".tsv", "category\tquestion\npos\tgood film\nneg\tbad, very bad\n"),
        (
            ".jsonl",
            '{"text": "good film", "label": "pos", "extra": [1]}\n\n{"label": "neg", "text": "bad, very bad"}\n',
        ),
        (".csv", 'a,b,c\n1,good film,pos\n2,"bad, very bad",neg\n'),
    ],
)
def test_every_format_gives_the_same_texts_whatever_the_columns_are_called(kind, text):
    found = parse(text, kind, **({"label": "c"} if text.startswith("a,") else {}))
    assert (found.texts, found.labels) == (["good film", "bad, very bad"], ["pos", "neg"])


def test_named_columns_win_over_guesses():
    found = parse(
        "text,label,topic,note\na,x,1,long words here\nb,y,2,other words\n", text="note", label="topic"
    )
    assert (found.texts[0], found.labels) == ("long words here", ["1", "2"])


def test_columns_without_telling_names_are_guessed_by_what_is_in_them():
    rows = "\n".join(f"{n},a rather long text number {n},{'xy'[n % 2]}" for n in range(20))
    found = parse(f"one,two,three\n{rows}\n")
    assert (found.text_column, found.label_column) == ("two", "three")


def test_numbered_classes_stand_in_the_order_of_numbers():
    rows = "".join(f"text {n},{n}\n" for n in (10, 9, 2))
    assert parse(f"text,label\n{rows}").classes == ["2", "9", "10"]


def test_rows_without_a_text_or_a_class_are_left_out_and_counted():
    assert parse(CSV + ",pos\n  ,neg\nfine,\n").skipped == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("text,label\n", "no rows"),
        ("text,label\na,x\nb,x\n", "one class only, 'x'"),
        ("text,label\na,x\nb\n", "line 3: 1 columns, expected 2"),
        ("text\na\nb\n", "one column only"),
        ("text,text\na,b\n", "a name twice"),
        ('text,label\n"a,x\nb,y\n', "quotes"),
        ("text,label\na\0,x\n", "zero bytes"),
        ("text,label\n" + "".join(f"a,{n}\n" for n in range(1001)), "more than 1,000 classes"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text, message):
    with pytest.raises(DataError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense\n", "line 1: not JSON"),
        ("[1]\n", "expected an object"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}\n', "line 2: lacks 'label'"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_json_that_cannot_be_used_says_why(text, message):
    with pytest.raises(DataError, match=message):
        parse(text, ".jsonl")


def test_a_missing_column_names_the_near_one():
    with pytest.raises(DataError, match='Did you mean "label"'):
        parse(CSV, label="lable")


def test_another_encoding_names_its_line():
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        labelled.parse("text,label\ncaf\u00e9,x\n".encode("latin-1"), ".csv", name="x")


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"\.csv, \.tsv, \.jsonl"):
        labelled.read(tmp_path / "texts.xlsx")
