"""A disk that refuses loses nothing that was saved, and the error says what to do."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import time
from functools import partial

import pytest
import torch
from simulated_disk import SimulatedDisk
from test_power_cut import PLACE, agrees, create, line, log, look, tensor

from pellucid.errors import PellucidError
from pellucid.run import Progress, Run

REFUSALS = [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO]


def saving(disk: SimulatedDisk) -> tuple[Run, list]:
    run = Run.open(PLACE, disk=disk)
    return run, [
        partial(run.log, line(5)),
        partial(run.log, line(6)),
        run.sync,
        lambda: run.save_state(tensor(6), step=6),
        lambda: run.save_weights(tensor(6), step=6, scores=None),
        partial(run.log, line(7)),
        lambda: run.save_state(tensor(7), step=7),
        lambda: run.save_scores({"evaluate": {"accuracy": 1.0}}),
        lambda: run.save_picture("curves", b"png"),
        lambda: run.finish(),
    ]


def prepared() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.history = None
    create(disk)
    run = Run.open(PLACE, disk=disk)
    log(run, 1, 2, 3, 4)
    run.save_weights(tensor(3), step=3, scores=None)
    run.save_state(tensor(3), step=3)
    run.save_state(tensor(4), step=4)
    disk.calls = 0
    return disk


def views() -> list[dict | None]:
    disk = prepared()
    found = [look(disk)]
    for act in saving(disk)[1]:
        act()
        found.append(look(disk))
    return found


def number_of_calls() -> int:
    disk = prepared()
    for act in saving(disk)[1]:
        act()
    return disk.calls


def refusing_at(call: int, code: int) -> SimulatedDisk:
    disk = prepared()

    def fault(number: int, name: str) -> None:
        if number == call:
            raise OSError(code, os.strerror(code))

    disk.fault = fault
    return disk


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_at_any_call_loses_nothing_saved(code):
    expected, calls = views(), number_of_calls()
    assert calls > 50
    for call in range(calls):
        disk = refusing_at(call, code)
        done, told = 0, f"{errno.errorcode[code]} {PLACE}"
        try:
            for act in saving(disk)[1]:
                act()
                done += 1
        except PellucidError as error:
            told = str(error)
        assert errno.errorcode[code] in told
        assert str(PLACE) in told
        disk.fault = None
        assert agrees(look(disk), expected[done], expected[min(done + 1, len(expected) - 1)]), call


@pytest.mark.parametrize("code", REFUSALS)
def test_the_same_run_goes_on_once_the_disk_works_again(code):
    expected = views()[-1]
    for call in range(number_of_calls()):
        disk = refusing_at(call, code)
        try:
            run, acts = saving(disk)
        except PellucidError:
            continue
        while acts:
            try:
                acts[0]()
                acts.pop(0)
            except PellucidError:
                if isinstance(acts[0], partial):
                    acts[0] = run.sync  # the line was taken already; only writing it failed
        assert [each["step"] for each in look(disk)["progress"]] == [1, 2, 3, 4, 5, 6, 7], call
        assert look(disk) == expected, call


def test_an_interrupted_call_is_made_again():
    expected = views()[-1]
    for call in range(number_of_calls()):
        disk = refusing_at(call, errno.EINTR)
        for act in saving(disk)[1]:
            act()
        assert look(disk) == expected, call


def test_the_message_says_bytes_needed_and_free():
    disk = prepared()
    run = Run.open(PLACE, disk=disk)

    def fault(number: int, name: str) -> None:
        if name == "write":
            raise OSError(errno.ENOSPC, "No space left on device")

    disk.fault = fault
    with pytest.raises(PellucidError) as caught:
        run.save_report("x" * 5000)
    message = str(caught.value)
    assert "report.html cannot be written: No space left on device (ENOSPC)" in message
    assert "needs 5000 bytes and 1234 bytes are free" in message
    assert "intact" in message


def test_lines_that_could_not_be_written_are_written_once_later():
    for code in REFUSALS:
        disk = prepared()
        run = Run.open(PLACE, disk=disk)
        append = disk.append
        disk.append = lambda path, data, code=code, append=append: (append(path, data[:30]), (_ for _ in ()).throw(OSError(code, "no")))  # fmt: skip
        with pytest.raises(PellucidError):
            log(run, 5)
        disk.append = append
        log(run, 6)
        assert [each["step"] for each in run.progress()] == [1, 2, 3, 4, 5, 6]


def test_a_real_limit_on_file_size_keeps_the_older_state(tmp_path):
    resource = pytest.importorskip("resource")
    run = Run.create(tmp_path / "run", task={}, training={}, facts={}, environment={})
    run.save_state({"w": torch.zeros(100)}, step=1)
    ours, theirs = os.pipe()
    if not (child := os.fork()):  # the limit holds for a whole process, and cannot be lifted again
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            run.save_state({"w": torch.zeros(100_000)}, step=2)
        except PellucidError as error:
            os.write(theirs, f"{error} {run.state().step}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    told = os.read(ours, 10_000).decode()
    assert re.search(r"step-000000000002.*\(EFBIG\).* needs 40\d{4} bytes .* 1$", told)
    assert os.listdir(run.path / "resume") == ["step-000000000001.safetensors"]


def test_a_run_killed_at_any_moment_of_saving_opens_with_its_newest_state(tmp_path):
    run = Run.create(tmp_path / "run", task={}, training={}, facts={}, environment={})
    draw, newest = random.Random(2), 0
    for _ in range(25):
        ours, theirs = os.pipe()
        if not (child := os.fork()):
            save_for_ever(Run.open(run.path), theirs)
        os.close(theirs)
        time.sleep(draw.uniform(0.0, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = os.read(ours, 10**6).split()  # the steps of which the child knew that they are saved
        os.close(ours)
        newest = max([newest, *map(int, told)])
        again = Run.open(run.path)
        saved = again.state()
        assert (saved.step if saved else 0) in (newest, newest + 1)
        assert not (saved and saved.warnings)
        newest = saved.step if saved else 0
        assert [each["step"] for each in again.progress()][:newest] == list(range(1, newest + 1))
    assert newest > 0


def save_for_ever(run: Run, told: int) -> None:
    saved = run.state()
    step = saved.step if saved else 0
    run.rewind(step)
    while True:
        step += 1
        run.log(Progress(step, 100, 1.0, 0.5, 0.1))
        run.save_state({"w": torch.zeros(1000)}, step=step)
        run.save_weights({"w": torch.zeros(1000)}, step=step, scores=None)
        os.write(told, b"%d " % step)
