"""The task speech: rows, places, pauses, who can do what, bits by hand, and the flags of predict."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pellucid import config
from pellucid.cli.main import main
from pellucid.datasets import mulaw, recordings, utterances
from pellucid.errors import DataError, UsageError
from pellucid.sampling import Draw
from pellucid.tasks.speech import KNOTS, Speech, tiny
from pellucid.verbs import speech
from pellucid.verbs.predict import prepared
from pellucid.verbs.speech import Request
from pellucid.verbs.trained import Ready, restored
from pellucid.verbs.utterance import utter


@pytest.fixture(scope="module")
def ready():
    torch.manual_seed(0)
    task = tiny()
    facts = task.data().facts
    facts |= {"ranges": {"bass": [40.0, 60.0]}}  # one of the two can sing
    return Ready(task=task, facts=facts, network=task.model(facts).eval().requires_grad_(False))


def test_a_row_becomes_codes_and_conditioning_of_whole_frames(ready):
    codes = np.arange(100, 190)
    inputs, targets = ready.task.prepare(
        torch.from_numpy(utterances.row(codes, 1, 1, 60.5))[None], facts=ready.facts
    )
    assert inputs.shape == (1, 6, 160)
    assert targets[0, :90].tolist() == codes.tolist()
    assert (targets[0, 90:] == -1).all()
    assert inputs[0, 0, :90].tolist() == codes.tolist()
    assert (inputs[0, 0, 90:] == mulaw.SILENCE).all()
    assert (inputs[0, 1] == 1).all()
    assert (inputs[0, 3] == 40.5).all()  # row r is MIDI r + 20
    places = (inputs[0, 2, ::80] - KNOTS) / (KNOTS - 1)
    assert places.tolist() == pytest.approx([0.25, 0.75])  # middles of the two frames of unit 1


def test_the_phase_of_a_recording_is_that_of_its_own_fundamental():
    time = np.arange(8000) / 8000
    hertz = 110 * 2 ** ((20 + 30 * np.sin(2 * np.pi * 5.5 * time)) / 1200)  # vibrato, and 20 cents too high
    phase = 1.3 + 2 * np.pi * np.cumsum(hertz) / 8000
    wave = 0.1 * np.cos(phase) + 0.2 * np.cos(2 * phase + 1) + 0.2 * np.cos(3 * phase + 2)
    codes = mulaw.encode(wave + 0.01 * np.random.default_rng(0).standard_normal(8000))
    sine, cosine = utterances.phases(torch.from_numpy(codes)[None], torch.tensor([25000]), 8000)[0].numpy()
    apart = np.angle(np.exp(1j * phase) * (cosine - 1j * sine))[400:-400]
    assert np.abs(apart).max() < 0.25
    assert abs(apart.mean()) < 0.02
    assert np.allclose(sine**2 + cosine**2, 1, atol=1e-5)


@pytest.mark.parametrize("made", [False, True])
def test_the_phase_of_what_is_still_to_be_sung_or_was_made_is_that_of_the_pitch(ready, made):
    length = 80_000  # so long that float32 would have lost the phase
    codes = np.random.default_rng(0).integers(0, 256, length) if made else np.full(length, mulaw.SILENCE)
    row = torch.from_numpy(utterances.row(codes, 1, 1, 60.123, made=made))[None]
    inputs, _ = ready.task.prepare(row, facts=ready.facts)
    phase = 2 * np.pi * 440 * 2 ** ((60.123 - 69) / 12) * np.arange(length) / 8000
    assert np.abs(inputs[0, 4].numpy() - np.sin(phase)).max() < 1e-4
    assert np.abs(inputs[0, 5].numpy() - np.cos(phase)).max() < 1e-4
    assert (inputs[0, 3] == 40.123).all()


def test_digits_have_no_phase_whatever_stands_beside_them(ready):
    codes = np.random.default_rng(0).integers(0, 256, 800)
    rows = np.stack([utterances.row(codes, 1, 1, pitch) for pitch in (None, 50.0, None)])
    inputs, _ = ready.task.prepare(torch.from_numpy(rows), facts=ready.facts)
    alone, _ = ready.task.prepare(torch.from_numpy(rows[1:2]), facts=ready.facts)
    assert (inputs[[0, 2], 4:] == 0).all()
    assert torch.equal(inputs[1:2], alone)
    assert (inputs[1, 4:].square().sum(0) - 1).abs().max() < 1e-5
    assert (
        replace(ready.task, phases=False).prepare(torch.from_numpy(rows), facts=ready.facts)[0].shape[1] == 4
    )


def test_what_was_sung_is_looked_into_with_the_phase_that_it_was_drawn_with(ready):
    ready = Ready(task=ready.task, network=ready.network, facts={**ready.facts, "sustained": ["low"]})
    request = Request(melody="C3:0.5", tempo=60, vowel="low")
    found = utter(ready, request, Draw(seed=1))
    logits = ready.network(prepared(ready, found.row))[0, : len(found.codes)]
    assert (logits - found.logits).abs().max() < 1e-4
    assert np.array_equal(found.samples, mulaw.decode(found.row[utterances.HEADER :] - 1))


def test_a_run_from_before_phases_is_opened_without_them():
    task = tiny()
    stated = {"task": "speech", **config.to_json(task)}
    training = stated.pop("training")
    run = SimpleNamespace(path="run", task=stated, training=training, environment={})
    assert restored(run) == task
    del stated["phases"]
    assert restored(run) == replace(task, phases=False)


def test_a_note_stays_in_its_middle_however_long_it_is():
    counts, notes = torch.tensor([200, 30]), torch.tensor([True, True])
    found = utterances.places(200, counts, notes)
    assert (found[0, 24:176] == 0.5).all()
    assert found[0, 0] < 0.02
    assert found[0, 199] > 0.98
    assert (found[:, 1:] >= found[:, :-1]).all()


def test_bits_are_nats_over_ln_2_summed_over_all_samples(ready):
    outputs = torch.tensor([[100 * math.log(2), 50], [10 * math.log(2), 50]], dtype=torch.double)
    scores = ready.task.metrics(outputs, torch.tensor([0, 1]), ready.facts)
    assert scores["bits"].value == pytest.approx(1.1)
    assert scores["bits of alto"].value == pytest.approx(2.0)
    assert scores["bits"].n == 100


def test_an_untrained_network_of_zeros_has_eight_bits(ready):
    network = ready.task.model(ready.facts)
    for parameter in network.last.parameters():
        torch.nn.init.zeros_(parameter)
    data = ready.task.data()
    inputs, targets = ready.task.prepare(*data.valid[torch.arange(4)], facts=data.facts)
    with torch.inference_mode():
        outcome = ready.task.outcome(network, inputs, targets, data.facts)
    assert ready.task.metrics(*outcome, data.facts)["bits"].value == pytest.approx(8.0)


def test_a_text_is_said_in_its_order_with_pauses_and_silence_between(ready):
    answer = speech.say(ready, Request(text="low high, low", voice="alto"))
    assert [part["unit"] for part in answer.parts] == ["low", "high", "low"]
    ends = [part["start"] + part["seconds"] for part in answer.parts]
    gaps = [b["start"] - end for b, end in zip(answer.parts[1:], ends, strict=False)]
    assert gaps[1] > gaps[0] > 0.05  # the comma takes a breath
    start, stop = (round(8000 * t) for t in (ends[0], answer.parts[1]["start"]))
    assert (answer.samples[start:stop] == 0).all()
    assert json.loads(json.dumps(answer.to_json()))["voice"] == "alto"


def test_a_seed_is_a_sound(ready):
    first, again, other = (
        speech.say(ready, Request(text="low", voice="alto"), Draw(seed=s)).samples for s in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)


def test_a_melody_lasts_as_long_as_its_beats(ready):
    ready = Ready(task=ready.task, network=ready.network, facts={**ready.facts, "sustained": ["low"]})
    answer = speech.say(ready, Request(melody="C3:0.1 R:0.1 E3:0.1", tempo=60, vowel="low"))
    starts = [part["start"] for part in answer.parts]
    assert starts == pytest.approx([0.0, 0.2], abs=0.01)
    assert answer.voice == "bass"


@pytest.mark.parametrize(
    ("request_", "kind", "reason"),
    [
        (Request(text="hello"), DataError, "high, low"),
        (Request(text=""), DataError, "no word"),
        (Request(), UsageError, "either a text"),
        (Request(text="low", melody="C3:1"), UsageError, "either a text"),
        (Request(text="low", voice="ada"), UsageError, "alto, bass"),
        (Request(text="low", voice="bass"), UsageError, "cannot speak"),
        (Request(melody="C3:1", voice="alto"), UsageError, "cannot sing"),
        (Request(melody="C6:1", vowel="low"), UsageError, "range, E2 to C4"),
        (Request(melody="C3:1", tempo=5), UsageError, "tempo"),
        (Request(text="low", speed=9), UsageError, "speed"),
        (Request(melody="C3:1", transpose=float("nan")), UsageError, "--transpose is nan"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(ready, request_, kind, reason):
    with pytest.raises(kind, match=reason):
        speech.say(ready, request_)


@pytest.mark.parametrize("hertz", [73.4, 110.0, 196.0, 233.1, 440.0])
def test_pitch_is_measured_within_five_cents(hertz):
    time = np.arange(8000) / 8000
    wave = sum(0.3 / k * np.sin(2 * np.pi * k * hertz * time + k) for k in (1, 2, 3, 4))
    noisy = wave + 0.02 * np.random.default_rng(0).standard_normal(8000)
    assert abs(1200 * math.log2(speech.pitch_of(noisy, 8000) / hertz)) < 5


def test_noise_and_silence_have_no_pitch():
    assert speech.pitch_of(np.random.default_rng(0).standard_normal(8000) * 0.1, 8000) is None
    assert speech.pitch_of(np.zeros(8000), 8000) is None


def test_recordings_of_one_s_own_are_resampled_and_learned_from(tmp_path):
    from pellucid import sound

    rows = ["file,text,voice"]
    for place, made in enumerate(recordings.made_up(16000, 12, seed=3)):
        sound.write(tmp_path / f"{place}.wav", sound.Sound(made.samples, 16000))
        rows.append(f"{place}.wav,{made.unit},{made.voice}")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    data = Speech(own=str(tmp_path)).data()
    assert data.facts["voices"] == ["alto", "bass"]
    assert data.facts["units"] == ["high", "low"]
    assert data.facts["done"] == ["resampled from 16000 Hz to 8000 Hz"]
    assert len(data.train) + len(data.valid) + len(data.test()) == 12


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "metadata.csv"), ("path,what\na.wav,b\n", "expected file, text, voice"), ("file,text\n,low\n", "line 2"), ("file,text\nnone.wav,low\n", "no such file")],
)  # fmt: skip
def test_recordings_of_one_s_own_that_cannot_be_read_are_refused(text, reason, tmp_path):
    if text is not None:
        (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(DataError, match=reason):
        recordings.own(tmp_path, 8000)


def test_the_command_writes_a_sound_and_refuses_what_it_cannot_write(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "speech", "--setting", "tiny", "--steps", "2", "--out", "run"]) == 0
    assert main(["predict", "run", "low high", "--voice", "bass", "-o", "out.flac"]) == 0
    assert (tmp_path / "out.flac").read_bytes()[:4] == b"fLaC"
    assert main(["predict", "run", "low", "-o", "out.mp3"]) == 2
    assert main(["predict", "run", "seventeen"]) == 4
    assert main(["predict", "run", "valid:0", "-o", "out.wav"]) == 0
    (tmp_path / "text").write_text("valid:0")  # in a file it is a text, of no word that is known
    assert main(["predict", "run", "text", "-o", "out.wav"]) == 4
    assert main(["predict", "run"]) == 2
    capsys.readouterr()
    assert main(["predict", "run", "one.png", "--temperature", "11"]) == 2
    assert "--temperature" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fields", [{"residual": 0}, {"kernel": 1}, {"rate": 100}, {"rate": 16000}, {"blocks": 9}]
)
def test_a_field_outside_its_range_is_refused(fields):
    with pytest.raises(UsageError):
        Speech(**fields)


@pytest.mark.mirror
def test_the_official_split_of_the_digits_is_kept():
    task = Speech(sing=False)
    data = task.data()
    assert (len(data.train), len(data.valid), len(data.test())) == (2280, 120, 300)
    assert set(data.facts["durations"]) == {"george", "jackson", "lucas", "nicolas", "theo", "yweweler"}
