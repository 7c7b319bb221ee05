"""Flags that another choice leaves without effect are refused; what a setting brings along is not."""

import dataclasses
import typing

import pytest

from pellucid import config, tasks
from pellucid.cli.arguments import changed, read_task
from pellucid.errors import UsageError
from pellucid.training import Training

IDLE = [
    ("digits", ["--network", "cnn", "--dropout", "0.5"], "--dropout has no effect with --network cnn"),
    ("digits", ["--network", "lenet", "--hidden", "64"], "--hidden has no effect"),
    ("digits", ["--network", "example", "--initial", "glorot"], "--initial has no effect"),
    ("digits", ["--network", "cnn", "--activation", "tanh"], "--activation has no effect"),
    ("digits", ["--width", "32"], "--width has no effect with --network mlp, only with --network cnn"),
    ("images", ["--network", "resnet20", "--widths", "8", "8", "8"], "--widths has no effect"),
    ("sketches", ["--nodes", "64"], "--nodes has no effect"),
    ("sketches", ["--setting", "strokes", "--stride", "1"], "--stride has no effect"),
    ("atari", ["--returns", "mean", "--atoms", "21"], "only with --returns quantile or categorical"),
    ("atari", ["--bounds", "-1", "1"], "--bounds has no effect with --returns quantile"),
    (
        "digits",
        ["--schedule", "plateau", "--warmup", "0.1"],
        "--warmup has no effect with --schedule plateau",
    ),
    ("digits", ["--schedule", "exponential", "--warmup", "0.1"], "--warmup has no effect"),
]


@pytest.mark.parametrize(("name", "words", "said"), IDLE)
def test_a_flag_without_effect_is_refused(name, words, said):
    with pytest.raises(UsageError, match=said):
        read_task(name, words, program="pellucid train")


def test_a_comparison_of_equal_networks_is_refused():
    cnn = read_task("digits", ["--network", "cnn"], program="x")
    with pytest.raises(UsageError, match="--dropout has no effect"):
        changed(cnn, "dropout", "0.5", program="x")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits", ["--setting", "tiny", "--network", "cnn"]),  # its hidden layers are a setting's
        ("digits", ["--setting", "paper", "--network", "lenet"]),
        ("digits", ["--network", "mlp", "--hidden", "64", "--dropout", "0.5"]),
        ("digits", ["--network", "cnn", "--width", "8"]),
        ("digits", ["--schedule", "plateau"]),  # the recipe's warm-up
        ("atari", ["--returns", "categorical", "--bounds", "-1", "1"]),
    ],
)
def test_what_has_an_effect_or_was_not_asked_for_is_taken(name, words):
    assert read_task(name, words, program="x").name == name


@pytest.mark.parametrize("kind", [*map(tasks.find, tasks.TASKS), Training], ids=lambda kind: kind.__name__)
def test_fields_and_choices_that_are_named_are_there(kind):
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    for name, (choice, under) in kind.only.items():
        assert {name, choice} <= names
        assert set(under) < set(typing.get_args(hints[choice]))


def test_a_run_that_recorded_such_a_field_is_opened_as_ever():
    fields = config.to_json(tasks.find("digits")(network="cnn", dropout=0.5))
    assert config.from_json(tasks.find("digits"), fields, source="x").dropout == 0.5
