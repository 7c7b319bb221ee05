"""Every changed byte of a run is noticed, by name; what is older and whole is used; nothing hangs or swells."""

from __future__ import annotations

import json
import os
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from simulated_disk import SimulatedDisk

from pellucid.errors import PellucidError, RunError
from pellucid.run import Progress, Run, read_tensors
from pellucid.sealed import ZEROS, seal

PLACE = Path("/run")
ROUNDS = int(os.environ.get("PELLUCID_FUZZ", "300"))
SMALL = ["task.json", "training.json", "facts.json", "environment.json", "progress.jsonl", "scores.json"]
SNAPSHOT = "snapshots/step-000000000006.safetensors"
STATES = [f"resume/step-{step:012d}.safetensors" for step in (4, 6)]


def fill(disk: SimulatedDisk, *, seed: int = 1, finish: bool = True) -> Run:
    run = Run.create(
        PLACE, task={"name": "digits"}, training={"seed": seed}, facts={"k": 3}, environment={}, disk=disk
    )
    for step in range(1, 7):
        run.log(Progress(step, 6, step / 3, 1 / step, 0.01))
        if step in (4, 6):
            run.save_state({"w": torch.arange(30.0) + step, "rate": 0.1}, step=step)
    run.save_weights({"w": torch.arange(30.0)}, step=6, scores={"accuracy": 0.9})
    run.snapshots.save({"w": torch.arange(30.0)}, step=6, scores={"accuracy": 0.9})
    if finish:
        run.finish()
    run.save_scores({"evaluate": {"accuracy": 0.9}})
    return run


def new(**settings) -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.history = None
    fill(disk, **settings)
    return disk


def complaints(disk: SimulatedDisk) -> list[str]:
    """What a reader of everything is told; raises whatever is no clear error."""
    found = []
    try:
        run = Run.open(PLACE, disk=disk)
    except RunError as error:
        return [str(error)]
    for look in (run.progress, run.weights, run.scores, run.state, lambda: run.snapshots.read(6)):
        try:
            result = look()
            found += result.warnings if look == run.state else []
        except RunError as error:
            found.append(str(error))
    return found


def flips(data: bytes) -> Iterator[bytes]:
    """Each byte changed in one bit, and each byte replaced by another."""
    for place in range(len(data)):
        for mask in (1 << place % 8, 0xFF):
            yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


@pytest.mark.parametrize("name", [*SMALL, STATES[1], SNAPSHOT, "weights.safetensors"])
def test_every_changed_byte_is_noticed(name):
    disk = new()
    assert complaints(disk) == []
    whole = disk.read(PLACE / name, 10**6)
    for changed in flips(whole):
        disk.write(PLACE / name, changed)
        told = complaints(disk)
        assert told
        assert any(name in text for text in told), told


@pytest.mark.parametrize("name", [*SMALL, STATES[1], SNAPSHOT, "weights.safetensors"])
def test_every_truncation_is_noticed(name):
    disk = new()
    whole = disk.read(PLACE / name, 10**6)
    for length in range(len(whole)):
        disk.write(PLACE / name, whole[:length])
        assert complaints(disk), length


def mutated(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """``data`` with bits flipped, cut, extended, overwritten, exchanged for another file, doubled."""
    place = draw.randrange(len(data))
    junk = bytes(draw.choices(range(256), k=draw.randint(1, 40)))
    return draw.choice(
        [
            data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
            data[:place],
            data + junk,
            data[:place] + junk + data[place + len(junk) :],
            data[:place] + junk + data[place:],
            data[:place] + data[place + 1 :],
            other,
            data + data,
            b"",
            bytes(len(data)),
        ]
    )


def test_random_damage_anywhere_is_noticed():
    draw, missed = random.Random(6), []
    names = [*SMALL, *STATES, SNAPSHOT, "weights.safetensors"]
    clean, foreign = new(), new(seed=2)
    for number in range(ROUNDS):
        name = draw.choice(names)
        whole = clean.read(PLACE / name, 10**6)
        source = draw.choice([clean, foreign])
        changed = mutated(whole, source.read(PLACE / draw.choice(names), 10**6), draw)
        if changed == whole:
            continue
        clean.write(PLACE / name, changed)
        # The older state is read only when the newer is gone, so that it is looked at too.
        newest = clean.read(PLACE / STATES[1], 10**6)
        if name == STATES[0]:
            clean.unlink(PLACE / STATES[1])
        if not complaints(clean):
            missed.append((number, name))
        clean.write(PLACE / STATES[1], newest)
        clean.write(PLACE / name, whole)
    assert missed == []


def test_the_older_state_is_used_and_the_damaged_one_named():
    disk = new()
    disk.write(PLACE / STATES[1], disk.read(PLACE / STATES[1], 10**6)[:-1])
    saved = Run.open(PLACE, disk=disk).state()
    assert saved.step == 4
    assert saved.state["w"].tolist() == [value + 4.0 for value in range(30)]
    assert len(saved.warnings) == 1
    assert STATES[1] in saved.warnings[0]
    assert "SHA-256" in saved.warnings[0]


def test_a_damaged_log_sends_training_back_to_the_state_before_the_damage():
    disk = new(finish=False)
    lines = disk.read(PLACE / "progress.jsonl", 10**6).splitlines(keepends=True)
    disk.write(PLACE / "progress.jsonl", b"".join([*lines[:4], lines[4].replace(b"5", b"6", 1), *lines[5:]]))
    run = Run.open(PLACE, disk=disk)
    with pytest.raises(RunError, match="line 5 does not match its CRC"):
        run.progress()
    saved = run.state()
    assert saved.step == 4
    run.rewind(saved.step)
    assert [line["step"] for line in run.progress()] == [1, 2, 3, 4]


def header(text: bytes, data: bytes = b"") -> bytes:
    return sealed(len(text).to_bytes(8, "little") + text + data)


def sealed(text: bytes) -> bytes:
    data = bytearray(text)
    seal(data)
    return bytes(data)


def crafted(entries: str) -> bytes:
    return header(b'{"__metadata__":{"sha256":"%s"}%s}' % (ZEROS.encode(), entries.encode()), bytes(8))


FORGED = {
    "a shape of petabytes": crafted(',"w":{"dtype":"F32","shape":[1000000000,1000000],"data_offsets":[0,8]}'),
    "offsets beyond the end": crafted(',"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}'),
    "negative offsets": crafted(',"w":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}'),
    "a gap": crafted(',"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}'),
    "an overlap": crafted(
        ',"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}'
    ),
    "a type unknown": crafted(',"w":{"dtype":"PICKLE","shape":[2],"data_offsets":[0,8]}'),
    "a shape of text": crafted(',"w":{"dtype":"F32","shape":"2","data_offsets":[0,8]}'),
    "a float in the shape": crafted(',"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}'),
    "a list for an entry": crafted(',"w":[1,2]'),
    "a field too many": crafted(',"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"x"}'),
    "the same tensor twice": crafted(
        ',"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    ),
    "many dimensions": crafted(',"w":{"dtype":"F32","shape":[%s2],"data_offsets":[0,8]}' % ("1," * 100000)),
    "a huge integer": crafted(',"w":{"dtype":"F32","shape":[%s],"data_offsets":[0,8]}' % ("9" * 5000)),
    "deep nesting": crafted(',"w":' + "[" * 100000 + "]" * 100000),
    "undeclared data": crafted(""),
    "no checksum": (2).to_bytes(8, "little") + b"{}",
    "a header of exabytes": b"\xff" * 8 + b"{}",
    "nothing": b"",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_tensor_file_is_refused_before_anything_is_allocated(tmp_path, name):
    (tmp_path / "x.safetensors").write_bytes(FORGED[name])
    read_tensors(write_one(tmp_path))  # so that importing torch is not measured
    tracemalloc.start()
    began = time.perf_counter()
    if name == "many dimensions":  # absurd, and still 8 bytes
        assert read_tensors(tmp_path / "x.safetensors")[0]["w"].numel() == 2
    else:
        with pytest.raises(RunError, match=r"x\.safetensors"):
            read_tensors(tmp_path / "x.safetensors")
    seconds, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 20 * 2**20


def write_one(folder: Path) -> Path:
    (folder / "good").write_bytes(crafted(',"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'))
    return folder / "good"


FORGED_STATES = [
    "1",
    "{}",
    '{"state":{"tensor":"x"}}',
    '{"state":{"dict":[[{},1]]}}',
    '{"state":{"exec":[1]}}',
]
FORGED_STATES += [
    '{"state":{"dict":1}}',
    '{"state":{"list":1}}',
    '{"state":{}}',
    '{"state":{"float":"x"}}',
    "nonsense",
]


@pytest.mark.parametrize("text", FORGED_STATES)
def test_a_forged_state_is_refused(monkeypatch, text):
    disk = SimulatedDisk()
    run = Run.create(PLACE, task={}, training={}, facts={}, environment={}, disk=disk)
    monkeypatch.setattr("pellucid.run.flatten", lambda state: ({}, text))
    run.save_state(None, step=1)
    with pytest.raises(RunError, match="damaged"):
        run.state()


JSON = {
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "too large": b'{"a": 1e999}',
    "a key twice": b'{"a": 1, "a": 2}',
    "a list": b"[]",
    "deep": b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "rather deep": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "digits": b'{"a":' + b"9" * 5000 + b"}",
    "bytes": b"\xff\xfe\x00",
    "empty": b"",
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_readers_could_take_differently_is_refused_even_with_a_right_checksum(name):
    import hashlib

    disk = new()
    disk.write(PLACE / "task.json", JSON[name])
    environment = json.loads(disk.read(PLACE / "environment.json", 10**6))
    environment["run"]["task.json"] = hashlib.sha256(JSON[name]).hexdigest()
    disk.write(PLACE / "environment.json", sealed(json.dumps(environment | {"sha256": ZEROS}).encode()))
    with pytest.raises(RunError, match=r"task\.json is damaged"):
        Run.open(PLACE, disk=disk)


def test_a_file_too_large_to_be_read_is_not_read(tmp_path):
    run = Run.create(tmp_path / "run", task={}, training={}, facts={}, environment={})
    with open(run.path / "task.json", "r+b") as file:
        file.truncate(2**40)
    with pytest.raises(RunError, match="at most"):
        Run.open(run.path)


@pytest.mark.parametrize("name", ["task.json", "environment.json", "progress.jsonl", "weights.safetensors"])
def test_a_named_pipe_in_a_run_does_not_hang(tmp_path, name):
    run = Run.create(tmp_path / "run", task={}, training={}, facts={}, environment={})
    run.save_weights({}, step=0, scores=None)
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    with pytest.raises(RunError, match="not a regular file"):
        (Run.open(run.path).weights(), Run.open(run.path).progress())


@pytest.mark.parametrize(
    "name", ["task.json", "progress.jsonl", "weights.safetensors", "scores.json", "resume"]
)
def test_a_directory_for_a_file_and_a_file_for_a_directory_are_clear_errors(tmp_path, name):
    run = Run.create(tmp_path / "run", task={}, training={}, facts={}, environment={})
    if name == "resume":
        (run.path / name).write_text("x")
    else:
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).mkdir()
    with pytest.raises(PellucidError, match=name):
        again = Run.open(run.path)
        (again.progress(), again.scores(), again.state(), again.weights())
