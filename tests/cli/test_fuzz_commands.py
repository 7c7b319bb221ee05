"""Random command lines of real flags and hostile values: never a traceback, always a documented exit code.

PELLUCID_FUZZ says how many. Whatever there is to compute is made small: a training by the flags that stand
last in its line, a test by a short test set, a folder by its first files. So a line that is still at it after
``SECONDS`` of processor time hangs, whether it was refused in the end or not.
"""

import contextlib
import os
import random
import signal
from itertools import islice

import pytest
from house import command

from pellucid.cli import arguments
from pellucid.cli.main import VERBS
from pellucid.config import flag_names
from pellucid.datasets import mnist
from pellucid.tasks.digits import Digits
from pellucid.verbs import answers

COUNT = int(os.environ.get("PELLUCID_FUZZ", "200"))
SECONDS = 10
TESTED, FILES = 500, 20  # samples of the test set, and files of a folder: one of the folders is /
DOCUMENTED = {0, 1, 2, 3, 4, 5, 6, 130, 143}
WITH_TASK = ["look", "model", "train", "compare", "lr-find"]
WITH_RUN = ["evaluate", "predict", "explain", "walk", "export"]
OWN = {
    "look": ["--index", "--measure-steps"],
    "train": ["--resume", "--task", "--out"],
    "compare": ["--over", "--seeds"],
    "lr-find": ["--highest", "--range-steps"],
    "evaluate": ["--at-least", "--at-most", "--task"],
    "predict": ["--engine", "--task", "--show"],
    "explain": ["--target", "--task"],
    "walk": ["--true", "--optimizer", "--learning-rate", "--task"],
    "export": ["--task", "--out"],
}
HOSTILE = [
    "", " ", "-", "--", "0", "-1", "1", "2", "nan", "inf", "-inf", "1e999", "1e-320", "999999999999999999999", "None",
    "True", "a" * 5000, "\x00", "\udcff", "\u202e\u0000", "../../etc/passwd", "/", ".", "~", "%s%n", "{}", "[1]",
    "valid:0", "valid:" + "9" * 500, "valid:\u0663", "run", "cut", "crafted/size", "damaged/states", "pictures/good.png",
    "pictures/bomb.png", "good.onnx", "altered.onnx", "mine.py", "two.py", "accuracy=0.5", "accuracy==", "=", ",,,",
    "optimizer=sgd,adam", "hidden=1,2x2", "hidden=x,xx", "sgd", "cnn", "tiny", "digits", "cuda:0", "cuda:-1", "cpu", "bf16",
]  # fmt: skip
REFERENCES = [
    "run",
    "other",
    "cut",
    "crafted/nan",
    "crafted/shape",
    "damaged/foreign",
    "good.onnx",
    "nosuch",
    "",
    "digits/mlp",
]
BOUND = ["--dataset", "tiny", "--steps", "2", "--validation", "30"]
BOUND += ["--workers", "0", "--no-compile", "--batch-size", "8", "--device", "cpu", "--evaluate-every", "2"]


def line(number):
    """Return command line ``number``, always the same."""
    draw = random.Random(number)
    verb = draw.choice(WITH_TASK + WITH_RUN * 2 + ["list", "data", "doctor", "check", "trace"])
    words = [draw.choice(["digits"] * 60 + ["mine.py"] * 15 + HOSTILE)] if verb in WITH_TASK else []
    if verb in WITH_RUN:
        words = [draw.choice(REFERENCES * 3 + ["run"] * 80 + HOSTILE)]
        if verb != "evaluate" and verb != "export":
            words += [draw.choice(["valid:0"] * 25 + ["pictures/good.png"] * 25 + HOSTILE)]
    flags = OWN.get(verb, ["--frob"]) + (flag_names(Digits) if verb in WITH_TASK else [])
    for _ in range(draw.choice([0, 0, 1, 1, 2])):
        flag = draw.choice(flags)
        value = draw.choice(HOSTILE)
        words += [f"{flag}={value}"] if draw.random() < 0.3 else [flag, value]
    if verb == "compare":
        words += ["--over", draw.choice(["hidden=1,2", "normalize=unit,half", *HOSTILE]), "--seeds", "1"]
    if verb == "look":
        words += ["--measure-steps", draw.choice(["0", "-1", "x"])]
    if verb == "lr-find":
        words += ["--range-steps", draw.choice(["0", "20", "nan"])]
    if verb == "evaluate":
        words += ["--no-report"]
    if verb in WITH_TASK:
        words += [*BOUND, *(["--width", "1"] if "cnn" in " ".join(words) else ["--hidden", "4"])]
    return [*(["--json"] if draw.random() < 0.3 else []), verb, *words]


@contextlib.contextmanager
def judged(words, seconds=SECONDS):
    """Break a line off, and fail, when it has computed for so long."""

    def hang(number, frame):
        pytest.fail(f"{words} still computes after {seconds} s, in {frame.f_code.co_qualname}")

    before = signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture
def small(monkeypatch):
    """Make the work of a line small that no flag of it bounds."""
    images, labels = mnist.test()
    walk = answers.files_below
    monkeypatch.setattr(mnist, "test", lambda: (images[:TESTED], labels[:TESTED]))
    monkeypatch.setattr(answers, "files_below", lambda folder, above: islice(walk(folder, above), FILES))


@pytest.mark.parametrize("first", range(0, COUNT, 25))
def test_no_command_line_breaks_the_program(house, monkeypatch, small, first):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    for number in range(first, min(first + 25, COUNT)):
        words = line(number)
        with judged(words):
            found = command(words)
        assert found.code in DOCUMENTED, words
        assert "Traceback" not in found.err, words
        if found.code:
            assert found.err or found.out, words


def test_the_judge_breaks_off_a_line_that_hangs(house, monkeypatch):
    def read(self, words):
        while True:
            pass

    monkeypatch.setattr(arguments.Parser, "read", read)
    said = pytest.raises(pytest.fail.Exception, match=r"predict.*still computes after 0.1 s, in .*read")
    with said, judged(["predict", "run"], seconds=0.1):
        command(["predict", "run"])


def test_every_verb_but_help_is_tried():
    assert {word for number in range(300) for word in line(number)[:2]} >= set(VERBS) - {
        "studio"
    }  # it serves until it is told to end
