"""Make the pictures of docs/studio-tour.md again: one of each view of the studio, in a real browser.

    python docs/make_studio_pictures.py [NAME ...]

Needs Chromium and ``pip install playwright``. Trains an MLP to have something to watch, and a player of
``catch``, for the pictures that show them; the rest shows the released models. Pictures go to
``docs/studio/NAME.png``, reduced to a palette.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "studio"
TOKEN = "tokenofthepicturesonly"
SIZE = {"width": 1180, "height": 760}
COLOURS = 160
CNN, MLP, FIFTEEN = "zoo.digits.cnn", "zoo.digits.mlp", "zoo.sketches.fifteen"
SPEECH = "zoo.speech.digits"
VIEWS = {  # name of the picture -> where it is in the studio
    "data": "digits/-/look/data",
    "pixels": f"digits/{CNN}/look/pixels?sample=valid:12",
    "flatten": f"digits/{CNN}/look/flatten?sample=valid:12",
    "graph": f"digits/{CNN}/look/graph",
    "start": "digits/-/train/start",
    "watch": "digits/first/train/watch",
    "moment": "digits/first/train/watch?at=216",
    "gradient": f"digits/{MLP}/train/gradient?sample=valid:12",
    "race": f"digits/{CNN}/train/race",
    "scores": f"digits/{CNN}/test/scores",
    "confusion": f"digits/{MLP}/test/confusion?true=9&predicted=4",
    "mistakes": f"digits/{MLP}/test/mistakes",
    "calibration": f"digits/{CNN}/test/calibration",
    "robustness": f"digits/{CNN}/test/robustness",
    "compare": f"digits/{MLP}/test/compare?other={CNN}",
    "sampling": f"speech/{SPEECH}/explain/sampling?voice=jackson&say=seven&t=900",
    "layers": f"digits/{CNN}/explain/layers?sample=valid:12",
    "kernel": f"digits/{CNN}/explain/kernel?sample=valid:12",
    "dilated": f"speech/{SPEECH}/explain/kernel?sample=valid:3&layer=layers.4.convolution&unit=3&position=40",
    "softmax": f"digits/{CNN}/explain/softmax?sample=valid:12",
    "next": "translation/zoo.translation.de-en/explain/next?sample=valid:3&place=2",
    "why": f"digits/{CNN}/explain/why?sample=valid:12",
    "play": f"sketches/{FIFTEEN}/use/play?words=cat,dog",
    "match": "atari/catch/use/match?rate=15",
    "results": f"sketches/{FIFTEEN}/use/play?words=cat,dog,smiley face&seconds=0",
    "draw": f"digits/{CNN}/use/draw",
    "use": f"digits/{CNN}/use/use?sample=valid:12",
}
STANDS = """() => document.querySelector("main").getAttribute("aria-busy") === "false"
    && !document.querySelector("main .waiting")"""


def main(names: list[str]) -> None:
    """Take the pictures of ``names``, or of all views."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("PELLUCID_CHROMIUM") or shutil.which("chromium")
    views = {name: place for name, place in VIEWS.items() if not names or name in names}
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), {place.split("/")[1] for place in views.values()}) as address,
        sync_playwright() as player,
    ):
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.set_default_timeout(180_000)  # the fused step of speech is compiled first
        page.goto(f"{address}#token={TOKEN}")
        page.wait_for_selector("#side a")
        for name, place in views.items():
            page.evaluate("place => { location.hash = place }", f"#/{place}")
            page.wait_for_timeout(400)
            page.wait_for_function(STANDS)
            page.wait_for_timeout(1500)
            if name in DONE:
                DONE[name](page)
            save(page.screenshot(), name)
        browser.close()


def half_a_cat(page: Any) -> None:
    """Begin a game and draw some strokes of a cat."""
    page.click(".start button")
    next_drawing(page)
    for stroke in cat()[:2]:
        draw(page, stroke)
    page.wait_for_timeout(600)


def a_game(page: Any) -> None:
    """Play a game: a cat for each word."""
    page.click(".start button")
    for _ in range(3):
        next_drawing(page)
        for stroke in cat():
            if page.locator("p-pad").count():
                draw(page, stroke)
        page.wait_for_timeout(1500)
        if page.locator("button:has-text('Skip')").count():
            page.click("button:has-text('Skip')")
    page.click(".drawing:has-text('dog')")
    page.wait_for_function(STANDS)
    page.locator(".drawings").first.scroll_into_view_if_needed()
    page.evaluate("() => document.querySelector('.drawings').scrollIntoView()")


def the_moment(page: Any) -> None:
    """Go down to the network at the moment of the time line."""
    page.wait_for_selector(".filters canvas")
    page.evaluate("() => document.querySelector('.cockpit-line').scrollIntoView()")


def a_match(page: Any) -> None:
    """Begin a game, and let the network play a moment."""
    page.get_by_role("button", name="Begin").click()
    page.locator(".match .stage").press("n")
    page.wait_for_timeout(2000)


def the_taps(page: Any) -> None:
    """Go down to the lines over time."""
    page.wait_for_selector(".total b p-number")
    page.evaluate("() => document.querySelector('.view-kernel .panel').scrollIntoView()")


def the_draw(page: Any) -> None:
    """Go down to the softmax."""
    page.wait_for_selector(".said-draw p-number")
    page.evaluate("() => document.querySelectorAll('.view-sampling .panel')[1].scrollIntoView()")


DONE = {
    "sampling": the_draw,
    "dilated": the_taps,
    "play": half_a_cat,
    "results": a_game,
    "moment": the_moment,
    "match": a_match,
}


def next_drawing(page: Any) -> None:
    """Press the card's button, once it takes a click."""
    page.wait_for_selector(".play-card button")
    page.wait_for_timeout(700)
    page.click(".play-card button")
    page.wait_for_selector("p-pad canvas")


def draw(page: Any, stroke: list[list[float]]) -> None:
    """Draw a stroke with the mouse."""
    box = page.locator("p-pad canvas").bounding_box()
    places = [
        (box[side] + box["width"] * (0.05 + 0.9 * at / 256) for at in axis)
        for side, axis in zip("xy", stroke, strict=True)
    ]
    points = list(zip(*places, strict=True))
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def cat() -> list[list[list[float]]]:
    """Return the strokes of the cat among the examples."""
    return json.loads((DOCS / "examples" / "cat.ndjson").read_text().splitlines()[0])["drawing"]


@contextmanager
def served(folder: Path, runs: set[str]) -> Iterator[str]:
    """Serve a studio over a folder with those trainings that the pictures need; yield its address."""
    pellucid = [sys.executable, "-m", "pellucid"]
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent / "src")}
    trained = {"first": ["digits"], "catch": ["atari", "--setting", "tiny", "--steps", "1000"]}
    for run in trained.keys() & runs:
        words = ["train", *trained[run], "--out", f"runs/{run}", "--quiet"]
        subprocess.run([*pellucid, *words], cwd=folder, env=environment, check=True)
    words = ["studio", "--port", "0", "--token", TOKEN, "--no-browser"]
    process = subprocess.Popen(
        [*pellucid, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split("#")[0]
    finally:
        process.terminate()
        process.wait()


def save(png: bytes, name: str) -> None:
    """Save a screenshot with few colours."""
    small = (
        Image.open(io.BytesIO(png))
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    )
    small.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
