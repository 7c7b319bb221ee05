"""Scripts: a text to be said or a melody to be sung becomes units with lengths, pitches and pauses.

Text is split into words the voice knows; numerals are read digit by digit. A melody is ``NOTE:BEATS`` after
``NOTE:BEATS`` ("C3:1 E3:0.5 R:1", middle C is C4, R rests), such a text in a file, or a MIDI file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.datasets.recordings import DIGITS
from pellucid.errors import DataError, UsageError, near

NUMERALS = dict(zip("0123456789", DIGITS, strict=True))
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NOTE = re.compile(r"([A-Ga-g])([#b]?)(-?\d)")
TOKEN = re.compile(r"(\S+?):(\d+(?:\.\d+)?|\.\d+)(?::(\w+))?")
REST = ("R", "r", "-")
BREATHS = {",": 2.0, ";": 2.0, ":": 2.0, ".": 3.0, "!": 3.0, "?": 3.0}  # times an ordinary pause
MOST_UNITS, MOST_BEATS = 200, 64.0
MOST_TEXT = 100_000  # characters of a file
LEGATO = 0.92  # of a note's time is sung, and the rest is breath


@dataclass(frozen=True)
class Unit:
    """One word or note.

    Attributes:
        name: the word, or the vowel.
        seconds: how long; None leaves it to the model of durations.
        pitch: MIDI number, for notes.
        pause: after it, in seconds for notes, as a multiple of an ordinary pause for words.
    """

    name: str
    seconds: float | None = None
    pitch: float | None = None
    pause: float = 1.0


def words(text: str, known: Sequence[str]) -> list[Unit]:
    """Return the words of a text.

    Raises:
        DataError: no word in it, or one that is not known; the text says which are.
    """
    found: list[Unit] = []
    for token in re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d|[^\w\s]", text.lower()):
        name = NUMERALS.get(token, token)
        if token in BREATHS or not token[0].isalnum():
            if found:
                last = found[-1]
                found[-1] = Unit(last.name, pause=max(last.pause, BREATHS.get(token, 1.0)))
            continue
        if name not in known:
            numerals = "; numerals are read digit by digit" if set(DIGITS) <= set(known) else ""
            raise DataError(
                f'cannot say "{token}": this voice learned {len(known)} words: {", ".join(known)}{numerals}.'
                f"{near(name, known)}"
            )
        found.append(Unit(name))
    if not found:
        raise DataError(f"there is no word in {text[:40]!r}; it can say: {', '.join(known)}")
    return _counted(found)


def melody(
    source: str, *, tempo: float, vowel: str, known: Sequence[str], range_: Sequence[float]
) -> list[Unit]:
    """Return the notes of a melody: of the words themselves, or of a MIDI or text file that is named.

    Args:
        tempo: beats a minute.
        vowel: that is sung where the melody names none.
        known: the vowels.
        range_: lowest and highest MIDI number that the voice learned.
    Raises:
        DataError: the file or the melody cannot be read.
        UsageError: a note is out of range, or the tempo cannot be meant.
    """
    if not 20 <= tempo <= 400:
        raise UsageError(f"--tempo is {tempo:g}; 20 to 400 beats a minute are expected")
    notes = list(_notes(source, 60 / tempo))
    if not any(pitch is not None for pitch, _, _ in notes):
        raise DataError(f"there is no note in {source[:40]!r}; write it like C3:1 E3:1 G3:2")
    found: list[Unit] = []
    for pitch, seconds, sung in notes:
        name = sung or vowel
        if pitch is None:
            if found:
                last = found[-1]
                found[-1] = Unit(last.name, last.seconds, last.pitch, last.pause + seconds)
            continue
        if name not in known:
            raise DataError(f'cannot sing on "{name}": the vowels are {", ".join(known)}')
        low, high = range_
        if not low - 0.5 <= pitch <= high + 0.5:
            raise UsageError(
                f"the note {spelled(pitch)} is out of the voice's range, {spelled(low)} to {spelled(high)}; "
                f"move the melody with --transpose"
            )
        found.append(Unit(name, seconds * LEGATO, pitch, seconds * (1 - LEGATO)))
    return _counted(found)


def midi_number(name: str) -> float:
    """Return the MIDI number of a note: C4 -> 60, Bb2 -> 46.

    Raises:
        DataError: it is not a note.
    """
    match = NOTE.fullmatch(name)
    if match is None:
        raise DataError(
            f'"{name}" is not a note; write C3, F#3 or Bb2, where C4 is middle C, or R for a rest'
        )
    letter, sign, octave = match.groups()
    return 12 * (int(octave) + 1) + SEMITONES[letter.upper()] + {"#": 1, "b": -1, "": 0}[sign]


def spelled(pitch: float) -> str:
    """Return the name of the nearest note: 60.2 -> C4."""
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    number = round(pitch)
    return f"{names[number % 12]}{number // 12 - 1}"


def hertz(pitch: float) -> float:
    """Return the frequency of a MIDI number: A4 = 69 is 440 Hz."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


def _notes(source: str, beat: float) -> Iterator[tuple[float | None, float, str | None]]:
    """Yield (MIDI number or None for a rest, seconds, vowel or None)."""
    path = Path(source) if len(source) < 1024 and "\n" not in source else None
    try:
        content = path.read_bytes() if path is not None and path.is_file() else None
    except (OSError, ValueError) as error:
        raise DataError(f"{source}: cannot be read ({error})") from error
    if content is None and re.search(r"\.(midi?|txt)$", source, re.IGNORECASE):
        raise DataError(
            f"{source}: no such file; give a MIDI file, a text file, or notes like C3:1 E3:1 G3:2"
        )
    if content is not None and content.startswith(b"MThd"):
        for pitch, seconds in midi(content, source):
            yield pitch, seconds, None
        return
    text = source
    if content is not None:
        try:
            text = content[:MOST_TEXT].decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{source}: neither a MIDI file nor text ({error.reason})") from None
    for word in text.split():
        match = TOKEN.fullmatch(word)
        if match is None:
            raise DataError(f'"{word[:40]}" is not NOTE:BEATS; write the melody like C3:1 E3:0.5 R:1 G3:2')
        name, beats, vowel = match.groups()
        if not 0 < float(beats) <= MOST_BEATS:
            raise DataError(f'"{word}": {beats} beats; above 0 and at most {MOST_BEATS:g} are expected')
        yield (None if name in REST else midi_number(name)), float(beats) * beat, vowel


def midi(content: bytes, name: str = "the MIDI file") -> list[tuple[float | None, float]]:
    """Return the melody of a Standard MIDI File: (MIDI number or None for a rest, seconds) in order.

    All tracks count; of notes that sound together the highest is the melody (the skyline). Percussion
    (channel 10) is left out.

    Raises:
        DataError: it is damaged, counts time in frames, or holds no note.
    """
    try:
        _, kind, tracks, division = struct.unpack(">4s4xHHH", content[:14])
        events, place = [], 14
        for _ in range(tracks):
            magic, size = struct.unpack(">4sI", content[place : place + 8])
            body = content[place + 8 : place + 8 + size]
            if magic != b"MTrk" or len(body) < size:
                raise IndexError
            events += _track(body)
            place += 8 + size
    except (struct.error, IndexError):
        raise DataError(f"{name}: a damaged or truncated MIDI file; export it again") from None
    if division & 0x8000 or kind > 1 or not division:
        raise DataError(
            f"{name}: MIDI format {kind} with division {division}; formats 0 and 1 in beats are read"
        )
    found = _skyline(sorted(events), division)
    if not any(pitch is not None for pitch, _ in found):
        raise DataError(f"{name}: there is no note in it")
    return found


def _track(body: bytes) -> list[tuple[int, int, int, int]]:
    """Return (tick, order, what, value): what 0 sets the tempo, 1 ends a note, 2 begins one."""
    events, place, tick, status = [], 0, 0, 0
    while place < len(body):
        delta, place = _variable(body, place)
        tick += delta
        if body[place] & 0x80:
            status, place = body[place], place + 1
        if status == 0xFF:
            kind, (size, start) = body[place], _variable(body, place + 1)
            if kind == 0x51:
                events.append((tick, 0, 0, int.from_bytes(body[start : start + size], "big")))
            place = start + size
        elif status in (0xF0, 0xF7):
            size, start = _variable(body, place)
            place = start + size
        elif status & 0xF0 in (0x80, 0x90):
            key, speed = body[place], body[place + 1]
            place += 2
            if status & 0x0F != 9:
                begins = status & 0xF0 == 0x90 and speed > 0
                events.append((tick, 2 if begins else 1, 2 if begins else 1, key))
        else:
            place += 1 if status & 0xF0 in (0xC0, 0xD0) else 2
    return events


def _variable(body: bytes, place: int) -> tuple[int, int]:
    """Return a number of variable length and the place after it."""
    number = 0
    while True:
        byte = body[place]
        place, number = place + 1, number << 7 | byte & 0x7F
        if not byte & 0x80:
            return number, place


def _skyline(events: list[tuple[int, int, int, int]], division: int) -> list[tuple[float | None, float]]:
    """Return the highest sounding note from event to event, equal neighbours joined unless struck again."""
    found: list[tuple[float | None, float]] = []
    sounding: list[int] = []
    before, per_tick, struck = 0, 0.5 / division, False
    for tick, _, what, value in events:
        top = float(max(sounding)) if sounding else None
        seconds = (tick - before) * per_tick
        if seconds > 0:
            if found and found[-1][0] == top and not struck:
                found[-1] = (top, found[-1][1] + seconds)
            elif found or top is not None:
                found.append((top, seconds))
            struck = False
        before = tick
        if what == 0:
            per_tick = value / 1e6 / division
        elif what == 1 and value in sounding:
            sounding.remove(value)
        elif what == 2:
            struck = struck or not sounding or value >= max(sounding)
            sounding.append(value)
    return found


def _counted(found: list[Unit]) -> list[Unit]:
    if len(found) > MOST_UNITS:
        raise UsageError(f"{len(found)} words or notes; at most {MOST_UNITS} are made at once")
    return found


def vocabulary(facts: dict[str, Any], voice: str) -> list[str]:
    """Return what a voice can say or sing, in the order of the digits, then of the alphabet."""
    known = facts["durations"][voice]
    return sorted(known, key=lambda name: (DIGITS.index(name) if name in DIGITS else len(DIGITS), name))
