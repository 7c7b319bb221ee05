"""Find the verb, run it, print its result or its error, and end with the right exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from pellucid.cli.screen import Screen
from pellucid.errors import PellucidError, UsageError, near

VERBS = {
    "list": "tasks, networks, trained models and their scores",
    "look": "the data: counts, ranges, sample sheet, one image as numbers",
    "model": "the network: layers, shapes, parameters, operations, receptive field",
    "train": "train a network; writes a run, resumes with --resume RUN",
    "evaluate": "the test set: scores with intervals, confusion, calibration, mistakes, report",
    "predict": "answers for your own inputs, as bars or --json",
    "explain": "where the network looked and what its features are",
    "walk": "one input through the whole network and back, every number shown",
    "trace": "the number behind a reference of the studio, exact to the bit",
    "compare": "one experiment, many settings, one picture",
    "lr-find": "the learning-rate range test",
    "export": "one ONNX file, checked against the original",
    "studio": "all of it in the browser",
    "data": "fetch, verify or locate the data of a task",
    "check": "does a task of your own keep the contract?",
    "doctor": "versions, devices, extras, caches",
}
USAGE = "usage: pellucid [--json] [--quiet] [--verbose] VERB ..."
INTERRUPTED = 130


def console() -> None:
    """Run the command line of this process and leave with its exit code."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        os._exit(code)  # gloo's threads may still run, and taking them down at exit can abort the process
    sys.exit(code)


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0 ok, 1 failed while running, 2 usage, 3 an extra is missing, 4 data missing or corrupt, 5 model or run
    unreadable, 6 a quality gate failed, 130 and 143 interrupted after saving.
    """
    flags, rest = _split(words)
    screen = Screen(as_json="--json" in flags, quiet="--quiet" in flags)
    verb = rest[0] if rest else "help"
    try:
        result, code = _answer(verb, rest[1:], screen)
        if screen.as_json:
            screen.document({"command": verb, "ok": code == 0, "result": result})
        return code
    except PellucidError as error:
        return _failed(screen, verb, error, error.exit_code, verbose="--verbose" in flags)
    except KeyboardInterrupt:
        return _failed(screen, verb, PellucidError("interrupted"), INTERRUPTED, verbose=False)
    except SystemExit as ended:  # --help, and processes that trained together
        return ended.code if isinstance(ended.code, int) else 0
    except BrokenPipeError:
        _close_streams()
        return 1
    except Exception as error:
        found = PellucidError(_unexpected(error))
        return _failed(screen, verb, found, 1, verbose="--verbose" in flags)


def _answer(verb: str, words: list[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Run a verb; return its result and its exit code."""
    if verb in ("-h", "--help", "help"):
        screen.show(help_text())
        return {"help": help_text()}, 0
    if verb == "--version":
        screen.show(f"pellucid {_version()}")
        return {"version": _version()}, 0
    if verb not in VERBS:
        hint = "the flags of a verb stand after it; " if verb.startswith("-") else ""
        raise UsageError(f'no verb "{verb}"; {hint}the verbs are {", ".join(VERBS)}.{near(verb, VERBS)}')
    module = import_module(f"pellucid.cli.{verb.replace('-', '_')}")
    if screen.as_json and {"-h", "--help"} & set(words):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            module.run(words, Screen(quiet=True))
        return {"help": said.getvalue()}, 0
    return module.run(words, screen)


def help_text() -> str:
    """Return what ``pellucid --help`` shows; neither torch nor a task is imported for it."""
    verbs = "\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items())
    return (
        f"{USAGE}\n\nConvolutional networks you can see through.\n\nverbs:\n{verbs}\n\n"
        "flags of every verb:\n"
        "  --json    one JSON document on stdout and nothing else\n"
        "  --quiet   no talk on stderr\n"
        "  --verbose a traceback with an error\n"
        "  --help    after a verb: its own flags\n\n"
        "Begin with: pellucid look digits, then pellucid train digits"
    )


def _split(words: Sequence[str]) -> tuple[set[str], list[str]]:
    everywhere = {"--json", "--quiet", "--verbose"}
    return {word for word in words if word in everywhere}, [word for word in words if word not in everywhere]


def _failed(screen: Screen, verb: str, error: PellucidError, code: int, *, verbose: bool) -> int:
    if verbose:
        screen.complain(traceback.format_exc().rstrip())
    document: dict[str, Any] = {"kind": type(error).__name__, "message": str(error), "exit_code": code}
    if error.found:
        document["found"] = error.found
    if screen.as_json:
        screen.document({"command": verb, "ok": False, "error": document})
    else:
        screen.complain(f"pellucid {verb}: {error}")
    return code


def _unexpected(error: Exception) -> str:
    """Return what to tell of an error that no part of ours raised on purpose."""
    first = str(error).strip().split("\n")[0]
    if isinstance(error, OSError):
        what = f"{error.strerror or error}: {error.filename or 'a file'}"
        return f"{what}; check the path, its permissions and the disk"
    if isinstance(error, MemoryError):
        return f"out of memory {first}; try a smaller --batch-size or a smaller network"
    what = first if isinstance(error, (ValueError, RuntimeError)) else f"{type(error).__name__}: {first}"
    return f"{what}; if this is no fault of the input, run again with --verbose and report it"


def _close_streams() -> None:
    """Send what is still to come nowhere: the reader of our output is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a stream without a file has nobody at its end
            os.dup2(nowhere, stream.fileno())


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow, and only --version needs it

    try:
        return version("pellucid")
    except PackageNotFoundError:
        return "not installed"
