"""Report: an evaluation becomes pictures and one self-contained page in the run's directory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import report as pages
from pellucid.explain.embedding import LEAST, embedding
from pellucid.plots import canvas, curves, images, scores
from pellucid.run import Run
from pellucid.verbs.evaluate import Evaluation
from pellucid.verbs.trained import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report(trained: Trained, evaluation: Evaluation) -> None:
    """Write scores.json, pictures/ and report.html of the run."""
    run = trained.run
    run.save_scores({"evaluate": evaluation.document})
    drawn: dict[str, bytes] = {}
    for name, caption, figure in pictures(trained, evaluation):
        drawn[caption] = canvas.png(figure)
        run.save_picture(name, drawn[caption])
    run.save_report(page_of(run, evaluation, drawn))


def pictures(trained: Trained, evaluation: Evaluation) -> Iterator[tuple[str, str, Figure]]:
    """Draw an evaluation: (name, caption, figure) of each picture."""
    records = trained.run.progress()
    if any(record.get("scores") for record in records):
        yield "training", "The course of training", curves.training(records)
    if trained.task.gives == "actions":
        yield "episodes", "The score of every episode", evaluation.arrays["tested"].picture()
    if trained.task.gives != "classes":
        return
    names, found, arrays = trained.facts["classes"], evaluation.document, evaluation.arrays
    figure = scores.confusion(arrays["confusion"], names)
    yield "confusion", "Confusion: rows are true classes, columns are predicted ones", figure
    table = {
        row["class"]: {"precision": row["precision"], "recall": row["recall"], "F1": {"value": row["f1"]}}
        for row in found["per_class"]
    }
    yield "per-class", "Precision, recall and F1 of each class", scores.per_class(table)
    before, after = found["calibration"], found["calibration_with_temperature"]
    figure = scores.reliability(
        _bins(before), error=before["ece"], after=_bins(after), error_after=after["ece"]
    )
    yield "calibration", "Is the network as right as it is sure?", figure
    if "robustness" in found:
        yield "robustness", "Accuracy as the images get worse", _robustness(found["robustness"])
    if len(arrays["worst"]) and "worst_images" in arrays:
        worst = arrays["worst"]
        shown, chances = arrays["worst_images"], arrays["probabilities"][worst]
        figure = images.gallery(shown, arrays["targets"][worst], chances.argmax(1), chances, classes=names)
        yield "mistakes", "The worst mistakes, by loss", figure
    if len(arrays["features"]) < LEAST:
        return
    points = embedding(arrays["features"], method="tsne")
    figure = scores.embedding(
        points, arrays["embedded"], names, wrong=arrays["embedded_wrong"], method="t-SNE"
    )
    yield (
        "embedding",
        f"{len(points):,} test samples in two dimensions, by t-SNE of the last hidden layer",
        figure,
    )


def page_of(run: Run, evaluation: Evaluation, drawn: dict[str, bytes]) -> str:
    """Return the report as one HTML page."""
    found = evaluation.document
    shown: dict[str, Any] = {
        key: found[key] for key in ("scores", "step", "command", "per_class", "confusion") if key in found
    }
    if "calibration" in found:
        shown["calibration"] = {**found["calibration"], "temperature": found["temperature"]["value"]}
    for name, curve in found.get("robustness", {}).items():
        points = zip(curve["levels"], curve["accuracy"], strict=True)
        shown.setdefault("robustness", {})[name] = [{"level": level, **score} for level, score in points]
    return pages.page(
        f"{run.task['task']}: {run.path.name}",
        scores=shown,
        task=run.task,
        training=run.training,
        facts=run.facts,
        environment=run.environment,
        pictures=drawn,
    )


def _robustness(found: dict[str, Any]) -> Figure:
    lines, bands = {}, {}
    for name, curve in found.items():
        title = f"{name} ({curve['unit']})"
        levels = np.array(curve["levels"], dtype=float)
        lines[title] = (levels, np.array([score["value"] for score in curve["accuracy"]]))
        bands[title] = (
            np.array([score["low"] for score in curve["accuracy"]]),
            np.array([score["high"] for score in curve["accuracy"]]),
        )
    return curves.robustness(lines, bands=bands)


def _bins(calibration: dict[str, Any]) -> list[dict[str, float]]:
    edges = calibration["edges"]
    columns = zip(
        edges,
        edges[1:],
        calibration["confidence"],
        calibration["accuracy"],
        calibration["counts"],
        strict=False,
    )
    names = ("low", "high", "confidence", "accuracy", "count")
    return [dict(zip(names, column, strict=True)) for column in columns if column[-1]]
