"""Compare: one training under many settings, several seeds each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid import engine, metrics
from pellucid.task import Task

LOG_EVERY = 10


@dataclasses.dataclass(frozen=True)
class Course:
    """One training of a comparison: its setting, its seed, and the records of its course."""

    setting: str
    seed: int
    records: list[dict[str, Any]]
    seconds: float

    def final(self, goal: str) -> float:
        """Return the last validation score."""
        return self.records[-1]["scores"][goal.removeprefix("-")]["value"]


def compare(tasks: Mapping[str, Task], seeds: Sequence[int]) -> Iterator[Course]:
    """Train each task under each seed, in memory, and yield each course as it ends.

    Setting after setting within a seed, so that a comparison that is stopped has whole seeds.
    """
    for seed in seeds:
        for setting, task in tasks.items():
            training = dataclasses.replace(task.training, seed=seed)
            seeded = dataclasses.replace(task, training=training)
            records, seconds = [], 0.0
            for progress in engine.fit(seeded.learner(seeded.data())):
                seconds = progress.seconds
                if progress.scores or progress.step % LOG_EVERY == 0:
                    records.append(progress.to_json())
            yield Course(setting, seed, records, seconds)


def table(courses: Sequence[Course], goal: str) -> dict[str, metrics.Spread]:
    """Return the final validation score of each setting: median, lowest and highest over the seeds."""
    settings = dict.fromkeys(course.setting for course in courses)
    return {
        setting: metrics.spread([course.final(goal) for course in courses if course.setting == setting])
        for setting in settings
    }
