"""After a power cut at any moment the old or the new content of a run is there, never neither, never mixed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from simulated_disk import SimulatedDisk, after_power_cut

from pellucid.errors import PellucidError, RunError
from pellucid.run import Progress, Run

PLACE = Path("/runs/today/first")
STEPS = 12
EXHAUSTIVE = "PELLUCID_FUZZ" in os.environ


def create(disk: SimulatedDisk) -> None:
    Run.create(
        PLACE, task={"name": "digits"}, training={"seed": 1}, facts={"k": 10}, environment={}, disk=disk
    )


def line(step: int) -> Progress:
    return Progress(step, STEPS, step / 4, 1 / step, 0.001, {"accuracy": {"value": step / 20}})


def log(run: Run, *steps: int) -> None:
    for step in steps:
        run.log(line(step))
    run.sync()


def tensor(step: int) -> dict:
    return {"w": torch.arange(20) + step}


def story(disk: SimulatedDisk) -> list[Callable[[], None]]:
    """A run's life, act by act; each act ends with everything durable."""
    run: list[Run] = []
    return [
        lambda: create(disk),
        lambda: (run.append(Run.open(PLACE, disk=disk)), log(run[0], 1, 2, 3, 4)),
        lambda: run[0].save_weights(tensor(4), step=4, scores={"accuracy": 0.2}),
        lambda: (log(run[0], 5), run[0].save_state(tensor(5), step=5)),
        lambda: (log(run[0], 6, 7), run[0].save_state(tensor(7), step=7)),
        lambda: (log(run[0], 8), run[0].save_state(tensor(8), step=8)),
        lambda: run[0].save_weights(tensor(8), step=8, scores={"accuracy": 0.4}),
        lambda: run[0].snapshots.save(tensor(8), step=8, scores={"accuracy": 0.4}),
        lambda: run[0].rewind(7),
        lambda: (log(run[0], 8, 9), run[0].finish()),
        lambda: run[0].save_scores({"evaluate": {"accuracy": 0.5}}),
        lambda: run[0].save_picture("curves", bytes(1000)),
        lambda: run[0].save_report("<p>" * 300),
        lambda: run[0].rewind(7),
    ]  # fmt: skip


def look(disk: SimulatedDisk) -> dict | None:
    """What a reader finds; None if there is no run. Raises RunError for one that cannot be read."""
    try:
        disk.names(PLACE)
    except FileNotFoundError:
        return None
    run = Run.open(PLACE, disk=disk)
    state = run.state()
    names = disk.names(PLACE)
    weights = run.weights()[0]["w"].tolist() if "weights.safetensors" in names else None
    return {
        "progress": run.progress(),
        "state": state and (state.step, state.state["w"].tolist(), state.warnings),
        "weights": weights,
        "snapshots": {step: run.snapshots.read(step)[0]["w"].tolist() for step in run.snapshots.steps()},
        "scores": run.scores(),
        "pictures": {name: disk.read(path, 10**6) for name, path in run.pictures().items()},
        "report": disk.read(run.report_path, 10**6) if "report.html" in names else None,
        "finished": run.finished,
        "training": run.training,
    }


def agrees(found: dict | None, old: dict | None, new: dict | None) -> bool:
    if found is None or old is None:
        return found in (old, new)
    longest = max(old["progress"], new["progress"], key=len)
    shortest = min(len(old["progress"]), len(new["progress"]))
    lines = found["progress"]
    if lines != longest[: len(lines)] or len(lines) < shortest:
        return False
    return all(found[key] in (old[key], new[key]) for key in found if key != "progress")


def goes_on(disk: SimulatedDisk) -> bool:
    """Whether training can go on from what is there, and what it then saves is found."""
    if look(disk) is None:
        create(disk)
    run = Run.open(PLACE, disk=disk)
    saved = run.state()
    run.rewind(saved.step if saved else 0)
    log(run, 9, 10)
    run.save_state(tensor(10), step=10)
    found = look(disk)
    return found["state"][0] == 10 and [line["step"] for line in found["progress"]][-2:] == [9, 10]


def violations(
    *, skip: int | None = None, sector: int = 512, every: int = 1, counts: dict | None = None
) -> Iterator[str]:
    """Cut the power after every call of the story, build every disk allowed, and look at each ``every``-th."""
    disk = SimulatedDisk(skip=skip)
    views: list[dict | None] = [None]
    ends = [0]
    for act in story(disk):
        act()
        ends.append(len(disk.history))
        views.append(look(disk))
    tried = set()
    for call, nodes in enumerate(disk.history):
        if call < disk.skipped_at:
            continue  # so far the disk is as without the planted defect
        done = sum(end <= call + 1 for end in ends) - 1
        new = views[min(done + 1, len(views) - 1)]
        for platter in after_power_cut(nodes, sector, every):
            key = (done, repr(platter.nodes))
            if key in tried:
                continue
            tried.add(key)
            try:
                if not agrees(look(platter), views[done], new):
                    yield f"call {call}, act {done}: neither old nor new"
                elif len(tried) % 5 == 0 and not goes_on(platter):
                    yield f"call {call}, act {done}: training cannot go on"
            except PellucidError as error:
                yield f"call {call}, act {done}: {error}"
    if counts is not None:
        counts.update(states=len(tried), calls=len(disk.history), syncs=disk.syncs)


@pytest.mark.parametrize(("sector", "every"), [(512, 1), (64, 1 if EXHAUSTIVE else 11)])
def test_power_cut_leaves_the_old_or_the_new_run(sector, every):
    counts: dict = {}
    assert list(violations(sector=sector, every=every, counts=counts)) == []
    assert counts["states"] >= 800


def test_leaving_out_any_one_sync_is_noticed():
    disk = SimulatedDisk()
    for act in story(disk):
        act()
    unnoticed = [skip for skip in range(disk.syncs) if next(violations(skip=skip), None) is None]
    assert unnoticed == []


def test_a_rename_before_the_data_are_synced_is_noticed(monkeypatch):
    monkeypatch.setattr("pellucid.run.replace", lambda disk, path, data: disk.write(path, data))
    assert next(violations(), None) is not None


def test_a_run_that_lost_all_its_states_says_so():
    disk = SimulatedDisk()
    for act in story(disk)[:6]:
        act()
    for name in disk.names(PLACE / "resume"):
        disk.write(PLACE / "resume" / name, b"")
    with pytest.raises(RunError, match="train again"):
        Run.open(PLACE, disk=disk).state()
