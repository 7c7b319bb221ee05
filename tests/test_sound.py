"""Sound files: every kind people bring is read right or refused with a reason; resampling is true."""

import io
import sys
import wave

import numpy as np
import pytest

from pellucid import sound
from pellucid.errors import DataError, MissingExtra, UsageError
from pellucid.sound import Sound

soundfile = pytest.importorskip("soundfile")


def sine(hertz, rate, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def encoded(samples, rate, kind="WAV", subtype="PCM_16"):
    kept = io.BytesIO()
    soundfile.write(kept, samples, rate, format=kind, subtype=subtype)
    return kept.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "step"),
    [
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_U8", 1e-2),
        ("WAV", "FLOAT", 1e-7),
        ("FLAC", "PCM_16", 1e-4),
        ("FLAC", "PCM_24", 1e-6),
    ],
)
def test_every_depth_is_read(kind, subtype, step):
    samples = sine(440, 8000)
    found = sound.read(encoded(samples, 8000, kind, subtype))
    assert found.rate_hz == 8000
    assert np.abs(found.samples - samples).max() <= step
    assert found.notes == ()


def test_stereo_is_averaged_and_says_so():
    both = np.stack([sine(440, 8000), -sine(440, 8000)], 1)
    found = sound.read(encoded(both, 8000))
    assert np.abs(found.samples).max() < 1e-4
    assert found.notes == ("2 channels were averaged to one",)


@pytest.mark.parametrize("rate", [44100, 48000, 16000, 11025])
def test_another_rate_is_resampled_and_says_so(rate):
    found = sound.read(encoded(sine(440, rate), rate), rate_hz=8000)
    assert found.notes == (f"resampled from {rate} Hz to 8000 Hz",)
    assert abs(len(found.samples) - 4000) <= 1
    true = sine(440, 8000)[200:3800]
    assert np.abs(found.samples[200:3800] - true).max() < 1e-3


def test_what_the_lower_rate_cannot_hold_is_gone_and_not_folded_back():
    high = sound.resample(sine(5000, 16000), 0.5)
    assert np.abs(high[100:-100]).max() < 1e-3


def test_a_written_sound_is_read_back(tmp_path):
    for name in ("a.wav", "b.flac"):
        sound.write(tmp_path / name, Sound(sine(300, 8000), 8000))
        assert np.abs(sound.read(tmp_path / name).samples - sine(300, 8000)).max() < 1e-4


def test_only_wav_and_flac_are_written(tmp_path):
    with pytest.raises(UsageError, match=r"\.wav or \.flac"):
        sound.write(tmp_path / "a.mp3", Sound(sine(300, 8000), 8000))


BAD = {
    "empty": (b"", "empty"),
    "text": (b"this is no sound at all, it is text", "not a sound file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "not a sound file"),
    "half": (encoded(sine(440, 8000), 8000)[:2000], "truncated"),
    "header": (encoded(sine(440, 8000), 8000)[:30], "truncated"),
    "no samples": (encoded(np.zeros(0, np.float32), 8000), "no sample"),
    "not numbers": (encoded(np.array([0, np.nan, 0], np.float32), 8000, subtype="FLOAT"), "not numbers"),
    "half a flac": (encoded(np.random.default_rng(0).standard_normal(9000) * 0.1, 8000, "FLAC")[:3000], "truncated"),
    "too fast": (encoded(sine(440, 900), 900), "samples a second"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_its_name_and_a_reason(name, tmp_path):
    content, reason = BAD[name]
    path = tmp_path / "voice.wav"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        sound.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        sound.read(tmp_path / "nothing.wav")
    with pytest.raises(DataError, match="not a file"):
        sound.read(tmp_path)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_without_soundfile_plain_wav_is_read_and_the_rest_names_the_extra(subtype, monkeypatch):
    content, flac = encoded(sine(440, 8000), 8000, subtype=subtype), encoded(sine(440, 8000), 8000, "FLAC")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    if subtype != "PCM_24":  # soundfile writes 24 bits as "extensible", which Python reads from 3.12 on
        assert np.abs(sound.read(content).samples - sine(440, 8000)).max() <= 1e-2
    with pytest.raises(MissingExtra, match="audio"):
        sound.read(flac)


def test_a_sound_of_24_bits_is_read_without_soundfile(monkeypatch):
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(8000)
        file.writeframes(b"\x00\x00\x40" + b"\x00\x00\xc0")  # half of full scale, and minus that
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert sound.read(kept.getvalue()).samples.tolist() == [0.5, -0.5]
