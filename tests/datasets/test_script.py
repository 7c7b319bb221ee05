"""Scripts: numerals, breaths, notes, rests, MIDI files by hand, and clear words for what cannot be said."""

import struct

import pytest

from pellucid.datasets import script
from pellucid.datasets.recordings import DIGITS
from pellucid.errors import DataError, UsageError

SINGING = {"tempo": 60.0, "vowel": "a", "known": ["a", "o"], "range_": (40.0, 60.0)}


def test_digits_are_read_spelled_and_as_numerals():
    assert [unit.name for unit in script.words("Seven 30, two!", DIGITS)] == ["seven", "three", "zero", "two"]


def test_a_comma_and_a_full_stop_take_a_longer_breath():
    assert [unit.pause for unit in script.words("one two, three. four", DIGITS)] == [1.0, 2.0, 3.0, 1.0]


def test_a_word_that_is_not_known_is_refused_with_the_vocabulary():
    with pytest.raises(DataError, match=r'"hello".*zero, one, two.*nine'):
        script.words("one hello", DIGITS)


@pytest.mark.parametrize("text", ["", "  ", "...", "\n"])
def test_a_text_without_a_word_is_refused(text):
    with pytest.raises(DataError, match="no word"):
        script.words(text, DIGITS)


@pytest.mark.parametrize(
    ("name", "number"), [("C4", 60), ("A4", 69), ("C#3", 49), ("Db3", 49), ("B2", 47), ("c-1", 0)]
)
def test_notes_have_their_midi_numbers(name, number):
    assert script.midi_number(name) == number


def test_a_melody_has_pitches_lengths_and_rests():
    notes = script.melody("C3:1 E3:0.5:o R:2 G3:2", **SINGING)
    assert [(n.name, n.pitch) for n in notes] == [("a", 48), ("o", 52), ("a", 55)]
    assert [n.seconds + n.pause for n in notes] == pytest.approx([1, 2.5, 2])


@pytest.mark.parametrize(
    ("source", "kind", "reason"),
    [("H3:1", DataError, "not a note"), ("C3", DataError, "NOTE:BEATS"), ("C3:0", DataError, "beats"), ("R:1", DataError, "no note"),
     ("C3:1:i", DataError, "vowels are a, o"), ("C6:1", UsageError, "out of the voice's range"), ("none.mid", DataError, "no such file")],
)  # fmt: skip
def test_a_melody_that_cannot_be_sung_is_refused(source, kind, reason):
    with pytest.raises(kind, match=reason):
        script.melody(source, **SINGING)


def midi(*events, division=96):
    body = b"".join(events) + b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, division) + b"MTrk" + struct.pack(">I", len(body)) + body


def test_a_midi_file_becomes_its_highest_notes_in_seconds():
    content = midi(
        b"\x00\xff\x51\x03\x0f\x42\x40",  # one second a beat
        b"\x00\x90\x30\x40", b"\x00\x90\x34\x40",  # C3 and E3 together
        b"\x60\x80\x34\x40", b"\x30\x30\x00",  # E3 ends after a beat, C3 half a beat later (running status)
        b"\x60\x90\x37\x40", b"\x60\x90\x37\x00",  # a beat of rest, then G3
        b"\x00\x99\x26\x40",  # a drum
    )  # fmt: skip
    assert script.midi(content) == [(52.0, 1.0), (48.0, 0.5), (None, 1.0), (55.0, 1.0)]


def test_a_note_struck_again_is_another_note():
    content = midi(b"\x00\x90\x30\x40", b"\x60\x90\x30\x00", b"\x00\x90\x30\x40", b"\x60\x90\x30\x00")
    assert script.midi(content) == [(48.0, 0.5), (48.0, 0.5)]


@pytest.mark.parametrize("content", [b"MThd", midi()[:-3], midi(), midi(b"\x00\x90\x30\x40", division=0)])
def test_a_midi_file_that_is_damaged_or_silent_is_refused(content):
    with pytest.raises(DataError):
        script.midi(content)


def test_a_melody_is_read_from_a_file(tmp_path):
    (tmp_path / "song.txt").write_text("C3:1\nE3:1\n")
    (tmp_path / "song.mid").write_bytes(midi(b"\x00\x90\x30\x40", b"\x60\x80\x30\x40"))
    assert [n.pitch for n in script.melody(str(tmp_path / "song.txt"), **SINGING)] == [48, 52]
    assert [n.pitch for n in script.melody(str(tmp_path / "song.mid"), **SINGING)] == [48]
