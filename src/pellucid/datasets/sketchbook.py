"""The drawings that a task learns from, by name or from a folder: images or strokes, labels and class names.

A folder of your own holds, for every class, either a sub-folder of pictures (PNG, JPEG) or one file in a form
of Google's: ``cat.ndjson``, ``cat.bin``, ``cat.npy``. If all of them are strokes, strokes are learned from,
else everything becomes images. One in eight drawings tests, chosen by its content, so that adding drawings
moves no other, and equal drawings stay on one side. Of a class so small that none is chosen, the lowest
hashes test; there another drawing may take the place of one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pellucid import media
from pellucid.datasets import doodle, drawings, paper, quickdraw
from pellucid.errors import DataError, UsageError

MOST_POINTS = 192  # of a drawing as a sample: 99.6 % of Google's have fewer
MOST_DRAWINGS = 20_000  # of one class
TESTED = 8  # one in so many
FEWEST = 3  # different drawings of a class: one trains, one validates, one tests
PICTURES = (".png", ".jpg", ".jpeg")
STROKE_FILES = (".ndjson", ".ndjson.gz", ".json", ".bin")
SHARES = (0.25, 0.5, 0.75, 1.0)  # of the ink, at which a growing drawing is shown and judged
TINY: dict[
    str, list[list[tuple[float, float]]]
] = {  # what is drawn in the made-up data: strokes through points (x, y) of a square
    "circle": [[(0.5 + 0.5 * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 13)]],
    "square": [[(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]],
    "cross": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "zigzag": [[(0, 0.2), (0.25, 0.8), (0.5, 0.2), (0.75, 0.8), (1, 0.2)]],
    "ladder": [
        [(0.3, 0), (0.3, 1)],
        [(0.7, 0), (0.7, 1)],
        [(0.3, 0.3), (0.7, 0.3)],
        [(0.3, 0.7), (0.7, 0.7)],
    ],
}
TINY_COUNTS = {"train": 400, "test": 100}


@dataclass(frozen=True)
class Book:
    """Drawings of one split.

    Attributes:
        samples: ``(N, S, S)`` uint8 images, or ``(N, P, 3)`` float32 strokes (``doodle.pack``).
        labels: ``(N,)`` int64.
        classes: the names, in the order of the labels.
        form: how a drawing lies in its image.
        licence, source: of the drawings.
    """

    samples: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    form: doodle.Form
    licence: str = quickdraw.LICENCE
    source: str = quickdraw.SOURCE

    @property
    def strokes(self) -> bool:
        """Whether the samples are strokes."""
        return self.samples.dtype == torch.float32


def read(dataset: str, folder: str, split: str) -> Book:
    """Return the drawings of a split, "train" or "test".

    Args:
        dataset: "fifteen", "all", "strokes" or "tiny"; of no account where there is a folder.
        folder: of drawings of your own, or "".
    Raises:
        DataError: the drawings cannot be had or cannot be read.
    """
    if folder:
        return own(Path(folder), split)
    if dataset == "tiny":
        return tiny(split)
    if dataset == "strokes":
        found = quickdraw.strokes(split)
        return of_strokes(found, sorted({each.word for each in found}))
    images, labels, classes = quickdraw.bitmaps(dataset, split)
    form = doodle.THIN if dataset == "all" else doodle.GOOGLE
    return Book(torch.from_numpy(images), torch.from_numpy(labels), classes, form)


def of_strokes(sketches: list[drawings.Sketch], classes: list[str]) -> Book:
    """Return drawings with their words as strokes."""
    numbers = {name: number for number, name in enumerate(classes)}
    labels = torch.tensor([numbers[each.word] for each in sketches])
    points = doodle.pack([each.strokes for each in sketches], MOST_POINTS)
    return Book(points, labels, tuple(classes), doodle.THIN)


@cache
def tiny(split: str) -> Book:
    """Return a few made-up drawings of five simple things, each turned, stretched and shaky; made once."""
    random = np.random.default_rng({"train": 1, "test": 2}[split])
    found: list[drawings.Sketch] = []
    for number in range(TINY_COUNTS[split]):
        word = list(TINY)[number % len(TINY)]
        turn, stretch = random.uniform(-0.2, 0.2), random.uniform(0.7, 1.3, 2)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * stretch * 200
        lines = [np.array(line) @ matrix.T for line in TINY[word]]
        found.append(drawings.Sketch(word, [line + random.normal(0, 6, line.shape) for line in lines]))
    book = of_strokes(found, list(TINY))
    return Book(book.samples, book.labels, book.classes, book.form, "made here, Apache-2.0", "drawn here")


def growing(dataset: str, folder: str, train: Book) -> Book | None:
    """Return strokes of drawings that are not among those of ``train``; None where there are no strokes.

    The packs of bitmaps share many drawings with the pack of strokes; those are left out.
    """
    if train.strokes or (dataset == "tiny" and not folder):
        return read(dataset, folder, "test")
    if folder:
        return None
    found = [each for split in ("train", "test") for each in quickdraw.strokes(split)]
    book = of_strokes([each for each in found if each.word in train.classes], list(train.classes))
    pictures = doodle.render_batch(book.samples, train.form)
    known = torch.zeros(len(pictures), dtype=torch.bool)
    for label in range(len(train.classes)):
        mine, theirs = book.labels == label, train.labels == label
        known[mine] = quickdraw.shared(pictures[mine], train.samples[theirs])
    return replace(book, samples=book.samples[~known], labels=book.labels[~known])


def own(folder: Path, split: str) -> Book:
    """Return the drawings of a folder with a sub-folder or a file for every class.

    Raises:
        DataError: there is no such folder, it holds fewer than two classes, or a drawing cannot be read.
    """
    sources = classes_in(folder)
    strokes = all(path.name.endswith(STROKE_FILES) for path in sources.values())
    load: Any = stroke_file if strokes else partial(images_of, form=doodle.GOOGLE)
    samples: list = []
    labels: list[int] = []
    for number, path in enumerate(sources.values()):
        found = load(path)
        sums = [digest(each) for each in found]
        if len(set(sums)) < FEWEST:
            raise DataError(
                f"{path}: {len(set(sums))} different drawings are too few to train, to choose and to test; "
                f"give {FEWEST} at least, better 20"
            )
        tests = tested(sums)
        chosen = [each for each, key in zip(found, sums, strict=True) if (key in tests) == (split == "test")]
        samples += chosen
        labels += [number] * len(chosen)
    tensor = doodle.pack(samples, MOST_POINTS) if strokes else torch.from_numpy(np.stack(samples))
    form = doodle.THIN if strokes else doodle.GOOGLE
    return Book(tensor, torch.tensor(labels), tuple(sources), form, "your own", "a folder of drawings")


def classes_in(folder: Path) -> dict[str, Path]:
    """Return the classes of a folder: name -> its sub-folder or file."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with a sub-folder or a file for every class")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((end for end in drawings.ENDINGS if path.name.endswith(end)), None)
        if not path.name.startswith(".") and (path.is_dir() or ending):
            name = path.name if path.is_dir() else path.name.removesuffix(ending or "")
            if name in found:
                raise DataError(
                    f"{folder}: the class {name} is there twice, {found[name].name} and {path.name}"
                )
            found[name] = path
    if len(found) < 2:
        raise DataError(
            f"{folder}: {len(found)} classes; expected two or more, each a sub-folder of pictures or a file "
            f"that ends in {', '.join(drawings.ENDINGS)}"
        )
    return found


def stroke_file(path: Path) -> list[doodle.Drawing]:
    """Return the drawings of one file of strokes."""
    load = drawings.binary if path.suffix == ".bin" else drawings.ndjson
    return [each.strokes for each in load(path, most=MOST_DRAWINGS)]


def images_of(path: Path, form: doodle.Form) -> list[np.ndarray]:
    """Return the images of one class: bitmaps, pictures, or strokes drawn in the form."""
    if path.suffix == ".npy":
        return list(drawings.bitmaps(path, most=MOST_DRAWINGS))
    if not path.is_dir():
        return [doodle.render(drawing, form) for drawing in stroke_file(path)]
    names = [each for each in sorted(path.iterdir()) if each.suffix.lower() in PICTURES]
    images = []
    for name in names[:MOST_DRAWINGS]:
        try:
            images.append(paper.from_picture(media.picture(name), form)["sample"])
        except DataError as error:
            raise DataError(f"{error if str(name) in str(error) else f'{name}: {error}'}") from error
    return images


def digest(sample: np.ndarray | doodle.Drawing) -> bytes:
    """Return a hash of what is drawn."""
    content = sample.tobytes() if isinstance(sample, np.ndarray) else doodle.flat(sample).tobytes()
    return hashlib.sha256(content).digest()


def tested(sums: Sequence[bytes]) -> set[bytes]:
    """Return which drawings of a class test, by their hashes: one in eight, whatever the others are.

    Where that is none, or leaves fewer than two for training, they are the lowest eighth, one at least.
    """
    different = sorted(set(sums))
    chosen = {key for key in different if key[0] % TESTED == 0}
    if chosen and len(different) - len(chosen) >= FEWEST - 1:
        return chosen
    return set(different[: max(1, len(different) // TESTED)])


@cache
def tiny_drawn(split: str) -> Book:
    """Return ``tiny`` with its strokes drawn as images."""
    book = tiny(split)
    return replace(book, samples=doodle.render_batch(book.samples, book.form))


def needs_strokes(book: Book) -> Book:
    """Return the book if the stroke network can read it.

    Raises:
        UsageError: it holds images.
    """
    if not book.strokes:
        raise UsageError(
            "--network strokes reads pen strokes, and these drawings are images; take --dataset strokes, "
            "--data with .ndjson or .bin files, or --network cnn"
        )
    return book


def images(samples: Tensor, facts: dict[str, Any]) -> Tensor:
    """Return samples as images ``(N, S, S)`` uint8: strokes are rendered, images stay as they are."""
    strokes = samples.dtype == torch.float32
    return doodle.render_batch(samples, doodle.Form(**facts["form"])) if strokes else samples


@dataclass(frozen=True)
class DrawingInput:
    """What a person gives to a task of drawings: a picture, or strokes as a line of ndjson or as arrays."""

    kind: ClassVar[str] = "drawing"

    def read(
        self, source: str | Path | bytes | np.ndarray | doodle.Drawing, facts: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        """Return the stages of one drawing: how it grew, or how it was found on its paper; the sample last.

        Args:
            source: a PNG or JPEG file, or its bytes; an ``.ndjson`` file, of which the first drawing is
                taken; pixels as an array; strokes, each ``(P, 2)``, as a list.
        Raises:
            DataError: the file cannot be read, or nothing is drawn.
        """
        if isinstance(source, list):
            return of_drawing(source, facts)
        if isinstance(source, (str, Path)) and str(source).endswith(STROKE_FILES):
            return of_drawing(drawing_of(source), facts)
        if facts["strokes"] and facts.get("reads") == "strokes":
            raise UsageError(
                f"{source if isinstance(source, (str, Path)) else 'the picture'}: this network reads pen "
                f"strokes, not pictures; give an .ndjson file, or take a network that reads images"
            )
        form = doodle.Form(**facts["form"])
        return media.ImageInput(into=lambda picture, _: paper.from_picture(picture, form)).read(source, facts)

    def grid(self, facts: dict[str, Any]) -> tuple[int, int] | None:
        """Return the rows and columns of a sample; None where the samples are strokes."""
        return None if facts["strokes"] else tuple(facts["shape"])

    def shown(self, sample: np.ndarray, facts: dict[str, Any]) -> tuple[bytes, str]:
        """Return a raw sample as a PNG, strokes rendered, and its media type."""
        return media.write_png(images(torch.from_numpy(sample)[None], facts)[0].numpy()), "image/png"


def drawing_of(path: str | Path) -> doodle.Drawing:
    """Return the strokes of the first drawing in a file."""
    load = drawings.binary if str(path).endswith(".bin") else drawings.ndjson
    return load(path, most=1)[0].strokes


def of_drawing(drawing: doodle.Drawing, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the stages of strokes: images with a quarter, half and three quarters of the ink, the sample."""
    form = doodle.Form(**facts["form"])
    drawing = doodle.check(drawing)
    stages = {f"{share:.0%}": doodle.render(doodle.part(drawing, share), form) for share in SHARES[:-1]}
    return {**stages, "sample": sample(drawing, facts)}


def sample(drawing: doodle.Drawing, facts: dict[str, Any]) -> np.ndarray:
    """Return strokes as one raw sample of a data set with these facts: points, or an image."""
    if facts["strokes"]:
        return doodle.pack([doodle.check(drawing)], facts["shape"][0])[0].numpy()
    return doodle.render(drawing, doodle.Form(**facts["form"]))


def traced(drawing: doodle.Drawing, facts: dict[str, Any]) -> doodle.Drawing:
    """Return what a pen left on a pad as the data hold drawings.

    A network that follows the pen learned from Google's simplified strokes, of far fewer points than a pad
    gives; pixels are the same either way, and stay as they were drawn.
    """
    return doodle.simplified(doodle.check(drawing)) if facts.get("reads") == "strokes" else drawing
