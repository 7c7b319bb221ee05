"""ConvS2S measured: scores on the test set, and speed beside a recurrent network of the same size and data.

    python benchmarks/translation.py scores RUN --name de-en --bar "bleu_tokenised at least 34.1 %"
    python benchmarks/translation.py scores RUN --name de-en --test test_2017_mscoco
    python benchmarks/translation.py same RUN --name de-en
    python benchmarks/translation.py speed RUN --gru RUN [--rounds 3] [--threads 1]

``scores`` translates a test set and writes rows of ``translation.csv``. It is run once a network: whatever
is chosen is chosen on validation. ``same`` searches the whole test set twice with the network's beam, with
the incremental decoder and with the whole decoder run again for each piece, and writes in how many
sentences all hypotheses are the same. ``speed`` lets both networks work in turn, round by round, and writes
rows of ``results.csv``: updates of 64 pairs, greedy translations one by one and 64 at once, a beam of 5,
and the incremental decoder against running the whole decoder again for each piece, at 30 pieces. Rates are
over processor seconds, times threads, so that programs beside it do not count. The peer is trained by
``peers/gru_attention.py``.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import results
import torch
from results import number

sys.path.append(str(Path(__file__).resolve().parent / "peers"))

SENTENCES = {"translation-greedy-1": 60, "translation-greedy-64": 512, "translation-beam5-64": 256}
TEST = "test_2016_flickr"
STEPS = 10  # updates that are timed, after two that are not
LONG = 30  # pieces of the sentences for which the decoder is run again and again


def main() -> None:
    """Score or time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("run")
    parser.add_argument("--name", help="of the network in the table")
    parser.add_argument("--bar", action="append", default=[], help="SCORE what is asked for")
    parser.add_argument("--test", default=TEST, choices=(TEST, "test_2017_mscoco"), help="which test set")
    parser.add_argument("--recurrent", action="store_true", help="the run is of peers/gru_attention.py")
    parser.add_argument("--gru", help="the run of the peer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    WHAT[options.what](options)


def opened(path: str, recurrent: bool = False) -> Any:
    """Open a run of ours, or of the peer."""
    from gru_attention import GruTranslation

    from pellucid.verbs.trained import open_trained

    return open_trained(path, GruTranslation if recurrent else None)


def scores(options: argparse.Namespace) -> None:
    """Write the rows of one network: its own search, and greedy."""
    from pellucid.verbs import translations

    trained = opened(options.run, options.recurrent)
    bars = dict(bar.split(" ", 1) for bar in options.bar)
    test = test_set(trained, options.test)
    rows = []
    for beam in (trained.task.beam, 1):
        task = dataclasses.replace(trained.task, beam=beam)
        found, document = translations.scored(dataclasses.replace(trained, task=task), "", test)
        for name, score in found.items():
            rows.append(
                of_network(trained, options)
                | {
                    "search": f"beam {beam}" if beam > 1 else "greedy",
                    "score": name,
                    "value": number(score.value),
                    "low": "" if score.low is None else number(score.low),
                    "high": "" if score.high is None else number(score.high),
                    "n": str(score.n),
                    "bar": bars.get(name, "") if beam > 1 else "",
                    "signature": document["signatures"].get(name, ""),
                }
            )
            print(rows[-1]["search"], name, score)
    write(rows)


def same(options: argparse.Namespace) -> None:
    """Write in how many test sentences both decoders find the same hypotheses."""
    from pellucid.translating import search

    trained = opened(options.run)
    sources, _ = (test := test_set(trained, options.test))[torch.arange(len(test))]
    found = [
        search(network, sources, beam=trained.task.beam, penalty=trained.task.length_penalty)
        for network in (trained.network, Again(trained.network))
    ]
    pieces = [[[each.pieces for each in one.hypotheses] for one in every] for every in found]
    equal = sum(mine == theirs for mine, theirs in zip(*pieces, strict=True))
    row = of_network(trained, options) | {
        "search": f"beam {trained.task.beam}", "score": "same", "value": number(equal / len(test)),
        "low": "", "high": "", "n": str(len(test)), "bar": "all", "signature": "",
    }  # fmt: skip
    print(f"{equal} of {len(test)} sentences")
    write([row])


def test_set(trained: Any, part: str) -> Any:
    """Return the numbered pairs of a test set, in the directions of the network."""
    from pellucid.datasets import multi30k, parallel

    pairs = multi30k.read(part, *trained.facts["languages"])
    return parallel.numbered(pairs, trained.facts)[0]


def of_network(trained: Any, options: argparse.Namespace) -> results.Row:
    """Return what every row of a network says; on another test set its name says so."""
    last = trained.run.speed()[-1]
    steps = math.ceil(len(trained.task.data().train) / trained.task.training.batch_size)
    other = "" if options.test == TEST else f" --test {options.test}"
    name = options.name or Path(options.run).name
    return {
        "date": datetime.date.today().isoformat(),
        "name": name + ("" if options.test == TEST else f", {options.test}"),
        "parameters": str(sum(p.numel() for p in trained.network.parameters())),
        "epochs": f"{last['step'] / steps:.3g}",
        "seconds": number(last["seconds"]),
        "command": f"python benchmarks/translation.py {options.what} RUN --name {name}{other}",
        "machine": results.machine(options.threads),
    }


def write(rows: list[results.Row]) -> None:
    """Put rows in the place of those of the same network and command."""
    kept = results.read(results.TRANSLATION, results.TRANSLATION_COLUMNS)
    done = {(row["name"], row["command"]) for row in rows}
    kept = [row for row in kept if (row["name"], row["command"]) not in done]
    results.write(results.TRANSLATION, results.TRANSLATION_COLUMNS, kept + rows)


class Again:
    """A network whose decoder is run over all pieces again for each new one, as ``search`` wants it."""

    training = False

    def __init__(self, network: Any):
        self.network, self.positions, self.parameters = network, network.positions, network.parameters

    def steps(self, source: torch.Tensor) -> Rerun:
        """Read ``(N, S)`` pieces."""
        return Rerun(self.network, source)


class Rerun:
    """``decoding.Steps`` without any memory of what was computed."""

    def __init__(self, network: Any, source: torch.Tensor):
        self.decoder, self.memory = network.decoder, network.encoder(source)
        self.written = torch.empty(len(source), 1, 0, dtype=torch.int64)

    def step(self, pieces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Score what may follow ``(N, B)`` newest pieces."""
        self.written = torch.cat([self.written, pieces[..., None]], 2)
        sentences, beam, _ = self.written.shape
        memory = self.memory.rows(torch.arange(sentences).repeat_interleave(beam))
        scores, looks = self.decoder(self.written.flatten(0, 1), memory)
        looked = torch.stack(looks).mean(0)[:, -1]
        return scores[:, -1].unflatten(0, (sentences, beam)), looked.unflatten(0, (sentences, beam))

    def reorder(self, parents: torch.Tensor) -> None:
        """Go on with other hypotheses."""
        self.written = self.written.gather(1, parents[..., None].expand(-1, -1, self.written.shape[2]))

    def keep(self, sentences: torch.Tensor) -> None:
        """Go on with some sentences only."""
        self.written, self.memory = self.written[sentences], self.memory.rows(sentences)


def speed(options: argparse.Namespace) -> None:
    """Time both in turn, and write the rows of every benchmark."""
    ours, peer = opened(options.run), opened(options.gru, True)
    data = ours.task.data()
    source, _ = data.valid[torch.arange(len(data.valid))]
    measured: dict[str, tuple[str, str, list[Callable[[], float]]]] = {
        "translation-training": (
            "target pieces/s",
            "gru_attention",
            [training(each.task, data) for each in (ours, peer)],
        ),
        **{
            name: ("sentences/s", "gru_attention", [decoding(each, source, name) for each in (ours, peer)])
            for name in SENTENCES
        },
        "translation-incremental": ("sentences/s", "rerun", list(again(ours, source))),
    }
    for name, (unit, other, (mine, theirs)) in measured.items():
        rounds = [(mine(), theirs()) for _ in range(options.rounds)]
        ratio = statistics.median(b / a for a, b in rounds)
        subjects = zip(("pellucid", other), zip(*rounds, strict=True), strict=True)
        rows = [row(name, subject, unit, rates, options.threads) for subject, rates in subjects]
        rows[0] |= {"peer": other, "ratio": number(ratio)}
        kept = results.read(results.SPEED, results.SPEED_COLUMNS)
        results.write(results.SPEED, results.SPEED_COLUMNS, results.replaced(kept, rows, "benchmark"))
        print(f"{name}: ours {rows[0]['median']} {unit}, {other} {rows[1]['median']}, time ratio {ratio:.3f}")


def training(task: Any, data: Any) -> Callable[[], float]:
    """Return what trains for a moment and gives the target pieces a second."""
    learner = task.learner(data)
    batches = learner.batches(0)
    place = itertools.count()

    def measure() -> float:
        for batch in itertools.islice(batches, 2):
            learner.update(batch, next(place))
        some = list(itertools.islice(batches, STEPS))
        began = time.process_time()
        for batch in some:
            learner.update(batch, next(place))
        count = sum(int((targets != 0).sum()) for _, targets in some)
        return count * torch.get_num_threads() / (time.process_time() - began)

    return measure


def decoding(trained: Any, source: torch.Tensor, name: str) -> Callable[[], float]:
    """Return what translates validation sentences and gives the sentences a second."""
    from pellucid.translating import search

    beam, together = (5 if "beam5" in name else 1), int(name.rsplit("-", 1)[1])
    some = source[: SENTENCES[name]].long()

    def measure() -> float:
        began = time.process_time()
        parts = some.split(1) if together == 1 else [some]  # search itself takes 64 at once
        count = sum(len(search(trained.network, part, beam=beam)) for part in parts)
        return count * torch.get_num_threads() / (time.process_time() - began)

    return measure


def again(trained: Any, source: torch.Tensor) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return greedy writing of 64 sentences of ``LONG`` pieces: incremental, and all again for each."""
    network, some = trained.network, source[:64].long()

    def incremental() -> float:
        began = time.process_time()
        with torch.inference_mode():
            steps, pieces = network.steps(some), torch.full((len(some), 1), 2)
            for _ in range(LONG):
                pieces = steps.step(pieces)[0].argmax(-1)
        return len(some) * torch.get_num_threads() / (time.process_time() - began)

    def rerun() -> float:
        began = time.process_time()
        with torch.inference_mode():
            memory, written = network.encoder(some), torch.full((len(some), 1), 2)
            for _ in range(LONG):
                newest = network.decoder(written, memory)[0][:, -1:].argmax(-1)
                written = torch.cat([written, newest], 1)
        return len(some) * torch.get_num_threads() / (time.process_time() - began)

    return incremental, rerun


def row(name: str, subject: str, unit: str, rates: Any, threads: int) -> results.Row:
    """Median and extremes of a system's rates."""
    return {
        "date": datetime.date.today().isoformat(),
        "benchmark": name,
        "subject": subject,
        "peer": "",
        "unit": unit,
        "median": number(statistics.median(rates)),
        "low": number(min(rates)),
        "high": number(max(rates)),
        "ratio": "",
        "n": str(len(rates)),
        "command": f"python benchmarks/translation.py speed RUN --gru RUN --threads {threads}",
        "machine": results.machine(threads),
        "versions": f"torch {torch.__version__}",
    }


WHAT = {"scores": scores, "same": same, "speed": speed}

if __name__ == "__main__":
    main()
