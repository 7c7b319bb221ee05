"""Training in several processes: the same weights, each sample counted once, one end for all."""

import os
import runpy
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from commands import environment, living, state_of
from test_kill import commands, server  # noqa: F401

from pellucid import processes
from pellucid.errors import PellucidError
from pellucid.run import Run

FLAGS = ["digits", "--setting", "tiny", "--evaluate-every", "9", "--epochs", "1"]

MEMBER = """
import sys, torch
from pellucid import processes
from pellucid.learners import Supervised, outputs_of
from small import small

processes.join()
torch.manual_seed(0)
task = small()
data = task.data()
split = torch.utils.data.TensorDataset(*data.train[torch.arange(199) % 50])
learner = Supervised(task, data)
outputs, targets = outputs_of(learner.network, task, split, data.facts)
few = torch.utils.data.TensorDataset(*data.train[torch.arange(1)])
one, _ = outputs_of(learner.network, task, few, data.facts)
stop = processes.any_of(processes.rank() == processes.world() - 1)
go = processes.any_of(False)
if processes.rank() == 0:
    print(outputs.shape, one.shape, stop, go, flush=True)
    assert torch.equal(targets, data.train[torch.arange(199) % 50][1])
    print("sum", float(outputs.double().abs().sum()), flush=True)
processes.leave()
"""

NORMALISED = """
from torch import nn
from pellucid import processes
from pellucid.learners import Supervised
from small import Small, small

class Normalised(Small):
    def model(self, facts):
        return nn.Sequential(super().model(facts), nn.BatchNorm1d(10))

processes.join()
task = Normalised(network="mlp", hidden=(6,), training=small().training)
learner = Supervised(task, task.data())
for buffer in learner._kept().buffers():
    buffer.fill_(1 + processes.rank())
outputs, _ = learner.validated()
if processes.rank() == 0:
    print(float(outputs.double().abs().sum()), flush=True)
processes.leave()
"""


@pytest.fixture
def meet(tmp_path, monkeypatch, capfd):
    """Run a script in so many processes, launched from this one, and return what the first says."""
    file = tmp_path / "member.py"
    for name, value in {**environment(), "GLOO_SOCKET_IFNAME": "lo"}.items():
        monkeypatch.setenv(name, value)
    signals = [
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
    ]  # torchrun handles these from then on
    before = {number: signal.getsignal(number) for number in signals}

    def run(count, script):
        file.write_text(script)
        if count == 1:
            runpy.run_path(str(file))
        else:
            assert processes.launch(count, [str(file)]) == 0, capfd.readouterr().err
        return capfd.readouterr().out

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_each_sample_is_evaluated_once_by_one_or_several_processes(meet, count):
    (told, total), (alone, expected) = (meet(each, MEMBER).split("sum") for each in (count, 1))
    assert told == alone == f"{torch.Size([199, 10])} {torch.Size([1, 10])} True False\n"
    assert float(total) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.slow
def test_what_a_normalisation_measured_in_the_first_process_counts_in_all(meet):
    alone, together = (float(meet(count, NORMALISED)) for count in (1, 2))
    assert together == pytest.approx(alone, rel=1e-6)


def test_two_processes_reach_the_weights_of_one(commands, tmp_path):  # noqa: F811
    # the last batch of an epoch has 33 samples: 17 for one process, 16 for the other
    flags = [*FLAGS, "--averaged", "2", "--limit", "97", "--steps", "12"]
    one = commands.start("train", *flags, "--out", tmp_path / "one")
    two = commands.start("train", *flags, "--processes", "2", "--out", tmp_path / "two")
    assert (one.wait(), two.wait()) == (0, 0), two.log.read_text()
    alone, together = Run.open(tmp_path / "one"), Run.open(tmp_path / "two")
    assert (together.environment["processes"], alone.environment["processes"]) == (2, 1)
    for name, tensor in alone.weights()[0].items():
        assert torch.allclose(tensor, together.weights()[0][name], atol=1e-5), name
    scores = [
        [line["scores"]["accuracy"] for line in run.progress() if "scores" in line]
        for run in (alone, together)
    ]
    assert scores[0] == scores[1]
    assert scores[0][0]["n"] == 50
    assert two.log.read_text().count("validation accuracy") == 2  # step 9 and the last, by one process only


@pytest.fixture
def training(commands, tmp_path):  # noqa: F811
    """A long training in two processes, and its processes."""
    flags = ["digits", "--setting", "tiny", "--evaluate-every", "20", "--epochs", "300"]
    command = commands.start("train", *flags, "--processes", "2", "--out", tmp_path / "run")
    assert command.said("step     20")
    yield command, members(command.pid)
    command.send(signal.SIGKILL)
    command.wait()


def members(parent):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if fields[1] == str(parent) and b"train" in words:
                found.append(int(entry.name))
    return found


def ended(numbers, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(state_of(pid) not in (None, "Z") for pid in numbers):
        time.sleep(0.05)
    return all(state_of(pid) in (None, "Z") for pid in numbers)


def test_sigterm_is_passed_on_and_all_save_and_end(training, tmp_path):
    command, both = training
    assert len(both) == 2
    command.send(signal.SIGTERM)
    assert command.wait() == 143
    assert "interrupted and saved" in command.log.read_text()
    assert "Traceback" not in command.log.read_text()
    assert ended(both)
    assert Run.open(tmp_path / "run").state().step > 20


def test_a_killed_process_ends_the_others(training):
    command, both = training
    os.kill(max(both), signal.SIGKILL)
    assert command.wait() == 1
    assert "was killed by signal 9, and the others were ended" in command.log.read_text()
    assert ended(both)


def test_processes_do_not_outlive_who_started_them(training):
    command, both = training
    command.send(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    assert ended(both)
    assert not living(command.pid)


def test_an_error_in_all_processes_gives_its_own_exit_code(commands):  # noqa: F811
    command = commands.start("train", "digits", "--setting", "tiny", "--bath-size", "3", "--processes", "2")
    assert command.wait() == 2
    assert '"--batch-size"' in command.log.read_text()


@pytest.mark.parametrize(
    ("codes", "code"),
    [([2, -signal.SIGTERM], 2), ([-signal.SIGTERM, 2], 2), ([1, 3], 1), ([-signal.SIGKILL, 1], None)],
)
def test_who_is_ended_by_torchrun_does_not_hide_the_exit_code_of_who_failed(monkeypatch, codes, code):
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    failures = {number: SimpleNamespace(exitcode=each, timestamp=0) for number, each in enumerate(codes)}

    def fails(*words):
        error = ChildFailedError.__new__(ChildFailedError)
        error.failures = failures
        raise error

    monkeypatch.setattr("torch.distributed.launcher.api.elastic_launch", lambda *settings: fails)
    if code is None:
        with pytest.raises(PellucidError, match="process 0 of 2 was killed by signal 9"):
            processes.launch(2, ["-c", "pass"])
    else:
        assert processes.launch(2, ["-c", "pass"]) == code


def test_alone_there_is_one_process_and_it_is_the_first():
    assert (processes.world(), processes.rank(), processes.any_of(True), processes.any_of(False)) == (
        1,
        0,
        True,
        False,
    )


def test_alone_gathering_changes_nothing():
    share = torch.arange(5)
    assert processes.gather(share, 5) is share
