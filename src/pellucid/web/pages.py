"""The files of the pages, from the package: found in a listing, never by joining a path."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pellucid.web.refusals import Refusal

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request) -> Response:
    """Return the page."""
    return file("index.html", request)


@router.get("/static/{name:path}")
def static(name: str, request: Request) -> Response:
    """Return one file of the page; the browser asks each time whether it changed."""
    return file(name, request)


def file(name: str, request: Request) -> Response:
    """Return a file of ``static/`` by its name there."""
    known = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    if name not in known:
        raise Refusal(404, "page", "there is no such file")
    content = known[name].read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    suffix = Path(name).suffix
    kind = TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    return Response(content, media_type=kind, headers=headers)
