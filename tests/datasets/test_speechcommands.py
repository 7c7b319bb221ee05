"""Speech Commands, whole, on a made archive of the same layout: its lists, its folders, and what is no word."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest

from pellucid import download, sound
from pellucid.datasets import speechcommands
from pellucid.download import Archive
from pellucid.errors import DataError, UsageError
from pellucid.tasks.words import Words, full

WORDS = {"yes": 300.0, "no": 700.0, "backward": 1100.0}
SPEAKERS = [f"{number:08x}" for number in range(8)]
VALID, TEST = SPEAKERS[5:6], SPEAKERS[6:]


def made(*, lists=True, noise=True):
    """Return the bytes of an archive: "./word/SPEAKER_nohash_TAKE.wav", the lists in the middle of it."""
    names = [f"{word}/{speaker}_nohash_0.wav" for word in WORDS for speaker in SPEAKERS]
    files = {}
    for name in names:
        word = name.split("/")[0]
        time = (
            np.arange(16000 - 100 * SPEAKERS.index(name.split("/")[1][:8])) / 16000
        )  # not all last a second
        files[f"./{name}"] = sound.wav(sound.Sound(0.3 * np.sin(2 * np.pi * WORDS[word] * time), 16000))
    if noise:
        files["./_background_noise_/white_noise.wav"] = sound.wav(sound.Sound(np.zeros(48000), 16000))
    for file, chosen in (("validation_list.txt", VALID), ("testing_list.txt", TEST)):
        listed = [name for name in names if name.split("/")[1][:8] in chosen]
        if lists:
            files[f"./{file}"] = "\n".join([*listed, ""]).encode()
    files["./README.md"] = b"validation_list.txt"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name in sorted(files, key=lambda name: name[::-1]):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            packed.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(out.getvalue())


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """Put an archive into a mirror, under the official name and with a checksum of its own."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")

    def put(content):
        official = speechcommands.ARCHIVES["v0.02"]
        there = tmp_path / "mirror" / official.file
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(content)
        accepted = {hashlib.sha256(content).hexdigest(): len(content)}
        archive = Archive(official.file, accepted, official.url)
        monkeypatch.setitem(speechcommands.ARCHIVES, "v0.02", archive)
        return there

    return put


def test_the_official_archive_is_known_by_its_published_checksum():
    archive = speechcommands.ARCHIVES["v0.02"]
    assert archive.url == "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
    digest = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    assert archive.accepted == {digest: 2_428_923_189}


def test_the_official_lists_say_what_validates_and_tests_and_all_else_trains(mirror):
    mirror(made())
    listed = speechcommands.official()
    assert len(listed) == 3 * 3
    parts = {part: list(speechcommands.recorded(part, listed)) for part in ("train", "valid", "test")}
    assert {part: {r.voice for r in found} for part, found in parts.items()} == {
        "train": set(SPEAKERS[:5]),
        "valid": set(VALID),
        "test": set(TEST),
    }
    assert {r.unit for r in parts["train"]} == set(WORDS)  # and not the noise
    one = next(r for r in parts["valid"] if r.unit == "no")
    assert (one.name, len(one.samples), one.samples.dtype) == ("no/00000005_nohash_0.wav", 15500, np.float32)


def test_the_task_hears_the_words_and_opens_the_test_part_last(mirror, monkeypatch):
    mirror(made())
    opened = []
    recorded = speechcommands.recorded
    monkeypatch.setattr(
        speechcommands, "recorded", lambda part, **how: opened.append(part) or recorded(part, **how)
    )
    data = Words(dataset="commands-full", rate=16000).data()
    assert data.facts["classes"] == ["backward", "no", "yes"]
    assert data.facts["counts"] == {"train": 15, "valid": 3, "train per class": [5, 5, 5]}
    assert "v0.02" in data.facts["source"]
    sounds, labels = data.train.tensors
    for one, label in zip(sounds, labels, strict=True):
        spectrum = np.abs(np.fft.rfft(one.numpy()))  # of a second: a bin a hertz
        assert abs(spectrum.argmax() - WORDS[data.facts["classes"][label]]) <= 1
    assert opened == ["train", "valid"]
    assert len(data.test()) == 6
    assert opened[2:] == ["test"]


def test_other_rates_are_resampled(mirror):
    mirror(made())
    data = Words(dataset="commands-full").data()
    assert data.train.tensors[0].shape == (15, 8000)


def test_its_setting_is_a_task_that_can_be_trained(mirror):
    mirror(made())
    task = full()
    inputs, _ = task.prepare(task.data().train.tensors[0][:2], facts=task.data().facts)
    assert task.model(task.data().facts)(inputs).shape == (2, 3)


def test_a_file_that_is_not_the_official_one_is_refused(mirror):
    there = mirror(made())
    content = there.read_bytes()
    there.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="sha256"):
        speechcommands.official()
    assert not download.where(speechcommands.ARCHIVES["v0.02"]).exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made(lists=False), "no validation_list.txt"),
        (made()[: len(made()) // 2], "cannot be unpacked"),
        (gzip.compress(b"this is no archive" * 100), "cannot be unpacked"),
    ],
    ids=["without lists", "cut off", "no archive"],
)
def test_an_archive_that_cannot_be_read_is_told(mirror, content, said):
    mirror(content)
    with pytest.raises(DataError, match=said):
        list(speechcommands.recorded("train", speechcommands.official()))


def test_speakers_cannot_be_recognised_where_each_is_in_one_part_only():
    with pytest.raises(UsageError, match="--classify voice"):
        Words(dataset="commands-full", classify="voice").data()
