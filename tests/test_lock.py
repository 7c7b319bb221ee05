"""One process trains a run at a time, and a killed one keeps nobody out."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
from commands import environment
from small import Small, finished, small, stopped, trained

from pellucid import lock
from pellucid.errors import RunError
from pellucid.lock import held, holder
from pellucid.run import Run
from pellucid.verbs.train import resume, train

HOLDS = "import sys, time; from pathlib import Path; from pellucid.lock import held\nwith held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def other(tmp_path):
    """Another process that holds tmp_path / "lock"."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "lock")], stdout=subprocess.PIPE, env=environment()
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lock_names_the_process_that_holds_it(tmp_path, other):
    assert holder(tmp_path / "lock")["pid"] == other.pid


def test_a_held_lock_is_refused_and_the_holder_named(tmp_path, other):
    with (
        pytest.raises(RunError, match=f"process {other.pid} on .* trains this run already"),
        held(tmp_path / "lock"),
    ):
        pass


def test_a_killed_process_leaves_no_lock_behind(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(tmp_path / "lock") is None
    with held(tmp_path / "lock"):
        assert holder(tmp_path / "lock")["pid"] == os.getpid()


def test_asking_never_keeps_a_trainer_out(tmp_path, monkeypatch):
    asker = (tmp_path / "lock").open("w")
    assert lock.taken(asker.fileno())  # for an instant, as ``holder`` does: until the first pause
    monkeypatch.setattr(lock, "time", SimpleNamespace(sleep=lambda seconds: asker.close()))
    with held(tmp_path / "lock"):
        assert asker.closed


def test_a_run_is_held_while_it_trains_and_free_afterwards(tmp_path):
    with closing(train(small(), tmp_path / "run")) as steps:
        next(steps)
        assert Run.open(tmp_path / "run").trainer()["pid"] == os.getpid()
    assert Run.open(tmp_path / "run").trainer() is None
    assert not (tmp_path / "run" / "training.lock").exists()


def test_two_processes_cannot_train_one_run_and_the_first_ends_as_if_alone(tmp_path):
    alone = trained(small(), tmp_path / "alone")
    stopped(small(), tmp_path / "run", 10)
    with closing(resume(tmp_path / "run", Small)) as first:
        next(first)
        with pytest.raises(RunError, match="trains this run already"):
            next(resume(tmp_path / "run", Small))
    assert finished(tmp_path / "run") == alone


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.lock.fcntl", None)
    with held(tmp_path / "lock"), held(tmp_path / "lock"):
        assert holder(tmp_path / "lock") is None
