"""Matches: a person plays a game in the browser, hands it to the network, and takes it over again."""

from __future__ import annotations

import base64
import secrets
import threading
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from pellucid import media
from pellucid.verbs.match import Match
from pellucid.web.bodies import body
from pellucid.web.inside.scenes import Looking
from pellucid.web.library import Kept
from pellucid.web.refusals import Refusal

MOST_MATCHES = 16  # at once; the one that nobody touched longest goes first
MOST_ACTIONS = 16  # of one question

router = APIRouter(prefix="/api/v1", tags=["matches"])


class Table:
    """A match, and a lock for those who move in it."""

    def __init__(self, match: Match):
        self.match, self.lock = match, threading.Lock()


Asked = Annotated[dict[str, Any], Depends(body)]


def tables(request: Request) -> Kept[Table]:
    """Return the matches of the application."""
    return request.app.state.matches


Tables = Annotated[Kept[Table], Depends(tables)]


@router.post("/runs/{run}/match", status_code=201)
def begin(run: str, asked: Asked, look: Looking, all_tables: Tables) -> dict[str, Any]:
    """Begin the game of a seed: {"seed": 7}. Return the match's name, its actions and the first moment."""
    ready = look.library.open(run).trained
    if ready.task.takes.kind != "game":
        raise Refusal(422, "kind", f"this network takes {ready.task.takes.kind}, it does not play")
    seed: Any = asked.get("seed")
    if set(asked) != {"seed"} or not whole(seed) or not 0 <= seed < 2**63:
        raise Refusal(422, "seed", 'expected {"seed": a whole number, 0 or more}')
    name = secrets.token_hex(8)
    with look.turn():
        table = all_tables.get(f"{run}/{name}", lambda: Table(Match(ready, seed)))
    return {"match": name, "actions": list(ready.facts["actions"]), "moment": told(table.match)}


@router.post("/runs/{run}/match/{name}")
def move(run: str, name: str, asked: Asked, look: Looking, all_tables: Tables) -> dict[str, Any]:
    """Do up to 16 actions: {"actions": [2, null]}, null is what the network would do. Return the moments.

    What comes after the end of the game is left out.
    """
    table = found(run, name, all_tables)
    actions: Any = asked.get("actions")
    if set(asked) != {"actions"} or not isinstance(actions, list) or not 1 <= len(actions) <= MOST_ACTIONS:
        raise Refusal(422, "actions", f'expected {{"actions": [1 to {MOST_ACTIONS} numbers or nulls]}}')
    if not all(action is None or whole(action) for action in actions):
        raise Refusal(422, "actions", "an action is the number of one of the game's actions, or null")
    moments: list[dict[str, Any]] = []
    with look.turn(), table.lock:
        for action in actions:
            if moments and table.match.over:
                break
            table.match.step(action)
            moments.append(told(table.match))
    return {"moments": moments}


@router.get("/runs/{run}/match/{name}/alone")
def alone(run: str, name: str, look: Looking, all_tables: Tables) -> dict[str, Any]:
    """Return the score of the network alone from the same seed, in as many steps as were played."""
    table = found(run, name, all_tables)
    with look.turn(), table.lock:
        played = table.match.alone()
    return {"score": played["score"], "steps": played["steps"], "seed": played["seed"]}


def found(run: str, name: str, all_tables: Kept[Table]) -> Table:
    """Return a match.

    Raises:
        Refusal: there is none of this name any more.
    """
    table = all_tables.peek(f"{run}/{name}")
    if table is None:
        raise Refusal(404, "match", "this match is no longer kept; begin another one")
    return table


def whole(value: Any) -> bool:
    """Say whether a JSON value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def told(match: Match) -> dict[str, Any]:
    """Return what is seen now as JSON: the screen as a PNG in base64, and what each action is worth."""
    moment = match.moment
    return {
        "step": moment.step,
        "score": moment.score,
        "reward": moment.reward,
        "values": [float(value) for value in moment.values],
        "action": moment.action,
        "done": match.actions[-1] if match.actions else None,
        "over": match.over,
        "screen": base64.b64encode(media.write_png(moment.screen)).decode(),
    }
