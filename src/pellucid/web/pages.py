"""The files of the pages, from the package: found in a listing, never by joining a path."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache, lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pellucid.web.refusals import Refusal

STATIC = Path(__file__).parent / "static"
MOST_READ = 256  # files that are kept as they are sent
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
    """Return a file of ``static/`` by its name there, compressed for who can read that."""
    if name not in listing():
        raise Refusal(404, "page", "there is no such file")
    path = listing()[name]
    accepted = request.headers.get("accept-encoding", "").split(",")
    gzipped = "gzip" in map(str.strip, accepted)
    content, tag = read(path, path.stat().st_mtime_ns, gzipped)
    headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    headers |= {"content-encoding": "gzip"} if gzipped else {}
    suffix = Path(name).suffix
    kind = TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    return Response(content, media_type=kind, headers=headers)


@cache
def listing() -> dict[str, Path]:
    """Return the files of ``static/`` by their names there."""
    return {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}


@lru_cache(MOST_READ)
def read(path: Path, written: int, gzipped: bool) -> tuple[bytes, str]:
    """Return the bytes of a file as they are sent, and their tag.

    Args:
        written: when the file was; one that was written again is read again.
    """
    content = path.read_bytes()
    content = gzip.compress(content, mtime=0) if gzipped else content
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
