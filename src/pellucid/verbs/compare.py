"""Compare: one training under many settings, several seeds each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid import metrics
from pellucid.errors import NonFinite
from pellucid.task import Task
from pellucid.verbs.train import is_logged, until_exhausted


@dataclasses.dataclass(frozen=True)
class Course:
    """One training of a comparison: its setting, its seed, and the records of its course.

    Attributes:
        diverged: the step in which a number was NaN or infinite, which ended it; None where none was.
    """

    setting: str
    seed: int
    records: list[dict[str, Any]]
    seconds: float
    diverged: int | None = None

    def final(self, goal: str) -> float:
        """Return the last validation score of a training that came to its end."""
        return self.records[-1]["scores"][goal.removeprefix("-")]["value"]


def compare(tasks: Mapping[str, Task], seeds: Sequence[int]) -> Iterator[Course]:
    """Train each task under each seed, in memory, and yield each course as it ends.

    Setting after setting within a seed, so that a comparison that is stopped has whole seeds.
    """
    for seed in seeds:
        for setting, task in tasks.items():
            training = dataclasses.replace(task.training, seed=seed)
            yield _course(setting, seed, dataclasses.replace(task, training=training))


def _course(setting: str, seed: int, task: Task) -> Course:
    records: list[dict[str, Any]] = []
    progress = None
    try:
        for progress in until_exhausted(task, task.learner(task.data()), 0, []):
            if is_logged(progress):
                records.append(progress.to_json())
    except NonFinite:
        if progress is None:
            return Course(setting, seed, [], 0.0, diverged=1)
        if not is_logged(progress):
            records.append(progress.to_json())
        return Course(setting, seed, records, progress.seconds, diverged=progress.step + 1)
    return Course(setting, seed, records, progress.seconds if progress else 0.0)


def table(courses: Sequence[Course], goal: str) -> dict[str, metrics.Spread]:
    """Return the final validation scores of each setting, the best first: median, lowest and highest.

    Trainings that diverged have none; a setting all of whose trainings did is not there.
    """
    found: dict[str, list[float]] = {}
    for course in courses:
        if course.diverged is None:
            found.setdefault(course.setting, []).append(course.final(goal))
    spreads = {setting: metrics.spread(values) for setting, values in found.items()}
    sign = 1 if goal.startswith("-") else -1
    return dict(sorted(spreads.items(), key=lambda item: sign * item[1].median))


def diverged(courses: Sequence[Course]) -> dict[str, list[int]]:
    """Return the steps in which trainings diverged, of each setting with such trainings."""
    found: dict[str, list[int]] = {}
    for course in courses:
        if course.diverged is not None:
            found.setdefault(course.setting, []).append(course.diverged)
    return found
