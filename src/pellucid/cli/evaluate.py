"""``pellucid evaluate RUN|TASK``: the test set, scores with intervals, pictures and the report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.cli import kinds
from pellucid.cli.arguments import Parser, open_network
from pellucid.cli.screen import Screen
from pellucid.errors import PellucidError, UsageError

if TYPE_CHECKING:
    from pellucid.verbs.evaluate import Gate

AT_LEAST, AT_MOST = "--at-least", "--at-most"
SMALLER = ("loss", "bits")  # with what a score's name begins if smaller is better
PARSER = (
    "Test a trained network on its test set, and write scores.json, pictures and report.html into the run."
)


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Evaluate; the result holds every score with its interval and n."""
    parser = Parser("evaluate", PARSER)
    parser.add_argument("reference", metavar="RUN|TASK", help="a run's directory, or a released model's name")
    for flag, side in ((AT_LEAST, "below"), (AT_MOST, "above")):
        parser.add_argument(
            flag, action="append", default=[], metavar="SCORE=VALUE", help=f"fail {side} this (exit 6)"
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
    bounds = [(*_gate(text, AT_LEAST), False) for text in flags.at_least]
    bounds += [(*_gate(text, AT_MOST), True) for text in flags.at_most]
    trained = open_network(flags.reference, flags.task_file)
    from pellucid.verbs.evaluate import Gate  # torch is loaded by now

    gates = [Gate(*bound) for bound in bounds]
    if flags.folds is not None:
        return _folds(trained, flags, gates, screen), 0
    command = shlex.join(["pellucid", "evaluate", *words])
    return _tested(trained, gates, screen, command=command, reports=not flags.no_report), 0


def _tested(
    trained: Any, gates: Sequence[Gate], screen: Screen, *, command: str, reports: bool
) -> dict[str, Any]:
    """Test a network, print what came of it, write the report, and hold the scores against the gates."""
    from pellucid.verbs import evaluate

    evaluate.check_gates(trained, gates)
    found = evaluate.evaluate(trained, command=command)
    for name, score in found.scores.items():
        screen.show(f"{name}: {score}")
    told = kinds.teller(trained.task, "tell_tested")
    if told:
        told(found.document, screen)
    _show_classes(found.document, f"{trained.task.takes.kind}s", screen)
    result = {"run": str(trained.run.path), **found.document}
    try:
        if reports:
            _report(trained, found, screen)
        evaluate.require(found, gates)
    except PellucidError as error:
        error.found = result
        raise
    return result


def _folds(trained: Any, flags: Any, gates: Sequence[Gate], screen: Screen) -> dict[str, Any]:
    """Test one network a fold; print each, then their mean and deviation."""
    from pellucid.metrics import Score
    from pellucid.verbs import folds

    for gate in gates:
        if gate.name != "accuracy":
            raise UsageError(f"{gate}: with --folds it is accuracy=VALUE, the mean of the folds")
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
    result = {"run": str(trained.run.path), **found}
    try:
        for gate in gates:
            gate.check(Score(found["mean"], None, None, found["n"]))
    except PellucidError as error:
        error.found = result
        raise
    return result


def _report(trained: Any, found: Any, screen: Screen) -> None:
    """Write the report into the run; that of a released model goes into a copy in runs/."""
    from pellucid.verbs import report  # drawing is slow to import
    from pellucid.verbs.trained import copied, is_released

    if is_released(trained.run.path):
        trained = copied(trained)
    report.report(trained, found)
    screen.say(f"pictures: {', '.join(sorted(trained.run.pictures()))} in {trained.run.path / 'pictures'}")
    screen.show(f"report: {trained.run.report_path}")


def _gate(text: str, flag: str) -> tuple[str, float]:
    """Read SCORE=VALUE."""
    name, _, value = text.partition("=")
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if not (name and math.isfinite(bound)):
        raise UsageError(f"{flag} {text}: expected SCORE=VALUE, for example accuracy=0.98")
    smaller = name.startswith(SMALLER)
    if smaller != (flag == AT_MOST):
        better, other = ("smaller", AT_MOST) if smaller else ("larger", AT_LEAST)
        raise UsageError(f"{flag} {text}: a {better} {name} is better; ask for {other} {text} instead")
    return name, bound


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
