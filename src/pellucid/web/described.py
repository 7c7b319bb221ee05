"""The description of the interface: what FastAPI tells of it, and the bodies, token and errors it cannot see.

Bodies are read by our own rules, not by models of FastAPI's, so what they hold stands here, by route.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pellucid.web import game, matches, sounds
from pellucid.web.bodies import JSON, MOST_TEXT, PICTURES, SOUNDS

TOKEN = {"type": "http", "scheme": "bearer", "description": "The secret that the studio printed."}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "one word for programs"},
                "message": {"type": "string", "description": "one sentence for people"},
                "request_id": {"type": "string", "description": "under which the terminal says more"},
            },
        }
    },
}
REFUSED = {
    "description": "Not served: what was given, what was expected, what to do.",
    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
}
GENERATED = ("HTTPValidationError", "ValidationError")  # FastAPI's own errors, which are never sent

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "number"}
NUMBERS = {"type": "array", "items": NUMBER}
STROKES = {
    "type": "array",
    "description": "of a pen, as ndjson has them: for each stroke its x and its y",
    "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": NUMBERS},
}
ACTION = {"type": ["integer", "null"], "minimum": 0, "description": "null is what the network would do"}
WORDS = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": game.MOST_WORDS}
PIXELS = {
    "type": "array",
    "description": "a raw sample as the data hold it: numbers from 0 to 255 in its shape",
}
DRAWING = [[[0, 90, 180], [0, 60, 0]]]


def json(properties: dict[str, Any], *examples: dict[str, Any], **rules: Any) -> dict[str, Any]:
    """Return the description of a JSON object that may have these properties and no others."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **rules}
    return {JSON: {"schema": schema, "examples": {" and ".join(one): {"value": one} for one in examples}}}


def files(kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the description of bytes as they are."""
    return {kind: {} for kind in kinds}


INPUT = json(
    {"sample": TEXT, "text": {**TEXT, "maxLength": MOST_TEXT}, "pixels": PIXELS, "strokes": STROKES},
    {"sample": "valid:12"},
    {"text": "a fine film"},
    {"strokes": DRAWING},
    minProperties=1,
    maxProperties=1,
)
FORM = json(
    {"task": TEXT, "setting": TEXT, "fields": {"type": "object", "description": "see the task's form"}},
    {"task": "digits", "setting": "tiny", "fields": {"epochs": 2}},
    required=["task"],
)
ACTIONS = {"type": "array", "items": ACTION, "minItems": 1, "maxItems": matches.MOST_ACTIONS}
SPOKEN = {name: {**TEXT, "maxLength": sounds.MOST_TEXT} for name in sounds.TEXTS}
RUN = "/api/v1/runs/{run}"
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/runs": FORM,
    "/api/v1/command": FORM,
    f"{RUN}/predict": {**INPUT, **files(PICTURES), **files(SOUNDS)},
    f"{RUN}/pad": files(PICTURES),
    f"{RUN}/guess": json({"strokes": STROKES}, {"strokes": DRAWING}, required=["strokes"]),
    f"{RUN}/closest": json(
        {"strokes": STROKES, "words": WORDS},
        {"strokes": DRAWING, "words": ["cat"]},
        required=["strokes", "words"],
    ),
    f"{RUN}/match": json({"seed": WHOLE}, {"seed": 7}, required=["seed"]),
    f"{RUN}/match/{{name}}": json({"actions": ACTIONS}, {"actions": [1, None]}, required=["actions"]),
    f"{RUN}/say": json(
        {**SPOKEN, **dict.fromkeys(sounds.NUMBERS, NUMBER), "seed": WHOLE}, {"text": "seven three", "seed": 1}
    ),
}


class Described(FastAPI):
    """An application whose description is whole."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            complete(super().openapi())
        assert self.openapi_schema is not None
        return self.openapi_schema


def complete(document: dict[str, Any]) -> None:
    """Add to an OpenAPI document what FastAPI cannot see."""
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in GENERATED:
        schemas.pop(name, None)
    schemas["Error"] = ERROR
    parts["securitySchemes"] = {"token": TOKEN}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            route["responses"].pop("422", None)
            route["responses"]["default"] = REFUSED
            if method == "post":
                route["security"] = [{"token": []}]
            if method == "post" and path in BODIES:
                route["requestBody"] = {"required": True, "content": BODIES[path]}
