"""R7: SIGINT and SIGTERM save and end with 130 and 143 within 5 seconds; a second one ends at once."""

import json
import os
import random
import signal
import time

import pytest
from commands import living
from test_kill import FLAGS, SEED, commands, go, outcome, server, whole  # noqa: F401

from pellucid.verbs.train import LOG_EVERY

SIGNALS = int(os.environ.get("PELLUCID_SIGNALS", "10"))  # of each kind
SECONDS = 5.0
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def as_a_shell_has_it(code):
    return 128 - code if code < 0 else code


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_a_random_moment_saves_and_ends_within_five_seconds(commands, number):  # noqa: F811
    choose, count, runs = random.Random(SEED + number), 0, 0
    expected = whole(commands, FLAGS)
    while count < SIGNALS:
        run, code = commands.folder / f"run-{runs}", None
        while code != 0:
            command = go(commands, run, FLAGS)
            time.sleep(choose.uniform(0, commands.seconds))
            command.send(number)
            sent = time.monotonic()
            code = as_a_shell_has_it(command.wait())
            assert time.monotonic() - sent < SECONDS
            assert code in (0, CODES[number]), f"PELLUCID_SEED={SEED}: {command.log.read_text()}"
            count += code != 0
        assert outcome(run) == expected, f"PELLUCID_SEED={SEED}, run {runs}"
        runs += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_that_was_reached_is_saved(commands, number):  # noqa: F811
    flags = ["--setting", "tiny", "--evaluate-every", "1000", "--epochs", "300"]
    run = commands.folder / "run"
    command = commands.start("train", "digits", *flags, "--out", run)
    while not (run / "progress.jsonl").exists():
        time.sleep(0.01)
    time.sleep(0.3)
    command.send(number)
    assert command.wait() == CODES[number]
    assert "interrupted and saved; go on with: pellucid train --resume" in command.log.read_text()
    (saved,) = (run / "resume").iterdir()
    logged = [json.loads(line)["step"] for line in (run / "progress.jsonl").read_text().splitlines()]
    assert 0 <= int(saved.name[5:17]) - max(logged, default=0) < LOG_EVERY


def test_a_second_signal_ends_at_once_and_leaves_the_old_state(commands):  # noqa: F811
    expected, run = whole(commands, FLAGS), commands.folder / "run"
    command = go(commands, run, FLAGS, defect="sync_slowly")
    assert command.said("saving slowly")
    before = {path.name: path.read_bytes() for path in (run / "resume").glob("step-*")}
    assert list(before) == ["step-000000000007.safetensors"]
    command.send(signal.SIGTERM)
    time.sleep(0.3)
    command.send(signal.SIGTERM)
    assert command.wait() == -signal.SIGTERM  # saving, it would have ended with 143
    assert {path.name: path.read_bytes() for path in (run / "resume").glob("step-*")} == before
    commands.run("train", "--resume", run)
    assert outcome(run) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_the_training_even_if_all_get_the_signal(commands, number):  # noqa: F811
    flags = [*FLAGS, "--workers", "2", "--epochs", "40"]
    command = go(commands, commands.folder / "run", flags)
    assert command.said("step     14")
    os.killpg(command.pid, number)
    assert command.wait() == CODES[number], command.log.read_text()
    assert gone(command.pid)


def test_workers_end_when_the_training_is_killed(commands):  # noqa: F811
    command = go(commands, commands.folder / "run", [*FLAGS, "--workers", "2", "--epochs", "40"])
    assert command.said("step     14")
    command.send(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    assert gone(command.pid)


def gone(group, seconds=60):
    """Wait until no process of a group lives."""
    until = time.monotonic() + seconds
    while living(group) and time.monotonic() < until:
        time.sleep(0.05)
    return not living(group)
