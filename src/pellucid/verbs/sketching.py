"""Sketching: guesses while a drawing appears, and what a game of drawing needs besides.

A drawing is a list of strokes, each ``(P, 2)`` points in the order in which the pen drew them, in any unit.
``guess`` says what the strokes so far may be, ``guesses`` how that changed, ``news`` only what is new;
``threshold`` is the probability from which on a word counts as recognised, ``nearest`` the training drawings
that a drawing is most like, ``occlusion`` which stroke changed the guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pellucid import metrics
from pellucid.datasets import doodle, sketchbook
from pellucid.errors import UsageError, near
from pellucid.learners import EVALUATION_BATCH
from pellucid.run import Run
from pellucid.task import Data
from pellucid.verbs import albums, scored
from pellucid.verbs.albums import Album
from pellucid.verbs.trained import Ready, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10  # drawings whose strokes are shown
SAID = 3  # guesses that are told
SURE = 0.15  # the least probability of a guess that is news
DEFAULT_THRESHOLD = 0.3
LOWEST, HIGHEST = 0.1, 0.6  # of a threshold: neither luck nor perfection wins a round
REACHED = 0.5  # share of a class's own validation drawings that passes its threshold
EVERY = 0.05  # of the ink, between two guesses while a drawing appears


@dataclass(frozen=True)
class Guess:
    """What a drawing may be when a share of its ink is there.

    Attributes:
        share: of the ink, 0 to 1.
        words: the first guesses, best first, with their probabilities; empty for a blank canvas.
    """

    share: float
    words: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the guess as a JSON object."""
        return asdict(self)


def guess(ready: Ready, drawing: doodle.Drawing, *, most: int = SAID) -> Guess:
    """Guess what the strokes so far may be; a blank canvas gives no guess.

    Raises:
        DataError: a stroke is not an array of finite points.
    """
    return next(iter(guesses(ready, drawing, shares=(1.0,), most=most)))


def guesses(
    ready: Ready,
    drawing: doodle.Drawing,
    *,
    shares: Iterable[float] = sketchbook.SHARES,
    most: int = SAID,
) -> list[Guess]:
    """Guess what a drawing may be at each of the ``shares`` of its ink."""
    shares = list(shares)
    drawing = [np.asarray(stroke, float) for stroke in drawing if len(stroke)]
    if not drawing:
        return [Guess(share, ()) for share in shares]
    parts = [doodle.part(doodle.check(drawing), share) for share in shares]
    drawn = [place for place, part in enumerate(parts) if part]
    found = probabilities(ready, [parts[place] for place in drawn])
    names, words = ready.facts["classes"], {}
    for place, row in zip(drawn, found, strict=True):
        first = row.argsort(descending=True)[:most].tolist()
        words[place] = tuple((names[number], float(row[number])) for number in first)
    return [Guess(share, words.get(place, ())) for place, share in enumerate(shares)]


def news(ready: Ready, drawing: doodle.Drawing, *, every: float = EVERY) -> Iterator[Guess]:
    """Yield guesses as the ink appears, but only where the first word is new and not a wild one."""
    steps = max(1, round(1 / every))
    last = None
    for each in guesses(ready, drawing, shares=[(step + 1) / steps for step in range(steps)]):
        if each.words and each.words[0][1] >= SURE and each.words[0][0] != last:
            last = each.words[0][0]
            yield each


def probabilities(ready: Ready, drawings: list[doodle.Drawing]) -> Tensor:
    """Return the calibrated probabilities ``(N, K)`` of drawings, each with at least one point."""
    samples = doodle.pack(drawings, sketchbook.MOST_POINTS)
    return (logits_of(ready, samples).double() / temperature(ready)).softmax(1)


def logits_of(ready: Ready, samples: Tensor) -> Tensor:
    """Return the class scores ``(N, K)`` of raw samples."""
    with torch.inference_mode():
        parts = [
            ready.network(ready.task.prepare(part, facts=ready.facts)[0])
            for part in samples.split(EVALUATION_BATCH)
        ]
    return torch.cat(parts)


def temperature(ready: Ready) -> float:
    """Return the temperature that ``evaluate`` chose on validation; 1 for what was not evaluated yet."""
    found = _judged(ready).get("temperature", {}).get("value", 1.0)
    return float(found)


def threshold(ready: Ready, word: str) -> float:
    """Return the probability from which on a drawing counts as recognised as ``word``.

    Raises:
        UsageError: the network knows no such word.
    """
    if word not in ready.facts["classes"]:
        raise UsageError(
            f'no class "{word}".{near(word, ready.facts["classes"])} See: pellucid look sketches'
        )
    return float(_judged(ready).get("thresholds", {}).get(word, DEFAULT_THRESHOLD))


def nearest(
    ready: Ready, drawing: doodle.Drawing, word: str, *, count: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training drawings of a word that a drawing is most like, by the network's last features.

    Returns:
        images ``(count, S, S)`` uint8, and their likeness (cosine) ``(count,)``, the most alike first.
    Raises:
        UsageError: the network knows no such word.
        DataError: the training drawings are not here, or nothing is drawn.
    """
    page = album(ready, ready.task.data(), word)
    mine = doodle.pack([doodle.check(drawing)], sketchbook.MOST_POINTS)
    places, likeness = page.alike(albums.features_of(ready, mine)[0], count)
    return sketchbook.images(page.samples[places], ready.facts).numpy(), likeness


def album(ready: Ready, data: Data, word: str) -> Album:
    """Return the training drawings of a word with what the network sees in them.

    Raises:
        UsageError: the network knows no such word.
    """
    threshold(ready, word)
    samples, labels = data.train[:]  # type: ignore[index]
    numbers = (labels == ready.facts["classes"].index(word)).nonzero()[:, 0]
    return albums.album(ready, samples, numbers)


def words(ready: Ready) -> list[str]:
    """Return the words that a game may ask for: those that half of their own validation drawings reach.

    All, where that is not known yet or is true of fewer than two.
    """
    limits = _judged(ready).get("thresholds", {})
    fair = [word for word in ready.facts["classes"] if limits.get(word, DEFAULT_THRESHOLD) > LOWEST]
    return fair if len(fair) > 1 else list(ready.facts["classes"])


def occlusion(ready: Ready, drawing: doodle.Drawing, word: str) -> list[float]:
    """Return for each stroke how much less probable ``word`` is without it, -1 to 1.

    A drawing of one stroke is compared with chance, 1 / K.
    """
    drawing = doodle.check(drawing)
    number = ready.facts["classes"].index(word)
    without = [drawing[:place] + drawing[place + 1 :] for place in range(len(drawing))]
    whole = float(probabilities(ready, [drawing])[0, number])
    if len(drawing) == 1:
        return [whole - 1 / len(ready.facts["classes"])]
    return (whole - probabilities(ready, without)[:, number]).tolist()


def order(data: Data) -> Figure:
    """Draw some training drawings with their strokes in the order in which they were drawn."""
    from pellucid.plots import strokes  # matplotlib is slow to import and only pictures need it

    places = torch.linspace(0, len(data.train) - 1, SHOWN).long()
    points, labels = data.train[places]
    names = [data.facts["classes"][label] for label in labels.tolist()]
    title = "The strokes in the order in which they were drawn"
    return strokes.order([doodle.unpack(each.numpy()) for each in points], names, title=title)


def occluded(drawing: doodle.Drawing, values: list[float], word: str) -> Figure:
    """Draw what ``occlusion`` found."""
    from pellucid.plots import strokes  # as above

    return strokes.weights(doodle.check(drawing), values, title=f"Which strokes say {word}?")


def judge(trained: Trained, valid: tuple[np.ndarray, np.ndarray], heat: float) -> dict[str, Any]:
    """Return what an evaluation says of a network of drawings besides: thresholds and accuracy over the ink.

    Args:
        valid: logits ``(N, K)`` and targets ``(N,)`` of the validation drawings.
        heat: the temperature.
    """
    names = trained.facts["classes"]
    shares = torch.from_numpy(valid[0]).double().div(heat).softmax(1).numpy()
    limits = {}
    for number, name in enumerate(names):
        own = shares[valid[1] == number, number]
        chosen = np.quantile(own, 1 - REACHED) if len(own) else DEFAULT_THRESHOLD
        limits[name] = round(float(np.clip(chosen, LOWEST, HIGHEST)), 3)
    return {"thresholds": limits, "ink": ink(trained)}


def ink(trained: Ready) -> list[dict[str, Any]]:
    """Return the accuracy at a quarter, half, three quarters and all of the ink of drawings never trained on.

    An empty list where the data have no strokes.
    """
    book = trained.task.growing()  # type: ignore[attr-defined]
    if book is None:
        return []
    found = []
    for share in sketchbook.SHARES:
        samples = doodle.first(book.samples, torch.full((len(book.samples),), share))
        outputs, targets = logits_of(trained, samples).numpy(), book.labels.numpy()
        top3 = metrics.top_k(outputs, targets, min(SAID, outputs.shape[1]))
        accuracy = metrics.accuracy(outputs, targets)
        found.append({"share": share, "accuracy": accuracy.to_json(), "top3": top3.to_json()})
    return found


def _judged(ready: Ready) -> dict[str, Any]:
    """Return what an evaluation of these weights wrote down; {} where there is none."""
    if not isinstance(ready, Trained):
        return {}
    found = _evaluated(ready.run.path, ready.run.path.stat().st_mtime_ns)
    return found if found.get("step", ready.step) == ready.step else {}


@lru_cache(maxsize=8)
def _evaluated(path: Path, changed: int) -> dict[str, Any]:
    """Read scores only when the run's directory has changed: a game asks several times a second."""
    return scored.evaluation(Run.open(path))
