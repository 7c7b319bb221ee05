"""``pellucid studio``: look, train, test, explain and use in the browser."""

from __future__ import annotations

import ipaddress
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, find_kind
from pellucid.cli.screen import Screen
from pellucid.errors import MissingExtra, PellucidError, UsageError

SHORTEST_TOKEN = 16  # characters


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Serve until Ctrl-C; the address with its token goes to stdout."""
    flags = _parser().read(words)
    _check(flags)
    try:
        from pellucid.web import app
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the studio needs {error.name}: pip install 'pellucid[web]'") from None
    kinds = {kind.name: (kind, Path(file)) for file in flags.task_files for kind in [find_kind(file)]}
    token = flags.token or app.new_token()
    own = {name: kind for name, (kind, _) in kinds.items()}
    files = {name: file for name, (_, file) in kinds.items()}

    def ready(address: str) -> None:
        tell = screen.complain if screen.as_json else screen.show  # the one document comes at the end
        tell(f"{address}#token={token}")
        if not _loopback(flags.host):
            screen.complain(
                f"warning: other machines can reach {address}, and nothing on the way is encrypted"
            )
        screen.say("the studio is open; Ctrl-C closes it, trainings go on")
        if flags.browser:
            webbrowser.open(f"{address}#token={token}")

    try:
        asked = app.serve(
            lambda: app.create_app(flags.runs, token=token, kinds=own, files=files),
            host=flags.host,
            port=flags.port,
            ready=ready,
            tell=screen.complain,
        )
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or "this is not an address"
        raise PellucidError(
            f"{flags.host} port {flags.port} cannot be served: {said}; try --port 0"
        ) from None
    screen.say("the studio is closed; trainings go on, and a studio that is opened again shows them")
    return {"runs": str(flags.runs)}, 128 + asked


def _check(flags: Any) -> None:
    if not 0 <= flags.port <= 65535:
        raise UsageError(f"--port is {flags.port}; expected 0 (any that is free) to 65535")
    if flags.token is not None and (len(flags.token) < SHORTEST_TOKEN or not flags.token.isalnum()):
        raise UsageError(f"--token must be at least {SHORTEST_TOKEN} letters and digits")
    if not _loopback(flags.host) and flags.token is None:
        raise UsageError(f"--host {flags.host} lets other machines in; choose a secret with --token as well")


def _parser() -> Parser:
    parser = Parser("studio", "Look, train, test, explain and use in the browser.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the directory of the runs")
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to serve; only this machine can reach the default"
    )
    parser.add_argument("--port", type=int, default=8765, help="0 takes any that is free")
    parser.add_argument("--token", help="the secret of this studio; made up if not given")
    parser.add_argument(
        "--task",
        dest="task_files",
        action="append",
        default=[],
        metavar="FILE",
        help="a task of your own; may stand several times",
    )
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="do not open a browser")
    return parser


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
