"""What look, evaluate, predict and explain show where text becomes text: a line in, a line out, in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.screen import Screen
from pellucid.cli.texts import MOST_LINE, is_file, opened, stages_of, told
from pellucid.errors import DataError, PellucidError, UsageError

if TYPE_CHECKING:
    from pellucid.verbs.answers import Answers

AT_ONCE = 256  # lines that are translated together
WAITING = 4 * AT_ONCE  # lines that are read ahead
LEAST_SHARE = 0.1  # of a look that stands in the table of an alignment


def look(task: Any, data: Any, index: int, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell what there is: counts, lengths, pieces, one pair as numbers; write the pictures."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import translations

    found = translations.looked(data, index)
    splits, pieces = found["splits"], found["pieces"]
    screen.show(
        f"{splits['train']:,} training and {splits['valid']:,} validation pairs, "
        f"{' to '.join(found['languages'])}; the test set stays closed"
    )
    screen.table(
        ["language", "shortest", "mean", "95 % at most", "longest (pieces)"],
        [
            [name, n["shortest"], f"{n['mean']:.1f}", n["95 % are at most"], n["longest"]]
            for name, n in found["lengths"].items()
        ],
    )
    screen.show(
        f"{pieces['number']:,} pieces of both languages together, {pieces['whole words']:,} begin a word; "
        f"{pieces['never in training']:,} are only parts of others and occur nowhere"
    )
    screen.show(
        f"letters of the validation texts that no piece has: {found['unknown letters in validation']:,}"
    )
    screen.show("left out: " + ", ".join(f"{n:,} {why}" for why, n in found["left out"].items()))
    screen.show(f"source: {found['source']}; licence: {found['licence']}\n")
    screen.show(f"training pair {index} as numbers:")
    for language, numbered in found["sample"].items():
        screen.show(f"  {language}: " + "  ".join(f"{piece}={number}" for piece, number in numbered))
    screen.show()
    drawn = [write(folder, name, figure, screen) for name, figure in translations.pictures(data)]
    return {**found, "pictures": [str(path) for path in drawn]}


def tell_tested(document: dict[str, Any], screen: Screen) -> None:
    """Print what a BLEU means nothing without."""
    for name, signature in document["signatures"].items():
        screen.show(f"  {name} is {signature}")
    search = document["search"]
    screen.show(
        f"beam {search['beam']}, length penalty {search['length_penalty']:g}; perplexity "
        f"{document['perplexity']:.2f}; {document['pieces written']:,} pieces written, the references have "
        f"{document['pieces of the references']:,}"
    )


def predict(trained: Any, flags: Any, screen: Screen) -> dict[str, Any]:
    """Translate every line, many at once, and print each in its place: an empty line stays one.

    Lines from stdin are translated as they come: a person who types gets each answer at once.

    Raises:
        PellucidError: some could not be translated; ``found`` has the answers to the others.
    """
    from pellucid.task import Answer
    from pellucid.verbs.answers import Answers

    kept = Answers(flags.out, []) if flags.out else None
    words, show = flags.inputs, flags.show
    alone = len(words) == 1 and words[0] != "-" and not is_file(words[0])
    answers: list[dict[str, Any]] = []
    problems: list[PellucidError] = []
    number = 0
    for place, text, stages, answer in _answered(trained, words, kept):
        if kept:
            kept.add(text, answer or Answer(""))
        if isinstance(answer, PellucidError):
            problems.append(type(answer)(f"{place}: {answer}") if place else answer)
            screen.show("")
            continue
        number += 1
        if screen.as_json:  # without it nobody reads them, and a stream may be long
            found = {"text": ""} if answer is None else answer.to_json()
            answers.append({"input": place or text, "text_read": text, **found})
        if answer is not None and alone:
            _tell(text, answer, screen)
        else:
            screen.show("" if answer is None else " ".join(answer.text.split()))
        if show and answer is not None:
            _draw(show / f"translation-{len(list(show.glob('*.png'))) + 1}", trained, stages, answer, screen)
    if problems:
        for other in problems[1:]:
            screen.say(f"pellucid predict: {other}")
        problems[0].found = {"answers": answers, "problems": [str(problem) for problem in problems]}
        raise problems[0]
    return {"answers": answers, **(told(number, kept, screen) if kept else {})}


def explain(trained: Any, word: str, target: int | None, folder: Path, screen: Screen) -> dict[str, Any]:
    """Draw where every layer looked, and tell which words each word was written from; there is no target."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import predict as verb
    from pellucid.verbs import translations

    place, text = next(lines([word]), ("", ""))
    if isinstance(text, PellucidError):
        raise text
    stages = stages_of(trained, place, text)
    found = translations.explain(trained, verb.raw_sample(stages))
    screen.show(f"{' '.join(found.words[0][:-1])}\n{screen.strong(found.answer.text)}\n")
    rows = []
    for written, shares in zip(found.words[1], found.alignment, strict=True):
        order = sorted(range(len(shares)), key=lambda place: -shares[place])
        from_words = [place for place in order if shares[place] >= LEAST_SHARE] or order[:1]
        rows.append([written, ", ".join(f"{found.words[0][p]} {shares[p]:.0%}" for p in from_words)])
    screen.table(["written", "while it looked at (mean of the layers)"], rows)
    drawn = [str(write(folder, name, figure, screen)) for name, figure in found.pictures()]
    return {**found.to_json(), "pictures": drawn}


def lines(words: Sequence[str]) -> Iterator[tuple[str, str | PellucidError]]:
    """Yield (place, line): a word of the command line is a file, - for stdin, or a line, which has no place.

    Of a line that cannot be read comes what is wrong with it, in its place; a broken file ends all.
    """
    return opened(words, _numbered)


def _numbered(file: Any, name: str) -> Iterator[tuple[str, str | PellucidError]]:
    from pellucid.media import utf8

    number = 0
    while line := file.readline(4 * MOST_LINE):
        number += 1
        place = f"{name}:{number}"
        if len(line) >= 4 * MOST_LINE and not line.endswith(b"\n"):
            raise DataError(f"{name}, line {number}: more than {MOST_LINE:,} letters; break it into lines")
        try:
            yield place, utf8(line, "the line").rstrip("\r\n")
        except DataError:
            yield place, DataError("not UTF-8; save the text again as UTF-8")


def _answered(
    trained: Any, words: Sequence[str], kept: Answers | None
) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield (place, text, stages, answer) of every line, in order; None answers an empty line.

    Lines whose answers are kept already are passed over.
    """
    from pellucid.verbs import predict as verb

    for batch in _gathered(lines(words)):
        read: list[tuple[str, Any, Any, Any]] = []
        for place, text in batch:
            if kept and kept.has(text if isinstance(text, str) else ""):
                continue
            if isinstance(text, PellucidError):
                read.append((place, "", None, text))
            elif place and not text.strip():
                read.append((place, "", None, None))
            else:
                try:
                    read.append((place, text, stages_of(trained, place, text), True))
                except (DataError, UsageError) as error:  # the other lines are translated all the same
                    read.append((place, text, None, error))
        samples = [verb.raw_sample(stages) for _, _, stages, answer in read if answer is True]
        found = iter(verb.answers_to(trained, samples) if samples else [])
        yield from ((*line[:3], next(found) if line[3] is True else line[3]) for line in read)


def _gathered(every: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield what is there by now, up to ``AT_ONCE`` together, waiting only for the first.

    A thread reads ahead, so that what comes slowly is answered at once and what comes fast in batches.
    """
    waiting: queue.Queue[Any] = queue.Queue(WAITING)
    end = object()

    def read() -> None:
        try:
            for each in every:
                waiting.put(each)
        except BaseException as error:  # it is raised again where the lines are used
            waiting.put(error)
        waiting.put(end)

    threading.Thread(target=read, name="pellucid-lines", daemon=True).start()
    batch: list[Any] = []
    while True:
        if batch and (waiting.empty() or len(batch) == AT_ONCE):
            yield batch
            batch = []
        each = waiting.get()
        if each is end or isinstance(each, BaseException):
            break
        batch.append(each)
    if batch:
        yield batch
    if isinstance(each, BaseException):
        raise each


def _tell(text: str, answer: Any, screen: Screen) -> None:
    """Print a single translation with the others that were found."""
    screen.show(f"{' '.join(text.split())}\n{screen.strong(answer.text)}")
    rows = [[f"{each['score']:.3f}", each["text"]] for each in answer.hypotheses]
    screen.show()
    screen.table(["log p a piece", "what the search found"], rows)


def _draw(path: Path, trained: Any, stages: dict[str, Any], answer: Any, screen: Screen) -> None:
    from pellucid.cli.pictures import write  # matplotlib is slow to import

    figure = trained.task.picture(list(stages.values())[-1], answer, trained.facts)
    write(path.parent, path.name, figure, screen)
