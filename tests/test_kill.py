"""R1: kill -9 at random moments, resume until done: the run ends as if nothing had happened."""

import os
import random
import signal
import time

import pytest
from commands import DEFECTS, Commands, living

KILLS = int(os.environ.get("PELLUCID_KILLS", "8"))
SEED = int(os.environ.get("PELLUCID_SEED", "0")) or random.SystemRandom().getrandbits(32)

# Dropout and augmentation draw random numbers, the average and AdamW keep state, a validation and two saves
# come every seven steps, an epoch has 18 steps: everything that a resumed training could get wrong.
FLAGS = ["--setting", "tiny", "--dropout", "0.2", "--evaluate-every", "7", "--epochs", "3"]
CNN = ["--setting", "tiny", "--network", "cnn", "--evaluate-every", "3", "--steps", "9", "--batch-size", "16"]
CNN += ["--averaged", "2"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Commands(tmp_path_factory.mktemp("commands"))
    yield server
    server.close()


@pytest.fixture
def commands(server, tmp_path):
    server.folder = tmp_path
    return server


def outcome(run):
    """Return the bytes of what must be the same: weights, the last state of training, the log."""
    last = max((run / "resume").glob("step-*"))
    files = [run / "weights.safetensors", last, run / "progress.jsonl", *(run / "snapshots").iterdir()]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def go(commands, run, flags, **how):
    """Start the training of ``run``, or go on with it."""
    words = ["--resume", run] if (run / "task.json").exists() else ["digits", *flags, "--out", run]
    return commands.start("train", *words, **how)


def interrupted(commands, run, flags, kills, choose):
    """Train ``run``, killed up to ``kills`` times; return how many commands were killed."""
    killed = 0
    while True:
        command = go(commands, run, flags, dies_at=choose.randrange(1, 120) if choose.random() < 0.5 else 0)
        if killed < kills:
            until = time.monotonic() + choose.uniform(0, commands.seconds)
            while time.monotonic() < until and not command.ended():
                time.sleep(0.002)
            command.send(signal.SIGKILL)
        code = command.wait()
        if code == 0:
            return killed
        assert code == -signal.SIGKILL, command.log.read_text()
        killed += 1


def whole(commands, flags, **how):
    """Train without interruption, measure it, and return the outcome."""
    began = time.monotonic()
    commands.run("train", "digits", *flags, "--out", commands.folder / "whole", **how)
    commands.seconds = time.monotonic() - began
    return outcome(commands.folder / "whole")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("flags", [FLAGS, CNN], ids=["mlp", "cnn"])
def test_killed_at_random_moments_a_run_ends_byte_identical(commands, flags):
    choose = random.Random(SEED)
    expected = whole(commands, flags)
    kills, runs = 0, 0
    while kills < KILLS:
        run = commands.folder / f"run-{runs}"
        kills += interrupted(commands, run, flags, KILLS - kills, choose)
        assert outcome(run) == expected, f"PELLUCID_SEED={SEED}, run {runs}, {kills} kills"
        leftovers = [path.name for path in run.rglob(".*")]
        assert not leftovers, f"PELLUCID_SEED={SEED}: {leftovers}"
        runs += 1
    print(f"{kills} kills in {runs} runs, seed {SEED}")


@pytest.mark.parametrize(
    "defect",
    [
        None,
        "forget_the_optimizer",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in sorted(DEFECTS.keys() - {"sync_slowly", "forget_the_optimizer"})
        ),
    ],
)
def test_the_comparison_sees_whatever_is_not_restored_and_nothing_else(commands, defect):
    expected, run = whole(commands, FLAGS, defect=defect), commands.folder / "run"
    first = go(commands, run, FLAGS, defect=defect)
    assert first.said("step     28")
    first.send(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    max((run / "resume").glob("step-*")).unlink()  # so that the log is ahead of what is left
    assert go(commands, run, FLAGS, defect=defect).wait() == 0
    assert (outcome(run) == expected) == (defect is None)


def test_commands_that_nobody_waited_for_end_with_their_server(tmp_path):
    commands = Commands(tmp_path)
    command = commands.start("train", "digits", *FLAGS, "--epochs", "300", "--out", tmp_path / "run")
    assert command.said("step      7")
    commands.close()
    assert not living(command.pid)


def test_a_run_killed_before_it_could_say_that_it_stopped_early_stops_there(commands):
    flags = ["--setting", "tiny", "--evaluate-every", "1", "--patience", "3", "--learning-rate", "1e-9"]
    expected = whole(commands, flags)
    run = commands.folder / "run"
    assert go(commands, run, flags).wait() == 0
    for call in (3, 7, 11):  # resumed again, it has nothing to do but to say once more that it is finished
        assert go(commands, run, flags, dies_at=call).wait() == -signal.SIGKILL
    assert (go(commands, run, flags).wait(), outcome(run)) == (0, expected)
