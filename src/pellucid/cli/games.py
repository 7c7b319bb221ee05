"""What look, evaluate, predict and explain show where the network plays: scores, values, films."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser, open_network
from pellucid.cli.screen import Screen
from pellucid.errors import DataError, PellucidError, UsageError, near

WAY_STEP = 40  # the step whose way to the network is shown
SECONDS = 60.0  # of a film
FILMS = (".mp4", ".webm", ".mkv", ".avi", ".mov")
VALID = "valid:"


def look(task: Any, data: Any, index: int, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell what the game is and what random play brings; write the pictures, the way of one moment first."""
    from pellucid.cli.pictures import write
    from pellucid.metrics import Points
    from pellucid.verbs import games

    found = games.looked(task, data)
    played = found["random play"]
    screen.show(f"{found['game']}: {len(found['actions'])} actions: {', '.join(found['actions'])}")
    frame = " x ".join(map(str, found["frame"]))
    screen.show(f"a frame is {frame} bytes; {found['seen at once']} are seen at once")
    screen.show(
        f"random play: {Points(**played['score'])} points, {played['steps']:.0f} steps in a game on average"
    )
    if found["published"]:
        names = ("random", "human", "DQN", "its deviation", "human, 2016")
        rows = [[f"{value:g}" for value in found["published"].values()]]
        screen.table([f"published: {names[0]}", *names[1:]], rows)
    screen.show(f"source: {found['source']}; licence: {found['licence']}")
    found["pictures"] = [
        str(write(folder, name, figure, screen))
        for name, figure in games.look_pictures(task, index or WAY_STEP)
    ]
    return found


def tell_tested(document: dict[str, Any], screen: Screen) -> None:
    """Print who scored what, and how that compares with the published players."""
    rows = []
    for name, row in document["players"].items():
        scaled = row["normalised"] or {}
        rows.append(
            [
                name,
                f"{row['sticky']:g}",
                f"{row['mean']:.2f}",
                f"{row['deviation']:.2f}",
                f"{row['lowest']:g}",
                f"{row['highest']:g}",
            ]
            + [f"{each['value']:.1f}" for each in scaled.values()]
        )
    titles = ["player", "sticky", "mean", "deviation", "lowest", "highest"]
    if document["published"]:
        titles += ["% of human, 2015", "% of human, 2016"]
    screen.table(titles, rows)
    screen.show(
        f"{document['n']} episodes each, epsilon {document['epsilon']:g}; sticky: the chance that an action "
        "goes on"
    )
    if document["published"]:
        told = ", ".join(
            f"{name.replace('_', ' ')} {value:g}" for name, value in document["published"].items()
        )
        screen.show(f"published: {told}")


def plays(words: Sequence[str]) -> bool:
    """Say whether the words of a verb begin with a player: a run of a game, or a released one."""
    from pellucid import tasks

    if not words or words[0].startswith("-") or words[0].endswith(".onnx"):
        return False
    name = words[0].split("/")[0]
    if not Path(words[0]).is_dir():
        return name in tasks.TASKS and tasks.find(name).takes.kind == "game"
    from pellucid.run import Run

    try:
        name = Run.open(words[0]).task.get("task", "")
    except PellucidError:
        return False  # whoever opens it says why
    return name in tasks.TASKS and tasks.find(name).takes.kind == "game"


def play(words: Sequence[str], screen: Screen) -> dict[str, Any]:
    """Play games, write a film of the first one; or value the actions at one moment.

    Raises:
        PellucidError: a film that cannot be written; ``found`` has the score all the same.
    """
    flags = _parser().read(words)
    _check(flags)
    path = _film(flags.out)
    trained = open_network(_reference(flags.reference, flags.game), flags.task_file)
    answers = []
    for word in flags.inputs or ["0"]:
        if word.startswith(VALID):
            answers.append(_moment(word, trained, flags.show, screen))
            continue
        if not word.isdecimal():
            raise DataError(f"{word}: expected the seed of a game, a whole number such as 7, or {VALID}12")
        answers.append(_match(int(word), trained, flags, path if not answers else None, screen))
    return {"answers": answers}


def explain(trained: Any, word: str, target: int | None, folder: Path, screen: Screen) -> dict[str, Any]:
    """Tell what each action is worth at a moment and what the network looked at."""
    from pellucid.cli.pictures import write
    from pellucid.verbs import games
    from pellucid.verbs import predict as verb

    seen = None
    if word.startswith(VALID):
        sample = verb.raw_sample(verb.stages_of(trained, word)[0])
    else:
        moment = games.moment(trained, word)
        sample, seen = moment.stack, moment.screen
    found = games.explain(trained, sample, target, screen=seen)
    screen.show(f"explained is {found.action}; the state is worth {found.worth:.3f}\n")
    rows = [[name, f"{found.values[name]:.3f}", f"{found.advantages[name]:+.3f}"] for name in found.values]
    screen.table(["action", "worth", "advantage"], rows)
    ages = [len(found.shares) - 1 - place for place in range(len(found.shares))]
    screen.show()
    screen.table(
        ["frame", "share of what moved the worth"],
        [
            [f"{age} before" if age else "newest", f"{share:.1%}"]
            for age, share in zip(ages, found.shares, strict=True)
        ],
    )
    screen.show(f"\nmotion: {found.motion:+.3f}, against a picture that stood still")
    trust = "passes" if abs(found.similarity) < 0.5 else "doubtful"
    screen.show(f"saliency's likeness to a random network's: {found.similarity:+.2f}, {trust}")
    return {**found.to_json(), "pictures": [str(write(folder, "moment", found.picture(), screen))]}


def _match(seed: int, trained: Any, flags: Any, path: Path | None, screen: Screen) -> dict[str, Any]:
    from pellucid.cli.pictures import write_bytes
    from pellucid.plots.games import FRAMES_A_SECOND
    from pellucid.verbs import games

    kept = range(round(flags.seconds * FRAMES_A_SECOND)) if path else range(0)
    moments, found = games.play(trained, seed, kept=kept, epsilon=flags.epsilon, sticky=flags.sticky)
    screen.show(f"game {seed} of {found['game']}: score {found['score']:g} in {found['steps']} steps")
    answer = {"input": str(seed), "text": f"{found['score']:g}", **found}
    if path is not None:
        try:
            write_bytes(path, games.film(moments, trained.facts["actions"]), screen)
        except PellucidError as error:  # the game was played all the same
            error.found = {"answers": [answer]}
            raise
        answer["film"] = str(path)
        if found["steps"] > len(moments):
            screen.say(f"the film shows the first {flags.seconds:g} s; more with --seconds")
    return answer


def _moment(word: str, trained: Any, show: Path | None, screen: Screen) -> dict[str, Any]:
    from pellucid.verbs import predict as verb

    stages, _ = verb.stages_of(trained, word)
    sample = verb.raw_sample(stages)
    answer = verb.answer_to(trained, sample)
    screen.show(f"{word}: {screen.strong(answer.text)}")
    screen.table(["action", "worth"], [[name, f"{value:.3f}"] for name, value in answer.logits.items()])
    if show:
        from pellucid.cli.pictures import write  # matplotlib is slow to import

        write(show, word.replace(":", "-"), trained.task.picture(sample, answer, trained.facts), screen)
    return {"input": word, **answer.to_json()}


def _parser() -> Parser:
    parser = Parser("predict", "Let a trained network play, and film it.")
    parser.add_argument(
        "reference", metavar="RUN|TASK", help="a run, or a released player such as atari/pong"
    )
    parser.add_argument(
        "inputs", nargs="*", metavar="SEED", help="seeds of games, 0 if none; or valid:12, one moment"
    )
    parser.add_argument("--game", help="which released player, where there are several")
    parser.add_argument("-o", "--out", type=Path, help="a .gif file for the film of the first game")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the film")
    parser.add_argument("--epsilon", type=float, help="chance of a random action; the task's if not given")
    parser.add_argument("--sticky", type=float, help="chance that an action goes on; the task's if not given")
    parser.add_argument("--show", type=Path, metavar="DIR", help="write a picture of a moment's answer")
    parser.add_argument("--task", dest="task_file", help="the file of a task of your own")
    parser.add_argument("--engine", choices=("torch",), default="torch", help="what computes")
    return parser


def _check(flags: Any) -> None:
    for name in ("epsilon", "sticky"):
        value = getattr(flags, name)
        if value is not None and not 0 <= value <= 1:
            raise UsageError(f"--{name} is {value:g}; it is a chance, 0 to 1")
    if not (flags.seconds > 0 and math.isfinite(flags.seconds)):
        raise UsageError(f"--seconds is {flags.seconds:g}; it must be above 0")


def _film(path: Path | None) -> Path | None:
    """Return where the film goes, made sure of before anything is played.

    Raises:
        UsageError: it is no GIF, or a directory.
        PellucidError: its folder cannot be made.
    """
    from pellucid.cli.arguments import file_for
    from pellucid.disk import Disk, make_directory

    if path is None:
        return None
    if path.suffix.lower() in FILMS:
        raise UsageError(
            f"--out {path}: there is no encoder for {path.suffix} here; films are GIFs, "
            f"call it {path.stem}.gif"
        )
    path = file_for(path, ".gif")
    make_directory(Disk(), path.absolute().parent)
    return path


def _reference(reference: str, game: str | None) -> str:
    """Return the released player of a game."""
    if game is None:
        return reference
    from pellucid.datasets.atari import rom, spelled
    from pellucid.zoo import released

    wanted = f"{reference.split('/')[0]}/{rom(spelled(game)).replace('/', '-')}"
    known = [name for name in released() if name.startswith(reference.split("/")[0])]
    if wanted not in known:
        raise UsageError(
            f"--game {game}: no player of it is released ({', '.join(known) or 'none is'})."
            f"{near(wanted, known)} "
            f'Train one: pellucid train atari --game "{spelled(game)}", then give its run'
        )
    return wanted
