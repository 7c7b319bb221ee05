"""``pellucid look TASK``: the data as numbers and pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli import kinds
from pellucid.cli.arguments import Parser, asks_help, read_task, split_task
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Show counts, ranges, one image as numbers, and what each normalisation does."""
    name, rest = split_task(words)
    parser = Parser("look", "Look at the data before anything is trained.", with_task=name is not None)
    parser.add_argument("--index", type=int, default=0, help="the training image that is shown as numbers")
    parser.add_argument(
        "--measure-steps", type=int, default=200, help="updates of each short training; 0 skips them"
    )
    parser.add_argument("--out", type=Path, help="folder for the pictures; runs/look-TASK if not given")
    if name is None:
        parser.read(rest)
        raise UsageError("which task? For example: pellucid look digits")
    if asks_help(rest):
        screen.show(parser.help_with(name))
    flags, fields = parser.parse_known_args(rest)
    if flags.measure_steps < 0:
        raise UsageError(f"--measure-steps is {flags.measure_steps}; give 0 for none, or more")
    task = read_task(name, fields, program=f"pellucid look {name}")
    from pellucid.cli.pictures import write
    from pellucid.verbs import look

    data = task.data()
    if not 0 <= flags.index < len(data.train):
        raise UsageError(f"--index is {flags.index}; there are training samples 0 to {len(data.train) - 1}")
    folder = flags.out or Path("runs") / f"look-{task.name}"
    told = kinds.teller(task, "look")
    if told:
        return told(task, data, flags.index, folder, screen), 0
    found = look.counts(data)
    _tell(found, screen)
    found |= {"found": data.facts["found"]} if "found" in data.facts else {}
    _tell_found(data.facts.get("found", {}), screen)
    _numbers(data, flags.index, screen)
    paths = [write(folder, each, figure, screen) for each, figure in look.pictures(data, flags.index)]
    normalised = look.normalisations(task, data)
    if normalised:
        paths.append(write(folder, "normalisation", look.histogram(data, normalised), screen))
        if flags.measure_steps:
            found["training under each"] = _measure(normalised, task, flags.measure_steps, screen)
    return {**found, "pictures": [str(path) for path in paths]}, 0


def _tell(found: dict[str, Any], screen: Screen) -> None:
    splits = found["splits"]
    screen.show(
        f"{splits['train']:,} training and {splits['valid']:,} validation images; the test set stays closed"
    )
    screen.show(
        f"each {' x '.join(map(str, found['shape']))} {found['type']}, values {found['range'][0]:g} to "
        f"{found['range'][1]:g}, mean {found['mean']:.2f}, deviation {found['deviation']:.2f}, "
        f"{found['share of zeros']:.1%} are 0"
    )
    screen.show(f"source: {found['source']}; licence: {found['licence']}\n")
    screen.table(
        ["class", "training", "validation"],
        [[name, n["train"], n["valid"]] for name, n in found["classes"].items()],
    )


def _tell_found(found: dict[str, Any], screen: Screen) -> None:
    """Print what hurts in the data, where a task has looked for it."""
    for name, sentences in found.items():
        if isinstance(sentences, list):
            screen.show(f"\n{name}: {len(sentences) or 'nothing'}")
            for sentence in sentences:
                screen.show(f"  {sentence}")


def _numbers(data: Any, index: int, screen: Screen) -> None:
    """Print one image as its grid of values, an empty cell for 0."""
    import torch  # loaded by now

    from pellucid.verbs.look import readable

    samples, labels = data.train[torch.tensor([index])]
    image, label = samples[0].numpy(), int(labels[0])
    screen.show(
        f"\ntraining image {index}, a {data.facts['classes'][label]}, as numbers (nothing stands for 0)"
    )
    if image.ndim == 3:
        screen.show("red values of its middle")
    for row in readable(image).tolist():
        screen.show("".join(f"{value:4d}" if value else "   ." for value in row))
    screen.show()


def _measure(normalised: dict[str, Any], task: Any, steps: int, screen: Screen) -> dict[str, Any]:
    """Train shortly under each normalisation, same seeds, and print what came of it."""
    from pellucid.verbs import compare

    training = dataclasses.replace(task.training, steps=steps, evaluate_every=steps)
    tasks = {
        name: dataclasses.replace(changed, training=training) for name, (changed, _) in normalised.items()
    }
    found = compare.table(list(compare.compare(tasks, seeds=(0, 1))), task.goal)
    screen.show(f"\nvalidation {task.goal} after {steps} steps, median of 2 seeds:")
    for name, spread in found.items():
        screen.show(f"  {name:>8}  {spread.median:.2%}  ({spread.low:.2%} to {spread.high:.2%})")
    return {name: dataclasses.asdict(spread) for name, spread in found.items()}
