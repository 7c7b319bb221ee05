"""Google Speech Commands v0.02, whole: 105,829 recordings of 35 words by 2,618 people, CC BY 4.0.

Warden 2018, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209. The
archive has a folder for each word, ``_background_noise_``, which is no word, and the official lists of what
validates and what tests; all else trains, and no speaker is in two parts. It is read from front to back and
never unpacked.
"""

from __future__ import annotations

import io
import tarfile
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Literal

import numpy as np

from pellucid import download, sound
from pellucid.datasets.recordings import Recording
from pellucid.download import Archive
from pellucid.errors import DataError

ARCHIVES = {  # the checksum is that of TensorFlow Datasets and of torchaudio
    "v0.02": Archive(
        "speech-commands/speech_commands_v0.02.tar.gz",
        {"af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58": 2_428_923_189},
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    )
}
SOURCE = "Google Speech Commands v0.02, Pete Warden (download.tensorflow.org), CC BY 4.0"
LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}
MOST_BYTES = 2**22  # of a list or a recording
TAKE = "_nohash_"  # between the speaker's hash and the number of the take

Part = Literal["train", "valid", "test"]


def official() -> dict[str, Part]:
    """Return the part of each listed recording, by "word/file.wav"; what is not listed trains.

    Raises:
        DataError: the archive cannot be had or read, or a list is missing.
    """
    found: dict[str, Part] = {}
    missing = dict(LISTS)
    with _opened() as packed:
        for name, file in _members(packed, ".txt"):
            part: Part | None = missing.pop(name, None)  # type: ignore[assignment]
            if part is not None:
                found |= dict.fromkeys(file.read(MOST_BYTES).decode("utf-8").split(), part)
            if not missing:
                return found
    raise DataError(f"{ARCHIVES['v0.02'].file}: there is no {' and no '.join(missing)} in it")


def recorded(part: Part, listed: Mapping[str, Part], rate_hz: int = 16000) -> Iterator[Recording]:
    """Yield the recordings of a part, in the archive's order, the speaker's hash as the voice.

    Args:
        listed: as ``official`` returns it.
        rate_hz: to which they are resampled.
    Raises:
        DataError: the archive cannot be had or read.
    """
    with _opened() as packed:
        for name, file in _members(packed, ".wav"):
            word, _, take = name.rpartition("/")
            if not word or word.startswith("_") or listed.get(name, "train") != part:
                continue
            with wave.open(io.BytesIO(file.read(MOST_BYTES))) as opened:  # it wants to seek, a stream cannot
                raw, rate = opened.readframes(opened.getnframes()), opened.getframerate()
                if opened.getsampwidth() != 2 or opened.getnchannels() != 1:
                    raise DataError(f"{name}: not mono of 16 bits")
            samples = sound.resample(np.frombuffer(raw, "<i2") / np.float32(32768), rate_hz / rate)
            voice, _, number = take.removesuffix(".wav").partition(TAKE)
            yield Recording(samples, voice, word, int(number) if number.isdecimal() else 0, None, name)


@contextmanager
def _opened() -> Iterator[tarfile.TarFile]:
    """Open the archive as a stream; what goes wrong while it is read is a ``DataError``."""
    path = download.fetch(ARCHIVES["v0.02"])
    try:
        with tarfile.open(path, "r|gz") as packed:
            yield packed
    except (tarfile.TarError, wave.Error, EOFError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); delete it and fetch it again") from error


def _members(packed: tarfile.TarFile, suffix: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the files of a kind: "right/988e2f9a_nohash_0.wav", without the "./" of the archive."""
    for member in packed:
        name = str(PurePosixPath(member.name))
        file = packed.extractfile(member) if member.isfile() and name.endswith(suffix) else None
        if file is not None:
            yield name, file
