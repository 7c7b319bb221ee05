"""``pellucid compare TASK --over FIELD=A,B,C``: one experiment, many settings, one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, asks_help, changed, read_task, split_task
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError

EXAMPLE = "pellucid compare digits --over optimizer=sgd,momentum,adam"


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Train under each setting and seed, and draw loss and score with their spread."""
    name, rest = split_task(words)
    parser = Parser(
        "compare", "Train under several settings, several seeds each.", with_task=name is not None
    )
    parser.add_argument(
        "--over", metavar="FIELD=A,B,C", help="such as optimizer=sgd,adam or hidden=64,512x512"
    )
    parser.add_argument("--seeds", type=int, default=3, help="trainings under each setting")
    parser.add_argument("--out", type=Path, help="folder for the pictures; runs/compare-FIELD if not given")
    if name is None:
        parser.read(rest)
        raise UsageError(f"compare what? For example: {EXAMPLE}")
    program = f"pellucid compare {name}"
    if asks_help(rest):
        screen.show(parser.help_with(name))
        read_task(name, ["--help"], program=program)
    flags, fields = parser.parse_known_args(rest)
    if flags.over is None:
        raise UsageError(f"--over is missing; for example: {EXAMPLE}")
    if flags.seeds < 1:
        raise UsageError(f"--seeds is {flags.seeds}; at least one is needed")
    field, _, values = flags.over.partition("=")
    names = [value for value in values.split(",") if value]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError(f"--over {flags.over}: expected FIELD=A,B with two different values or more")
    folder = flags.out or Path("runs") / f"compare-{field}"
    tasks = {value: _under(name, fields, field, value, program) for value in names}
    result = _train(tasks, flags.seeds, folder, screen)
    if field == "optimizer":
        result["pictures"] += _race(names, folder, screen)
    return {"over": field, **result}, 0


def _under(name: str, fields: list[str], field: str, value: str, program: str) -> Any:
    """Return the task with one field changed; another network or optimiser brings settings of its own."""
    if field in ("network", "optimizer"):
        return read_task(name, [f"--{field}", value, *fields], program=program)
    return changed(read_task(name, fields, program=program), field, value, program=program)


def _train(tasks: dict[str, Any], seeds: int, folder: Path, screen: Screen) -> dict[str, Any]:
    from pellucid.cli.pictures import write
    from pellucid.plots import curves
    from pellucid.verbs import compare

    goal = next(iter(tasks.values())).goal
    courses = []
    for course in compare.compare(tasks, range(seeds)):
        courses.append(course)
        screen.say(
            f"{course.setting}, seed {course.seed}: {goal} {course.final(goal):.4f}, {course.seconds:.1f} s"
        )
    found = compare.table(courses, goal)
    rows = [
        [setting, f"{spread.median:.4f}", f"{spread.low:.4f}", f"{spread.high:.4f}", spread.n]
        for setting, spread in sorted(found.items(), key=lambda item: -item[1].median)
    ]
    screen.table(["setting", f"validation {goal}", "lowest", "highest", "seeds"], rows)
    grouped = {name: [course.records for course in courses if course.setting == name] for name in tasks}
    score = goal.removeprefix("-")
    picture = write(folder, "comparison", curves.comparison(grouped, score=score), screen)
    return {"scores": {name: spread.to_json() for name, spread in found.items()}, "pictures": [str(picture)]}


def _race(names: list[str], folder: Path, screen: Screen) -> list[str]:
    """Let the same optimisers race on loss surfaces, as PNG and GIF."""
    from pellucid.cli.pictures import write, write_bytes
    from pellucid.explain import race
    from pellucid.plots import surfaces

    paths = []
    for name, surface in race.SURFACES.items():
        ran = race.race(surface)
        x, y, values = race.grid(surface)
        lines = {optimizer: ran[optimizer] for optimizer in names if optimizer in ran}
        title = f"Optimisers on the {name}"
        figure = surfaces.surface(x, y, values, lines, minimum=surface.minima[0], title=title)
        paths.append(write(folder, f"race-{name}", figure, screen))
        moving = surfaces.race_gif(x, y, values, lines, minimum=surface.minima[0], title=title)
        paths.append(write_bytes(folder / f"race-{name}.gif", moving, screen))
    return [str(path) for path in paths]
