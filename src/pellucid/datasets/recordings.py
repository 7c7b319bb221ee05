"""Recordings of words and notes: spoken digits, sung and piano notes, spoken commands, and your own.

Every source gives ``Recording``: mono samples, who is heard, what, and the pitch where it is known.
"""

from __future__ import annotations

import csv
import io
import tarfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pellucid import download, sound
from pellucid.download import Archive
from pellucid.errors import DataError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SINGER, PIANO, KEY = "singer", "piano", "note"
FSDD = Archive(
    "fsdd/fsdd.tar.gz",
    {"ab5815078e53a3f67c64f1718157249e88b0f6894cd16e1d3fc05ad105260340": 14_010_946},
    instead=download.MADE_UP,
)
SUNG = Archive(
    "sung-notes/sung-notes.tar.gz",
    {"96e6a380513bf729cbe582f6d5aa5acccefb8a06c5d6e92944ccfa02214a3eb9": 2_655_018},
    instead=download.MADE_UP,
)
PIANO_NOTES = Archive(
    "piano-notes/piano-notes.tar.gz",
    {"06c53a2c618b9f26986cf03214d2931e793efb5131ba7b6b0059e087f73a873c": 2_947_610},
    instead=download.MADE_UP,
)
COMMANDS = Archive(
    "speech-commands-mini/speech-commands-mini.tar.gz",
    {"5429996e6eb39523cb38ba7ad8948d3e0bbd89082b243d42539a8b5a24ef8d56": 5_815_675},
    instead=download.MADE_UP,
)
ARCHIVES = {"fsdd": FSDD, "sung": SUNG, "piano": PIANO_NOTES, "commands": COMMANDS}
SOURCES = {
    "fsdd": "Free Spoken Digit Dataset (github.com/Jakobovski/free-spoken-digit-dataset), CC BY-SA 4.0",
    "sung": "vocobox human voice dataset (github.com/vocobox/human-voice-dataset), MIT",
    "piano": "Salamander Grand Piano V3, Alexander Holm (archive.org), CC BY 3.0",
    "commands": "Google Speech Commands v0.01, Pete Warden (download.tensorflow.org), CC BY 4.0",
}
EXAMPLE = "expected words/yes/1.wav, words/no/2.wav and so on, one sub-folder a word"
SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")
TEST_INDICES = range(5)  # of FSDD, official
PIANO_SECONDS, PIANO_HIGHEST = 0.8, 96  # of a note that is kept; MIDI, C7: above it 8 kHz holds no overtone


@dataclass(frozen=True)
class Recording:
    """One word or note.

    Attributes:
        samples: ``(T,)`` float32 in [-1, 1].
        voice: who is heard.
        unit: the word, the vowel, or "note".
        index: of the take; FSDD's split goes by it.
        pitch: MIDI number with its fraction, where it is known.
        name: of its file.
    """

    samples: np.ndarray = field(repr=False)
    voice: str
    unit: str
    index: int = 0
    pitch: float | None = None
    name: str = ""


def digits(rate_hz: int = 8000) -> list[Recording]:
    """Return the Free Spoken Digit Dataset as recorded: 8 kHz, int16 / 32768, one scale for everyone."""
    found = []
    for name, samples, rate in _wavs(FSDD):
        samples = sound.resample(samples, rate_hz / rate)
        digit, voice, index = Path(name).stem.split("_")
        found.append(Recording(samples, voice, DIGITS[int(digit)], int(index), None, name))
    return sorted(found, key=lambda r: (r.voice, r.unit, r.index))


def sung(rate_hz: int, *, shift: float = 0.0, peak: float = 0.5) -> list[Recording]:
    """Return the sung notes with their measured pitch; ``shift`` moves them by semitones (by resampling)."""
    index = _index(SUNG)
    found = []
    for name, samples, rate in _wavs(SUNG):
        row = index[name]
        pitch = float(row["measured_midi"] or row["midi_note"])
        if row["quality"] == "clean":
            moved = _scaled(sound.resample(samples, rate_hz / rate * 2 ** (-shift / 12)), peak)
            found.append(Recording(moved, SINGER, row["vowel"], 0, pitch + shift, name))
    return found


def piano(rate_hz: int, *, shift: float = 0.0, peak: float = 0.5) -> list[Recording]:
    """Return the beginnings of the piano notes up to C7, moved by ``shift`` semitones (by resampling)."""
    index = _index(PIANO_NOTES)
    found = []
    for name, samples, rate in _wavs(PIANO_NOTES):
        pitch = float(index[name]["midi_note"]) + shift
        if pitch <= PIANO_HIGHEST:
            moved = sound.resample(
                samples[: int(2 * PIANO_SECONDS * rate)], rate_hz / rate * 2 ** (-shift / 12)
            )
            kept = moved[: int(PIANO_SECONDS * rate_hz)] * _fade(int(PIANO_SECONDS * rate_hz), rate_hz)
            found.append(Recording(_scaled(kept, peak), PIANO, KEY, 0, pitch, name))
    return found


def commands(rate_hz: int = 16000) -> list[Recording]:
    """Return the tiny sample of Speech Commands: 30 words, the speaker's hash as the voice."""
    found = []
    for name, samples, rate in _wavs(COMMANDS):
        samples = sound.resample(samples, rate_hz / rate)
        voice, _, take = Path(name).stem.partition("_nohash_")
        found.append(Recording(samples, voice, Path(name).parent.name, int(take), None, name))
    return found


def own(folder: Path, rate_hz: int) -> tuple[list[Recording], list[str]]:
    """Read recordings of your own: ``metadata.csv`` with the columns file, text (or label) and voice.

    Returns:
        The recordings, and what was done to some of them on the way (resampled, averaged), in words.
    Raises:
        DataError: there is no metadata.csv, a column or a file is missing, or a file is not a sound.
    """
    path = folder / "metadata.csv"
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); it needs the columns file, text, voice"
        ) from error
    rows = csv.DictReader(io.StringIO(text))
    columns = [name.strip() for name in rows.fieldnames or []]
    word = next((name for name in ("text", "label") if name in columns), None)
    if "file" not in columns or word is None:
        raise DataError(f"{path}: its columns are {', '.join(columns) or 'none'}; expected file, text, voice")
    found, notes = [], set()
    for line, row in enumerate(rows, 2):
        cells = {
            (key or "").strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str)
        }
        if not cells.get("file") or not cells.get(word):
            raise DataError(f"{path}, line {line}: a file and its {word} are expected")
        heard = sound.read(folder / cells["file"], rate_hz=rate_hz)
        notes |= set(heard.notes)
        voice = cells.get("voice") or "voice"
        found.append(Recording(heard.samples, voice, cells[word].lower(), 0, None, cells["file"]))
    if len(found) < 3:
        raise DataError(f"{path}: {len(found)} recordings; at least 3 are needed, to train, choose and test")
    return found, sorted(notes)


def by_folder(folder: Path, rate_hz: int) -> list[Recording]:
    """Read recordings of your own: one sub-folder a word, any sound files in it.

    Raises:
        DataError: no such folder, fewer than two words, or a file that is not a sound.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {EXAMPLE}")
    found = [
        Recording(
            sound.read(path, rate_hz=rate_hz).samples,
            "voice",
            path.parent.name,
            0,
            None,
            f"{path.parent.name}/{path.name}",
        )
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if len({r.unit for r in found}) < 2:
        raise DataError(
            f"{folder}: sound files of {len({r.unit for r in found})} words; {EXAMPLE}, "
            f"at least two words; read are {', '.join(SUFFIXES)}"
        )
    return found


def made_up(rate_hz: int, count: int, seed: int) -> list[Recording]:
    """Return two made-up voices that say "low" and "high": a falling and a rising tone with an overtone."""
    numbers, found = np.random.default_rng(seed), []
    for index in range(count):
        voice, unit = ("alto", "bass")[index % 2], ("low", "high")[index // 2 % 2]
        length = int(numbers.integers(rate_hz // 20, rate_hz // 10))
        time = np.arange(length) / rate_hz
        base = (440.0 if voice == "alto" else 220.0) * (0.9 + 0.2 * numbers.random())
        bend = 1 + (1 if unit == "high" else -1) * 0.5 * time / time[-1]
        phase = 2 * np.pi * np.cumsum(base * bend) / rate_hz
        wave_ = 0.3 * np.sin(phase) + 0.1 * np.sin(2 * phase) + 0.01 * numbers.standard_normal(length)
        shaped = (wave_ * np.sin(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
        found.append(Recording(shaped, voice, unit, index // 4, None, f"{voice}-{unit}-{index}"))
    return found


def _wavs(archive: Archive) -> Iterator[tuple[str, np.ndarray, int]]:
    """Yield (name, samples, rate) of every 16-bit mono WAV file in an archive, by name."""
    path = download.fetch(archive)
    try:
        with tarfile.open(path) as packed:
            members = sorted((m for m in packed if m.name.endswith(".wav")), key=lambda m: m.name)
            for member in members:
                file = packed.extractfile(member)
                assert file is not None
                with wave.open(file) as opened:
                    raw = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
                    yield member.name, (raw / np.float32(32768)).astype(np.float32), opened.getframerate()
    except (tarfile.TarError, wave.Error, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); delete it and fetch it again") from error


def _index(archive: Archive) -> dict[str, dict[str, str]]:
    with tarfile.open(download.fetch(archive)) as packed:
        file = packed.extractfile("index.tsv")
        assert file is not None
        return {row["file"]: row for row in csv.DictReader(io.TextIOWrapper(file, "utf-8"), delimiter="\t")}


def _scaled(samples: np.ndarray, peak: float) -> np.ndarray:
    return (samples * (peak / max(float(np.abs(samples).max()), 1e-6))).astype(np.float32)


def _fade(length: int, rate_hz: int) -> np.ndarray:
    """Return a gain that ends in a tenth of a second from 1 to 0."""
    return np.clip((length - np.arange(length)) / (0.1 * rate_hz), 0, 1).astype(np.float32)
