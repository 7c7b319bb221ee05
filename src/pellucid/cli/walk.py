"""``pellucid walk TASK|RUN [INPUT]``: one input through the whole network and back, every number shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, file_for, open_network
from pellucid.cli.screen import Screen
from pellucid.errors import UsageError, near


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Walk one input through a trained network; the picture and the JSON hold the same numbers."""
    parser = Parser(
        "walk", "One input through the network and back: pixels, layers, softmax, loss, gradients, one step."
    )
    parser.add_argument(
        "reference", metavar="TASK|RUN", help="a released model's name, such as digits/mlp, or a run"
    )
    parser.add_argument("input", nargs="?", default="valid:0", metavar="INPUT", help="a file, or valid:12")
    parser.add_argument(
        "--true", metavar="CLASS", help="the true class of a picture of your own; the answer's if not given"
    )
    parser.add_argument("--optimizer", default="sgd", help="whose step is taken")
    parser.add_argument("--learning-rate", type=float, default=0.01, help="of that step")
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--out", type=Path, default=Path("runs/walk.png"), help="the page")
    flags = parser.read(words)
    out = file_for(flags.out, ".png")
    trained = open_network(flags.reference, flags.task_file)
    _require_classes(trained, flags.reference)
    from pellucid.cli.pictures import write
    from pellucid.verbs import predict
    from pellucid.verbs import walk as verb

    stages, known = predict.stages_of(trained, flags.input)
    true = known if flags.true is None else _class(flags.true, trained.facts.get("classes", []))
    found = verb.walk(
        trained,
        predict.raw_sample(stages),
        true,
        optimizer=flags.optimizer,
        learning_rate=flags.learning_rate,
    )
    _tell(found.walk, screen)
    if trained.task.takes.kind == "text":
        screen.say("the page shows pixels, so none is drawn of words; pellucid explain colours them")
        return {"walk": found.walk.to_json()}, 0
    picture = write(out.parent, out.stem, found.picture(), screen)
    return {"walk": found.walk.to_json(), "picture": str(picture)}, 0


def _require_classes(trained: Any, reference: str) -> None:
    if trained.task.gives == "actions":
        raise UsageError(
            "walk shows how class scores become probabilities and a loss; this network says what actions are "
            f"worth. See why it does what it does with: pellucid explain {reference} 7:20"
        )


def _class(name: str, classes: list[str]) -> int:
    if name not in classes:
        raise UsageError(
            f"--true {name}: no such class; the classes are {', '.join(classes)}.{near(name, classes)}"
        )
    return classes.index(name)


def _tell(walk: Any, screen: Screen) -> None:
    """Print the walk: forward, softmax, loss, backward, step."""
    _tell_forward(walk, screen)
    _tell_loss(walk, screen)
    _tell_backward(walk, screen)
    step = walk.step
    screen.show("\n" + screen.strong(f"one step of {step.optimizer}, learning rate {step.learning_rate:g}"))
    screen.show(f"loss before {step.loss_before:.6f}, after {step.loss_after:.6f}")


def _tell_forward(walk: Any, screen: Screen) -> None:
    screen.show(screen.strong("forward"))
    rows = []
    for layer in walk.layers:
        shape = " x ".join(str(size) for size in layer.after.shape)
        said = "" if layer.clipped is None else f"{layer.clipped:,} of {layer.after.size:,} clipped to 0"
        values = [f"{value:.3f}" for value in (layer.minimum, layer.mean, layer.maximum)]
        rows.append([layer.name, layer.kind, shape, *values, said])
    screen.table(["layer", "kind", "shape", "min", "mean", "max", "ReLU"], rows)


def _tell_loss(walk: Any, screen: Screen) -> None:
    soft = walk.softmax
    screen.show("\n" + screen.strong("scores to probabilities (softmax)"))
    columns = zip(walk.classes, soft.logits, soft.shifted, soft.exponentials, soft.probabilities, strict=True)
    screen.table(
        ["class", "score", "minus largest", "exponential", f"/ {soft.total:.6g}"],
        [[name, f"{z:.4f}", f"{s:.4f}", f"{e:.4g}", f"{p:.6f}"] for name, z, s, e, p in columns],
    )
    loss = walk.loss
    screen.show("\n" + screen.strong("loss (cross-entropy)"))
    screen.show(f"-log p({walk.classes[loss.target]}) = -log {loss.probability:.6f} = {loss.value:.6f}")
    for sharper in loss.sharpened:
        times = f"were all scores {sharper.factor:g} times as large"
        screen.show(f"  {times}: p = {sharper.probability:.6f}, loss {sharper.loss:.6f}")


def _tell_backward(walk: Any, screen: Screen) -> None:
    screen.show("\n" + screen.strong("backward: the gradient at every layer"))
    rows = [
        [parameter.name, f"{parameter.gradient_norm:.4g}", f"{list(top.index)}"]
        + [f"{number:+.5f}" for number in (top.value, top.gradient, top.after)]
        for layer in reversed(walk.layers)
        for parameter in layer.parameters
        for top in parameter.largest[:1]
    ]
    screen.table(["tensor", "norm", "most responsible weight", "value", "gradient", "after the step"], rows)
    if walk.plain is not None:
        largest = walk.plain.largest
        screen.show(f"our plain backward pass differs from torch's by {largest:.1e} at most (relative)")
