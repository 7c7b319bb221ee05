"""R17, R22, R24: malformed requests are refused in words, slow clients let go, accepted requests answered."""

import contextlib
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import numpy as np
import pytest
from fuzz import COUNT, scramble

from pellucid.media import write_png
from pellucid.web import app as studio
from pellucid.web import guard, limits
from pellucid.web.batching import MOST_INSIDE, compute

from .conftest import TOKEN, Served, received
from .test_guard import routes

NIGHT = bool(os.environ.get("PELLUCID_NIGHT"))
STOPS, SLOW = (50, 1000) if NIGHT else (5, 200)
VALUES = (
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "9" * 4000,
    "[" * 5000,
    '{"a":' * 200,
    '"\\ud800"',
    '"\\u0000"',
    "",
    "null",
    "true",
    '{"a":1,"a":2}',
    "{",
    "]",
)
JSONS = (
    '{"sample": %s}',
    '{"pixels": %s}',
    '{"text": %s}',
    '{"strokes": %s}',
    '{"strokes": [[[%s], [1]]]}',
    '{"strokes": [], "words": %s}',
    '{"task": %s}',
    '{"task": "digits", "fields": %s}',
    '{"task": "digits", "fields": {"epochs": %s}}',
    "%s",
)
LENGTHS = ("-1", "+5", "0x10", "1e3", "99999999999999999999999", "5, 5", " ", "nan", "4294967297", "\u0663")
QUERIES = (
    "setting=",
    "setting=__class__",
    "setting=..%2f",
    "split=test",
    "count=-1",
    "count=1e9",
    "start=999999999999999999999",
    "a=b&" * 500,
    "%ff%fe",
    "count=1&count=2",
    "after=-5",
    "sample=%00",
)


def request(draw, served):
    """Return a request that is wrong in one or more ways."""
    method, path = draw.choice(routes(served.app))
    body, kind = b"", "application/json"
    if method == "POST" and draw.random() < 0.7:
        body, kind = wrong_body(draw)
    if draw.random() < 0.3:
        path += "?" + draw.choice(QUERIES)
    if draw.random() < 0.2:
        path = path.replace(
            "tried",
            draw.choice(("..", "%2e%2e", "tried%00", "a" * 5000, "zoo.", ".studio", "tried\u00e9", "%ff")),
        )
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        f"Authorization: Bearer {TOKEN}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]
    for _ in range(draw.choice((0, 1, 1, 2))):
        lines = wrong_head(lines, draw)
    data = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
    return scramble(data, draw) if draw.random() < 0.3 else data


def wrong_body(draw):
    if draw.random() < 0.3:
        picture = scramble(write_png(np.zeros((28, 28), np.uint8)), draw)
        return picture, draw.choice(
            ("image/png", "image/jpeg", "application/json", "multipart/form-data; boundary=b")
        )
    body = (draw.choice(JSONS) % draw.choice(VALUES)).encode()
    return (scramble(body, draw) if body and draw.random() < 0.3 else body), "application/json"


def wrong_head(lines, draw):
    kind = draw.randrange(9)
    if kind == 0:
        return [*lines, draw.choice(lines[1:] or ["a: b"])]
    if kind == 1:
        return [*lines, f"Content-Length: {draw.choice(LENGTHS)}"]
    if kind == 2:
        return [line for line in lines if not line.startswith("Content-Length")] + [
            f"Content-Length: {draw.choice(LENGTHS)}"
        ]
    if kind == 3:
        return [
            *lines,
            "Transfer-Encoding: "
            + draw.choice(("chunked", "gzip, chunked", "chunked, identity", "\x0bchunked", "xchunked")),
        ]
    if kind == 4:
        return [
            draw.choice(
                (
                    "GET / HTTP/9.9",
                    "GET",
                    "get / http/1.1",
                    "GET  /  HTTP/1.1",
                    "GET http://evil/ HTTP/1.1",
                    "POST /\x00 HTTP/1.1",
                    "GET /%zz HTTP/1.1",
                    "PRI * HTTP/2.0",
                    "GET / HTTP/0.9",
                )
            ),
            *lines[1:],
        ]
    if kind == 5:
        return [*lines, "X-Long: " + "a" * draw.choice((100, 70_000))]
    if kind == 6:
        return [*lines, *(f"X-{n}: 1" for n in range(draw.choice((10, 3000))))]
    if kind == 7:
        return [
            *lines,
            draw.choice(
                (
                    " folded",
                    "no colon",
                    ": no name",
                    "Name : space",
                    "Upgrade: websocket\r\nConnection: Upgrade",
                    "Expect: 100-continue",
                    "Range: bytes=" + "0-," * 2000,
                    "Cookie: \xff\xfe",
                    "Last-Event-ID: x",
                    "Connection: close, close",
                )
            ),
        ]
    return [
        line for line in lines if not line.startswith(draw.choice(("Host", "Authorization", "Content-Type")))
    ]


def good(served):
    answer = served.post("/runs/tried/predict", {"sample": "valid:7"})
    return answer.status == 200 and answer.body["output"]["data"]


@pytest.fixture
def eager(trained_run, monkeypatch):
    """A studio of its own whose patience is short, and which starts nothing."""
    monkeypatch.setattr(limits, "SECONDS_FOR_HEAD", 0.1)
    monkeypatch.setattr(guard, "SECONDS_FOR_BODY", 0.05)
    from pellucid.web import app as studio

    application = studio.create_app(trained_run.parent, token=TOKEN)
    monkeypatch.setattr(application.state.jobs, "_start", lambda run, kind, words: None)
    found = Served(application)
    yield found
    found.close()


@pytest.mark.timeout(max(300, COUNT))
def test_fuzzed_requests_are_refused_in_words_and_good_ones_served_between_them(eager, caplog):
    expected, draw_of = good(eager), lambda number: random.Random(f"requests/{number}")
    for number in range(COUNT):
        data = request(draw_of(number), eager)
        if b"/events" in data.split(b"\r\n")[0]:
            continue  # an event stream has no end; they have tests of their own
        answer = eager.raw(data)
        if answer:
            status = int(answer[9:12])
            assert status < 500 or status in (501, 503), (number, data[:300], answer[:600])
            assert b"Traceback" not in answer, number
            assert b"/src/pellucid" not in answer, number
            if status >= 400 and b"HEAD" not in data[:5]:
                error = json.loads(answer.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1")[0])["error"]
                assert set(error) == {"code", "message", "request_id"}, number
        if number % 100 == 99:
            assert good(eager) == expected, number
    assert eager.get("/metrics").body.get("failed", 0) == 0
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(served):
    head = (
        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: image/png\r\n"
        % (served.port, TOKEN.encode())
    )
    assert served.raw(head + b"Content-Length: 1073741824\r\n\r\n")[9:12] == b"413"
    chunks = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    answer = served.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 20)
    assert answer[9:12] in (b"413", b"")  # the connection may be gone before the answer is read


def test_a_body_of_single_bytes_is_read_or_refused_in_no_time(served):
    head = (
        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        % (served.port, TOKEN.encode())
    )
    began = time.process_time()
    assert served.raw(head + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")[9:12] in (b"422", b"413")
    assert time.process_time() - began < 5


def test_range_is_ignored(served):
    whole = served.ask("GET", "/static/index.html")
    part = served.ask("GET", "/static/index.html", headers={"Range": "bytes=0-1", "If-Range": "x"})
    assert (part.status, part.bytes) == (200, whole.bytes)


def test_two_requests_cannot_be_told_apart_by_two_lengths(served):
    smuggled = (
        b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/livez HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
        % (served.port, served.port)
    )
    answer = served.raw(smuggled)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer[9:12] == b"400"


def test_slow_and_half_open_clients_are_let_go_and_others_served(eager):
    here = ("127.0.0.1", eager.port)
    slow = []
    for number in range(SLOW):
        connection = socket.create_connection(here)
        with contextlib.suppress(OSError):
            connection.sendall(
                (b"", b"GET /api", b"POST /api/v1/session HTTP/1.1\r\nHost: ", b"G")[number % 4]
            )
            if number % 2:
                connection.shutdown(socket.SHUT_WR)
        slow.append(connection)
    began = time.monotonic()
    assert good(eager)
    assert time.monotonic() - began < 5
    for connection in slow:
        connection.settimeout(20)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1000)[9:12] in (b"", b"400")
        connection.close()


def test_bodies_that_arrive_slowly_take_nobodys_place(served):
    head = (
        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
        % (served.port, TOKEN.encode())
    )
    before = served.app.state.counts["requests"]
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2 * MOST_INSIDE)]
    for connection in slow:
        connection.sendall(head)
    while served.app.state.counts["requests"] < before + len(slow):
        time.sleep(0.01)
    try:
        assert good(served)
    finally:
        for connection in slow:
            connection.close()


def test_a_slow_body_is_refused(eager):
    head = (
        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nabc"
        % (eager.port, TOKEN.encode())
    )
    assert eager.raw(head)[9:12] == b"408"


def test_clients_that_reset_in_the_middle_spoil_nothing(served):
    body = b'{"sample": "valid:1"}'
    whole = (
        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (served.port, TOKEN.encode(), len(body), body)
    )
    for cut in range(1, len(whole), 7):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )  # close by a reset
        connection.sendall(whole[:cut])
        connection.close()
    assert good(served)
    assert served.get("/metrics").body.get("failed", 0) == 0


def test_accepted_requests_are_finished_when_the_studio_ends(trained_run, monkeypatch):
    ended = threading.Event()

    def late(opened, raw):
        assert ended.wait(10)
        return compute(opened, raw)

    for _ in range(STOPS):
        ended.set()
        served = Served(studio.create_app(trained_run.parent, token=TOKEN))
        assert good(served)
        body = b'{"sample": "valid:1"}'
        whole = (
            b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (served.port, TOKEN.encode(), len(body), body)
        )
        monkeypatch.setattr("pellucid.web.batching.compute", late)
        ended.clear()
        connections = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(8)]
        events = socket.create_connection(("127.0.0.1", served.port))
        events.sendall(b"GET /api/v1/runs/tried/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % served.port)
        for connection in connections:
            connection.sendall(whole)
        while served.app.state.counts["requests"] < 10:
            time.sleep(0.01)
        served.server.handle_exit(signal.SIGTERM, None)
        with pytest.raises(OSError, match="refused"):
            while True:
                socket.create_connection(("127.0.0.1", served.port)).close()
                time.sleep(0.01)
        time.sleep(0.25)  # the server stands idle and has nothing but these to wait for
        ended.set()
        found = []
        for connection in connections:
            found.append(received(connection)[9:12])
            connection.close()
        served.thread.join(10)
        events.close()
        assert not served.thread.is_alive()
        assert found == [b"200"] * 8
