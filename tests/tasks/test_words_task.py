"""The task words: what is cut out of a recording, augmentation that is a function of the draw, the mel scale."""

import dataclasses

import numpy as np
import pytest
import torch

from pellucid import sound
from pellucid.datasets import logmel, recordings
from pellucid.errors import DataError, UsageError
from pellucid.seeding import Draws
from pellucid.sound import Sound
from pellucid.tasks.words import Words, fitted, read_word, spoiled, tiny

FACTS = {"samples": 8000, "rate_hz": 8000, "bands": 40, "classes": ["a", "b"]}


def test_the_loudest_second_is_cut_out_and_a_short_word_stands_in_the_middle():
    long = np.zeros(20000, np.float32)
    long[11000:12000] = 0.5
    cut = fitted(long, 8000)
    assert np.count_nonzero(cut) == 1000
    short = fitted(np.full(1000, 0.5, np.float32), 8000)
    assert np.flatnonzero(short)[[0, -1]].tolist() == [3500, 4499]


def test_silence_is_refused_and_says_how_loud_it_was():
    with pytest.raises(DataError, match="silence"):
        read_word(Sound(np.full(8000, 1e-5, np.float32), 8000), FACTS)


def test_loudness_does_not_change_what_the_network_hears():
    wave = recordings.made_up(8000, 1, seed=0)[0].samples
    loud, quiet = (
        Words().prepare(torch.from_numpy(fitted(wave * gain, 8000))[None], facts=FACTS)[0]
        for gain in (1, 0.1)
    )
    assert (loud - quiet).abs().mean() < 0.02


def test_spoiling_moves_a_word_and_adds_noise_as_the_draw_says():
    waves = torch.zeros(3, 8000)
    waves[:, 4000] = 1.0
    draws = Draws(0, 0, torch.tensor([1, 2, 1]))
    moved = spoiled(waves, draws)
    places = moved.argmax(1)
    assert torch.equal(moved[0], moved[2])
    assert places[0] != places[1]
    assert ((places - 4000).abs() <= 800).all()


def test_a_band_peaks_where_its_tone_is():
    time = torch.arange(8000) / 8000
    bands = logmel.filters(8000, 129)
    hertz = torch.linspace(0, 4000, 129)[bands.argmax(1)]
    for tone in (300.0, 1000.0, 3000.0):
        heard = logmel.log_mel(torch.sin(2 * torch.pi * tone * time)[None], 8000)[0].mean(1)
        assert abs(float(hertz[heard.argmax()]) - tone) < 120


def test_bands_are_equally_wide_in_mel():
    peaks = torch.linspace(0, 4000, 4001)[logmel.filters(8000, 4001).argmax(1)].numpy()
    lowest, highest = 92.7, 2146.1  # mel of 60 and of 4000 Hz; the anchor of the scale is 1000 mel at 1 kHz
    assert np.interp(1000, peaks, np.linspace(lowest, highest, 42)[1:-1]) == pytest.approx(1000, abs=3)


def test_a_full_sine_has_zero_decibels():
    wave = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    decibels, frame, top = logmel.spectrogram(wave, 8000)
    assert decibels[:, 5:-5].max() == pytest.approx(0, abs=0.5)
    assert (frame, top) == (0.01, 4000)


def test_words_of_one_s_own_lie_in_one_folder_each(tmp_path):
    for place, made in enumerate(recordings.made_up(16000, 24, seed=3)):
        sound.write(tmp_path / made.unit / f"{place}.wav", Sound(made.samples, 16000))
    data = Words(own=str(tmp_path)).data()
    assert data.facts["classes"] == ["high", "low"]
    assert len(data.train) + len(data.valid) + len(data.test()) == 24


def test_a_folder_without_words_is_refused_with_an_example(tmp_path):
    with pytest.raises(DataError, match="one sub-folder a word"):
        Words(own=str(tmp_path)).data()
    with pytest.raises(DataError, match="no such folder"):
        Words(own=str(tmp_path / "none")).data()


def test_the_made_up_words_are_learned():
    from pellucid import engine

    task = tiny()
    training = dataclasses.replace(task.training, epochs=12)
    learner = dataclasses.replace(task, training=training).learner(task.data())
    for _ in engine.fit(learner):
        pass
    assert learner.evaluate()["accuracy"].value > 0.9


@pytest.mark.parametrize("fields", [{"widths": ()}, {"dropout": 1.0}, {"rate": 10}])
def test_a_field_outside_its_range_is_refused(fields):
    with pytest.raises(UsageError):
        Words(**fields)


def test_a_made_up_speaker_can_be_left_out_too():
    task = dataclasses.replace(tiny(), leave_out="alto")
    data, whole = task.data(), tiny().data()
    made = [r for n, seed in ((120, 1), (24, 2)) for r in recordings.made_up(task.rate, n, seed=seed)]
    alto = {fitted(r.samples, task.rate).tobytes() for r in made if r.voice == "alto"}
    train, valid, test = (
        {row.numpy().tobytes() for row in part.tensors[0]} for part in (data.train, data.valid, data.test())
    )
    assert test == alto
    assert not alto & (train | valid)
    assert (len(train), len(valid)) == (len(whole.train) // 2, len(whole.valid) // 2)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset": "tiny", "leave_out": "nobody"}, "the speakers are alto, bass"),
        ({"dataset": "commands-full", "leave_out": "c50f55b8"}, "official split"),
        ({"own": "nowhere", "leave_out": "nobody"}, "not known"),
        ({"dataset": "tiny", "leave_out": "alto", "classify": "voice"}, "cannot be recognised"),
    ],
)
def test_a_speaker_who_cannot_be_left_out_is_refused(fields, said):
    with pytest.raises(UsageError, match=said):
        Words(**fields).data()


@pytest.mark.mirror
def test_a_speaker_of_the_commands_can_be_left_out():
    spoken = recordings.commands()
    voice = spoken[0].voice
    data = Words(dataset="commands", rate=16000, leave_out=voice).data()
    assert len(data.test()) == sum(r.voice == voice for r in spoken)


@pytest.mark.mirror
def test_a_speaker_can_be_left_out():
    data = Words(leave_out="theo").data()
    assert (len(data.train), len(data.valid), len(data.test())) == (1900, 100, 450)
    with pytest.raises(UsageError, match="george, jackson"):
        Words(leave_out="ada").data()
