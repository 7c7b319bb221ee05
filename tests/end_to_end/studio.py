"""A real studio in a process of its own, for tests to start, kill and start again."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from commands import environment

TOKEN = "tokenofthetestsonly"


class Studio:
    """The studio over ``folder/runs``; its port stays the same when it is started again."""

    def __init__(self, folder, *words):
        self.folder, self.words, self.port, self.process = Path(folder), words, 0, None
        self.runs = self.folder / "runs"
        self.runs.mkdir(exist_ok=True)

    def start(self):
        """Start it and wait until it takes requests."""
        words = [
            "studio",
            "--runs",
            "runs",
            "--port",
            str(self.port),
            "--token",
            TOKEN,
            "--no-browser",
            *self.words,
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pellucid", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=environment(),
        )
        line = self.process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), f"the studio did not start: {line!r}"
        self.port = int(line.split(":")[2].split("/")[0])
        return self

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def kill(self, sign=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait(20)
        self.process.stdout.close()

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            return answer.read()


def go(page, place):
    """Go to a place and wait until its view stands."""
    page.evaluate(
        """place => {
            if (location.hash !== place) document.querySelector("main").setAttribute("aria-busy", "true")
            location.hash = place
        }""",
        place,
    )
    settled(page)


def settled(page):
    """Wait until the view stands: it has content, and nothing in it still waits."""
    page.wait_for_function(
        """() => document.querySelector("main").getAttribute("aria-busy") === "false"
            && !document.querySelector("main .waiting")"""
    )


def complaints(page, options=None):
    """Return what axe finds wrong with the page; its half a megabyte of script is given to a page once."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="pip install axe-playwright-python")
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe.AXE_SCRIPT)
    return page.evaluate(
        """async options => {
            const { violations } = await axe.run({ resultTypes: ["violations"], ...options })
            return violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`))
        }""",
        options or {},
    )
