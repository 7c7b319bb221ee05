"""What testing a run left: scores, mistakes, the images behind a cell, pictures, report, model and card."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from pellucid import media, metrics
from pellucid.errors import DataError, near
from pellucid.run import DOCUMENTS, Run
from pellucid.verbs import albums
from pellucid.verbs.evaluate import Tested, judged, tested
from pellucid.verbs.published import published
from pellucid.verbs.trained import WEIGHTS
from pellucid.web.inside.scenes import Looking
from pellucid.web.library import Library, Opened, library
from pellucid.web.refusals import Refusal, tellable

MOST_SHOWN = 1000  # mistakes or images of a cell in one answer
SEARCHED = 10_000  # training images among which the most similar ones are looked for
ALIKE = 5  # of them are shown
THRESHOLDS = 201  # of withholding answers: half a percent of the validation answers each
TAKEN = (*DOCUMENTS, "environment.json", "progress.jsonl", WEIGHTS, "scores.json", "README.md")
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"
)

router = APIRouter(prefix="/api/v1", tags=["results"])
Shelf = Annotated[Library, Depends(library)]
Start = Annotated[int, Query(ge=0, le=10**9)]
Count = Annotated[int, Query(ge=1, le=MOST_SHOWN)]
Name = Annotated[str | None, Query(max_length=200, description="of a class")]


@router.get("/runs/{run}/scores")
def scores(run: str, shelf: Shelf) -> dict[str, Any]:
    """Return scores.json; {} before the run was tested."""
    return Run.open(shelf.path(run)).scores() or {}


@router.get("/runs/{run}/published")
def others(run: str, shelf: Shelf) -> list[dict[str, Any]]:
    """Return the scores that others published on the test set of this run, each with its source."""
    return published(Run.open(shelf.path(run)).task)


@router.get("/runs/{run}/mistakes")
def mistakes(
    run: str,
    shelf: Shelf,
    start: Start = 0,
    count: Count = 100,
    true: Name = None,
    predicted: Name = None,
    doubtful: bool = False,
) -> dict[str, Any]:
    """List the mistakes on the test set, the worst by loss first, or some of them: of a class, as a class.

    n is how many there are in all, chosen how many of them are asked for; true and predicted are the classes
    that there are in all.
    """
    found, names = test_of(run, shelf), Run.open(shelf.path(run)).facts["classes"]
    wrong = np.flatnonzero(found.predicted != found.targets)
    wrong = wrong[np.argsort(found.probabilities[wrong, found.targets[wrong]], kind="stable")]
    targets, answers = found.targets[wrong], found.predicted[wrong]
    chosen = np.ones(len(wrong), bool)
    if true is not None:
        chosen &= targets == class_number(true, names)
    if predicted is not None:
        chosen &= answers == class_number(predicted, names)
    if doubtful:
        chosen &= found.doubtful[wrong]
    ranks = np.flatnonzero(chosen)
    return {
        "n": len(wrong),
        "of": len(found.targets),
        "doubtful": int(found.doubtful.sum()),
        "chosen": len(ranks),
        "true": [names[i] for i in np.unique(targets)],
        "predicted": [names[i] for i in np.unique(answers)],
        "mistakes": [
            {"rank": rank, **told(found, int(wrong[rank]), names)}
            for rank in ranks[start : start + count].tolist()
        ],
    }


def told(found: Tested, index: int, names: list[str]) -> dict[str, Any]:
    """Return one mistake as JSON."""
    chances, true = found.probabilities[index], int(found.targets[index])
    order = np.argsort(-chances, kind="stable")
    return {
        "index": index,
        "true": names[true],
        "predicted": names[int(order[0])],
        "second": names[int(order[1])] if len(order) > 1 else None,
        "probability": float(chances[order[0]]),
        "probability_of_true": float(chances[true]),
        "doubtful": bool(found.doubtful[index]),
    }


def class_number(name: str, names: list[str]) -> int:
    """Return the number of a class."""
    if name not in names:
        raise Refusal(404, "class", f'no class "{name[:80]}".{near(name[:80], names)}')
    return names.index(name)


@router.get("/runs/{run}/mistakes/{index}/sample", response_class=Response)
def mistake(run: str, index: int, shelf: Shelf) -> Response:
    """Return one sample of the test set that the run was tested on: a PNG, a text or a WAV file."""
    return shown(shelf.open(run), sample_of(test_of(run, shelf), index))


@router.get("/runs/{run}/mistakes/{index}/kept")
def kept(run: str, index: int, shelf: Shelf) -> dict[str, str]:
    """Keep one sample of the test set, to look inside the network with it; return its identifier."""
    return {"sample": shelf.keep(sample_of(test_of(run, shelf), index)).id}


@router.get("/runs/{run}/mistakes/{index}/alike")
def alike(run: str, index: int, look: Looking, request: Request) -> dict[str, Any]:
    """Return the training samples that the network finds most like one of the test set, of the first 10,000.

    Where the training data are not on this computer, ``missing`` says so.
    """
    opened = look.library.open(run)
    ready = opened.trained
    raw = sample_of(test_of(run, look.library), index)
    with look.turn():
        try:
            train = look.library.data(ready.task).train
        except DataError as error:
            return {"missing": tellable(str(error)), "searched": 0, "alike": []}
        numbers = torch.arange(min(SEARCHED, len(train)))
        page = request.app.state.albums.get(
            (opened.id, opened.sha8), lambda: albums.album(ready, train[numbers][0], numbers)
        )
        places, likeness = page.alike(albums.features_of(ready, torch.from_numpy(raw)[None])[0], ALIKE)
        labels = train[torch.from_numpy(places)][1]
    names = ready.facts["classes"]
    listed = [
        {"index": int(place), "class": names[int(label)], "likeness": float(value)}
        for place, label, value in zip(places, labels, likeness, strict=True)
    ]
    return {"missing": None, "searched": len(numbers), "alike": listed}


@router.get("/runs/{run}/train/{index}/sample", response_class=Response)
def learned(run: str, index: int, shelf: Shelf) -> Response:
    """Return one training sample of a run's task: a PNG, a text or a WAV file."""
    opened = shelf.open(run)
    train = shelf.data(opened.trained.task).train
    if not 0 <= index < len(train):
        raise Refusal(404, "sample", f"the training set has {len(train)} samples")
    return shown(opened, train[torch.tensor([index])][0][0].numpy())


def sample_of(found: Tested, index: int) -> np.ndarray:
    """Return one raw sample of a test set."""
    if not 0 <= index < len(found.targets):
        raise Refusal(404, "sample", f"the test set has {len(found.targets)} samples")
    return found.sample(index)


def shown(opened: Opened, raw: np.ndarray) -> Response:
    """Return a raw sample as a person takes it in."""
    content, kind = media.shown(opened.trained.task.takes, raw, opened.trained.facts)
    return Response(content, media_type=kind)


@router.get("/runs/{run}/cell/{true}/{predicted}")
def cell(
    run: str, true: int, predicted: int, shelf: Shelf, start: Start = 0, count: Count = MOST_SHOWN
) -> dict[str, Any]:
    """Return which test samples of class number ``true`` were answered with class number ``predicted``.

    n is how many there are in all.
    """
    found = test_of(run, shelf)
    inside = np.flatnonzero((found.targets == true) & (found.predicted == predicted))
    return {"n": len(inside), "indices": inside[start : start + count].tolist()}


def test_of(run: str, shelf: Library) -> Tested:
    """Return the answers to the test set of a run that was tested."""
    opened = shelf.open(run)
    if opened.trained.task.gives != "classes":
        raise Refusal(404, "kind", "only tasks that give classes have mistakes to show")
    return shelf.tested(opened, lambda: tested(opened.trained))


@router.get("/runs/{run}/abstain")
def abstain(run: str, look: Looking) -> dict[str, Any]:
    """Return what the answers are worth if those below a probability are withheld, for many such thresholds.

    The thresholds divide the validation answers evenly, for that is where one is chosen; the first withholds
    none. ``accuracy`` is among what is answered, with its interval; its ``n`` is how many that are.
    """
    opened = look.library.open(run)
    test = test_of(run, look.library)

    def told() -> dict[str, Any]:
        ready = opened.trained
        shares, targets = judged(ready, look.library.data(ready.task).valid)
        chosen = np.quantile(shares.max(1), np.linspace(0, 1, THRESHOLDS)[:-1], method="higher")
        thresholds = np.unique(np.append(0.0, chosen))
        parts = {"valid": (shares, targets), "test": (test.probabilities, test.targets)}
        return {"thresholds": thresholds.tolist()} | {
            name: {
                "n": len(part[1]),
                "accuracy": [score and score.to_json() for score in metrics.answered_from(*part, thresholds)],
            }
            for name, part in parts.items()
        }

    with look.turn():
        return look.excited.get((opened.id, opened.sha8, "abstain"), told)


@router.get("/runs/{run}/pictures/{name}.png", response_class=Response)
def picture(run: str, name: str, shelf: Shelf) -> Response:
    """Return a picture that evaluating drew."""
    found = Run.open(shelf.path(run)).pictures()
    if name not in found:
        raise Refusal(404, "picture", f"the pictures are {', '.join(found) or 'drawn by evaluate'}")
    return content(found[name], "image/png")


@router.get("/runs/{run}/report.html", response_class=Response)
def report(run: str, shelf: Shelf) -> Response:
    """Return the report, one page that needs nothing else."""
    answer = content(shelf.path(run) / "report.html", "text/html")
    answer.headers["content-security-policy"] = REPORT_POLICY
    return answer


@router.get("/runs/{run}/model.onnx", response_class=Response)
def model(run: str, shelf: Shelf) -> Response:
    """Return the exported network."""
    answer = content(shelf.path(run) / "model.onnx", "application/octet-stream")
    answer.headers["content-disposition"] = f'attachment; filename="{run}.onnx"'
    return answer


@router.get("/runs/{run}/card", response_class=Response)
def card(run: str, shelf: Shelf) -> Response:
    """Return the model card, in Markdown."""
    return content(shelf.path(run) / "README.md", "text/markdown")


@router.get("/runs/{run}/weights.zip", response_class=Response)
def weights(run: str, shelf: Shelf) -> Response:
    """Return the weights as safetensors with the JSON of the run; unpacked, they are a run again."""
    path = shelf.path(run)
    if not (path / WEIGHTS).is_file():
        raise Refusal(404, "file", "this run has no weights (yet)")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # not compressed: weights hardly shrink
        for name in TAKEN:
            if (path / name).is_file():
                archive.writestr(zipfile.ZipInfo(f"{run}/{name}"), (path / name).read_bytes())
    headers = {"content-disposition": f'attachment; filename="{run}.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


def content(path: Path, kind: str) -> Response:
    """Return a whole file of a run."""
    try:
        return Response(path.read_bytes(), media_type=kind)
    except OSError:
        raise Refusal(404, "file", "this run does not have it (yet)") from None
