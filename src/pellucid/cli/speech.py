"""What look, predict and explain show of speech: voices, a sound file, receptive field and softmax."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser
from pellucid.cli.screen import Screen
from pellucid.errors import DataError, UsageError

FLAGS = ("voice", "melody", "vowel", "tempo", "transpose", "speed", "temperature", "nucleus", "seed")
MOST_WORDS = 20_000  # characters of a file of text


def add_flags(parser: Parser) -> None:
    """Add the flags of speaking and singing to those of predict."""
    group = parser.add_argument_group("speech", "for networks that speak: INPUT is a text, or a file of text")
    group.add_argument("--voice", default=argparse.SUPPRESS, help="who speaks or sings")
    group.add_argument(
        "--melody",
        default=argparse.SUPPRESS,
        help='sing "C3:1 E3:1 G3:2" (note:beats, R rests), or a MIDI or text file',
    )
    group.add_argument("--vowel", default=argparse.SUPPRESS, help="that is sung")
    group.add_argument("--tempo", type=float, default=argparse.SUPPRESS, help="beats a minute, 100")
    group.add_argument(
        "--transpose", type=float, default=argparse.SUPPRESS, help="move a melody by semitones"
    )
    group.add_argument("--speed", type=float, default=argparse.SUPPRESS, help="of speech; 2 is twice as fast")
    group.add_argument(
        "--temperature", type=float, default=argparse.SUPPRESS, help="1 as learned; below safer, above wilder"
    )
    group.add_argument(
        "--nucleus",
        type=float,
        default=argparse.SUPPRESS,
        help="draw from the most probable codes of this sum only",
    )
    group.add_argument("--seed", type=int, default=argparse.SUPPRESS, help="of the draw, 0")


def given(flags: Any) -> dict[str, Any]:
    """Return the flags of speech that were given."""
    return {name: getattr(flags, name) for name in FLAGS if hasattr(flags, name)}


def predict(trained: Any, flags: Any, screen: Screen) -> dict[str, Any]:
    """Speak or sing, and write the sound."""
    from time import perf_counter

    from pellucid import sound
    from pellucid.sampling import Draw
    from pellucid.verbs import speech

    asked = given(flags)
    draw = Draw(**{name: asked.pop(name) for name in ("temperature", "nucleus", "seed") if name in asked})
    if flags.out is not None and flags.out.suffix.lower() not in sound.WRITTEN:
        raise UsageError(f"--out {flags.out}: a sound is written as {' or '.join(sound.WRITTEN)}")
    if "melody" in asked and flags.inputs:
        raise UsageError("give either a text to say or a --melody to sing, not both")
    texts = [None] if "melody" in asked else _texts(flags.inputs)
    if len(texts) == 1 and texts == flags.inputs and flags.inputs[0].startswith("valid:"):  # not in a file
        return _again(trained, flags.inputs[0], flags, screen)
    text = None if texts == [None] else " , ".join(text for text in texts if text)
    began = perf_counter()
    answer = speech.say(trained, speech.Request(text=text, **asked), draw)
    took = perf_counter() - began
    return {"answers": [_written(answer, flags, screen, took)]}


def _again(trained: Any, word: str, flags: Any, screen: Screen) -> dict[str, Any]:
    """Say a validation recording anew."""
    from pellucid.verbs import predict as verb

    stages, _ = verb.stages_of(trained, word)
    answer = verb.answer_to(trained, verb.raw_sample(stages))
    return {"answers": [{"input": word, **_written(answer, flags, screen, None)}]}


def _written(answer: Any, flags: Any, screen: Screen, took: float | None) -> dict[str, Any]:
    """Write the sound, tell what is heard when, and return the answer as JSON."""
    from pellucid import sound
    from pellucid.datasets import logmel

    out = flags.out or Path("runs") / "speech.wav"
    heard = sound.Sound(answer.samples, answer.rate_hz)
    sound.write(out, heard)
    speed = "" if took is None else f", made in {took:.2f} s"
    screen.show(f"{screen.strong(answer.text)}  ({heard.seconds:.2f} s{speed})")
    rows = [
        [part["unit"], part["note"] or "", f"{part['start']:.2f}", f"{part['seconds']:.2f}"]
        for part in answer.parts
    ]
    if rows:
        screen.table(["unit", "note", "from second", "seconds"], rows)
    screen.show(str(out))
    found = {**answer.to_json(), "out": str(out)}
    if flags.show:
        from pellucid.cli.pictures import write
        from pellucid.plots import sounds

        shown = {"said": logmel.spectrogram(answer.samples, answer.rate_hz)}
        figure = sounds.spoken({"said": answer.samples}, shown, answer.rate_hz, title=answer.text)
        found["picture"] = str(write(flags.show, "speech-answer", figure, screen))
    return found


def look(task: Any, data: Any, index: int, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell what there is of each voice, and write the pictures."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import speech

    found = speech.looked(data)
    splits = found["splits"]
    screen.show(
        f"{splits['train']:,} training and {splits['valid']:,} validation recordings; the test set is closed"
    )
    for note in found["done to files"]:
        screen.say(f"some files: {note}")
    screen.show(
        f"{found['rate_hz']:,} samples a second, mu-law codes of {found['codes']['entropy in bits']:.2f} bits"
    )
    screen.show(f"source: {found['source']}; licence: {found['licence']}\n")
    screen.table(
        ["voice", "recordings", "seconds", "mean seconds", "median peak", "says"],
        [
            [name, row["recordings"], f"{row['seconds']:.0f}", f"{row['mean seconds']:.2f}",
             f"{row['median peak']:.2f}", " ".join(found["vocabulary"][name])]
            for name, row in found["voices"].items()
        ],
    )  # fmt: skip
    pictures = [
        str(write(folder, name, figure, screen)) for name, figure in speech.look_pictures(data, index)
    ]
    return {**found, "pictures": pictures}


def explain(trained: Any, word: str, target: int | None, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell how far a sample looks back, what moved it, and what conditioning changes; write the pictures."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import predict as verb
    from pellucid.verbs import speech

    stages, _ = verb.stages_of(trained, word)
    sample = verb.raw_sample(stages)
    found = speech.explain(trained, sample[0][sample[0] > 0] if sample.ndim == 2 else sample)
    rate = found.answer.rate_hz
    field = found.reach[-1][1]
    screen.show(f"{found.answer.text}; explained is sample {found.moment}")
    screen.show(f"receptive field: {field} samples, {1000 * field / rate:.0f} ms")
    screen.table(["layer", "samples seen"], [[name, samples] for name, samples in found.reach])
    near = found.gradient[-rate // 100 :].sum() / max(1e-12, found.gradient.sum())
    screen.show(f"\nthe last 10 ms have {near:.0%} of the gradient")
    screen.show(f"a softmax has {speech.entropy(found.probabilities).mean():.2f} bits on average\n")
    rows = sorted(found.conditions.items(), key=lambda row: -row[1])
    screen.table(
        ["were this asked for", "the softmax would change by, bits"], [[n, f"{v:.3f}"] for n, v in rows]
    )
    pictures = [str(write(folder, name, figure, screen)) for name, figure in found.pictures(rate)]
    return {**found.to_json(), "pictures": pictures}


def _texts(inputs: Sequence[str]) -> list[str | None]:
    """Return the texts: words of the command line, or files of text."""
    if not inputs:
        raise UsageError('a text is missing, such as "seven three"; or sing with --melody "C3:1 E3:1 G3:2"')
    found: list[str | None] = []
    for word in inputs:
        path = Path(word)
        try:
            content = path.read_text("utf-8-sig") if len(word) < 1024 and path.is_file() else word
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{word}: cannot be read as text ({error})") from error
        if len(content) > MOST_WORDS:
            raise DataError(f"{word}: {len(content):,} characters; at most {MOST_WORDS:,} are read")
        found.append(content)
    return found
