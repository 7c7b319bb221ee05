"""``pellucid predict RUN|TASK INPUT...``: answers as bars, or as JSON."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli import games, kinds, speech
from pellucid.cli.arguments import Parser, find_kind, open_network
from pellucid.cli.screen import Screen
from pellucid.cli.texts import told
from pellucid.errors import DataError, PellucidError, UsageError

MOST_BARS, FIRST_BARS = 20, 10  # of more classes than the first, the second number of best ones is shown


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """Answer each input, or play."""
    if games.plays(words):
        return games.play(words, screen), 0
    flags = _parser().read(words)
    trained = _open(flags)
    if trained.task.gives != "sound":
        _require_input(trained.task.name, flags)
    from pellucid.verbs import predict  # torch is loaded by now

    trained = predict.searching(trained, flags.beam, flags.length_penalty)
    told = kinds.teller(trained.task, "predict") or _answered
    return told(trained, flags, screen), 0


def _answered(trained: Any, flags: Any, screen: Screen) -> dict[str, Any]:
    """Answer pictures, drawings and recordings, one after the other."""
    from pellucid.verbs import predict
    from pellucid.verbs.answers import Answers, inputs_of, printable

    answers: list[dict[str, Any]] = []
    problems: list[PellucidError] = []
    drawn: list[str] = []
    kept = Answers(flags.out, trained.facts.get("classes", [])) if flags.out else None
    files = trained.task.takes.kind in ("image", "sound")
    for word, named in (
        inputs_of(flags.inputs, sys.stdin) if files else ((each, True) for each in flags.inputs)
    ):
        if kept and kept.has(word):
            continue
        try:
            stages, _ = predict.stages_of(trained, word)
        except (DataError, UsageError) as error:  # the other inputs are answered all the same
            problems.append(error)
            if kept:
                kept.add(word, error)
            continue
        answer = predict.answer_to(trained, predict.raw_sample(stages))
        answers.append({"input": printable(word), **answer.to_json()})
        if kept:
            kept.add(word, answer)
        _tell(word, answer, screen) if named else _tell_shortly(printable(word), answer, screen)
        if trained.task.takes.kind == "drawing":
            answers[-1] |= _over_time(word, trained, screen)
        if flags.show:
            drawn.append(_name(word, drawn))
            given = _given(word, trained.task.takes.kind)
            _draw(flags.show / drawn[-1], trained, stages, answer, screen, given=given)
    if problems:
        raise _first_of(problems, answers, screen)
    return {"answers": answers, **(told(len(answers), kept, screen) if kept else {})}


def _require_input(task: str, flags: Any) -> None:
    """Refuse what only a network that speaks has: its flags, and that it may be asked without an input."""
    if speech.given(flags):
        names = ", ".join(f"--{name}" for name in speech.given(flags))
        raise UsageError(f"{names}: only networks that speak have this; {task} does not")
    if not flags.inputs:
        raise UsageError("INPUT is missing; give a file, or valid:12 for a validation sample")


def _first_of(problems: list[PellucidError], answers: list[dict[str, Any]], screen: Screen) -> PellucidError:
    """Print the other problems; return the first with the answers to the inputs that had none."""
    for other in problems[1:]:
        screen.say(f"pellucid predict: {other}")
    problems[0].found = {"answers": answers, "problems": [str(problem) for problem in problems]}
    return problems[0]


def _parser() -> Parser:
    parser = Parser(
        "predict", "Ask a trained network: pictures, photographs, or texts, whatever it was trained on."
    )
    parser.epilog = (
        "A network that plays takes other flags, --game, --seconds, --epsilon, --sticky and -o FILE.gif: "
        "pellucid predict atari --help."
    )
    parser.add_argument(
        "reference", metavar="RUN|TASK|FILE.onnx", help="a run, a released model, an exported file"
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="a picture, text, drawing or recording, valid:12, a folder (and those below it), - for stdin",
    )
    parser.add_argument(
        "--out",
        "-o",
        type=Path,
        help="a .csv or .jsonl for answers (what it has is not asked again); a .wav or .flac for speech",
    )
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--engine", choices=("torch", "onnx"), default="torch", help="what computes")
    parser.add_argument("--beam", type=int, help="of a translation: hypotheses that are kept; 1 is greedy")
    parser.add_argument(
        "--length-penalty", type=float, help="of a translation: more prefers longer ones; 0 none, 1 usual"
    )
    parser.add_argument(
        "--show", type=Path, metavar="DIR", help="write a picture of every stage and of the answer"
    )
    speech.add_flags(parser)
    return parser


def _tell(word: str, answer: Any, screen: Screen) -> None:
    """Print the answer, then a bar for each class."""
    screen.show(f"{word}: {screen.strong(answer.text)}")
    names = list(answer.probabilities)
    if not names:  # no classes: what each action is worth
        screen.table(["action", "worth"], [[name, f"{worth:.3f}"] for name, worth in answer.logits.items()])
        return
    if len(names) > MOST_BARS:
        names = sorted(names, key=lambda name: -answer.probabilities[name])[:FIRST_BARS]
    shares = [answer.probabilities[name] for name in names]
    both = zip(shares, (answer.logits[name] for name in names), strict=True)
    notes = [f"{probability:7.2%}  score {score:+.2f}" for probability, score in both]
    screen.bars(names, shares, notes)


def _over_time(word: str, trained: Any, screen: Screen) -> dict[str, Any]:
    """Print what a drawing was taken for while it grew; {} for what has no strokes."""
    from pellucid.datasets import sketchbook
    from pellucid.verbs import sketching

    if not word.endswith(sketchbook.STROKE_FILES):
        return {}
    drawing = sketchbook.drawing_of(word)
    rows = sketching.guesses(trained, drawing)
    said = [", ".join(f"{name} {share:.0%}" for name, share in row.words) for row in rows]
    screen.table(
        ["ink", "guesses"], [[f"{row.share:.0%}", text] for row, text in zip(rows, said, strict=True)]
    )
    heard = list(sketching.news(trained, drawing))
    screen.show("as it appeared: " + ", ".join(f"{each.words[0][0]} (at {each.share:.0%})" for each in heard))
    return {"guesses": [row.to_json() for row in rows], "news": [each.to_json() for each in heard]}


def _tell_shortly(word: str, answer: Any, screen: Screen) -> None:
    """Print the answer to one of many in a line."""
    screen.show(f"{word}: {screen.strong(answer.text)}  {max(answer.probabilities.values()):.1%}")


def _open(flags: Any) -> Any:
    """Open what answers; the onnx engine wants an exported file, or the run whose ``model.onnx`` it is."""
    path = Path(flags.reference)
    if flags.engine == "torch" and path.suffix != ".onnx":
        return open_network(flags.reference, flags.task_file)
    from pellucid.verbs.export import open_onnx

    file = path if path.suffix == ".onnx" else path / "model.onnx"
    if not file.is_file():
        how = f"RUN --out {file}" if file == path else str(path)
        raise UsageError(f"{file}: there is no exported network; make it with: pellucid export {how}")
    return open_onnx(file, find_kind(flags.task_file) if flags.task_file else None)


def _name(word: str, taken: Sequence[str]) -> str:
    """Return a name for the pictures of an input: its file's, with a number where another has it already."""
    stem = re.sub(r"[^a-z0-9]+", "-", Path(word).stem.lower()).strip("-")
    if not stem:
        raise UsageError(f"{word}: the file's name gives no name for its pictures; rename it")
    return next(
        name
        for name in itertools.chain([stem], (f"{stem}-{i}" for i in itertools.count(2)))
        if name not in taken
    )


def _given(word: str, kind: str) -> str:
    """Return in a word what an input is: a drawing may be a picture, or the strokes of a pen."""
    from pellucid.datasets import sketchbook

    if kind == "drawing" and word.endswith(sketchbook.STROKE_FILES):
        return "strokes"
    return "photograph" if kind == "image" else kind


def _draw(
    path: Path, trained: Any, stages: dict[str, Any], answer: Any, screen: Screen, *, given: str
) -> None:
    from pellucid.cli.pictures import write  # matplotlib is slow to import
    from pellucid.plots import images

    figure = trained.task.picture(list(stages.values())[-1], answer, trained.facts)
    if given != "sound":  # the answer's picture has the waveform
        write(path.parent, f"{path.name}-stages", images.stages(stages, given), screen)
    write(path.parent, f"{path.name}-answer", figure, screen)
