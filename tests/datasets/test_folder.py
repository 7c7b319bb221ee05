"""What people have in their folders, listed without losing a word about any of it."""

import os

import pytest
from PIL import Image

from pellucid.datasets import folder
from pellucid.errors import DataError


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), colour).save(path)


def listed(root):
    return [(entry.path, entry.label, entry.split) for entry in folder.scan(root).entries]


def test_a_subfolder_is_a_class_and_folders_below_it_belong_to_it(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    picture(tmp_path / "cat" / "summer" / "2.png")
    picture(tmp_path / "dog" / "1.png")
    assert listed(tmp_path) == [
        ("cat/1.png", "cat", ""),
        ("cat/summer/2.png", "cat", ""),
        ("dog/1.png", "dog", ""),
    ]


def test_train_val_and_test_folders_are_the_split(tmp_path):
    picture(tmp_path / "Train" / "cat" / "1.png")
    picture(tmp_path / "val" / "cat" / "2.png")
    picture(tmp_path / "test" / "dog" / "3.png")
    assert listed(tmp_path) == [
        ("Train/cat/1.png", "cat", "train"),
        ("test/dog/3.png", "dog", "test"),
        ("val/cat/2.png", "cat", "valid"),
    ]


def test_a_class_may_be_called_test_when_there_is_no_train(tmp_path):
    picture(tmp_path / "test" / "1.png")
    picture(tmp_path / "real" / "1.png")
    assert {label for _, label, _ in listed(tmp_path)} == {"test", "real"}


@pytest.mark.parametrize(
    "text",
    [
        "path,label,split\na.png,cat,train\nb.png,dog,TEST\n",
        "\ufefffilename;split;class\r\na.png;train;cat\r\nb.png;test;dog\r\n",
    ],
)
def test_a_csv_names_path_label_and_split(tmp_path, text):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    (tmp_path / "list.csv").write_bytes(text.encode())
    assert listed(tmp_path / "list.csv") == [("a.png", "cat", "train"), ("b.png", "dog", "test")]


def test_a_csv_without_a_header_is_path_and_label(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("a.png,cat\n")
    assert listed(tmp_path / "list.csv") == [("a.png", "cat", "")]


def test_rows_that_cannot_be_meant_are_told_by_their_line(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text(
        "path,label,split\na.png,cat,train\nb.png,dog,train\na.png,,train\nx\na.png,cat,maybe\n"
    )
    troubles = folder.scan(tmp_path / "list.csv").troubles
    assert [part in trouble for part, trouble in zip(
        ["b.png: cannot be reached (No such file", "line 4: the path or the label is empty", "line 5: 1 fields",
         'line 6: the split is "maybe"'], troubles, strict=True)] == [True] * 4  # fmt: skip


def test_an_empty_class_folder_a_stray_file_and_a_loop_of_links_are_told(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "cat" / "again").symlink_to(tmp_path / "cat")
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = folder.scan(tmp_path)
    assert [entry.path for entry in found.entries] == ["cat/1.png"]
    assert found.troubles == [
        "cat/again/: a link back to a folder above it; not followed",
        "cat/gone.png: cannot be reached (No such file or directory); left out",
        "dog/: an empty class folder; left out",
        "notes.txt: lies beside the class folders, has no class; left out",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir(mode=0)
    assert "dog/: the folder cannot be read (Permission denied)" in folder.scan(tmp_path).troubles[0]


def test_names_in_any_script_and_of_any_bytes_can_be_listed_and_printed(tmp_path):
    picture(tmp_path / "\u732b" / "\u0444\u043e\u0442\u043e.png")
    picture(tmp_path / "cafe\u0301" / "1.png")  # as a Mac writes it: e and an accent
    raw = os.fsencode(tmp_path) + b"/\xe9t\xe9"
    os.mkdir(raw)
    os.replace(os.fsencode(tmp_path / "cafe\u0301" / "1.png"), raw + b"/1.png")
    picture(tmp_path / "cafe\u0301" / "2.png")
    labels = {entry.label for entry in folder.scan(tmp_path).entries}
    assert labels == {"\u732b", "caf\u00e9", "\\xe9t\\xe9"} or labels == {
        "\u732b",
        "caf\u00e9",
        "\\udce9t\\udce9",
    }
    assert all(label.encode() for label in labels)


def test_what_computers_leave_in_folders_is_passed_over_and_counted(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"x")
    found = folder.scan(tmp_path)
    assert (len(found.entries), found.troubles, found.system) == (1, [], 2)


def test_no_folder_and_no_class_say_what_is_expected(tmp_path):
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match=r"photos/cat/1\.jpg"):
            folder.scan(place)
