"""What look, predict and explain show of text: lengths and words, one line an answer, coloured words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.screen import Screen
from pellucid.errors import DataError, PellucidError, UsageError

if TYPE_CHECKING:
    from pellucid.verbs.answers import Answers

MOST_LINE = 10_000_000  # characters of a line that are read
AT_ONCE = 200  # texts that are answered together
SHOWN = 100  # characters of a text in a line of answers


def look(task: Any, data: Any, index: int, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell what there is: counts, lengths, words, one text as numbers; write the pictures."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import texts

    found = texts.looked(task, data)
    splits, long, words = found["splits"], found["lengths"], found["vocabulary"]
    screen.show(
        f"{splits['train']:,} training and {splits['valid']:,} validation texts; the test set stays closed"
    )
    screen.show(
        f"a text has {long['shortest']} to {long['longest']} words, {long['mean']:.1f} on average; "
        f"95 % have at most {long['95 % are at most']}"
    )
    screen.show(
        f"vocabulary: {words['words']:,} words (split by the rules of {found['splitter']!r}), "
        f"{words['seen once in training']:,} of them seen once in training"
    )
    unknown = found["unknown in validation"]
    screen.show(f"of the validation words, {unknown['share']:.1%} are not in the vocabulary")
    if found["vectors"]:
        screen.show(
            f"given vectors: {found['vectors']['words found']:,} of {words['words']:,} words have one"
        )
    screen.show(f"source: {found['source']}; licence: {found['licence']}")
    if found["note"]:
        screen.show(f"note: {found['note']}")
    screen.show()
    rows = [[name, n["train"], n["valid"]] for name, n in found["classes"].items()]
    screen.table(["class", "training", "validation"], rows)
    found["sample"] = _numbers(data, index, screen)
    found["pictures"] = [str(write(folder, name, figure, screen)) for name, figure in texts.pictures(data)]
    return found


def _numbers(data: Any, index: int, screen: Screen) -> dict[str, Any]:
    """Print one text as the numbers of its words."""
    from pellucid.datasets import tokens

    raw, labels = data.train[[index]]
    words, label = tokens.spelled(raw[0].numpy(), data.facts), data.facts["classes"][int(labels[0])]
    numbers = [number for number in raw[0].tolist() if number]
    screen.show(f"\ntraining text {index}, {label}, as numbers:")
    screen.show("  " + "  ".join(f"{word}={number}" for word, number in zip(words, numbers, strict=True)))
    screen.show()
    return {"words": words, "numbers": numbers, "class": label}


def inputs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (place, text): a word of the command line is a file of texts, one a line, - for stdin, or a text.

    Empty lines are passed over. A text that is a word itself has no place.

    Raises:
        DataError: a file cannot be read, or is not UTF-8.
    """
    return opened(words, _lines)


def opened(words: Sequence[str], read: Callable[[Any, str], Iterator[Any]]) -> Iterator[Any]:
    """Yield what ``read(file, name)`` yields of every file and of stdin, and ("", word) of a text itself.

    Raises:
        DataError: a file cannot be read.
    """
    for word in words:
        if word == "-":
            yield from read(sys.stdin.buffer, "stdin")
        elif is_file(word):
            try:
                with Path(word).open("rb") as file:
                    yield from read(file, word)
            except OSError as error:
                raise DataError(f"{word}: cannot be read ({error.strerror or error})") from error
        else:
            yield "", word


def stages_of(trained: Any, place: str, text: str) -> dict[str, Any]:
    """Return the stages of a text; valid:12 means a sample on the command line, and nothing in a file."""
    from pellucid.verbs import predict as verb

    return trained.task.takes.read(text, trained.facts) if place else verb.stages_of(trained, text)[0]


def predict(trained: Any, flags: Any, screen: Screen) -> dict[str, Any]:
    """Answer every text, many at once, in their order.

    Raises:
        PellucidError: some could not be answered; ``found`` has the answers to the others.
    """
    from pellucid.verbs.answers import Answers

    words = flags.inputs
    kept = Answers(flags.out, trained.facts["classes"]) if flags.out else None
    alone = len(words) == 1 and words[0] != "-" and not is_file(words[0])
    answers: list[dict[str, Any]] = []
    problems: list[PellucidError] = []
    try:
        for place, text, stages, answer in _answered(trained, words, kept):
            if kept:
                kept.add(text, answer)
            if isinstance(answer, PellucidError):
                problems.append(DataError(f"{place}: {answer}") if place else answer)
                continue
            answers.append({"input": place or text, "text_read": text, **answer.to_json()})
            _tell(text, answer, stages, screen, alone=alone)
            if flags.show:
                _draw(flags.show / f"text-{len(answers)}", trained, stages, answer, screen)
    except DataError as error:
        problems.append(error)
    if not answers and not problems and not (kept and kept.before):
        problems.append(DataError("there is no text: every line is empty"))
    if problems:
        for other in problems[1:]:
            screen.say(f"pellucid predict: {other}")
        problems[0].found = {"answers": answers, "problems": [str(problem) for problem in problems]}
        raise problems[0]
    return {"answers": answers, **(told(len(answers), kept, screen) if kept else {})}


def _answered(
    trained: Any, words: Sequence[str], kept: Answers | None
) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield (place, text, stages, answer) of every text without one, in order, or what is wrong with it."""
    from pellucid.verbs import predict as verb

    for batch in _batches(inputs(words)):
        read: list[tuple[str, str, Any, PellucidError | None]] = []
        for place, text in batch:
            if kept and kept.has(text):
                continue
            try:
                read.append((place, text, stages_of(trained, place, text), None))
            except (DataError, UsageError) as error:  # the other texts are answered all the same
                read.append((place, text, None, error))
        samples = [verb.raw_sample(stages) for _, _, stages, error in read if error is None]
        found = iter(verb.answers_to(trained, samples) if samples else [])
        yield from ((*line[:3], line[3] or next(found)) for line in read)


def _batches(every: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield ``AT_ONCE`` together; what came before an error is yielded before the error is raised."""
    batch: list[Any] = []
    problem = None
    try:
        for each in every:
            batch.append(each)
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
    except DataError as error:
        problem = error
    if batch:
        yield batch
    if problem:
        raise problem


def told(number: int, kept: Answers, screen: Screen) -> dict[str, Any]:
    """Print how many answers the file of answers has now; return the same."""
    screen.say(f"{number} answered now, {kept.before} before: {kept.path}")
    return {"answered before": kept.before, "out": str(kept.path)}


def explain(trained: Any, word: str, target: int | None, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell which words and n-grams moved the answer, and which training texts are alike."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import predict as verb
    from pellucid.verbs import texts

    stages = stages_of(trained, *next(inputs([word]), ("", "")))
    found = texts.explain(trained, verb.raw_sample(stages), target)
    screen.show(f"the answer is {found.answer.text}; explained is {found.target}\n")
    top = max((float(abs(values).max()) for values in found.shares.values()), default=0.0) or 1.0
    for method, values in found.shares.items():
        line = " ".join(
            screen.shade(name, value / top) for name, value in zip(found.words, values.tolist(), strict=True)
        )
        screen.show(f"{method}: {line}")
    screen.show()
    columns = zip(found.words, *(values.tolist() for values in found.shares.values()), strict=True)
    rows = [[name, *(f"{value:+.3f}" for value in values)] for name, *values in columns]
    screen.table(["word", *(f"{method}, added" for method in found.shares)], rows)
    screen.show()
    _tell_grams(found, screen)
    rows = [
        [method, f"{value:+.2f}", "passes" if abs(value) < 0.5 else "doubtful"]
        for method, value in found.similarity.items()
    ]
    screen.table(["method", "likeness to a random network's", "sanity"], rows)
    if found.nearest:
        screen.show("\nthe most similar training texts, by their features:")
        for each in found.nearest:
            screen.show(f"  {each['similarity']:.2f}  {each['class']}  {each['text'][:SHOWN]}")
    return {**found.to_json(), "pictures": [str(write(folder, "words", found.picture(), screen))]}


def _tell_grams(found: Any, screen: Screen) -> None:
    names = list(found.answer.probabilities)
    some = names if len(names) <= 6 else [found.target]
    rows = [
        [gram["words"], f"{gram['width']}/{gram['filter']}", f"{gram['value']:.3f}"]
        + [f"{gram['moved'][names.index(name)]:+.3f}" for name in some]
        for gram in found.grams
    ]
    screen.table(["n-gram (_ is padding)", "filter", "fired", *(f"moved {name}" for name in some)], rows)
    screen.show()


def _tell(text: str, answer: Any, stages: dict[str, Any], screen: Screen, *, alone: bool) -> None:
    """Print bars for a single text, a line for one of many."""
    unknown = int((stages["sample"] == 1).sum())
    note = f"  ({unknown} unknown word{'s' if unknown > 1 else ''})" if unknown else ""
    best = max(answer.probabilities.values())
    if not alone:
        screen.show(f"{screen.strong(answer.text)}  {best:.2%}  {' '.join(text.split())[:SHOWN]}{note}")
        return
    screen.show(f"{text[:SHOWN]}: {screen.strong(answer.text)}{note}")
    both = zip(answer.probabilities.values(), answer.logits.values(), strict=True)
    notes = [f"{probability:7.2%}  score {score:+.2f}" for probability, score in both]
    screen.bars(list(answer.probabilities), list(answer.probabilities.values()), notes)


def _draw(path: Path, trained: Any, stages: dict[str, Any], answer: Any, screen: Screen) -> None:
    from pellucid.cli.pictures import write  # matplotlib is slow to import

    figure = trained.task.picture(list(stages.values())[-1], answer, trained.facts)
    write(path.parent, f"{path.name}-answer", figure, screen)


def _lines(file: Any, name: str) -> Iterator[tuple[str, str]]:
    from pellucid.media import utf8

    number = 0
    while line := file.readline(4 * MOST_LINE):
        number += 1
        text = utf8(line, f"{name}, line {number}" if number > 1 else name)
        if len(text) > MOST_LINE:
            raise DataError(f"{name}, line {number}: more than {MOST_LINE:,} characters; break it into texts")
        if text.strip():
            yield f"{name}:{number}", text.rstrip("\r\n")


def is_file(word: str) -> bool:
    """Say whether a word of the command line names a file."""
    try:
        return len(word) < 4096 and Path(word).is_file()
    except (OSError, ValueError):  # a name with a zero byte
        return False
