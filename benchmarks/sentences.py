"""Kim's networks and a linear model on word bigrams, same data, same splits, into ``sentences.csv``.

    python benchmarks/sentences.py --keep runs/kim                      everything (about an hour on one core)
    python benchmarks/sentences.py trec-rand mr-linear --keep runs/kim  these only

Networks are trained and tested as ``pellucid train`` and ``pellucid evaluate`` do, into runs under
``--keep``: those that are there are used, those that were interrupted go on, a cross-validation fold by fold.
The linear model is scikit-learn's LinearSVC on the presence of words and pairs of words; its C is chosen on
the validation texts.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import results
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.svm import LinearSVC

from pellucid import config, metrics
from pellucid.cli.arguments import read_task
from pellucid.datasets import corpus, tokens
from pellucid.run import Run
from pellucid.tasks.sentences import Sentences
from pellucid.verbs import evaluate, folds
from pellucid.verbs.train import resume, train
from pellucid.verbs.trained import open_trained

CHOICES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of C
PHRASES = ["--phrases", "--epochs", "6", "--evaluate-every", "500", "--patience", "8"]


@dataclass(frozen=True)
class Experiment:
    """Flags of ``pellucid train sentences --setting paper``, and what the paper reports, in [0, 1]."""

    dataset: str
    flags: tuple[str, ...] = ()
    paper: float | None = None
    source: str = "Kim 2014, table 2"
    linear: bool = False


GIVEN = ("--vectors", "glove")
WORD2VEC = "Kim 2014, table 2, with 300-d word2vec"
WANG = "Wang and Manning 2012, MNB with bigrams, in Kim's table 2"
EXPERIMENTS = {
    "trec-rand": Experiment("trec", (), 0.912),
    "trec-non-static": Experiment("trec", ("--network", "non-static", *GIVEN), 0.936, WORD2VEC),
    "trec-static": Experiment("trec", ("--network", "static", *GIVEN), 0.928, WORD2VEC),
    "trec-multichannel": Experiment("trec", ("--network", "multichannel", *GIVEN), 0.922, WORD2VEC),
    "trec-linear": Experiment("trec", linear=True, source=""),
    "sst2-rand": Experiment("sst2", tuple(PHRASES), 0.827),
    "sst2-linear": Experiment("sst2", ("--phrases",), linear=True, source=""),
    "mr-rand": Experiment("mr", ("--patience", "5"), 0.761),
    "mr-non-static": Experiment(
        "mr", ("--patience", "5", "--network", "non-static", *GIVEN), 0.815, WORD2VEC
    ),
    "mr-linear": Experiment("mr", (), 0.790, WANG, linear=True),
}


def main() -> None:
    """Run what is asked for; each row is written as soon as it is known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(EXPERIMENTS)} (default: all)"
    )
    parser.add_argument("--keep", type=Path, required=True, help="where the runs are and go")
    parser.add_argument(
        "--partial", action="store_true", help="of a cross-validation, test the folds whose runs are finished"
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"unknown experiment {unknown[0]!r}; there are {', '.join(EXPERIMENTS)}")
    for name in options.names or EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        answer = linear if experiment.linear else partial if options.partial else network
        row = base(name, experiment) | answer(name, experiment, options.keep)
        rows = results.read(results.SENTENCES, results.SENTENCES_COLUMNS)
        results.write(results.SENTENCES, results.SENTENCES_COLUMNS, results.replaced(rows, [row], "name"))
        print(f"{name}: {row['score']} ({row['protocol']}, n = {row['n']})")


def base(name: str, experiment: Experiment) -> results.Row:
    """What a row says whatever came out."""
    words = ["pellucid train sentences --setting paper --dataset", experiment.dataset, *experiment.flags]
    return {
        "date": datetime.date.today().isoformat(),
        "name": name,
        "dataset": experiment.dataset,
        "paper": "" if experiment.paper is None else f"{experiment.paper:.4f}",
        "source": experiment.source if experiment.paper is not None else "",
        "command": f"python benchmarks/sentences.py {name}" if experiment.linear else " ".join(words),
        "machine": results.machine(1),
    }


def task_of(experiment: Experiment, fold: int = 0) -> Sentences:
    """The task that the flags make."""
    words = ["--setting", "paper", "--dataset", experiment.dataset, *experiment.flags]
    task = read_task("sentences", [*words, "--fold", str(fold)], program="sentences.py")
    assert isinstance(task, Sentences)
    return task


def network(name: str, experiment: Experiment, keep: Path) -> results.Row:
    """Train what is missing, then test."""
    path, task = keep / name, task_of(experiment)
    for progress in train(task, path) if not path.exists() else resume(path):
        if progress.scores:
            print(f"{name} {progress.step}/{progress.steps} {progress.scores}", file=sys.stderr)
    trained = open_trained(path)
    if trained.run.training != config.to_json(task.training):
        sys.exit(f"{path} was trained in another way than {name} says; move it away")
    if "fold" not in trained.facts:
        found = evaluate.evaluate(trained)
        return scored([found.scores["accuracy"]], trained.run.speed()[-1]["seconds"], protocol(task, False))
    tested = []
    for fold in folds.cross_validate(trained, 10):
        tested.append(fold)
        print(f"{name} fold {fold.number}: {fold.accuracy}", file=sys.stderr)
    seconds = sum(open_trained(fold.run).run.speed()[-1]["seconds"] for fold in tested)
    return scored([fold.accuracy for fold in tested], seconds, protocol(task, True))


def partial(name: str, experiment: Experiment, keep: Path) -> results.Row:
    """Test the networks of a cross-validation that are there and finished, and say how many they are."""
    paths = [keep / name, *sorted((keep / f"{name}-folds").glob("fold-*"))]
    opened = [open_trained(path) for path in paths if Run.open(path).finished]
    scores = [evaluate.evaluate(trained).scores["accuracy"] for trained in opened]
    seconds = sum(trained.run.speed()[-1]["seconds"] for trained in opened)
    numbers = ", ".join(str(trained.facts["fold"]) for trained in opened)
    return scored(scores, seconds, f"folds {numbers} only, of 10: not the paper's protocol")


def linear(name: str, experiment: Experiment, keep: Path) -> results.Row:
    """Fit the linear model under the same protocol; ``keep`` is not needed."""
    start, found = time.perf_counter(), []
    whole = corpus.read(experiment.dataset)
    for fold in range(10 if "fold" in whole.facts else 1):
        task = task_of(experiment, fold)
        texts = corpus.read(experiment.dataset, fold=fold, phrases=task.phrases)
        split = tokens.splitter(texts.splitter)
        count = CountVectorizer(
            tokenizer=split, token_pattern=None, lowercase=False, ngram_range=(1, 2), binary=True
        )
        inputs = count.fit_transform([text.text for text in texts.train])
        labels = np.array([text.label for text in texts.train])
        models = [LinearSVC(C=c).fit(inputs, labels) for c in CHOICES]
        best = max(models, key=lambda model: share(model, count, texts.valid))
        test = texts.test()
        right = share(best, count, test)
        found.append(metrics.Score(right, right, right, len(test)))
    return scored(found, time.perf_counter() - start, protocol(task, len(found) > 1))


def share(model: LinearSVC, count: CountVectorizer, texts: list[corpus.Text]) -> float:
    """Share of right answers."""
    right = model.predict(count.transform([text.text for text in texts])) == [text.label for text in texts]
    return float(np.mean(right))


def scored(found: list[metrics.Score], seconds: float, how: str) -> results.Row:
    """Mean and deviation over the folds, or one score with its interval."""
    values = [score.value for score in found]
    n = sum(score.n for score in found)
    return {
        "score": f"{statistics.fmean(values):.4f}",
        "deviation": f"{statistics.stdev(values):.4f}" if len(values) > 1 else "",
        "scores": " ".join(f"{value:.4f}" for value in values),
        "n": str(n),
        "protocol": how,
        "seconds": results.number(seconds),
    }


def protocol(task: Sentences, folded: bool) -> str:
    """How it was tested, in words."""
    phrases = "trained on phrases, " if task.phrases else ""
    return f"{phrases}mean of 10 folds" if folded else f"{phrases}official test set"


if __name__ == "__main__":
    main()
