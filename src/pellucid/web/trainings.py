"""Runs and the jobs on them: list, start, stop, resume, evaluate, export, and follow as it happens."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response

from pellucid import config
from pellucid.errors import PellucidError, UsageError
from pellucid.task import Task
from pellucid.verbs.train import with_own_rates
from pellucid.web.bodies import body
from pellucid.web.commands import Spoken
from pellucid.web.events import Stream
from pellucid.web.jobs import Jobs
from pellucid.web.library import Library, library
from pellucid.web.refusals import Refusal
from pellucid.web.summaries import absent, details, summary

MOST_STREAMS = 64
FORM = "FORM"  # in the place of the command's name

router = APIRouter(prefix="/api/v1", tags=["runs"])
Shelf = Annotated[Library, Depends(library)]


def jobs(request: Request) -> Jobs:
    """Return the jobs of the application."""
    return request.app.state.jobs


Work = Annotated[Jobs, Depends(jobs)]
Form = Annotated[dict[str, Any], Depends(body)]


@router.get("/runs")
def list_runs(shelf: Shelf, work: Work) -> list[dict[str, Any]]:
    """List the runs, the trainings that just start or could not, and the released models."""
    starting = work.without_run()  # first: what gets its directory meanwhile is in the other list
    found = {run: summary(work, run, path) for run, path in shelf.paths().items()}
    return [*(absent(work, run, said) for run, said in starting.items() if run not in found), *found.values()]


@router.get("/runs/{run}")
def read_run(run: str, shelf: Shelf, work: Work, spoken: Spoken) -> dict[str, Any]:
    """Return all that a run says of itself, and the commands that ask it."""
    starting = work.without_run()
    if run in starting:
        return absent(work, run, starting[run])
    found = details(work, run, shelf.path(run))
    return found if found["status"] == "damaged" else {**found, "commands": spoken.of(run)}


@router.post("/runs", status_code=202)
def start(asked: Form, shelf: Shelf, work: Work, spoken: Spoken) -> dict[str, Any]:
    """Start a training: {"task", "setting", "fields"}; a field that is not given is the setting's."""
    chosen, words = filled(shelf, asked)
    stem = f"{asked['task']}-{getattr(chosen, 'network', '')}".rstrip("-")
    return {"id": work.train(asked["task"], stem, words), "command": spoken.train(asked["task"], words)}


@router.post("/command")
def command(asked: Form, shelf: Shelf, spoken: Spoken) -> dict[str, str]:
    """Return the command that starts the training of a form, and start nothing."""
    _, words = filled(shelf, asked)
    return {"command": spoken.train(asked["task"], words)}


def filled(shelf: Library, asked: dict[str, Any]) -> tuple[Task, list[str]]:
    """Return the task that a filled form means, and the words after its name on a command line."""
    unknown = set(asked) - {"task", "setting", "fields"}
    task, setting, fields = asked.get("task"), asked.get("setting", "default"), asked.get("fields", {})
    if unknown or not isinstance(task, str) or not isinstance(setting, str) or not isinstance(fields, dict):
        raise Refusal(422, "body", 'expected {"task": NAME, "setting": NAME, "fields": {NAME: VALUE}}')
    chosen, words = choose(shelf, task, setting, fields)
    return chosen, ["--setting", setting, *words]


def choose(shelf: Library, name: str, setting: str, fields: dict[str, Any]) -> tuple[Task, list[str]]:
    """Return the task that a form means, and the flags that say the same to the command line.

    Raises:
        UsageError: a field is unknown, or a value is outside the task's own rules.
    """
    task = with_own_rates(shelf.setting(name, setting), fields.get("optimizer"))
    known = {field["name"]: field for field in config.form(task)}
    for field, value in fields.items():
        if field not in known:
            raise UsageError(f'no field "{field[:80]}"; the fields are {", ".join(known)}')
        if not is_value(value):
            raise UsageError(f"{field} must be a number, a word, a list of numbers, true, false or null")
    words = config.words(fields)
    try:
        return (config.parse(task, words, program=FORM) if words else task), words
    except UsageError as error:
        raise UsageError(re.sub(rf"(; s| S)ee {FORM} --help", "", str(error))) from None


def is_value(value: Any) -> bool:
    """Say whether a value can stand on a command line as what it is."""
    if isinstance(value, list):
        return bool(value) and all(type(item) in (int, float) for item in value)
    if isinstance(value, str):
        return bool(value) and value[0] != "-" and value.isprintable()
    return value is None or isinstance(value, (bool, int, float))


@router.post("/runs/{run}/stop", status_code=202)
def stop(run: str, work: Work) -> dict[str, str]:
    """Ask a training to save and stop; resume continues it exactly."""
    work.stop(run)
    return {"id": run}


@router.post("/runs/{run}/resume", status_code=202)
def resume(run: str, work: Work) -> dict[str, str]:
    """Go on with a training that was stopped, killed or cut off."""
    work.resume(run)
    return {"id": run}


@router.post("/runs/{run}/evaluate", status_code=202)
def evaluate(run: str, work: Work) -> dict[str, str]:
    """Test a run; the scores, pictures and report are in the run that is named in the answer."""
    return {"id": work.evaluate(run)}


@router.post("/runs/{run}/export", status_code=202)
def export(run: str, work: Work) -> dict[str, str]:
    """Write model.onnx into the run that is named in the answer."""
    return {"id": work.export(run)}


@router.get("/runs/{run}/events", response_class=Response)
async def events(
    run: str,
    request: Request,
    last_event_id: Annotated[str | None, Header(pattern="^[0-9]{1,12}$")] = None,
    after: int = 0,
) -> Any:
    """Follow a run: a stream of progress, speed and status; goes on after Last-Event-ID."""
    shelf, work = request.app.state.library, request.app.state.jobs
    path = shelf.runs / run if run in work.without_run() else shelf.path(run)
    if len(request.app.state.streams) >= MOST_STREAMS:
        raise Refusal(503, "busy", "too many pages follow trainings; close one", retry_after=5)

    def status() -> dict[str, Any]:
        try:
            starting = work.without_run()
            return (
                absent(work, run, starting[run]) if run in starting else summary(work, run, shelf.path(run))
            )
        except (Refusal, PellucidError):
            return {"id": run, "status": "deleted"}

    known = int(last_event_id) if last_event_id else max(0, min(after, 10**12))
    return Stream(
        path,
        after=known,
        status=status,
        closing=lambda: request.app.state.closing,
        streams=request.app.state.streams,
    )
