"""All test digits redrawn on the studio's drawing pad, in a real browser, through the pad's own code.

    python benchmarks/pad.py [--model digits/cnn] [--count 10000]          about 10 minutes; into pad.csv

Each digit is put on the 280 x 280 sheet at a random place, 70 to 210 pixels wide (0.5 to 1.5 times half the
sheet), and goes the way of a drawing: PNG, the reader of pictures, ``prepare``, the network. Its answer is
compared with that to the digit as the data hold it. How soon it comes is measured by ``first_page.py``.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import results

SHEET, SIDE = 280, 28
CHUNK = 100
TOKEN = "tokenofthebenchmark"
REDRAW = """async ([text, count, places]) => {
    const pad = document.querySelector("p-pad"), said = document.querySelector(".said");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const answers = [], times = [];
    for (let i = 0; i < count; i++) {
        pad.clear();
        while (said.textContent !== "\\u2026") await new Promise(requestAnimationFrame);
        const before = pad.times?.length ?? 0;
        pad.place(bytes.subarray(784 * i, 784 * (i + 1)), 28, 28, places[i]);
        const until = performance.now() + 20000;
        const waits = () => (pad.times?.length ?? 0) === before && performance.now() < until;
        while (waits()) await new Promise(requestAnimationFrame);
        answers.push(said.textContent);
        times.push(waits() || !pad.times ? NaN : pad.times.at(-1));
    }
    return [answers, times];
}"""


def main() -> int:
    """Redraw, compare, write the row, and say it."""
    parser = argparse.ArgumentParser(description="test digits redrawn on the studio's pad")
    parser.add_argument("--model", default="digits/cnn")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, address = started(Path(folder))
        try:
            chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
            page = chromium.new_page(reduced_motion="reduce")
            page.set_default_timeout(120_000)
            run = "zoo." + flags.model.replace("/", ".")
            page.goto(f"{address}#token={TOKEN}")
            page.goto(f"{address}#/digits/{run}/use/draw")
            page.wait_for_selector("p-pad canvas")
            row = measured(page, flags.model, flags.count, flags.seed)
        finally:
            server.terminate()
            server.wait(20)
    rows = results.read(results.PAD, results.PAD_COLUMNS)
    results.write(results.PAD, results.PAD_COLUMNS, results.replaced(rows, [row], "model"))
    print(row)
    return 0


def measured(page: Any, model: str, count: int, seed: int) -> results.Row:
    """Return the row of the table."""
    from pellucid.datasets import mnist

    images, labels = (each[:count] for each in mnist.test())
    names, _ = redrawn(page, images, seed)
    right = np.mean([name == str(label) for name, label in zip(names, labels, strict=True)])
    plain = plainly(model, images, labels)
    return {
        "date": datetime.date.today().isoformat(),
        "model": model,
        "plain": f"{plain:.4f}",
        "redrawn": f"{right:.4f}",
        "points_lost": f"{100 * (plain - right):.2f}",
        "n": str(len(images)),
        "seed": str(seed),
        "asked": "at most 0.3",
        "command": results.command(),
    }


def redrawn(page: Any, images: np.ndarray, seed: int) -> tuple[list[str], list[float]]:
    """Put digits on the pad of an open Draw view, one by one; return the answers and the times in ms."""
    random = np.random.default_rng(seed)
    answers: list[str] = []
    times: list[float] = []
    for first in range(0, len(images), CHUNK):
        part = images[first : first + CHUNK]
        places = []
        for _ in part:
            side = int(random.uniform(0.5, 1.5) * SHEET / 2)
            x, y = random.integers(0, SHEET - side + 1, 2)
            places.append({"x": int(x), "y": int(y), "side": side})
        text = base64.b64encode(part.tobytes()).decode()
        found, taken = page.evaluate(REDRAW, [text, len(part), places])
        answers += found
        times += taken
    return answers, times


def plainly(model: str, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy on the digits as the data hold them."""
    import torch

    from pellucid.verbs.trained import open_trained

    ready = open_trained(model)
    with torch.inference_mode():
        parts = torch.from_numpy(images).split(500)
        outputs = [ready.network(ready.task.prepare(part, facts=ready.facts)[0]) for part in parts]
    return float((torch.cat(outputs).argmax(1).numpy() == labels).mean())


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a studio of its own and return it with its address."""
    words = [sys.executable, "-m", "pellucid", "studio", "--port", "0", "--token", TOKEN, "--no-browser"]
    environment = results.environment(len(os.sched_getaffinity(0)))
    server = subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().split("#")[0].strip()


def browser() -> str | None:
    """Return the browser to use."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("PELLUCID_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


if __name__ == "__main__":
    sys.exit(main())
