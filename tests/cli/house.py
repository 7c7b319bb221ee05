"""A folder with runs, pictures, files of tasks and damaged copies, and a way to run commands in this process."""

import contextlib
import hashlib
import io
import os
import shutil
import struct
import zlib
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pellucid.cli.main import main

TINY = ["--setting", "tiny", "--hidden", "8", "--steps", "40", "--evaluate-every", "10", "--quiet"]
DOCUMENTS = ("task.json", "training.json", "facts.json", "environment.json")
TASK_FILE = """
from dataclasses import dataclass
from pellucid import Training
from pellucid.tasks.digits import Digits

@dataclass(frozen=True, kw_only=True)
class Mine(Digits):
    name = "mine"

def tiny() -> Mine:
    return Mine(dataset="tiny", hidden=(8,), training=Training(epochs=4, learning_rate=0.004))
"""
TASK_FILES = {
    "mine.py": TASK_FILE,
    "syntax.py": "def broken(:\n",
    "none.py": "x = 1\n",
    "two.py": TASK_FILE + "\n@dataclass(frozen=True, kw_only=True)\nclass Other(Digits):\n    name = 'other'\n",
    "raising.py": "\nraise OSError('no such camera')\n",
    "leaving.py": "import sys\nsys.exit(0)\n",
    "importing.py": "import no_such_package_at_all\n",
    "notiny.py": TASK_FILE.split("def tiny")[0],
    "badtiny.py": TASK_FILE.replace("hidden=(8,)", "hidden=(0,)"),
    "abstract.py": "from pellucid import Task\n\nclass Half(Task):\n    name = 'half'\n\ndef tiny() -> Half:\n    return Half()\n",
    "promises.py": TASK_FILE.replace('    name = "mine"', '    name = "mine"\n    def answer(self, output, facts):\n        return 7'),
}  # fmt: skip


def command(words):
    """Run one command in this process: its exit code, its data and its talk."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue())


def fingerprints(folder):
    """Return path -> digest of every file below ``folder``."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            state = os.stat(path)
            found[os.path.relpath(path, folder)] = digest(
                path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
            )
    return found


@cache
def digest(path, *state):
    """Return the digest of a file; whoever writes to it changes its state, the time of change at least."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Make the folder once."""
    folder = tmp_path_factory.mktemp("house")
    cache = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", cache)
        patch.chdir(folder)
        make_runs()
        make_pictures(folder / "pictures")
        make_damaged()
        for name, text in TASK_FILES.items():
            Path(name).write_text(text)
        make_onnx()
    return folder, cache


@pytest.fixture(scope="module")
def house(built):
    """The folder, in which the tests of a file run, with its cache."""
    folder, cache = built
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", cache)
        patch.chdir(folder)
        yield folder


def make_runs():
    for name, extra in {"run": [], "other": ["--seed", "1"], "wide": ["--hidden", "9"]}.items():
        assert command(["train", "digits", *TINY, *extra, "--out", name]).code == 0
    from pellucid import config, tasks
    from pellucid.verbs.train import train

    task = config.parse(
        config.setting(tasks.find("digits"), "tiny"), [*TINY[2:-1], "--patience", "99"], program="x"
    )
    with contextlib.closing(train(task, "cut")) as steps:
        for progress in steps:
            if progress.step == 25:
                break


def make_damaged():
    """Make copies of runs with one file missing, cut off, altered, emptied or a directory."""
    files = {"run": [*DOCUMENTS, "weights.safetensors"], "cut": ["progress.jsonl"]}
    for run, names in files.items():
        for name in names:
            for damage in ("missing", "truncated", "altered", "emptied", "directory"):
                copy = Path("damaged") / f"{name}-{damage}"
                shutil.copytree(run, copy)
                hurt(copy / name, damage)
    shutil.copytree("cut", "damaged/states")
    for state in Path("damaged/states/resume").iterdir():
        hurt(state, "altered")
    shutil.copytree("run", "damaged/foreign")
    shutil.copy("other/weights.safetensors", "damaged/foreign/weights.safetensors")
    make_crafted()


def hurt(path, damage):
    data = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "altered":
        path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "directory":
        path.mkdir()


def make_crafted():
    """Make runs whose seals are right and whose content is hostile."""
    import torch

    from pellucid.run import Run

    run = Run.open("run")
    weights, _ = run.weights()
    changes = {
        "network": {"task": {"network": "resnet"}},
        "size": {"task": {"hidden": [10**9]}},
        "many": {"task": {"hidden": [8192] * 17}},
        "extra": {"task": {"depth": 3}},
        "type": {"task": {"hidden": "512"}},
        "stranger": {"task": {"task": "chess"}},
        "batch": {"training": {"batch_size": -1}},
        "when": {"training": {"epochs": "many"}},
        "shape": {"facts": {"shape": [10**6, 10**6]}},
        "classes": {"facts": {"classes": None}},
        "nan": {},
        "lost": {},
    }
    for name, change in changes.items():
        made = Run.create(
            Path("crafted") / name,
            task=run.task | change.get("task", {}),
            training=run.training | change.get("training", {}),
            facts=run.facts | change.get("facts", {}),
            environment={},
        )
        tensors = dict(weights)
        if name == "nan":
            tensors["scores.bias"] = torch.full_like(tensors["scores.bias"], float("nan"))
        if name == "lost":
            del tensors["scores.bias"]
        made.save_weights(tensors, step=1, scores=None)


def make_onnx():
    assert command(["export", "run", "--out", "good.onnx"]).code == 0
    data = Path("good.onnx").read_bytes()
    Path("text.onnx").write_text("this is not ONNX")
    Path("empty.onnx").write_bytes(b"")
    Path("short.onnx").write_bytes(data[: len(data) // 2])
    Path("altered.onnx").write_bytes(data[:500] + bytes([data[500] ^ 1]) + data[501:])
    Path("foreign.onnx").write_bytes(data.replace(b"pellucid.sha256", b"somebody.sha256"))
    Path("folder.onnx").mkdir()


def make_pictures(folder):
    from pellucid.datasets import mnist

    folder.mkdir()
    images, _ = mnist.tiny(12, seed=5)
    digit = Image.fromarray(255 - images[3]).resize((280, 280))
    digit.save(folder / "good.png")
    digit.save(folder / "good.jpg")
    digit.convert("CMYK").save(folder / "cmyk.jpg")
    digit.convert("LA").save(folder / "transparent.png")
    Image.fromarray(np.asarray(digit).astype(np.uint16) * 257).save(folder / "sixteen.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    digit.rotate(90, expand=True).save(folder / "rotated.jpg", exif=turned)
    digit.save(folder / "animated.png", save_all=True, append_images=[digit.rotate(5)])
    digit.save(folder / "picture.gif")
    digit.save(folder / "picture.bmp")
    data = (folder / "good.png").read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    (folder / "truncated.jpg").write_bytes((folder / "good.jpg").read_bytes()[:300])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("I am a letter, not a picture")
    (folder / "page.pdf").write_bytes(b"%PDF-1.7 and so on")
    (folder / "bomb.png").write_bytes(png_header(65_000, 65_000))
    (folder / "wide.png").write_bytes(png_header(40_000, 1))
    Image.new("L", (200, 200), 255).save(folder / "blank.png")
    Image.new("L", (1, 1), 0).save(folder / "dot.png")
    (folder / "folder.png").mkdir()


def png_header(width, height):
    """Return a PNG that says it is large and holds almost nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(999))), (b"IEND", b"")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )  # fmt: skip
