"""The application: the guard in front, the routes behind it, and how it is served."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pellucid.task import Task
from pellucid.web import inside, pages, routes
from pellucid.web.batching import Batcher
from pellucid.web.guard import Guard
from pellucid.web.library import Library
from pellucid.web.refusals import Refusal

PORT = 8765
TITLE = "Pellucid studio"


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def create_app(
    runs: Path,
    *,
    token: str,
    kinds: dict[str, type[Task]] | None = None,
    names: tuple[str, ...] = (),
) -> FastAPI:
    """Return the studio over a directory of runs.

    Args:
        token: what everything that changes state must carry.
        kinds: tasks of files, by name.
        names: further exact values of the Host header, such as "studio.school.example:8765".
    """
    counts: Counter[str] = Counter()
    app = FastAPI(
        title=TITLE,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_life,
    )
    app.state.library = Library(runs, kinds)
    app.state.counts = counts
    app.state.batcher = Batcher(counts=counts)
    for router in (inside.router, routes.router, pages.router):  # the one that takes any name stands last
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _missing)
    app.add_middleware(Guard, token=token, names=names, counts=counts)
    return app


def serve(app: FastAPI, *, host: str, port: int, ready: Any) -> None:
    """Serve until a signal asks to stop; ``ready(address)`` is called once requests are taken.

    Raises:
        OSError: the address is taken or is not of this machine.
    """
    settings = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    listening = settings.bind_socket()
    address = listening.getsockname()
    server = uvicorn.Server(settings)
    ready(f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}/")
    asyncio.run(server.serve([listening]))


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
