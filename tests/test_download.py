import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time

import pytest
from commands import environment

from pellucid import download
from pellucid.datasets import quickdraw, recordings, sentences
from pellucid.download import Archive
from pellucid.errors import DataError

GOOD = b"the very bytes " * 2000
SHA256 = hashlib.sha256(GOOD).hexdigest()


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """The first word of the path says how the answer is wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        getattr(self, self.path.split("/")[1])()

    def send(self, content, *, length=None, status=200, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("Connection", "close")  # or the client may send its next question to a closed door
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def good(self):
        self.server.visits += 1
        self.send(GOOD)

    def short(self):
        self.send(GOOD[:500], length=len(GOOD))

    def cut(self):  # no length at all, and closed early
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(GOOD[:500])
        self.close_connection = True

    def wrong(self):
        self.send(GOOD[:-1] + b"!")

    def long(self):
        self.send(GOOD + b"!")

    def endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(2**16))
        except OSError:
            self.server.hung_up.set()

    def missing(self):
        self.send(b"no", status=404)

    def broken(self):
        self.send(b"no", status=500)

    def redirect(self):
        self.send(b"", status=302, headers=[("Location", "/good/x")])

    def circle(self):
        self.send(b"", status=302, headers=[("Location", "/circle/x")])

    def elsewhere(self):
        self.send(b"", status=302, headers=[("Location", "file:///etc/hostname")])

    def hang(self):
        self.server.released.wait(20)
        self.close_connection = True

    def half(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write(GOOD[:500])
        self.server.released.wait(20)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    server.visits, server.released, server.hung_up = 0, threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    for name in ("PELLUCID_MIRROR", "PELLUCID_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


def archive(server, manner):
    return Archive("set/file.bin", {SHA256: len(GOOD)}, f"http://127.0.0.1:{server.server_port}/{manner}/x")


def leftovers(cache):
    return [path for path in cache.rglob("*") if path.is_file()]


def test_good_bytes_arrive_under_the_final_name(server, cache):
    path = download.fetch(archive(server, "good"))
    assert path == cache / "set" / "file.bin"
    assert path.read_bytes() == GOOD
    assert leftovers(cache) == [path]


def test_a_second_fetch_asks_nobody(server):
    for _ in range(2):
        download.fetch(archive(server, "good"))
    assert server.visits == 1


def test_a_redirect_is_followed(server):
    assert download.fetch(archive(server, "redirect")).read_bytes() == GOOD


@pytest.mark.parametrize(
    "manner",
    ["short", "cut", "wrong", "long", "endless", "missing", "broken", "circle", "elsewhere"],
)
def test_a_wrong_answer_is_an_error_and_leaves_nothing(server, cache, manner):
    with pytest.raises(DataError, match=f"/{manner}/x"):
        download.fetch(archive(server, manner))
    assert leftovers(cache) == []


def test_an_endless_answer_is_hung_up_on(server):
    with pytest.raises(DataError, match="more than the 30000 bytes"):
        download.fetch(archive(server, "endless"))
    assert server.hung_up.wait(5)


@pytest.mark.parametrize("manner", ["hang", "half"])
def test_a_server_that_hangs_is_given_up(server, cache, monkeypatch, manner):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", (0.3, 0.3))
    start = time.monotonic()
    with pytest.raises(DataError, match="download failed"):
        download.fetch(archive(server, manner))
    assert time.monotonic() - start < 5
    assert leftovers(cache) == []


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(DataError, match="download failed"):
        download.fetch(Archive("set/file.bin", {SHA256: len(GOOD)}, "http://127.0.0.1:9/x"))


def test_a_killed_download_leaves_nothing_under_the_final_name(server, cache):
    code = f"""
from pellucid.download import Archive, fetch
fetch(Archive("set/file.bin", {{{SHA256!r}: {len(GOOD)}}}, "http://127.0.0.1:{server.server_port}/half/x"))
"""
    child = subprocess.Popen([sys.executable, "-c", code], env=environment())
    while not leftovers(cache) and child.poll() is None:
        time.sleep(0.02)
    child.kill()
    child.wait()
    assert not (cache / "set" / "file.bin").exists()
    assert download.fetch(archive(server, "good")).read_bytes() == GOOD


def test_what_a_killed_download_left_is_swept_a_day_later(server, cache):
    (cache / "set").mkdir(parents=True)
    old = cache / "set" / ".file.bin.x.part"
    old.write_bytes(b"half")
    os.utime(old, (0, 0))
    download.fetch(archive(server, "good"))
    assert not old.exists()


def test_several_fetches_at_once_all_succeed(server, cache):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(download.fetch(archive(server, "good")).read_bytes()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [GOOD] * 8
    assert len(leftovers(cache)) == 1


def test_two_processes_at_once_both_succeed(server, cache):
    code = f"""
from pellucid.download import Archive, fetch
print(len(fetch(Archive("set/file.bin", {{{SHA256!r}: {len(GOOD)}}}, "http://127.0.0.1:{server.server_port}/good/x")).read_bytes()))
"""
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [int(child.communicate()[0]) for child in children] == [len(GOOD)] * 2


def test_offline_touches_no_network(server, monkeypatch):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    with pytest.raises(DataError, match="PELLUCID_OFFLINE forbids the network: unset it, or put"):
        download.fetch(archive(server, "good"))
    assert server.visits == 0


def test_a_file_without_an_address_says_what_can_be_done_without_it():
    with pytest.raises(DataError, match=r"PELLUCID_MIRROR .*; train on --dataset tiny"):
        download.fetch(Archive("set/file.bin", {SHA256: len(GOOD)}, instead="train on --dataset tiny"))


@pytest.mark.parametrize("archive", [quickdraw.ARCHIVES["fifteen"], recordings.FSDD, sentences.TREES["test"]])
def test_packs_that_are_only_in_a_mirror_have_made_up_data_instead(archive):
    assert (archive.url, archive.instead) == (None, download.MADE_UP)


def test_offline_does_not_ask_a_mirror_on_the_network(server, monkeypatch):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    monkeypatch.setenv("PELLUCID_MIRROR", f"http://127.0.0.1:{server.server_port}/good")
    with pytest.raises(DataError):
        download.fetch(archive(server, "good"))
    assert server.visits == 0


def test_a_mirror_folder_is_asked_first(server, tmp_path, monkeypatch):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(GOOD)
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path / "mirror"))
    assert download.fetch(archive(server, "good")).read_bytes() == GOOD
    assert server.visits == 0


def test_a_mirror_address_is_asked_first(server, monkeypatch):
    monkeypatch.setenv("PELLUCID_MIRROR", f"http://127.0.0.1:{server.server_port}/good")
    assert download.fetch(archive(server, "broken")).read_bytes() == GOOD


def test_wrong_bytes_in_the_mirror_give_way_to_the_official_address(server, tmp_path, monkeypatch):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.bin").write_bytes(GOOD[::-1])
    monkeypatch.setenv("PELLUCID_MIRROR", str(tmp_path / "mirror"))
    assert download.fetch(archive(server, "good")).read_bytes() == GOOD
    assert server.visits == 1


@pytest.mark.parametrize("place", [0, 12345, len(GOOD) - 1])
def test_a_flipped_bit_in_the_cache_is_found(server, place):
    path = download.fetch(archive(server, "good"))
    content = bytearray(GOOD)
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="sha256"):
        download.fetch(archive(server, "good"))


@pytest.mark.parametrize("content", [b"", GOOD[:-1], GOOD + b"x"])
def test_another_length_in_the_cache_is_found(server, content):
    download.fetch(archive(server, "good")).write_bytes(content)
    with pytest.raises(DataError, match=f"{len(content)} bytes long, expected {len(GOOD)}"):
        download.verify(archive(server, "good"))


def test_verify_of_what_was_never_fetched_says_so(server):
    with pytest.raises(DataError, match="No such file"):
        download.verify(archive(server, "good"))


def test_an_unwritable_cache_names_the_setting(server, tmp_path, monkeypatch):
    (tmp_path / "in the way").write_text("")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "in the way"))
    with pytest.raises(DataError, match="PELLUCID_CACHE"):
        download.fetch(archive(server, "good"))


def test_the_user_cache_directory_is_the_default(monkeypatch):
    monkeypatch.delenv("PELLUCID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    if sys.platform == "linux":
        assert str(download.cache()) == "/somewhere/pellucid"


def readable(path):
    if not path.read_bytes().startswith(b"the very bytes"):
        raise DataError(f"{path}: not readable")


def unpinned(server, manner, final):
    archive = Archive("set/file", {}, f"http://127.0.0.1:{server.server_port}/{manner}/x")
    return download.fetch_unpinned(archive, final, most=len(GOOD), read=readable)


def test_a_file_without_a_published_checksum_is_held_to_that_of_its_first_copy(server, tmp_path):
    final = tmp_path / "file"
    assert unpinned(server, "good", final) == (final, SHA256)
    assert (tmp_path / "file.sha256").read_text() == f"{SHA256}  file\n"
    assert unpinned(server, "missing", final) == (final, SHA256)  # nobody is asked again
    final.write_bytes(GOOD[:-1] + b"!")
    with pytest.raises(DataError, match=r"not what file\.sha256 says"):
        unpinned(server, "good", final)


@pytest.mark.parametrize("manner", ["short", "long", "endless", "missing", "broken"])
def test_a_wrong_answer_for_a_file_without_a_checksum_leaves_nothing(server, tmp_path, manner):
    with pytest.raises(DataError, match="set/file is not available"):
        unpinned(server, manner, tmp_path / "there" / "file")
    assert list((tmp_path / "there").iterdir()) == []


def test_what_cannot_be_read_is_not_taken_although_it_came_whole(server, tmp_path):
    archive = Archive("set/file", {}, f"http://127.0.0.1:{server.server_port}/good/x")

    def refuse(path):
        raise DataError("no drawing in it")

    with pytest.raises(DataError, match="no drawing in it"):
        download.fetch_unpinned(archive, tmp_path / "there" / "file", most=len(GOOD), read=refuse)
    assert list((tmp_path / "there").iterdir()) == []


def test_a_file_that_somebody_put_there_is_kept_and_its_checksum_noted(server, tmp_path):
    (tmp_path / "file").write_bytes(b"the very bytes of mine")
    digest = hashlib.sha256(b"the very bytes of mine").hexdigest()
    assert unpinned(server, "good", tmp_path / "file") == (tmp_path / "file", digest)
    assert (tmp_path / "file").read_bytes() == b"the very bytes of mine"
