"""The description of the interface for people: a page without a script, made from the routes themselves."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(prefix="/api/v1", include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(page(request.app.openapi()))


def page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as HTML: the routes by tag, with what each takes."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            groups.setdefault((route.get("tags") or ["other"])[0], []).append(entry(method, path, route))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(routes)}" for tag, routes in groups.items())
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: interface</title>'
        '<link rel="stylesheet" href="/static/style.css"></head>'
        f"<body><main><h1>{title}: the interface for programs</h1>"
        '<p>The same for machines: <a href="/api/v1/openapi.json">openapi.json</a>. A POST takes the header '
        f"<code>Authorization: Bearer TOKEN</code>.</p>{body}</main></body></html>"
    )


def entry(method: str, path: str, route: dict[str, Any]) -> str:
    """Return one route."""
    rows = "".join(
        f"<li><code>{escape(given['name'])}</code> in the {escape(given['in'])}"
        f"{'' if given.get('required') else ', optional'}</li>"
        for given in route.get("parameters", ())
    )
    rows += "".join(
        f"<li><code>{escape(kind)}</code> as the body{_held(body.get('schema', {}))}</li>"
        for kind, body in route.get("requestBody", {}).get("content", {}).items()
    )
    text = escape(route.get("description", ""))
    return f"<h3><code>{method.upper()} {escape(path)}</code></h3><p>{text}</p><ul>{rows}</ul>"


def _held(schema: dict[str, Any]) -> str:
    """Return the names that a JSON body may hold."""
    names = [f"<code>{escape(name)}</code>" for name in schema.get("properties", ())]
    return f" with {', '.join(names)}" if names else ""
