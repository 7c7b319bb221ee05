"""What the server says when it does not do what was asked: a code, a sentence, and nothing of the machine."""

from __future__ import annotations

import json
import re
from typing import Any

from pellucid.errors import DataError, MissingExtra, NonFinite, PellucidError, RunError, UsageError

STATUS: dict[type[PellucidError], tuple[int, str]] = {  # the first that fits
    UsageError: (422, "usage"),
    DataError: (422, "data"),
    RunError: (409, "run"),
    MissingExtra: (501, "extra"),
    NonFinite: (422, "not-finite"),
}
PATH = re.compile(r"(?<![\w.~-])(?:[A-Za-z]:)?(?:[/\\][^\s/\\:;,'\"()]+)*[/\\]([^\s/\\:;,'\"()]+)")
MOST_TEXT = 500  # characters of a message


class Refusal(Exception):
    """A request that is not served.

    Args:
        status: of HTTP.
        code: one word for programs.
        message: one sentence for people: what was given, what was expected, what to do.
        retry_after: seconds after which the same request may be served.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None):
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


def refusal_of(error: PellucidError) -> Refusal:
    """Return an error of ours as what a browser may be told."""
    for kind, (status, code) in STATUS.items():
        if isinstance(error, kind):
            return Refusal(status, code, tellable(str(error)))
    return Refusal(500, "failed", tellable(str(error)))


def tellable(text: str) -> str:
    """Return a message without the folders of this machine: of a whole path only its last name stays."""
    return PATH.sub(r"\1", text)[:MOST_TEXT]


def document(refusal: Refusal, request_id: str) -> bytes:
    """Return the body of a refusal: ``{"error": {"code", "message", "request_id"}}``."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "request_id": request_id}
    return json.dumps({"error": error}).encode()
