"""R18, R19: every route of the router's own table is refused to other pages, other names, and without the token."""

import asyncio
import itertools
import re
from collections import Counter

import pytest

from pellucid.web import app as studio
from pellucid.web.guard import Guard, _check_site, cookie_for
from pellucid.web.refusals import Refusal

from .conftest import TOKEN, Served, in_a_thread

FORMS = ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x")


def routes(application):
    """Return (method, path) of every route of an application, with names of things that exist filled in."""
    fill = {
        "run": "tried",
        "other": "tried",
        "task": "digits",
        "picture": "samples",
        "index": "0",
        "seed": "7",
        "true": "0",
        "predicted": "0",
    }
    fill |= {"name": "index.html", "name:path": "index.html"}
    found = set()
    for route in table(application.router):
        path = re.sub(r"\{([^}]+)\}", lambda name: fill[name[1]], route.path)
        found |= {(method, path) for method in route.methods or {"GET"}}
    return sorted(found)


def table(router):
    """Yield the routes of a router and of those that are included in it."""
    for route in router.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if getattr(route, "path", None) and getattr(route, "methods", None):
            yield route
        elif inner is not None:
            yield from table(inner)


def open_doors(served):
    """Return every (method, path, attack) that was served though it must not be."""
    here = f"127.0.0.1:{served.port}"
    origins = {
        "foreign": "http://evil.example", "null": "null", "https": f"https://{here}",
        "look-alike": f"http://{here}.evil.example", "prefix": f"http://evil{here}", "user": f"http://{here}@evil.example",
        "another port": f"http://127.0.0.1:{served.port + 1}", "no port": "http://127.0.0.1", "other name": f"http://localhost:{served.port}",
        "slash": f"http://{here}/", "empty": "",
    }  # fmt: skip
    hosts = ("evil.example", f"evil.example:{served.port}", "127.0.0.1", f"127.0.0.1:{served.port + 1}", f"{here}.evil.example", f"0.0.0.0:{served.port}", "")  # fmt: skip
    cookie = {"Cookie": f"pellucid-{served.port}={cookie_for(TOKEN)}"}
    found = []
    for method, path in routes(served.app):
        tries = [(f"Host {host!r}", {"host": host}) for host in hosts]
        tries += [(f"Origin {name}", {"headers": {"Origin": origin}}) for name, origin in origins.items()]
        tries += [
            (f"Origin {name} and cookie", {"headers": {"Origin": origin, **cookie}})
            for name, origin in origins.items()
        ]
        tries += [
            (f"Sec-Fetch-Site {site}", {"headers": {"Sec-Fetch-Site": site}})
            for site in ("cross-site", "same-site")
        ]
        if method == "POST":
            tokens = [None, "", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()]
            tries += [
                (f"token {token!r}", {"token": token, "headers": extra})
                for token, extra in itertools.product(tokens, ({}, cookie))
            ]
            tries += [
                (f"form {kind}", {"token": None, "headers": {"Content-Type": kind, **cookie}})
                for kind in FORMS
            ]
        for name, given in tries:
            answer = served.ask(method, path, **given)
            if answer.status not in (400, 401, 403):
                found.append((method, path, name, answer.status))
    return found


def test_the_table_of_routes_is_the_documented_one(served):
    documented = set(served.get("/openapi.json").body["paths"])
    walked = {path for _, path in routes(served.app)}
    assert len(documented) >= 20
    assert {path.replace("{run}", "tried").replace("{task}", "digits") for path in documented if path.count("{") == 1 and ("{run}" in path or "{task}" in path)} <= walked  # fmt: skip


def test_no_route_serves_another_page_another_name_or_a_change_without_the_token(served):
    assert len(routes(served.app)) > 25
    assert open_doors(served) == []


@pytest.fixture
def planted(trained_run):
    """A studio with a route in front of the guard."""
    application = studio.create_app(trained_run.parent, token=TOKEN)

    @application.get("/api/v1/open")
    def unguarded():
        return {"open": True}

    class Before:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            inner = self.app
            while scope.get("path") == "/api/v1/open" and isinstance(inner, Guard):
                inner = inner.app
            await inner(scope, receive, send)

    application.add_middleware(Before)
    found = Served(application)
    yield found
    found.close()


def test_a_route_that_goes_round_the_guard_is_found(planted):
    found = open_doors(planted)
    assert {path for _, path, _, _ in found} == {"/api/v1/open"}
    assert {name for _, _, name, _ in found} >= {"Host 'evil.example'", "Origin null", "Origin another port"}


def test_a_page_of_the_studio_itself_is_served(served):
    headers = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.get("/runs", headers=headers).status == 200
    assert served.post("/runs/tried/predict", {"sample": "valid:0"}, headers=headers).status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_the_loopback_address_are_served(served, host):
    assert served.get("/livez", host=f"{host}:{served.port}").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_no_other_method_is_served(served, method):
    assert served.raw(f"{method} / HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())[9:12] in (
        b"405",
        b"400",
    )


def test_every_answer_forbids_scripts_frames_and_sniffing(served):
    for path in ("/", "/api/v1/runs", "/api/v1/nothing", "/static/../../secret"):
        headers = served.ask("GET", path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_no_path_leads_out_of_the_folders(served, trained_run):
    (trained_run.parent.parent / "secret").write_text("secret")
    for path in (
        "../secret",
        "..%2fsecret",
        "%2e%2e/secret",
        "....//secret",
        "/etc/passwd",
        "tried/../../secret",
        ".studio",
        "%00",
        "a" * 3000,
    ):
        for place in (
            f"/api/v1/runs/{path}",
            f"/api/v1/runs/{path}/card",
            f"/static/{path}",
            f"/api/v1/runs/tried/pictures/{path}.png",
            f"/api/v1/tasks/{path}/form",
        ):
            answer = served.ask("GET", place)
            assert answer.status in (400, 404, 422), place
            assert b"root:" not in answer.bytes
            assert answer.bytes != b"secret"


def test_the_token_is_in_no_answer_and_no_log(served, caplog):
    with caplog.at_level("DEBUG"):
        answers = [served.get(path) for path in ("/runs", "/metrics", "/openapi.json", "/health")]
        answers.append(served.post("/session"))
        served.post("/runs/nothing/stop")
    assert not any(TOKEN.encode() in answer.bytes or TOKEN in str(answer.headers) for answer in answers)
    assert TOKEN not in caplog.text


def test_the_cookie_is_strict_and_is_not_the_token(served):
    cookie = served.post("/session").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie


def scope(server, headers, method="GET", path="/api/v1/runs"):
    return {
        "server": server,
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
        "method": method,
        "path": path,
    }


@pytest.fixture
def guard():
    return Guard(None, token=TOKEN, counts=Counter())


def test_from_another_machine_reading_takes_the_token_or_its_cookie(guard):
    there = ("192.168.1.5", 8765)
    host = {"host": "192.168.1.5:8765"}
    with pytest.raises(Refusal, match="token"):
        guard._check(scope(there, host), "")
    with pytest.raises(Refusal, match="token"):
        guard._check(scope(there, {**host, "cookie": f"pellucid-8765={TOKEN}"}), "")
    guard._check(scope(there, {**host, "cookie": f"a=b; pellucid-8765={cookie_for(TOKEN)}"}), "")
    guard._check(scope(there, {**host, "authorization": f"Bearer {TOKEN}"}), "")
    with pytest.raises(Refusal, match="name"):
        guard._check(scope(there, {"host": "localhost:8765", "authorization": f"Bearer {TOKEN}"}), "")


def test_the_cookie_never_allows_a_change(guard):
    headers = {"host": "127.0.0.1:8765", "cookie": f"pellucid-8765={cookie_for(TOKEN)}"}
    with pytest.raises(Refusal, match="token"):
        guard._check(scope(("127.0.0.1", 8765), headers, "POST"), "")


async def at_once(count):
    """Send requests that are held; return the statuses that come before they are let go, and all."""
    go, statuses = asyncio.Event(), []

    async def held(scope, receive, send):
        await go.wait()
        await send({"type": "http.response.start", "status": 200})

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    guard = Guard(held, token=TOKEN, counts=Counter())
    asked = {"type": "http", **scope(("127.0.0.1", 8765), {"host": "127.0.0.1:8765"})}
    under_way = [asyncio.ensure_future(guard({**asked}, None, send)) for _ in range(count)]
    await asyncio.sleep(0)
    early = list(statuses)
    go.set()
    await asyncio.gather(*under_way)
    return early, statuses


def test_more_requests_than_the_guard_holds_are_sent_away_whatever_they_ask_for(monkeypatch):
    monkeypatch.setattr("pellucid.web.guard.MOST_REQUESTS", 3)
    assert in_a_thread(at_once(5)) == ([503, 503], [503, 503, 200, 200, 200])


def test_a_link_elsewhere_may_open_the_page_but_nothing_else():
    headers = {b"sec-fetch-site": b"cross-site", b"sec-fetch-dest": b"document"}
    _check_site({"path": "/", "method": "GET"}, headers, "127.0.0.1:1")
    with pytest.raises(Refusal):
        _check_site({"path": "/api/v1/runs", "method": "GET"}, headers, "127.0.0.1:1")


def test_nothing_is_told_to_anybody_about_requests(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    application = studio.create_app(tmp_path, token=TOKEN)
    settings = getattr(application, "_telemetry", {})
    assert not any(settings.get(name) for name in ("tracing", "metrics", "logs", "auto_configure"))
