"""The guard at the door: every request passes it before anything else looks at it.

Nothing is allowed by path, everything by rule, so a route that is added later is guarded as well:

1. GET and POST only, and no WebSocket.
2. ``Host`` is exactly an address of this server: a page that rebinds its own name to this machine is refused.
3. ``Origin``, where a browser sends it, is exactly ``http://HOST``; ``Sec-Fetch-Site`` is not another site's.
4. POST carries the token: ``Authorization: Bearer TOKEN``. No cookie stands in for it, so no page elsewhere
   can make a browser send it.
5. Reading is free on the loopback address. From another address it takes the token as well, or the cookie
   that ``POST /api/v1/session`` gives for pictures and event streams, which cannot carry a header.

What passes is counted, limited, given an id, and answered with headers that let a page load nothing from
elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

from starlette.requests import ClientDisconnect

from pellucid.errors import PellucidError
from pellucid.web.refusals import Refusal, document, refusal_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

METHODS = ("GET", "POST")
MOST_REQUESTS = 512  # under way at once, event streams included
MOST_BODY = 16 * 2**20  # bytes
SECONDS_FOR_BODY = 30.0
UNREAD = (400, 408, 413)  # refusals after which the rest of a body is not waited for
ONCE = (b"host", b"origin", b"authorization", b"content-length", b"content-type", b"transfer-encoding")
DROPPED = (b"range", b"if-range")  # parts of files are never served
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": CONTENT_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(self)",
    b"cache-control": b"no-store",
}
log = logging.getLogger("pellucid.studio")


class Guard:
    """The outermost layer of the application.

    Args:
        app: what is guarded.
        token: what everything that changes state must carry.
        names: further exact values of ``Host``, such as "studio.school.example:8765".
        most: how many requests may be inside at once whose address ends with a word, those not counted whose
            bodies still arrive; what is more is sent away before it costs anything.
        counts: what is counted: requests, refused, shed, failed, and those that were answered.
    """

    def __init__(
        self,
        app: Any,
        *,
        token: str,
        names: tuple[str, ...] = (),
        most: dict[str, int] | None = None,
        counts: Counter[str],
    ):
        self.most, self._inside = most or {}, Counter[str]()
        self.app, self.names, self.counts = app, frozenset(names), counts
        self._token, self._cookie = token.encode(), cookie_for(token).encode()
        self._ids, self._start = itertools.count(1), secrets.token_hex(4)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.counts["requests"] += 1
        request_id = f"{self._start}-{next(self._ids):x}"
        reply = Reply(send, request_id, self.counts)
        self._under_way += 1
        kind = scope["path"].rpartition("/")[2]
        entered: list[str] = []

        def enter() -> None:
            self._check_room(kind)
            self._inside[kind] += 1
            entered.append(kind)

        try:
            self._check(scope, kind)
            scope.setdefault("state", {})["request_id"] = request_id
            await self.app(scope, Body(receive, enter), reply)
        except Refusal as refusal:
            await reply.refuse(refusal)
        except PellucidError as error:
            await reply.refuse(refusal_of(error))
        except ClientDisconnect:
            reply.left = True
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("request %s failed", request_id)
            said = "the studio failed at this; its terminal says more under the request's id"
            await reply.refuse(Refusal(500, "failed", said))
        finally:
            self._under_way -= 1
            self._inside.subtract(entered)
            reply.count()

    def _check_room(self, kind: str) -> None:
        if self._under_way > MOST_REQUESTS or self._inside[kind] >= self.most.get(kind, MOST_REQUESTS):
            raise Refusal(503, "busy", "too many requests at once; try again", retry_after=1)

    def _check(self, scope: Scope, kind: str) -> None:
        self._check_room(kind)
        headers = _headers(scope)
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in DROPPED]
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in _addresses(*scope["server"]) and host not in self.names:
            raise Refusal(403, "host", "this name is not the studio's; open the address that it printed")
        _check_site(scope, headers, host)
        self._check_token(scope, headers)
        if scope["method"] not in METHODS:
            raise Refusal(405, "method", "only GET and POST are served")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or (b"transfer-encoding" in headers and b"content-length" in headers):
            raise Refusal(400, "length", "the length of the body is not a number that can be trusted")
        if int(length[:20]) > MOST_BODY:
            raise Refusal(413, "large", f"the body is larger than {MOST_BODY // 2**20} MB")

    def _check_token(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer" and hmac.compare_digest(given, self._token):
            return
        if scope["method"] == "POST":
            raise Refusal(401, "token", "this needs the token that the studio printed when it started")
        if _loopback(scope["server"][0]) or not scope["path"].startswith("/api/"):
            return
        name = f"pellucid-{scope['server'][1]}=".encode()
        cookies = headers.get(b"cookie", b"").split(b"; ")
        if not any(
            hmac.compare_digest(cookie.removeprefix(name), self._cookie)
            for cookie in cookies
            if cookie.startswith(name)
        ):
            raise Refusal(401, "token", "this needs the token that the studio printed when it started")


class Reply:
    """The way back: adds the headers of every answer and counts what became of the request."""

    def __init__(self, send: Send, request_id: str, counts: Counter[str]):
        self._send, self._id, self._counts = send, request_id, counts
        self.status, self.left = 0, False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Pass a message of ASGI on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            there = {name.lower() for name, _ in given}
            given += [pair for pair in HEADERS.items() if pair[0] not in there]
            message["headers"] = [*given, (b"x-request-id", self._id.encode())]
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, unless an answer is on its way already."""
        if self.status:
            return
        body = document(refusal, self._id)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.status in UNREAD:
            headers.append((b"connection", b"close"))
        if refusal.retry_after is not None:
            headers.append((b"retry-after", str(refusal.retry_after).encode()))
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})

    def count(self) -> None:
        """Count the request as what it became."""
        if self.left:
            kind = "left"
        elif self.status == 503:
            kind = "shed"
        elif self.status >= 500 or not self.status:
            kind = "failed"
        else:
            kind = "refused" if self.status >= 400 else "answered"
        self._counts[kind] += 1


class Body:
    """The way in: a body that grows beyond the limit, or is too slow, is refused while it arrives.

    Args:
        enter: is called when it is whole.
    """

    def __init__(self, receive: Receive, enter: Callable[[], None]):
        self._receive, self._enter, self._left, self._whole = receive, enter, MOST_BODY, False
        self._until = asyncio.get_running_loop().time() + SECONDS_FOR_BODY

    async def __call__(self) -> MutableMapping[str, Any]:
        """Return the next message of ASGI."""
        if self._whole:  # what follows is the end of the connection, for which one may wait long
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(408, "slow", f"the body took longer than {SECONDS_FOR_BODY:g} s") from None
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise Refusal(413, "large", f"the body is larger than {MOST_BODY // 2**20} MB")
            if self._whole:
                self._enter()
        return message


def cookie_for(token: str) -> str:
    """Return what the cookie holds: it allows reading, and the token cannot be had from it."""
    return hmac.new(token.encode(), b"pellucid studio: read", hashlib.sha256).hexdigest()


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name; a header that decides something must not stand twice."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in found and name in ONCE:
            raise Refusal(400, "headers", f"the header {name.decode('latin-1')} stands twice")
        found[name] = value
    return found


@lru_cache(maxsize=64)
def _addresses(address: str, port: int) -> frozenset[str]:
    """Return the values of Host that mean the socket on which a request came."""
    names = ("localhost", "127.0.0.1", "[::1]") if _loopback(address) else ()
    here = f"[{address}]" if ":" in address else address
    ends = (f":{port}", "") if port == 80 else (f":{port}",)
    return frozenset(f"{name}{end}" for name in (here, *names) for end in ends)


@lru_cache(maxsize=64)
def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _check_site(scope: Scope, headers: dict[bytes, bytes], host: str) -> None:
    """Refuse what a page of another origin sends, even where the browser would hide the answer from it."""
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1") != f"http://{host}":
        raise Refusal(403, "origin", "requests of other pages are not served")
    site = headers.get(b"sec-fetch-site", b"none")
    opens_page = scope["path"] == "/" and headers.get(b"sec-fetch-dest") == b"document"
    if site not in (b"none", b"same-origin") and not (opens_page and scope["method"] == "GET"):
        raise Refusal(403, "origin", "requests of other pages are not served")
