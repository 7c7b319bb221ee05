"""``pellucid data fetch|verify|where``: the official files of a data set, offline or not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pellucid import download
from pellucid.cli.arguments import Parser
from pellucid.cli.screen import Screen
from pellucid.errors import DataError, UsageError, near

SOURCES = {  # task -> data set -> its module and, where that has archives of others too, which are its own
    "digits": {"mnist": "pellucid.datasets.mnist", "fashion": "pellucid.datasets.fashion"},
    "sketches": {"quickdraw": "pellucid.datasets.quickdraw"},
    "sentences": {"sets": "pellucid.datasets.sentences", "vectors": "pellucid.datasets.wordvectors"},
    "translation": {"multi30k": "pellucid.datasets.multi30k"},
    "words": {
        "digits": "pellucid.datasets.recordings:fsdd",
        "commands": "pellucid.datasets.recordings:commands",
        "commands-full": "pellucid.datasets.speechcommands",
    },
    "speech": {"digits": "pellucid.datasets.recordings:fsdd,sung,piano"},
}


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Fetch the official files once, verify their checksums, or say where they lie."""
    flags = _parser().read(words)
    if flags.classes:
        return _by_class(flags, screen), 0
    if flags.task not in SOURCES:
        raise UsageError(
            f'no data of a task "{flags.task}".{near(flags.task, SOURCES)} There are: {", ".join(SOURCES)}'
        )
    sources = SOURCES[flags.task]
    if flags.dataset and flags.dataset not in sources:
        raise UsageError(
            f"--dataset {flags.dataset}: expected {', '.join(sources)}.{near(flags.dataset, sources)}"
        )
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for name in [flags.dataset] if flags.dataset else sources:
        for archive in _archives(sources[name]):
            state = _done(flags.action, archive, problems)
            rows.append(
                {
                    "file": archive.file,
                    "path": str(download.where(archive)),
                    "url": archive.url,
                    "state": state,
                }
            )
    screen.table(["file", "state", "path"], [[row["file"], row["state"], row["path"]] for row in rows])
    if problems:
        raise DataError(problems[0])
    return {"cache": str(download.cache()), "files": rows}, 0


def _archives(source: str) -> list[download.Archive]:
    module, _, names = source.partition(":")
    archives = import_module(module).ARCHIVES
    return [archives[name] for name in names.split(",")] if names else list(archives.values())


def _parser() -> Parser:
    parser = Parser(
        "data", "MNIST travels in the package; this is for the official files and the other data sets."
    )
    parser.add_argument("action", choices=("fetch", "verify", "where"))
    parser.add_argument("task", help="whose data, such as digits")
    parser.add_argument("--dataset", help="only this one of the task's data sets")
    parser.add_argument(
        "--classes", nargs="+", metavar="WORD", help="of sketches: Google's own files of these classes"
    )
    parser.add_argument(
        "--form", choices=("ndjson", "bitmap", "binary"), default="ndjson", help="of these files"
    )
    parser.add_argument("--out", type=Path, default=Path("drawings"), help="the folder for these files")
    return parser


def _by_class(flags: Any, screen: Screen) -> dict[str, Any]:
    """Fetch Google's files of some classes into a folder that can be learned from."""
    from pellucid.datasets import quickdraw

    if flags.task != "sketches" or flags.action != "fetch":
        raise UsageError(
            f"data {flags.action} {flags.task} --classes: only data fetch sketches knows classes"
        )
    rows = []
    for word in flags.classes:
        path, digest = quickdraw.of_class(word, flags.form, flags.out)
        rows.append({"file": path.name, "path": str(path), "sha256": digest})
        screen.show(f"{path}  sha256 {digest}")
    screen.say(f"learn from them with: pellucid train sketches --data {flags.out}")
    return {"files": rows}


def _done(action: str, archive: download.Archive, problems: list[str]) -> str:
    try:
        if action == "fetch":
            download.fetch(archive)
            return "verified"
        if action == "verify":
            download.verify(archive)
            return "verified"
    except DataError as error:
        problems.append(str(error))
        return "missing or wrong"
    return "there" if download.where(archive).is_file() else "not fetched"
