"""``pellucid train TASK``: write a run; ``--resume RUN`` goes on with one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from pellucid.cli.arguments import Parser, asks_help, find_kind, read_task, split_task
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError
from pellucid.run import Progress, Run

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Train, showing how it goes; the result names the run."""
    follows = int(os.environ.get("RANK", "0")) > 0  # the first of several processes speaks for all
    if follows:
        screen.as_json, screen.quiet, screen.moving = False, True, False
    name, rest = split_task(words)
    parser = _parser(with_task=name is not None)
    if name and asks_help(rest):
        screen.show(parser.help_with(name))
    flags, fields = parser.parse_known_args(rest)
    if flags.processes < 1:
        raise UsageError(f"--processes is {flags.processes}; at least one must train")
    from pellucid import processes  # torch takes a second, and --help does not need it

    if flags.processes > 1 and not processes.started_among_several():
        sys.exit(processes.launch(flags.processes, _command(words, screen)))
    processes.join()
    path, steps = _steps(name, flags, fields)
    code, last = _watch(steps, screen)
    processes.leave()  # after an error there is no parting: the others may wait for what never comes
    if follows:
        return {}, code
    return _result(path, last, code, screen), code


def _parser(*, with_task: bool) -> Parser:
    parser = Parser("train", "Train a network, or go on with a training.", with_task=with_task)
    parser.usage = f"{parser.usage}\n       pellucid train --resume RUN"
    parser.add_argument("--out", type=Path, help="the run's directory; runs/TASK-NETWORK-N if not given")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with an interrupted run")
    parser.add_argument("--setting", help="where the flags start from, such as paper or tiny")
    parser.add_argument("--task", dest="task_file", help="with --resume: the file of a task of your own")
    parser.add_argument("--processes", type=int, default=1, help="train in so many processes on this machine")
    return parser


def _steps(name: str | None, flags: Any, fields: list[str]) -> tuple[Path, Iterator[Progress]]:
    from pellucid.verbs.train import resume, train
    from pellucid.verbs.trained import next_run

    if flags.resume:
        if name or fields or flags.setting or flags.out:
            raise UsageError(
                "--resume goes on with the run's own settings, in its own directory; leave the task, its "
                "flags and --out away"
            )
        return flags.resume, resume(flags.resume, find_kind(flags.task_file) if flags.task_file else None)
    if name is None:
        raise UsageError("which task? For example: pellucid train digits")
    if flags.task_file:
        raise UsageError(
            f"--task is for --resume; train a task of your own with: pellucid train {flags.task_file}"
        )
    if flags.setting:
        fields = ["--setting", flags.setting, *fields]
    task = read_task(name, fields, program=f"pellucid train {name}")
    path = flags.out or next_run(task)
    return path, train(task, path)


def _watch(steps: Iterator[Progress], screen: Screen) -> tuple[int, Progress | None]:
    """Follow a training to its end, or until a signal asks to stop; a second signal kills at once."""
    from pellucid import processes

    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        for each in EXIT_CODES:
            signal.signal(each, signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in EXIT_CODES}
    last = None
    try:
        with closing(steps) as steps:  # type: ignore[type-var]
            for last in steps:
                _tell(last, screen)
                if processes.any_of(bool(asked)):
                    break
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return (EXIT_CODES[signal.Signals(asked[0])] if asked else 0), last


def _tell(progress: Progress, screen: Screen) -> None:
    if progress.scores:
        scores = "  ".join(f"{name} {score['value']:.4f}" for name, score in progress.scores.items())
        screen.say(
            f"step {progress.step:>6}  epoch {progress.epoch:5.1f}  loss {float(progress.loss):.4f}  "
            f"validation {scores}  {progress.seconds:6.1f} s"
        )
    elif progress.step % 20 == 0:
        done, rate = progress.step / progress.steps, progress.seconds / max(1, progress.step)
        screen.progress(
            f"step {progress.step} of {progress.steps} ({done:.0%})  loss {float(progress.loss):.4f}  "
            f"about {(progress.steps - progress.step) * rate:.0f} s left"
        )


def _result(path: Path, last: Progress | None, code: int, screen: Screen) -> dict[str, Any]:
    run = Run.open(path)
    if code:
        screen.say(f"interrupted and saved; go on with: pellucid train --resume {path}")
        return {"run": str(path), "finished": False, "step": last.step if last else 0}
    if last is None:
        screen.say(f"{path} was finished already")
    _, kept = run.weights()
    screen.show(str(path))
    screen.say(f"weights of step {kept['step']} kept; test them with: pellucid evaluate {path}")
    return {
        "run": str(path),
        "finished": run.finished,
        "step": kept["step"],
        "scores": kept["scores"] or {},
        "seconds": last.seconds if last else 0.0,
    }


def _command(words: Sequence[str], screen: Screen) -> list[str]:
    """Return the words after ``python`` that do the same in one of several processes."""
    rest = [*words]
    place = next(i for i, word in enumerate(rest) if word.split("=")[0] == "--processes")
    del rest[place : place + (1 if "=" in rest[place] else 2)]
    extra = [flag for flag, on in (("--json", screen.as_json), ("--quiet", screen.quiet)) if on]
    return ["-m", "pellucid", "train", *rest, *extra]
