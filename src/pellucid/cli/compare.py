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
    score = goal.removeprefix("-")
    courses = []
    for course in compare.compare(tasks, range(seeds)):
        courses.append(course)
        lost_at = course.diverged
        end = f"diverged at step {lost_at}" if lost_at else f"{score} {course.final(goal):.4f}"
        screen.say(f"{course.setting}, seed {course.seed}: {end}, {course.seconds:.1f} s")
    found, lost = compare.table(courses, goal), compare.diverged(courses)
    _tell(found, lost, score, screen)
    ended, cut_off = (
        {
            name: [c.records for c in courses if c.setting == name and (c.diverged is None) == whole]
            for name in tasks
        }
        for whole in (True, False)
    )
    figure = curves.comparison(ended, score=goal, diverged=cut_off)
    return {
        "scores": {name: spread.to_json() for name, spread in found.items()},
        "diverged": lost,
        "pictures": [str(write(folder, "comparison", figure, screen))],
    }


def _tell(found: dict[str, Any], lost: dict[str, list[int]], score: str, screen: Screen) -> None:
    """Print the settings, the best first, those that never came to an end last."""
    rows = [
        [setting, f"{spread.median:.4f}", f"{spread.low:.4f}", f"{spread.high:.4f}", spread.n]
        for setting, spread in found.items()
    ]
    rows += [[setting, "", "", "", 0] for setting in lost if setting not in found]
    head = ["setting", f"validation {score}", "lowest", "highest", "seeds"]
    if lost:
        head.append("diverged at step")
        for row in rows:
            row.append(", ".join(map(str, lost.get(row[0], []))))
    screen.table(head, rows)


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
