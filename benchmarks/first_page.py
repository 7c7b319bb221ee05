"""How soon the studio's first page can be used, how much travels for it, and how soon bars follow the pen.

    python benchmarks/first_page.py [--rounds 20] [--strokes 300]

A real browser with an empty cache opens the studio's address, again and again; usable is the page when its
lists of tasks and runs stand and nothing is awaited. Bytes are those that the browser received, as they were
sent. Then test digits are put on the drawing pad one after the other; a time counts from the last mark to the
bars. Rows go to ``first_page.csv``; docs/studio.md shows them. Needs Chromium and playwright, and a machine
that does nothing else.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pad
import results

MODEL = "digits/cnn"
USABLE = """() => document.querySelector("#side a") &&
    document.querySelector("main").getAttribute("aria-busy") === "false" &&
    !document.querySelector("main .waiting")"""


def main() -> None:
    """Measure and write."""
    options = arguments()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, address = pad.started(Path(folder))
        try:
            chromium = playwright.chromium.launch(executable_path=pad.browser(), args=["--no-sandbox"])
            opened = [first_page(chromium, address) for _ in range(options.rounds)]
            strokes = pen(chromium, address, options.strokes)
        finally:
            server.terminate()
            server.wait(20)
    seconds, sizes = (np.array(each) for each in zip(*opened, strict=True))
    rows = [
        row("the first page is usable", 1000 * seconds, "ms", "at most 1,000"),
        row("bytes of the first page", sizes / 1000, "kB", "at most 300"),
        row("from the pen to the bars", np.array(strokes), "ms", "at most 50"),
    ]
    results.write(results.FIRST_PAGE, results.FIRST_PAGE_COLUMNS, rows)
    for each in rows:
        print(each)


def first_page(chromium: Any, address: str) -> tuple[float, int]:
    """Open the studio with an empty cache; return the seconds until it is usable and the bytes that came."""
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    sizes: list[int] = []
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    page.goto("about:blank")
    start = page.evaluate("performance.timeOrigin + performance.now()")
    page.goto(f"{address}#token={pad.TOKEN}", wait_until="commit")
    page.wait_for_function(USABLE, polling="raf")
    end = page.evaluate("performance.timeOrigin + performance.now()")
    context.close()
    return (end - start) / 1000, sum(sizes)


def pen(chromium: Any, address: str, count: int) -> list[float]:
    """Return the times in ms from the last mark on the pad to the bars; the first ones warm up."""
    from pellucid.datasets import mnist

    page = chromium.new_page(reduced_motion="reduce")
    page.set_default_timeout(120_000)
    page.goto(f"{address}#token={pad.TOKEN}")
    page.goto(f"{address}#/digits/zoo.{MODEL.replace('/', '.')}/use/draw")
    page.wait_for_selector("p-pad canvas")
    _, times = pad.redrawn(page, mnist.test()[0][: count + 20], seed=0)
    return times[20:]


def row(name: str, values: np.ndarray, unit: str, asked: str) -> results.Row:
    """Return a row of the file."""
    return {
        "date": datetime.date.today().isoformat(),
        "name": name,
        "unit": unit,
        "median": results.number(float(np.median(values))),
        "p95": results.number(float(np.quantile(values, 0.95))),
        "n": str(len(values)),
        "asked": asked,
        "command": results.command(),
        "machine": results.machine(len(os.sched_getaffinity(0))),
    }


def arguments() -> argparse.Namespace:
    """How often."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--strokes", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
