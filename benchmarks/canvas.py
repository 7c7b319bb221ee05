"""Recorded drawings drawn again on the studio's pad, in a real browser: does the network see the same?

    python benchmarks/canvas.py [fifteen|all ...] [--count 1411]          about 10 minutes; into canvas.csv

Every drawing of the test pack of strokes goes as movements of a mouse to the pad, at a random place and in a
random size. What the pad made of it is asked in the two ways in which it can be sent, as strokes (the game)
and as the picture on the canvas, and the first guess is compared with that of ``pellucid predict`` for the
recorded file. Also, without a browser: how many rounds of the game would be won by drawings that the network
never learned from, if somebody drew them stroke by stroke.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pad
import results
from results import Row

from pellucid import metrics
from pellucid.datasets import doodle, quickdraw
from pellucid.verbs import sketching
from pellucid.verbs.predict import answer_to, raw_sample
from pellucid.verbs.trained import Ready, open_trained

SHEET = 280  # pixels of the pad
SMALLEST, LARGEST = 0.4, 0.9  # of the sheet, for the longer side of a drawing
ALL = 10**6  # drawings, more than there are
LOOKS = 20  # guesses while a drawing appears
SAME = "same first guess by the pad's strokes as by the file"
PICTURED = "same first guess by the picture of the canvas as by the file"
WON = "rounds won by drawings never learned from"
BAR = "at least 99 %"
SETUP = """async () => {
    await import("/static/elements/p-pad.js");
    const pad = document.createElement("p-pad");
    Object.assign(pad, { width: 8, sharpness: 2 });
    document.querySelector("main").replaceChildren(pad);
}"""
ASK = """async ([runs, pictured]) => {
    const { address, post } = await import("/static/api.js");
    const pad = document.querySelector("p-pad");
    const found = [];
    for (const run of runs) {
        const { words } = await post(address("runs", run, "guess"), { strokes: pad.strokes });
        const seen = async () => post(address("runs", run, "predict"), await pad.blob()).catch(() => null);
        const picture = pictured ? await seen() : null;
        found.push([words[0].name, picture?.answer.text ?? "nothing"]);
    }
    pad.clear();
    return found;
}"""


def main() -> int:
    """Replay, compare, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=["fifteen", "all"])
    parser.add_argument("--count", type=int, default=ALL)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    drawings = [each.strokes for each in quickdraw.strokes("test")][: options.count]
    answers = browsed([f"zoo.sketches.{name}" for name in options.names], drawings, options.seed)
    for number, name in enumerate(options.names):
        network = open_trained(f"sketches/{name}")
        expected = by_file(network, drawings)
        drawn, pictured = zip(*(answer[number] for answer in answers), strict=True)
        rows = [(SAME, agreement(drawn, expected), BAR), (PICTURED, agreement(pictured, expected), "")]
        rows.append((WON, won(network), ""))
        write(name, rows)
        for score, share, _ in rows:
            print(f"{name}: {score}: {share}")
    return 0


def browsed(
    runs: Sequence[str], drawings: Sequence[doodle.Drawing], seed: int
) -> list[list[tuple[str, str]]]:
    """Return for each drawing and run the first guesses by strokes and by picture, of a studio of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server, address = pad.started(Path(folder))
        try:
            place = f"{address}#token={pad.TOKEN}"
            return asyncio.run(replayed(place, runs, drawings, seed))
        finally:
            server.terminate()
            server.wait(20)


async def replayed(
    address: str,
    runs: Sequence[str],
    drawings: Sequence[doodle.Drawing],
    seed: int,
    *,
    pictured: bool = True,
    **settings: Any,
) -> list[list[tuple[str, str]]]:
    """Draw with the mouse of a browser of its own on a pad, and ask what each drawing is.

    The movements of a drawing are sent all at once, as a fast hand does: the browser puts several into one
    event.

    Args:
        address: of the studio, with its token.
        pictured: ask by picture as well.
        settings: of the browser's page.
    """
    from playwright.async_api import async_playwright

    random = np.random.default_rng(seed)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=pad.browser(), args=["--no-sandbox"])
        page = await chromium.new_page(**settings)
        await page.goto(address)
        await page.wait_for_selector("#side a", state="attached")
        await page.evaluate(SETUP)
        box = await page.locator("p-pad canvas").bounding_box()
        hand = await page.context.new_cdp_session(page)
        found = []
        for number, drawing in enumerate(drawings):
            moves = [move for stroke in laid(drawing, box, random) for move in moves_of(stroke)]
            await asyncio.gather(*(hand.send("Input.dispatchMouseEvent", move) for move in moves))
            found.append([tuple(answer) for answer in await page.evaluate(ASK, [list(runs), pictured])])
            if number % 100 == 99:
                print(f"{number + 1} of {len(drawings)} drawings", file=sys.stderr)
        await chromium.close()
    return found


def moves_of(stroke: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Return a stroke as what a mouse does."""
    kinds = ["mousePressed", *["mouseMoved"] * (len(stroke) - 1), "mouseReleased"]
    places = [*stroke, stroke[-1]]
    return [
        {
            "type": kind,
            "x": x,
            "y": y,
            "button": "left",
            "buttons": int(kind != "mouseReleased"),
            "clickCount": 1,
        }
        for kind, (x, y) in zip(kinds, places, strict=True)
    ]


def laid(drawing: doodle.Drawing, box: dict[str, float], random: np.random.Generator) -> list[list[Any]]:
    """Return a drawing's strokes somewhere on a canvas, in pixels of the window."""
    every = np.concatenate(drawing)
    low, size = every.min(0), np.ptp(every, axis=0)
    scale = random.uniform(SMALLEST, LARGEST) * SHEET / max(size.max(), 1e-9)
    corner = random.uniform(8, SHEET - 8 - size * scale)
    unit = box["width"] / SHEET
    start = np.array([box["x"], box["y"]])
    return [(start + unit * (corner + (stroke - low) * scale)).tolist() for stroke in drawing]


def by_file(network: Ready, drawings: Sequence[doodle.Drawing]) -> list[str]:
    """Return the answers of ``predict`` to recorded drawings."""
    found = []
    for drawing in drawings:
        stages = network.task.takes.read(drawing, network.facts)  # type: ignore[arg-type]
        found.append(answer_to(network, raw_sample(stages)).text)
    return found


def agreement(found: Sequence[str], expected: Sequence[str]) -> metrics.Score:
    """Return in which share two lists of answers agree, with its interval."""
    return metrics.wilson(sum(a == b for a, b in zip(found, expected, strict=True)), len(expected))


def won(network: Ready) -> metrics.Score:
    """Return the share of drawings never learned from that pass their word's mark while they appear."""
    book = network.task.growing()  # type: ignore[attr-defined]
    marks = [sketching.threshold(network, word) for word in network.facts["classes"]]
    passed = 0
    shares = [(look + 1) / LOOKS for look in range(LOOKS)]
    for points, label in zip(book.samples, book.labels.tolist(), strict=True):
        parts = [doodle.part(doodle.unpack(points.numpy()), share) for share in shares]
        chances = sketching.probabilities(network, [part for part in parts if part])
        passed += bool((chances[:, label] >= marks[label]).any())
    return metrics.wilson(passed, len(book.labels))


def write(name: str, scores: Sequence[tuple[str, metrics.Score, str]]) -> None:
    """Put the rows of a network in the place of its old ones."""
    rows: list[Row] = [
        {
            "date": datetime.date.today().isoformat(),
            "network": name,
            "score": score,
            "value": f"{share.value:.6g}",
            "low": f"{share.low:.6g}",
            "high": f"{share.high:.6g}",
            "n": str(share.n),
            "bar": bar,
            "command": results.command(),
            "machine": results.machine(len(os.sched_getaffinity(0))),
        }
        for score, share, bar in scores
    ]
    old = results.read(results.CANVAS, results.SKETCHES_COLUMNS)
    results.write(results.CANVAS, results.SKETCHES_COLUMNS, results.replaced(old, rows, "network"))


if __name__ == "__main__":
    sys.exit(main())
