"""A browser and a studio, each started once; the tests skip where either cannot be had."""

import importlib.util
import os
import signal
import sys
from collections import defaultdict
from itertools import chain
from pathlib import Path

import pytest
from browsers import chromium

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
NEEDED = {
    "playwright": "pip install playwright",
    "fastapi": "pip install 'pellucid[web]'",
    "uvicorn": "pip install 'pellucid[web]'",
}
WINDOW = {"width": 1280, "height": 720}


def missing():
    """Return why the pages cannot be tried here, or nothing."""
    for name, cure in NEEDED.items():
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed: {cure}"
    return "" if chromium() else "no Chromium on the path; PELLUCID_CHROMIUM names one"


def pytest_collection_modifyitems(items):
    why = missing()
    for item in items:
        if why and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """A studio with the released models, two small trainings, and a task of one file."""
    from studio import Studio

    from pellucid.cli.main import main

    folder = tmp_path_factory.mktemp("studio")
    player = ["--steps", "5", "--start", "60", "--replay", "200"]
    for run, words in (("small", ["digits"]), ("player", ["atari", *player])):
        words = ["train", *words, "--setting", "tiny", "--out", str(folder / "runs" / run), "--quiet"]
        assert main(words) == 0
    started = Studio(folder, "--task", str(HERE.parents[1] / "docs" / "examples" / "shapes.py")).start()
    yield started
    started.kill(signal.SIGTERM)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    if "PYTEST_XDIST_WORKER" in os.environ:
        mark = tmp_path_factory.getbasetemp().parent / "has-a-browser"
        assert not mark.exists(), "another worker has a browser already: see tests/conftest.py"
        mark.touch()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def spare():
    """Pages that stand at home, by their studio's address: to load one costs as much as to look at seven views."""
    pages = defaultdict(list)
    yield pages
    for page in chain.from_iterable(pages.values()):
        page.context.close()


@pytest.fixture
def open_page(browser, spare, request):
    """Open pages that note what goes wrong in them, where they stood for another test if nothing did there.

    A test that changes a page's own scripts or elements asks for a ``fresh`` one, which nobody gets after it.
    """
    from studio import TOKEN, go

    lent, failed = [], request.session.testsfailed

    def open_at(studio, place="", *, fresh=False, viewport=WINDOW, **settings):
        pages = None if fresh or settings else spare[studio.address]
        page = pages.pop() if pages else loaded(studio, **settings)
        lent.append((page, pages))
        page.set_viewport_size(viewport)
        page.mouse.move(0, 0)
        if place:
            go(page, place)
        return page

    def loaded(studio, **settings):
        page = browser.new_context(reduced_motion="reduce", **settings).new_page()
        page.set_default_timeout(30_000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{studio.address}#token={TOKEN}")
        page.wait_for_selector("#side a", state="attached")
        return page

    yield open_at
    for page, pages in lent:
        if pages is None or page.errors or request.session.testsfailed > failed:
            page.context.close()
        else:
            go(page, "#/")
            pages.append(page)
