"""Release a run: a folder of the zoo with half-precision weights, its scores and a card.

    python benchmarks/release.py RUN NAME --command "pellucid train ..."

writes ``src/pellucid/zoo/TASK/NAME``. The weights are rounded to half precision and tested again; the card
states the scores of the rounded ones.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from pellucid.run import Run
from pellucid.verbs import evaluate
from pellucid.verbs.trained import open_trained

ZOO = Path(__file__).resolve().parent.parent / "src" / "pellucid" / "zoo"
CARD = """---
license: {licence}
library_name: pellucid
pipeline_tag: {pipeline}
datasets: [{dataset}]
metrics: [accuracy]
---

# {task}/{name}

{what}

| | |
| --- | --- |
| data | {source} |
| licence of the data | {licence_text} |
| trained with | `{command}` |
| seed | {seed} |
| training time | {seconds:.0f} s on {threads} threads, {processor} |
| parameters | {parameters:,}, stored in half precision |
| test accuracy | {accuracy} |
| test loss | {loss} |
| calibration error (ECE) | {ece:.2%} |
| ECE with a temperature chosen on validation ({temperature:.2f}) | {ece_after:.2%} |

{judges}

**Use:** `pellucid predict {task}/{name} {example}`. **Limits:** {limits}
"""
SPOKEN = """---
license: cc-by-sa-4.0
library_name: pellucid
pipeline_tag: text-to-speech
datasets: [fsdd, vocobox-human-voice, salamander-piano]
metrics: [bits-per-sample]
---

# speech/{name}

Speaks the ten English digits in six voices and sings notes, sample by sample (WaveNet).

| | |
| --- | --- |
| data | {source} |
| licence of the data | {licence} |
| trained with | `{command}` |
| seed | {seed} |
| steps | {step:,} |
| training time | {seconds:.0f} s of a shared core, {processor} |
| parameters | {parameters:,}, stored in half precision |
| receptive field | {field} samples |
| bits per sample, official test takes, recordings as they are | {bits} |
{voices}

The weights were chosen without the test takes, which are used for this table and the benchmark only.

**Use:** `pellucid predict speech "seven three" --voice jackson -o out.wav`. **Limits:** it says digits and
nothing else, in voices of six men who gave recordings to the Free Spoken Digit Dataset, with the quality of
a telephone (8 kHz), with noise. Its sung notes keep the pitch that was asked for, and are hoarse: the page of
the task says how much. Do not use it to pass for these people. The weights are shared alike, under
CC BY-SA 4.0, as the digits they come from.
"""
TRANSLATES = """---
license: other
license_name: {licence_text}
library_name: pellucid
pipeline_tag: translation
language: [{source_language}, {target_language}]
datasets: [{dataset}]
metrics: [bleu, chrf]
---

# {task}/{name}

Translates {source_language} to {target_language}: ConvS2S (Gehring et al. 2017), {encoder} and {decoder}
layers, with a vocabulary of {pieces:,} pieces that travels with it.

| | |
| --- | --- |
| data | {source} |
| licence of the data | {licence_text} |
| use of these weights | the same: non-commercial research and education |
| trained with | `{command}` |
| seed | {seed} |
| training time | {seconds:.0f} s on {threads} threads, {processor} |
| parameters | {parameters:,}, stored in half precision |
{scores}

The weights are those of the epoch with the best validation BLEU; the test sentences were used for this table
only. Beam {beam}, length penalty {length_penalty:g}. The signatures of sacreBLEU:

{signatures}

**Use:** `pellucid predict {task}/{name} "{example}"`. **Limits:** it learned from captions of
photographs: one sentence about people, animals and things that can be seen, in the present tense. Of other
text it makes captions. It repeats what such captions assume about people.
"""
PLAYS = """---
license: apache-2.0
library_name: pellucid
pipeline_tag: reinforcement-learning
tags: [{game}, deep-q-learning]
metrics: [score]
---

# {task}/{name}

Plays {game} from the pixels of its screen with the network `{network}`: deep Q-learning (Mnih et al. 2015)
with {recipe}.

| | |
| --- | --- |
| game | {source} |
| licence of the game | {licence} |
| trained with | `{command}` |
| seed | {seed} |
| actions in training | {actions:,} until these weights, {whole:,} in all{halted} |
| training time | {seconds:.0f} s on {threads} threads, {processor} |
| parameters | {parameters:,}, stored in half precision |
{scores}

Raw scores of whole games with seeds that no training and no validation uses; *sticky*: each frame the last
action goes on with a chance of 0.25. The weights are those of the best validation games, which have seeds of
their own.

**Use:** `pellucid predict {task} --game {game} -o match.gif`. **Limits:** it knows this game, in this
emulator, and nothing else. It was trained {sticky}, and now and then does a thing at random
(epsilon {epsilon:g}).
"""
EXAMPLES = {  # language -> a sentence that stands in no data set
    "de": "Zwei Kinder spielen im Schnee.",
    "en": "Two children play in the snow.",
    "fr": "Deux enfants jouent dans la neige.",
}
ABOUT = {  # task -> what its cards say
    "digits": {
        "pipeline": "image-classification",
        "licence": "cc-by-sa-3.0",
        "what": "Reads handwritten digits, 28 x 28 pixels, with the network `{network}`.",
        "judges": "The recipe was chosen on validation images; the test images were used "
        "for this table only.",
        "example": "photo.png",
        "limits": "one digit a picture, written by hand in one\ncolour on a lighter or darker ground. It "
        "always answers one of the ten digits, also for a picture of\nsomething else.",
    },
    "sketches": {
        "pipeline": "image-classification",
        "licence": "cc-by-4.0",
        "what": "Guesses which of {classes} things a drawing is, with the network `{network}`.",
        "judges": "The recipe was chosen on validation drawings; the test drawings were used "
        "for this table only.",
        "example": "drawing.png",
        "limits": """one drawing a picture, lines in one colour on a lighter or
darker ground. It always answers one of its classes, also for a drawing of something else. Right is what the
player was asked to draw, and some players drew something else. A blank canvas gives no guess.
It learned from {train:,} drawings. The drawings come from the whole world, but from people with a computer
who play in 2016.""",
    },
    "words": {
        "pipeline": "audio-classification",
        "licence": "cc-by-sa-4.0",
        "what": "Recognises {classes} spoken words in one second of sound: a CNN over log-mel spectrograms.",
        "judges": "The recipe was chosen on validation recordings; the test recordings were used "
        "for this table only.",
        "example": "recording.wav",
        "limits": """one English digit a
recording, near the microphone. It learned from {train:,} recordings of six men, so other voices and accents
are harder; `pellucid train words --leave-out theo` shows how much. It always answers one of its words, also
for another word or for noise.""",
    },
    "sentences": {
        "pipeline": "text-classification",
        "licence": "cc-by-4.0",
        "what": "Says whether an English sentence of a film review praises or blames, with Kim's network "
        "`{network}`\nand GloVe vectors (PDDL 1.0) that learned on.",
        "judges": "Weights were chosen on validation sentences; the test fold was used for this table only.",
        "example": '"a gorgeous and moving film"',
        "limits": "English sentences about films, one at a time, from before 2005. Words that\nit never "
        "saw count as unknown. It always answers one of the two classes, also for other text.",
    },
}


def main() -> None:
    """Read the words, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--command", required=True, help="that trained the run")
    words = parser.parse_args()
    release(words.run, words.name, words.command)


def release(path: Path, name: str, command: str) -> None:
    """Copy a run into the zoo, its weights in half precision, and write its card."""
    run = Run.open(path)
    target = ZOO / run.task["task"] / name
    shutil.rmtree(target, ignore_errors=True)
    weights, kept = run.weights()
    half = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in weights.items()}
    released = Run.create(
        target, task=run.task, training=run.training, facts=run.facts, environment=run.environment
    )
    released.save_weights(half, step=kept["step"], scores=kept["scores"])
    released.finish()
    trained = open_trained(target)
    found = evaluate.evaluate(trained, command=f"pellucid evaluate {run.task['task']}/{name}")
    document = found.document
    if "mistakes" in document:
        document = {**document, "mistakes": document["mistakes"][:10]}
    released.save_scores({"evaluate": document})
    write = CARDS.get(trained.task.gives, card)
    (target / "README.md").write_text(write(run, name, command, found, trained.network))
    print(target, *found.scores.values(), sep="\n")


def card(run: Run, name: str, command: str, found: evaluate.Evaluation, network: torch.nn.Module) -> str:
    """Return the model card."""
    document = found.document
    parameters = sum(parameter.numel() for parameter in network.parameters())
    known = {"network": run.task.get("network", ""), "classes": len(run.facts["classes"])}
    known["train"] = run.facts["counts"]["train"]
    return CARD.format(
        **{key: text.format(**known) for key, text in ABOUT[run.task["task"]].items()},
        dataset=run.facts["dataset"],
        task=run.task["task"],
        name=name,
        source=run.facts["source"],
        licence_text=run.facts["licence"],
        command=command,
        seed=run.training["seed"],
        seconds=run.speed()[-1]["seconds"],
        threads=run.environment["threads"],
        processor=run.environment["processor"],
        parameters=parameters,
        accuracy=found.scores["accuracy"],
        loss=found.scores["loss"],
        ece=document["calibration"]["ece"],
        ece_after=document["calibration_with_temperature"]["ece"],
        temperature=document["temperature"]["value"],
    )


def translator_card(
    run: Run, name: str, command: str, found: evaluate.Evaluation, network: torch.nn.Module
) -> str:
    """Return the card of a model that translates."""
    document, languages = found.document, run.facts["languages"]
    return TRANSLATES.format(
        task=run.task["task"],
        name=name,
        source_language=languages[0],
        target_language=languages[1],
        encoder=len(run.task["encoder"]),
        decoder=len(run.task["decoder"]),
        pieces=len(run.facts["pieces"]),
        dataset=run.facts["dataset"],
        source=run.facts["source"],
        licence_text=run.facts["licence"],
        command=command,
        seed=run.training["seed"],
        seconds=run.speed()[-1]["seconds"],
        threads=run.environment["threads"],
        processor=run.environment["processor"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        scores="\n".join(f"| test {name} | {score} |" for name, score in found.scores.items()),
        signatures="\n".join(f"- {name}: `{text}`" for name, text in document["signatures"].items()),
        example=EXAMPLES.get(languages[0], "..."),
        **document["search"],
    )


def spoken_card(
    run: Run, name: str, command: str, found: evaluate.Evaluation, network: torch.nn.Module
) -> str:
    """Return the model card of a voice."""
    scores = {key: score for key, score in found.scores.items() if key != "bits"}
    return SPOKEN.format(
        name=name,
        source=run.facts["source"],
        licence=run.facts["licence"],
        command=command,
        seed=run.training["seed"],
        step=run.weights()[1]["step"],
        seconds=run.speed()[-1]["seconds"],
        processor=run.environment["processor"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        field=network.receptive_field,
        bits=found.scores["bits"],
        voices="\n".join(f"| {key} | {score} |" for key, score in scores.items()),
    )


def player_card(
    run: Run, name: str, command: str, found: evaluate.Evaluation, network: torch.nn.Module
) -> str:
    """Return the model card of a player."""
    task = run.task
    switches = {
        f"returns of {task['n_step']} steps": task["n_step"] > 1,
        "double learning": task["double"],
        "a dueling head": task["dueling"],
        f"{task['atoms']} quantiles of the return": task["returns"] == "quantile",
        f"{task['atoms']} chances of a return": task["returns"] == "categorical",
        "prioritised replay": task["priority"] is not None,
    }
    recipe = [text for text, used in switches.items() if used] or ["nothing added"]
    steps = task["steps_per_update"]
    return PLAYS.format(
        task=task["task"],
        name=name,
        game=task["game"],
        network=task["network"],
        recipe=" and ".join(filter(None, [", ".join(recipe[:-1]), recipe[-1]])),
        source=run.facts["source"],
        licence=run.facts["licence"],
        command=command,
        seed=run.training["seed"],
        actions=task["start"] + steps * run.weights()[1]["step"],
        whole=task["start"] + steps * run.speed()[-1]["step"],
        halted="" if run.finished else ", where it was halted",
        seconds=run.speed()[-1]["seconds"],
        threads=run.environment["threads"],
        processor=run.environment["processor"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        scores="\n".join(f"| {key}, mean of the games | {score} |" for key, score in found.scores.items()),
        sticky="with sticky actions" if task["sticky"] else "without sticky actions",
        epsilon=task["evaluation_epsilon"],
    )


CARDS = {  # by what a task gives; of classes: card
    "text": translator_card,
    "sound": spoken_card,
    "actions": player_card,
}


if __name__ == "__main__":
    main()
