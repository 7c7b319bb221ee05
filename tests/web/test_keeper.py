"""R23: a server that is killed or hangs is replaced at once, and only what it was answering is lost."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from commands import environment

from .test_jobs import Studio

NIGHT = bool(os.environ.get("PELLUCID_NIGHT"))
KILLS = 100 if NIGHT else 10
SECONDS_TO_RETURN = 2
SERVER = """
import os, signal, socket, sys, time
from pellucid.errors import PellucidError
from pellucid.web import keeper

keeper.SECONDS_A_BEAT, keeper.MOST_MISSED, keeper.MOST_DEATHS = 0.1, 10, int(sys.argv[1])
listening = socket.create_server(("127.0.0.1", 0))

def serve(beat):
    asked = []
    for number in keeper.WATCHED:
        signal.signal(number, lambda number, _: asked.append(number))
    listening.settimeout(0.02)
    while not asked:
        beat()
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        word = connection.recv(9)
        if word == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == b"hang":
            time.sleep(1000)
        elif word == b"fail":
            raise ValueError("a mistake")
        connection.sendall(str(os.getpid()).encode())
        connection.close()
    time.sleep(0.2)  # as long as a second signal would need
    return len(asked) * 100 + asked[0]

try:
    sys.exit(keeper.keep(
        serve,
        ready=lambda: print(listening.getsockname()[1], flush=True),
        tell=lambda said: print(said, file=sys.stderr),
    ))
except PellucidError as error:
    sys.exit(str(error))
"""


@contextlib.contextmanager
def kept(deaths=1000):
    """A small server with its keeper: the process, and a function that gives it a word and returns its number."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(deaths)], env=environment(), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    port = int(process.stdout.readline())

    def ask(word):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(word)
            return int(connection.recv(9) or 0)

    try:
        yield process, ask
    finally:
        process.kill()
        process.communicate(timeout=10)  # its server has the other end of the pipes


def lost(ask, word):
    """Whether a question stays without an answer."""
    try:
        return ask(word) == 0
    except ConnectionError:
        return True


def test_a_server_that_dies_is_replaced_and_who_asks_meanwhile_waits():
    with kept() as (process, ask):
        seen = {ask(b"who")}
        for _ in range(KILLS):
            before = time.monotonic()
            assert lost(ask, b"die")
            seen.add(ask(b"who"))
            assert time.monotonic() - before < SECONDS_TO_RETURN
        assert len(seen) == KILLS + 1
        process.terminate()
        assert process.communicate(timeout=10)[1].count("was ended by SIGKILL; another one serves") == KILLS


def test_a_server_that_hangs_is_replaced():
    with kept() as (_, ask):
        first = ask(b"who")
        assert lost(ask, b"hang")
        assert ask(b"who") != first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_server_once_though_a_terminal_sends_it_to_the_whole_group(number):
    with kept() as (process, ask):
        assert os.getpgid(ask(b"who")) != process.pid  # two that come at once would look like one
        os.killpg(process.pid, number)
        assert process.wait(10) == 100 + number


def test_a_server_that_dies_again_and_again_is_given_up():
    with kept(deaths=3) as (process, ask):
        for _ in range(3):
            assert lost(ask, b"die")
        assert "killed 3 times within 60 s" in process.communicate(timeout=10)[1]
        assert process.returncode == 1


def test_an_error_of_the_server_ends_it_with_its_words():
    with kept() as (process, ask):
        assert lost(ask, b"fail")
        said = process.communicate(timeout=10)[1]
        assert "ValueError: a mistake" in said
        assert "the studio's server failed" in said


def test_a_server_does_not_outlive_its_keeper():
    with kept() as (process, ask):
        server = ask(b"who")
        process.kill()
        process.wait()
        end = time.monotonic() + 5
        while Path(f"/proc/{server}/stat").exists():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_the_studio_comes_back_under_load_with_the_same_address_and_secret(tmp_path):
    studio = Studio(tmp_path)
    answered, broken, over = [], [], threading.Event()

    def load():
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=20)
            try:
                connection.request("GET", "/api/v1/readyz")
                answered.append(connection.getresponse().status)
            except (ConnectionError, http.client.BadStatusLine):
                broken.append(time.monotonic())
            finally:
                connection.close()

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    servers = set()
    try:
        for _ in range(2):
            before, server = len(answered), studio.server()
            servers.add(server)
            os.kill(server, signal.SIGKILL)
            start = time.monotonic()
            while len(answered) < before + 20:
                assert time.monotonic() - start < SECONDS_TO_RETURN + 20 * 0.05
                time.sleep(0.01)
        assert studio.ask("GET", "/runs")[0] == 200  # with the token of before
    finally:
        over.set()
        for client in clients:
            client.join()
        code, said = studio.end(signal.SIGTERM)
    assert len(servers) == 2
    assert set(answered) == {200}
    assert len(broken) <= len(servers) * len(clients)  # what was under way, and nothing else
    assert code == 143
    assert said.count("was ended by SIGKILL") == len(servers)
