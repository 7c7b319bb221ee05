"""A studio that is served as people serve it, over a folder with one tested run."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from pellucid import config, tasks
from pellucid.learners import outputs_of
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

TOKEN = "secret0secret0secret0secret"


class Served:
    """A server in a thread of this process, and a client."""

    def __init__(self, application):
        self.app, self.server = application, studio.server_of(application)
        listening = studio.listen("127.0.0.1", 0)
        self.port = listening.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, args=([listening],), daemon=True)
        self.thread.start()
        until = time.monotonic() + 30
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.01)

    def ask(self, method, path, body=None, headers=None, *, token=TOKEN, host=None):
        """Return status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if host != "":
                connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            if token:
                connection.putheader("Authorization", f"Bearer {token}")
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
                connection.putheader("Content-Type", "application/json")
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None or method == "POST":
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("content-type", "")
        found = json.loads(content) if kind == "application/json" and content else content
        return SimpleNamespace(status=answer.status, headers=answer.headers, body=found, bytes=content)

    def get(self, path, **given):
        return self.ask("GET", "/api/v1" + path, **given)

    def post(self, path, body=None, **given):
        return self.ask("POST", "/api/v1" + path, body, **given)

    def raw(self, data, seconds=20.0):
        """Send bytes as they are; return what comes back until the end, or until it is quiet."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
            return received(connection, bodiless=data.startswith(b"HEAD"))

    def close(self):
        self.app.state.closing = True
        self.server.should_exit = True
        self.thread.join(20)


def in_a_thread(coroutine):
    """Run a coroutine in a loop of its own: a browser's test in this process may have left one running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def received(connection, *, bodiless=False):
    """Return the first answer on a connection, b"" if it is closed without one."""
    found = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65536):
            found += part
            head, gap, rest = found.partition(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if gap and (
                bodiless or head[9:12] == b"204" or (length and len(rest) >= int(length[0].split(b":")[1]))
            ):
                break
    return found


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The directory of a run of made-up digits, trained for a moment and tested."""
    task = config.parse(
        config.setting(tasks.find("digits"), "tiny"),
        ["--network", "cnn", "--width", "4", "--steps", "60"],
        program="x",
    )
    path = tmp_path_factory.mktemp("folder") / "runs" / "tried"
    for _ in train(task, path):
        pass
    trained = open_trained(path)
    logits, targets = outputs_of(trained.network, trained.task, trained.task.data().test(), trained.facts)
    scores = trained.task.metrics(logits, targets, trained.facts)
    trained.run.save_scores(
        {"evaluate": {"scores": {name: score.to_json() for name, score in scores.items()}}}
    )
    return path


@pytest.fixture(scope="session")
def served(trained_run):
    """One studio for all tests that leave it as it was."""
    found = Served(studio.create_app(trained_run.parent, token=TOKEN))
    yield found
    found.close()
