"""Sound files into samples and back: WAV and FLAC through soundfile, WAV also without it; resampling.

A sound here is mono float32 in [-1, 1]. Several channels are averaged, other rates are resampled with a
windowed sinc; ``Sound.notes`` says what was done to a file.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from pellucid.errors import DataError, MissingExtra, UsageError
from pellucid.media import file_bytes, utf8

MOST_SECONDS = 600.0
MOST_BYTES = 2**27
TAPS = 16  # zero crossings of the sinc on either side
PHASES = 4096  # places between two samples that have a kernel of their own
RATES = (1_000, 768_000)  # Hz that a file may say
KNOWN = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "flac", b"OggS": "ogg", b"FORM": "aiff", b"ID3": "mp3"}
WRITTEN = (".wav", ".flac")


@dataclass(frozen=True)
class Sound:
    """Samples with their rate.

    Attributes:
        samples: ``(T,)`` float32 in [-1, 1].
        rate_hz: samples a second.
        notes: what was done to the file on its way, in words.
    """

    samples: np.ndarray = field(repr=False)
    rate_hz: int
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate_hz


class Into(Protocol):
    """A function that turns a sound into stages by name; the last one is the raw sample."""

    def __call__(self, sound: Sound, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages."""


@dataclass(frozen=True)
class SoundInput:
    """What a task takes when it takes a recording.

    Args:
        into: (sound at ``facts["rate_hz"]``, facts) -> stages; the last is what ``Task.prepare`` takes.
    """

    into: Into
    kind: ClassVar[str] = "sound"

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages of a file, of its bytes, or of samples at ``facts["rate_hz"]``.

        Raises:
            DataError: the file cannot be read, or nothing is found in it.
        """
        rate = int(facts["rate_hz"])
        if isinstance(source, np.ndarray):
            return dict(self.into(Sound(np.asarray(source, np.float32), rate), facts))
        name = "the recording" if isinstance(source, bytes) else str(source)
        try:
            return dict(self.into(read(source, rate_hz=rate), facts))
        except DataError as error:
            raise error if str(error).startswith(name) else DataError(f"{name}: {error}") from error

    def shown(self, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
        """Return a raw sample, int16 or floats in [-1, 1], as a WAV file and its media type."""
        whole = sample.dtype == np.int16
        samples = sample / np.float32(32768) if whole else sample
        return wav(Sound(samples, int(facts["rate_hz"]))), "audio/wav"


@dataclass(frozen=True)
class ScriptInput:
    """What a task takes when it takes a text that is to be said.

    Args:
        into: (text, facts) -> stages by name; the last is ``(W, ...)``, a raw sample for each word.
    """

    into: Callable[[str, dict[str, Any]], dict[str, np.ndarray]]
    kind: ClassVar[str] = "script"

    def read(self, source: str | Path | bytes | np.ndarray, facts: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the stages of a text, of a file of text (Path), of UTF-8 bytes, or of an array.

        Raises:
            DataError: the file cannot be read, or a word is not known.
        """
        if isinstance(source, np.ndarray):
            return {"sample": source}
        if isinstance(source, Path):
            source = file_bytes(source)
        return dict(self.into(source if isinstance(source, str) else utf8(source, "the text"), facts))


def read(source: str | Path | bytes, *, rate_hz: int | None = None) -> Sound:
    """Read a file, or the bytes of one, as mono; ``rate_hz`` resamples it.

    Raises:
        DataError: missing, empty, truncated, too long, of no samples, or not a sound.
        MissingExtra: soundfile is not installed and the file is not plain WAV.
    """
    name = "the recording" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else _content(Path(source))
    if not content:
        raise DataError(f"{name}: empty (0 bytes); record it again")
    kind = next((kind for magic, kind in KNOWN.items() if content.startswith(magic)), None)
    if kind is None and content[:2] not in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        raise DataError(f"{name}: not a sound file; WAV and FLAC are taken (OGG, AIFF and MP3 too)")
    if kind == "wav":
        _whole(content, name)
    samples, rate = _decoded(content, name)
    notes = []
    if samples.shape[1] > 1:
        notes.append(f"{samples.shape[1]} channels were averaged to one")
    mono = samples.mean(1, dtype=np.float32)
    if not len(mono):
        raise DataError(f"{name}: no sample in it; record it again")
    if not np.isfinite(mono).all():
        raise DataError(f"{name}: samples that are not numbers (NaN or infinite); export it again")
    if np.abs(mono).max() > 1:
        notes.append("samples beyond full scale were clipped")
        mono = mono.clip(-1, 1)
    if rate_hz is not None and rate != rate_hz:
        notes.append(f"resampled from {rate} Hz to {rate_hz} Hz")
        mono = resample(mono, rate_hz / rate)
    return Sound(mono, rate_hz or rate, tuple(notes))


def write(path: Path, sound: Sound) -> None:
    """Write a sound as 16-bit WAV or, with soundfile, as FLAC.

    Raises:
        UsageError: the name ends in neither.
        DataError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise UsageError(f"{path}: what is written is {' or '.join(WRITTEN)}; choose such a name")
    content = wav(sound) if suffix == ".wav" else flac(sound)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error


def wav(sound: Sound) -> bytes:
    """Return a sound as the bytes of a 16-bit WAV file."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate_hz)
        file.writeframes(_int16(sound.samples).tobytes())
    return kept.getvalue()


def resample(samples: np.ndarray, ratio: float) -> np.ndarray:
    """Return ``(T,)`` samples at ``ratio`` times their rate: windowed-sinc interpolation, band-limited.

    Each output sample is a sum over the ``TAPS`` zero crossings on either side (J. O. Smith, Digital Audio
    Resampling, 2002), under a Kaiser window.
    """
    if ratio == 1 or not len(samples):
        return np.asarray(samples, np.float32)
    cutoff = min(1.0, ratio) * 0.96  # of the lower Nyquist frequency; the rest is for the slope
    reach = math.ceil(TAPS / cutoff)
    kernels = _kernels(cutoff, reach)
    padded = np.pad(np.asarray(samples, np.float32), (reach, reach + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach)
    out = np.empty(max(1, math.floor(len(samples) * ratio + 1e-9)), np.float32)
    for start in range(0, len(out), 2**14):  # a block at a time: the matrix is (block, 2 reach)
        at = np.arange(start, min(len(out), start + 2**14)) / ratio
        whole = np.floor(at).astype(np.int64)
        phase = np.round((at - whole) * PHASES).astype(np.int64)
        out[start : start + len(at)] = np.einsum("ij,ij->i", kernels[phase], windows[whole + 1])
    return out.clip(-1, 1)


@lru_cache(maxsize=16)
def _kernels(cutoff: float, reach: int) -> np.ndarray:
    """Return the interpolating kernel of each phase: ``(PHASES + 1, 2 reach)`` float32."""
    distance = np.arange(-reach + 1, reach + 1) - np.arange(PHASES + 1)[:, None] / PHASES
    window = np.i0(9.0 * np.sqrt(np.clip(1 - (distance / reach) ** 2, 0, 1))) / np.i0(9.0)
    return (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)


def _content(path: Path) -> bytes:
    try:
        if path.is_file():
            if path.stat().st_size > MOST_BYTES:
                raise DataError(f"{path}: larger than {MOST_BYTES // 2**20} MB; cut it into shorter files")
            return path.read_bytes()
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({type(error).__name__})") from error
    raise DataError(f"{path}: {'not a file' if exists else 'no such file'}; give a WAV or FLAC file")


def _whole(content: bytes, name: str) -> None:
    """Refuse a WAV file that ends before its header says."""
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        if content[place : place + 4] == b"data":
            missing = place + 8 + size - len(content)
            if missing > 0 and size < 0xFFFFFF00:  # streams write the largest number there is
                raise DataError(f"{name}: truncated, {missing:,} of {size:,} bytes of sound are missing")
            return
        place += 8 + size + size % 2
    raise DataError(f"{name}: truncated or damaged, no sound follows the header; record it again")


def _decoded(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Return ``(T, channels)`` float32 and the rate."""
    try:
        import soundfile  # an extra, and slow to import
    except (ImportError, OSError):
        return _plain(content, name)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate, frames = int(file.samplerate), int(file.frames)
            _sensible(rate, frames, name)
            samples = file.read(dtype="float32", always_2d=True)
    except DataError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise DataError(f"{name}: truncated or damaged, it cannot be decoded ({error})") from None
    if len(samples) < frames:
        raise DataError(f"{name}: truncated, {len(samples):,} of {frames:,} samples are there")
    return samples, rate


def _plain(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Decode integer WAV with the standard library."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
            _sensible(rate, file.getnframes(), name)
            raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    except (wave.Error, EOFError) as error:
        raise MissingExtra(
            f"{name}: only plain WAV can be read without soundfile ({error}); pip install pellucid[audio]"
        ) from None
    parts = raw[: len(raw) // (width * channels) * width * channels].reshape(-1, width).astype(np.int64)
    if width == 1:
        values = parts[:, 0] - 128
    else:
        values = (parts << 8 * np.arange(width)).sum(1)
        values = np.where(values >= 1 << (8 * width - 1), values - (1 << 8 * width), values)
    return (values / float(1 << (8 * width - 1))).astype(np.float32).reshape(-1, channels), rate


def _sensible(rate: int, frames: int, name: str) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{name}: {rate} samples a second; expected {RATES[0]:,} to {RATES[1]:,}")
    if frames > MOST_SECONDS * rate:
        raise DataError(f"{name}: {frames / rate:.0f} seconds; at most {MOST_SECONDS:.0f} are read; cut it")


def flac(sound: Sound) -> bytes:
    """Return a sound as the bytes of a 16-bit FLAC file.

    Raises:
        MissingExtra: soundfile is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise MissingExtra("FLAC needs soundfile: pip install pellucid[audio], or write .wav") from error
    kept = io.BytesIO()
    soundfile.write(kept, _int16(sound.samples), sound.rate_hz, format="FLAC", subtype="PCM_16")
    return kept.getvalue()


def _int16(samples: np.ndarray) -> np.ndarray:
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
