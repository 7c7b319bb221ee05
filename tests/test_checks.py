"""Each promise of the contract is seen to be broken by a task that breaks it, in that promise's own words."""

import dataclasses
import itertools
from dataclasses import dataclass

import pytest
from small import Small, small

from pellucid import checks
from pellucid.learners import Supervised
from pellucid.task import Answer

TASK = dataclasses.replace(small(), hidden=(32,), dropout=0.0)
numbers = itertools.count()  # what changes without a seed


@dataclass(frozen=True, kw_only=True)
class ChangesAField(Small):
    silent: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "silent", self.silent / 2)


class OpensTheTestSet(Small):
    def data(self):
        data = super().data()
        return dataclasses.replace(data, test=data.valid)


class KnowsATuple(Small):
    def data(self):
        data = super().data()
        return dataclasses.replace(data, facts={**data.facts, "shape": (28, 28)})


class NamesNoClasses(Small):
    def data(self):
        data = super().data()
        return dataclasses.replace(data, facts={**data.facts, "classes": []})


class DrawsWithoutTheSeed(Small):
    def prepare(self, inputs, targets=None, *, facts, draws=None):
        found, targets = super().prepare(inputs, targets, facts=facts, draws=draws)
        return found + (next(numbers) if draws else 0), targets


class KeepsToOneSeed(Small):
    def learner(self, data):
        seeded = dataclasses.replace(self.training, seed=0)
        return Supervised(dataclasses.replace(self, training=seeded), data)


class DrawsInUse(Small):
    def prepare(self, inputs, targets=None, *, facts, draws=None):
        found, targets = super().prepare(inputs, targets, facts=facts, draws=draws)
        return found + next(numbers), targets


class WritesOnItsInput(Small):
    def prepare(self, inputs, targets=None, *, facts, draws=None):
        return super().prepare(inputs.fill_(1), targets, facts=facts, draws=draws)


class LearnsNothing(Small):
    def loss(self, outputs, targets, facts):
        return 0 * outputs.sum() + 2


class AnswersInAWord(Small):
    def answer(self, output, facts):
        return super().answer(output, facts).text


class AnswersInNumbers(Small):
    def answer(self, output, facts):
        return Answer("nine", probabilities={9: 1.0})


class HidesAWeight(Small):
    def model(self, facts):
        network = super().model(facts)
        hidden = next(numbers)
        network.register_forward_hook(lambda module, given, outputs: outputs + hidden)
        return network


class ForgetsItsOptimizer(Small):
    def learner(self, data):
        learner = super().learner(data)
        learner._load_optimizer = lambda saved, moments: None
        return learner


BROKEN = [
    (checks.fields_survive_json, ChangesAField, "the fields change on their way through JSON"),
    (checks.the_test_set_stays_closed, OpensTheTestSet, r"data\(\).test must be a function"),
    (checks.the_test_set_stays_closed, KnowsATuple, "facts are not JSON"),
    (checks.the_test_set_stays_closed, NamesNoClasses, 'facts lack "classes"'),
    (checks.the_same_seed_gives_the_same_first_batch, DrawsWithoutTheSeed, "gave two different first batches"),
    (checks.the_same_seed_gives_the_same_first_batch, KeepsToOneSeed, "another seed gave the same first batch"),
    (checks.preparing_for_use_is_not_random, DrawsInUse, "prepare is random although it got no draws"),
    (checks.preparing_for_use_is_not_random, WritesOnItsInput, "prepare changes its input in place"),
    (checks.one_batch_can_be_learned, LearnsNothing, r"brought its loss from 2\.0000 to 2\.0000 only"),
    (checks.an_answer_comes_from_facts_alone, AnswersInAWord, "answer returned str, expected Answer"),
    (checks.an_answer_comes_from_facts_alone, AnswersInNumbers, "the answer is not JSON"),
    (checks.saved_and_reopened_gives_equal_outputs, HidesAWeight, "the reopened network gives other outputs"),
    (checks.interrupted_and_resumed_equals_uninterrupted, ForgetsItsOptimizer, "after a resume these weights differ"),
]  # fmt: skip


@pytest.mark.parametrize(("promise", "kind", "problem"), BROKEN)
def test_a_broken_promise_is_found(promise, kind, problem):
    promise(TASK)
    with pytest.raises(AssertionError, match=problem):
        promise(kind(**{field.name: getattr(TASK, field.name) for field in dataclasses.fields(TASK)}))


def test_every_promise_is_broken_here_and_asked_for_by_the_check():
    found = {check.promise for check in checks.check_task(TASK)}
    assert found == {promise.__name__.replace("_", " ") for promise, _, _ in BROKEN}
