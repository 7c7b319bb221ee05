"""``pellucid list``: tasks, networks, trained models and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.cli.arguments import Parser
from pellucid.cli.screen import Screen
from pellucid.errors import PellucidError
from pellucid.run import Run
from pellucid.tasks import NETWORKS, SUMMARIES, network_of
from pellucid.verbs import scored
from pellucid.zoo import released, short_names, whole_name

RUNS = Path("runs")

HEADLINES = {  # the score that stands for a network, and how it is said
    "accuracy": "accuracy {value:.2%} on {n:,} test samples",
    "bleu": "BLEU {value:.2%} on {n:,} test sentences",
    "bits": "{value:.2f} bits a sample on {n:,} test samples",
    "score": "score {value:.2f} in {n:,} test episodes",
}


def run(words: Sequence[str], screen: Screen) -> tuple[dict[str, Any], int]:
    """List what there is."""
    Parser("list", "List the tasks, their networks, the released models and your runs, with scores.").read(
        words
    )
    screen.show(screen.strong("tasks"))
    screen.table(
        ["task", "networks", "what"],
        [[name, ", ".join(NETWORKS[name]), text] for name, text in SUMMARIES.items()],
    )
    short = {whole_name(name): name for name in short_names()}
    models = [
        {"name": name, "short": short.get(name), **_described(path)} for name, path in released().items()
    ]
    screen.show("\n" + screen.strong("released models"))
    _show(models, screen)
    own = sorted(path.parent for path in RUNS.glob("*/task.json"))
    runs = [{"name": str(path), **_described(path)} for path in own]
    screen.show("\n" + screen.strong(f"your runs in {RUNS}/"))
    _show(runs, screen)
    return {"tasks": SUMMARIES, "networks": NETWORKS, "released": models, "runs": runs}, 0


def _described(path: Path) -> dict[str, Any]:
    try:
        run = Run.open(path)
        found = scored.evaluation(run)
        scores, outdated = found.get("scores", {}), scored.outdated(run, found)
        finished = run.finished
    except PellucidError as error:
        return {"task": "?", "network": "?", "scores": {}, "state": f"unreadable: {error}"}
    state = "tested" if scores else "trained" if finished else "unfinished"
    return {
        "task": run.task.get("task"),
        "network": network_of(run.task),
        "scores": scores,
        "outdated": outdated,
        "state": state,
    }


def _show(rows: list[dict[str, Any]], screen: Screen) -> None:
    if not rows:
        screen.show("none")
        return
    cells = []
    for row in rows:
        name = next((each for each in HEADLINES if each in row["scores"]), None)
        said = HEADLINES[name].format(**row["scores"][name]) if name else row["state"]
        if row.get("outdated") is not None:
            said += f" (weights of step {row['outdated']:,}; trained on since)"
        names = " or ".join(filter(None, (row["name"], row.get("short"))))
        cells.append([names, row["task"], row["network"], said])
    screen.table(["name", "task", "network", "test"], cells)
