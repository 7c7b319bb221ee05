"""A real studio in a process of its own, for tests to start, kill and start again."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

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


def pellucid(folder, *words):
    """Run one command of the package in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pellucid", *words],
        cwd=folder,
        env=environment() | {"PELLUCID_CACHE": os.environ.get("PELLUCID_CACHE", str(folder))},
        check=True,
        capture_output=True,
        text=True,
    )


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
