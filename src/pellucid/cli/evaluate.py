"""``pellucid evaluate RUN|TASK``: the test set, scores with intervals, pictures and the report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

from pellucid.cli import kinds
from pellucid.cli.arguments import Parser, open_network
from pellucid.cli.screen import Screen
from pellucid.errors import GateFailed, PellucidError, UsageError

PARSER = (
    "Test a trained network on its test set, and write scores.json, pictures and report.html into the run."
)


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Evaluate; the result holds every score with its interval and n."""
    parser = Parser("evaluate", PARSER)
    parser.add_argument("reference", metavar="RUN|TASK", help="a run's directory, or a released model's name")
    parser.add_argument(
        "--at-least", action="append", default=[], metavar="SCORE=VALUE", help="fail below this (exit 6)"
    )
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--no-report", action="store_true", help="only the scores: no pictures, no page")
    parser.add_argument(
        "--folds",
        type=int,
        metavar="N",
        help="cross-validation: one network a fold, trained where it is missing",
    )
    flags = parser.read(words)
    gates = dict(_gate(text) for text in flags.at_least)
    trained = open_network(flags.reference, flags.task_file)
    if flags.folds is not None:
        return _folds(trained, flags, gates, screen), 0
    from pellucid.verbs import evaluate  # torch is loaded by now

    evaluate.check_gates(trained, gates)
    found = evaluate.evaluate(trained, command=shlex.join(["pellucid", "evaluate", *words]))
    for name, score in found.scores.items():
        screen.show(f"{name}: {score}")
    told = kinds.teller(trained.task, "tell_tested")
    if told:
        told(found.document, screen)
    _show_classes(found.document, f"{trained.task.takes.kind}s", screen)
    if not flags.no_report:
        _report(trained, found, screen)
    result = {"run": str(trained.run.path), **found.document}
    try:
        evaluate.require(found, gates)
    except PellucidError as error:
        error.found = result
        raise
    return result, 0


def _folds(trained: Any, flags: Any, gates: dict[str, float], screen: Screen) -> dict[str, Any]:
    """Test one network a fold; print each, then their mean and deviation."""
    from pellucid.verbs import folds

    tested = []
    for fold in folds.cross_validate(trained, flags.folds):
        tested.append(fold)
        screen.say(f"fold {fold.number}: accuracy {fold.accuracy}")
    found = folds.summary(tested)
    shares = [
        [each["fold"], f"{each['accuracy']['value']:.2%}", each["accuracy"]["n"]] for each in found["folds"]
    ]
    screen.table(["fold", "accuracy", "texts"], shares)
    screen.show(
        f"mean of {len(tested)} folds {found['mean']:.2%}, deviation {found['deviation']:.2%}; "
        f"each of {found['n']:,} tested once"
    )
    for name, least in gates.items():
        if name != "accuracy":
            raise UsageError(f"--at-least {name}: with --folds it is accuracy=VALUE, the mean of the folds")
        if found["mean"] < least:
            failed = GateFailed(f"the mean accuracy is {found['mean']:.4f}; --at-least asked for {least:g}")
            failed.found = found
            raise failed
    return {"run": str(trained.run.path), **found}


def _report(trained: Any, found: Any, screen: Screen) -> None:
    """Write the report into the run; that of a released model goes into a copy in runs/."""
    from pellucid.verbs import report  # drawing is slow to import
    from pellucid.verbs.trained import copied, is_released

    if is_released(trained.run.path):
        trained = copied(trained)
    report.report(trained, found)
    screen.say(f"pictures: {', '.join(sorted(trained.run.pictures()))} in {trained.run.path / 'pictures'}")
    screen.show(f"report: {trained.run.report_path}")


def _gate(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        least = float(value)
    except ValueError:
        least = math.nan
    if not (name and math.isfinite(least)):
        raise UsageError(f"--at-least {text}: expected SCORE=VALUE, for example accuracy=0.98")
    if name == "loss":
        raise UsageError(f"--at-least {text}: a smaller loss is better; ask for accuracy=VALUE instead")
    return name, least


def _show_classes(document: dict[str, Any], kind: str, screen: Screen) -> None:
    if "per_class" not in document:
        return
    rows = [
        [
            row["class"],
            f"{row['precision']['value']:.2%}",
            f"{row['recall']['value']:.2%}",
            f"{row['f1']:.2%}",
            row["support"],
        ]
        for row in document["per_class"]
    ]
    screen.table(["class", "precision", "recall", "F1", kind], rows)
    for row in document.get("ink", []):
        first, third = (f"{row[name]['value']:.2%}" for name in ("accuracy", "top3"))
        n = row["accuracy"]["n"]
        screen.show(f"with {row['share']:.0%} of the ink: {first} right, {third} within three (n = {n:,})")
    before, after = document["calibration"]["ece"], document["calibration_with_temperature"]["ece"]
    screen.show(
        f"calibration error (ECE): {before:.2%}; {after:.2%} with the temperature "
        f"{document['temperature']['value']:.2f} chosen on validation"
    )
