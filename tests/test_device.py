"""The machine: names of devices, the heap, and what is written down about it."""

import json
import os
import platform
import socket
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
import torch

import pellucid
from pellucid.device import (
    arithmetic,
    choose,
    commit,
    denormals_flushed,
    environment,
    has_glibc,
    keep_heap,
    share_heap,
)
from pellucid.tasks import digits
from pellucid.verbs import train

SOURCE = os.path.dirname(os.path.dirname(pellucid.__file__))
FAULTS = """
import resource, sys, torch
from pellucid.device import keep_heap
torch.set_num_threads(1)
if sys.argv[1] == "keep": assert keep_heap()
def step():
    return torch.ones(8 * 2**20, dtype=torch.uint8).sum()
for _ in range(10): step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
HEAPS = """
import ctypes, sys, threading
from pellucid.device import share_heap
if sys.argv[1] == "share": assert share_heap()
kept, met = [], threading.Barrier(4)
def take():
    met.wait()  # so that no two of them are one thread after the other
    kept.append([bytearray(50_000) for _ in range(20)])
threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""
TINIEST = """
import sys, torch
from contextlib import nullcontext
from pellucid.device import denormals_flushed
torch.set_num_threads(2)
with denormals_flushed() if sys.argv[1] == "flush" else nullcontext():
    bits = torch.full((2**22,), 1, dtype=torch.int32)  # as a float32: 1.4e-45
    print(int(torch.count_nonzero((bits.view(torch.float32) * 1.5).view(torch.int32))))
"""


def test_auto_is_the_processor_where_there_is_no_card(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert choose("auto") == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert choose("auto") == torch.device("cuda")


def test_auto_takes_an_apple_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert choose("auto") == torch.device("mps")


def test_a_card_is_chosen_by_number(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert choose("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_missing_card_is_said_with_what_to_do(monkeypatch, name):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(ValueError, match="torch sees 0 CUDA cards; try --device auto"):
        choose(name)


def test_a_missing_apple_gpu_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ValueError, match="try --device auto"):
        choose("mps")


@pytest.mark.parametrize(
    "name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:1", "auto:0", "cuda:1:2", "meta"]
)
def test_a_device_that_does_not_exist_is_refused(name):
    with pytest.raises(ValueError, match="is none of auto, cpu, cuda, mps"):
        choose(name)


def test_a_misspelt_device_gets_the_near_match():
    with pytest.raises(ValueError, match='Did you mean "cuda"'):
        choose("cudo")


@pytest.mark.slow
@pytest.mark.skipif(not has_glibc(), reason="only glibc has mallopt")
def test_a_kept_heap_asks_the_kernel_for_hardly_any_page_again():
    faults = {}
    for word in ("keep", "leave"):
        command = [sys.executable, "-c", FAULTS, word]
        env = os.environ | {"PYTHONPATH": SOURCE}
        faults[word] = int(
            subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
        )
    assert faults["keep"] * 10 < faults["leave"]


@pytest.mark.skipif(not has_glibc(), reason="only glibc has mallopt")
def test_threads_that_share_a_heap_have_one():
    heaps = {}
    for word in ("share", "leave"):
        command = [sys.executable, "-c", HEAPS, word]
        env = os.environ | {"PYTHONPATH": SOURCE}
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
        heaps[word] = said.count("<heap nr=")
    assert heaps["share"] == 1 < heaps["leave"]


@pytest.mark.parametrize("able", [{"avx512_bf16": True}, {"amx_bf16": True}, {"avx512_bf16": False}, {}])
def test_auto_multiplies_in_bf16_only_where_the_processor_has_instructions_for_it(monkeypatch, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    given = {}
    for precision in ("fp32", "bf16", "auto"):
        with arithmetic(precision, torch.device("cpu")):
            given[precision] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    fast = torch.bfloat16 if any(able.values()) else torch.float32
    assert given == {"fp32": torch.float32, "bf16": torch.bfloat16, "auto": fast}


def test_nothing_happens_where_there_is_no_glibc(monkeypatch):
    monkeypatch.setattr("os.confstr", lambda name: None, raising=False)
    assert keep_heap() is False
    assert share_heap() is False


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot")
def test_the_tiniest_numbers_are_rounded_to_zero_on_every_thread():
    nonzero = {}
    for word in ("flush", "keep"):
        command = [sys.executable, "-c", TINIEST, word]
        env = os.environ | {"PYTHONPATH": SOURCE}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        nonzero[word] = int(done.stdout)
    assert nonzero == {"flush": 0, "keep": 2**22}


def tiniest_is_kept():
    return float(np.float32(1e-40) * np.float32(0.5)) != 0


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot")
def test_training_and_resuming_round_tiniest_numbers_before_anything_is_computed_and_only_there(
    tmp_path, monkeypatch
):
    kept = []
    read = digits.Digits.data
    monkeypatch.setattr(digits.Digits, "data", lambda task: kept.append(tiniest_is_kept()) or read(task))
    assert tiniest_is_kept()
    with closing(train.train(digits.tiny(), tmp_path / "run")) as steps:
        next(steps)
        assert not tiniest_is_kept()
    assert tiniest_is_kept()
    with closing(train.resume(tmp_path / "run")) as steps:
        next(steps)
    assert (kept, tiniest_is_kept()) == ([False, False], True)


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot")
def test_who_rounds_tiniest_numbers_already_goes_on_doing_so():
    torch.set_flush_denormal(True)
    try:
        with denormals_flushed():
            pass
        assert not tiniest_is_kept()
    finally:
        torch.set_flush_denormal(False)


def test_the_environment_is_plain_json():
    assert json.loads(json.dumps(environment(), allow_nan=False)) == environment()


def test_the_environment_names_this_python_and_this_torch():
    found = environment()
    assert (found["python"], found["torch"]) == (platform.python_version(), torch.__version__)


def test_the_environment_names_no_person_no_host_and_no_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in {"LOGNAME": "ada-at-work", "USER": "ada-at-work", "HOME": "/home/of-ada"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "gethostname", lambda: "ada-s-machine")
    here = platform.uname_result(platform.system(), "ada-s-machine", *platform.uname()[2:5])
    monkeypatch.setattr(platform, "uname", lambda: here)
    text = json.dumps(list(environment().values()))
    secrets = ("ada-s-machine", "ada-at-work", "/home/of-ada", os.getcwd(), sys.prefix)
    assert [secret for secret in secrets if secret in text] == []


def test_the_commit_of_a_checkout_is_read(tmp_path):
    (tmp_path / "src" / "pellucid").mkdir(parents=True)
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text("02f9bcf\n")
    assert commit(tmp_path) == "02f9bcf"


def test_the_commit_of_somebody_elses_repository_is_not_read(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("02f9bcf\n")
    assert commit(tmp_path) is None
