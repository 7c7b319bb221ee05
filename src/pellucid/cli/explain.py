"""``pellucid explain RUN|TASK INPUT``: where the network looked, and what its features are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, open_network
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError, near


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Write the pictures of an explanation and print how far each method can be trusted."""
    flags = _parser().read(words)
    trained = open_network(flags.reference, flags.task_file)
    from pellucid.cli.pictures import write
    from pellucid.verbs import explain, predict

    target = _target(flags.target, trained.facts.get("classes", []))
    folder = flags.out or Path("runs") / f"explain-{trained.task.name}"
    if trained.task.takes.kind in ("text", "script"):
        return _words(trained, flags.input, target, folder, screen), 0
    stages, _ = predict.stages_of(trained, flags.input)
    sample = predict.raw_sample(stages)
    found = explain.explain(trained, sample, target)
    screen.show(f"the answer is {found.answer.text}; explained is {found.target}")
    rows = [
        [name, f"{value:+.2f}", "passes" if found.passes(name) else "doubtful"]
        for name, value in found.similarity.items()
    ]
    screen.table(["method", "likeness to a random network's map", "sanity"], rows)
    paths = [write(folder, "heat", found.picture(), screen)]
    whole = explain.photo_picture(found, stages)
    if whole is not None:
        paths.append(write(folder, "photo", whole, screen))
    if flags.input != "-" and trained.task.takes.kind == "image" and not explain.drawn(trained):
        for name, figure in (*explain.layer_pictures(trained, sample), *explain.feature_pictures(trained)):
            paths.append(write(folder, name, figure, screen))
    strokes = {}
    if trained.task.takes.kind == "drawing":
        strokes = _strokes(flags.input, trained, found.target, screen)
        paths += [write(folder, "strokes", figure, screen) for figure in strokes.pop("figures", [])]
    return {
        **strokes,
        "answer": found.answer.to_json(),
        "target": found.target,
        "similarity_to_random": found.similarity,
        "maps": {name: values.tolist() for name, values in found.maps.items()},
        "pictures": [str(path) for path in paths],
    }, 0


def _words(trained: Any, word: str, target: int | None, folder: Path, screen: Screen) -> dict[str, Any]:
    """Explain an answer to a text, or how a text is said."""
    from pellucid.cli import speech, texts

    if trained.task.takes.kind == "script":
        return speech.explain(trained, word, folder, screen)
    return texts.explain(trained, word, target, folder, screen)


def _strokes(word: str, trained: Any, target: str, screen: Screen) -> dict[str, Any]:
    """Print how much each stroke of a drawing spoke for the class; {} for what has no strokes."""
    from pellucid.datasets import sketchbook
    from pellucid.verbs import sketching

    if not word.endswith(sketchbook.STROKE_FILES):
        return {}
    drawing = sketchbook.drawing_of(word)
    weights = sketching.occlusion(trained, drawing, target)
    rows = [[place, f"{weight:+.1%}"] for place, weight in enumerate(weights, 1)]
    screen.table(["stroke", f"{target} is less probable without it by"], rows)
    return {"strokes": weights, "figures": [sketching.occluded(drawing, weights, target)]}


def _parser() -> Parser:
    parser = Parser(
        "explain", "Why this answer? Saliency, integrated gradients, Grad-CAM, occlusion; filters and maps."
    )
    parser.add_argument("reference", metavar="RUN|TASK", help="a run's directory, or a released model's name")
    parser.add_argument("input", nargs="?", default="valid:0", metavar="INPUT", help="a file, or valid:12")
    parser.add_argument("--target", metavar="CLASS", help="explain this class instead of the answer")
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--out", type=Path, help="folder for the pictures; runs/explain-TASK if not given")
    return parser


def _target(name: str | None, classes: list[str]) -> int | None:
    if name is None:
        return None
    if name not in classes:
        raise UsageError(
            f"--target {name}: no such class; the classes are {', '.join(classes)}.{near(name, classes)}"
        )
    return classes.index(name)
