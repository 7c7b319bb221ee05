"""The application: the guard in front, the routes behind it, and how it is served."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pellucid.device import share_heap
from pellucid.task import Task
from pellucid.web import (
    answers,
    batching,
    board,
    commands,
    compare,
    game,
    inside,
    keeper,
    matches,
    pages,
    playing,
    reference,
    results,
    routes,
    sounds,
    trainings,
)
from pellucid.web.described import Described
from pellucid.web.guard import Guard
from pellucid.web.jobs import Jobs
from pellucid.web.library import Kept, Library, spare_the_collector
from pellucid.web.limits import patience, raise_file_limit
from pellucid.web.refusals import Refusal

SECONDS_TO_SWITCH = 0.001  # between threads: a network gives its turn away and asks for it at each operation
BACKLOG = 512  # connections that wait to be taken
SECONDS_KEPT_ALIVE = 30  # an idle connection
SECONDS_TO_END = 8  # for what is under way when the server is asked to end
TICKS_A_BEAT = 5  # each a tenth of a second: twice as many as are looked for
NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
TITLE = "Pellucid studio"
GAMES = (game, playing, matches)
PARTS = (inside, routes, trainings, results, board, compare, answers, *GAMES, sounds, reference, pages)


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def create_app(
    runs: Path,
    *,
    token: str,
    kinds: dict[str, type[Task]] | None = None,
    files: dict[str, Path] | None = None,
    names: tuple[str, ...] = (),
) -> FastAPI:
    """Return the studio over a directory of runs.

    Args:
        token: what everything that changes state must carry.
        kinds: tasks of files, by name.
        files: those files, by the same names.
        names: further exact values of the Host header, such as "studio.school.example:8765".
    """
    counts: Counter[str] = Counter()
    app = Described(
        title=TITLE,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        telemetry=NO_TELEMETRY,
        lifespan=_life,
    )
    app.state.library = Library(runs, kinds)
    app.state.jobs = Jobs(app.state.library, files)
    app.state.commands = commands.Commands(app.state.library, files or {})
    app.state.counts = counts
    app.state.token = token
    app.state.closing = False
    app.state.streams = set()
    app.state.albums = Kept(game.MOST_ALBUMS)
    app.state.matches = Kept(matches.MOST_MATCHES)
    app.state.batcher = batching.Batcher(counts=counts)
    for part in PARTS:
        app.include_router(part.router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _missing)
    app.add_middleware(answers.Shortcut)  # what is added last is passed first
    most = dict.fromkeys(("predict", "guess"), batching.MOST_INSIDE)
    app.add_middleware(Guard, token=token, names=names, most=most, counts=counts)
    return app


def serve(
    make: Callable[[], FastAPI],
    *,
    host: str,
    port: int,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
) -> int:
    """Serve until a signal asks to stop, and return its number; ``ready(address)`` is called before.

    What is under way is finished first, for ``SECONDS_TO_END`` at most; a second signal ends it at once.

    Args:
        make: returns the application; it is asked in the process that serves, and again if that dies.
        tell: is given a sentence when it did.
    Raises:
        OSError: the address is taken, or is not of this machine.
        PellucidError: the server fails, or dies again and again.
    """
    raise_file_limit()
    sys.setswitchinterval(SECONDS_TO_SWITCH)
    share_heap()
    listening = listen(host, port)
    address = listening.getsockname()
    here = f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}/"

    def serving(beat: Callable[[], None]) -> int:
        server = server_of(make(), beat)
        asyncio.run(server.serve([listening]))
        return server.asked

    spare_the_collector()  # while nobody waits
    return keeper.keep(serving, ready=lambda: ready(here), tell=tell)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let a second server take the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError):
        listening.close()
        raise
    return listening


def server_of(app: FastAPI, beat: Callable[[], None] = lambda: None) -> Server:
    """Return the server of an application, which calls ``beat`` every second."""
    settings = uvicorn.Config(
        app,
        http=patience(),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=SECONDS_KEPT_ALIVE,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    return Server(settings, app, beat)


class Server(uvicorn.Server):
    """uvicorn that shows it is alive, and tells the application that it ends, so that streams end too."""

    asked = 0  # the signal that asked to stop

    def __init__(self, settings: uvicorn.Config, app: FastAPI, beat: Callable[[], None]):
        super().__init__(settings)
        self._app, self._beat = app, beat

    async def on_tick(self, counter: int) -> bool:
        """Do what is to be done every tenth of a second."""
        if counter % TICKS_A_BEAT == 0:
            self._beat()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        self._app.state.closing = True
        self.force_exit = bool(self.asked)
        self.should_exit, self.asked = True, sig


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.batcher.close()


async def _invalid(request: Request, error: Exception) -> Any:
    """Say which value of the address was wrong, without repeating it."""
    assert isinstance(error, RequestValidationError)
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"][1:])
    raise Refusal(422, "value", f"{place[:80]}: {problem['msg'][:200]}")


async def _missing(request: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    said = {404: "there is nothing at this address", 405: "this address is not served by this method"}
    raise Refusal(error.status_code, "address", said.get(error.status_code, "this request is not served"))
