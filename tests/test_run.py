"""What a run keeps, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pellucid.errors import NonFinite, RunError, UsageError
from pellucid.run import Progress, Run, read_tensors, write_tensors
from pellucid.tensorfile import flatten, pack, unflatten, unpack


def make(path: Path) -> Run:
    return Run.create(
        path, task={"name": "digits"}, training={"seed": 1}, facts={"k": [1.5]}, environment={"os": "x"}
    )


def line(step: int, loss: float = 0.5) -> Progress:
    return Progress(step, 10, step / 5, torch.tensor(loss), 0.001, None, 12.5)


@pytest.fixture
def run(tmp_path):
    return make(tmp_path / "run")


def test_documents_are_read_as_they_were_given(run):
    again = Run.open(run.path)
    assert (again.task, again.training, again.facts, again.environment) == (
        {"name": "digits"},
        {"seed": 1},
        {"k": [1.5]},
        {"os": "x"},
    )


def test_parents_are_made(tmp_path):
    assert make(tmp_path / "a" / "b" / "c").path.is_dir()


def test_an_empty_directory_becomes_a_run(tmp_path):
    (tmp_path / "empty").mkdir()
    assert make(tmp_path / "empty").task == {"name": "digits"}


def test_a_directory_that_holds_something_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="choose another directory"):
        make(tmp_path)


def test_a_file_in_the_place_of_a_run_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        make(tmp_path / "note.txt")


def test_a_missing_run_is_named_with_its_near_match(tmp_path):
    make(tmp_path / "digits-1")
    with pytest.raises(RunError, match=r'there is no run at .*digit-1\. Did you mean "digits-1"\?'):
        Run.open(tmp_path / "digit-1")


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="is not a run"):
        Run.open(tmp_path)


@pytest.mark.parametrize(
    "name", ["task.json", "training.json", "facts.json", "environment.json", "progress.jsonl"]
)
def test_a_missing_file_is_named(run, name):
    (run.path / name).unlink()
    with pytest.raises(RunError, match=rf"{name} is missing"):
        Run.open(run.path)


def test_nan_in_facts_is_refused(tmp_path):
    with pytest.raises(NonFinite):
        Run.create(tmp_path / "r", task={}, training={}, facts={"mean": float("nan")}, environment={})
    assert not (tmp_path / "r").exists()


def test_nan_in_the_log_is_refused(run):
    with pytest.raises(NonFinite, match="step 3"):
        run.log(line(3, float("nan")))
        run.sync()


def test_equal_trainings_write_equal_logs(tmp_path):
    logs = []
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        run = make(tmp_path / name)
        run.log(Progress(1, 2, 0.5, 0.25, 0.1, {"accuracy": {"value": 0.5}}, seconds), {"save": seconds})
        run.sync()
        logs.append((run.path / "progress.jsonl").read_bytes())
    assert logs[0] == logs[1]


def test_times_go_to_the_speed_log(run):
    run.log(line(1), {"images_per_second": 1000})
    assert run.speed() == [{"step": 1, "seconds": 12.5, "evaluating": 0.0, "images_per_second": 1000}]


def test_rewind_and_repeat_end_with_the_same_bytes(run):
    for step in range(1, 7):
        run.log(line(step))
    run.sync()
    whole = (run.path / "progress.jsonl").read_bytes()
    again = Run.open(run.path)
    again.rewind(3)
    assert [found["step"] for found in again.progress()] == [1, 2, 3]
    for step in range(4, 7):
        again.log(line(step))
    again.sync()
    assert (run.path / "progress.jsonl").read_bytes() == whole


def test_a_torn_last_line_is_dropped(run):
    run.log(line(1))
    run.sync()
    with open(run.path / "progress.jsonl", "ab") as file:
        file.write(b'{"step":2,"ep')
    assert [found["step"] for found in Run.open(run.path).progress()] == [1]


def test_finished_survives_reopening_and_ends_with_rewind(run):
    run.log(line(1))
    run.finish()
    assert Run.open(run.path).finished
    Run.open(run.path).rewind(1)
    assert not Run.open(run.path).finished


def test_a_shortened_log_of_a_finished_run_is_refused(run):
    for step in (1, 2):
        run.log(line(step))
    run.finish()
    text = (run.path / "progress.jsonl").read_bytes()
    (run.path / "progress.jsonl").write_bytes(text[: text.index(b"\n") + 1])
    with pytest.raises(RunError, match="does not end where training finished"):
        Run.open(run.path).progress()


def test_the_newest_two_states_are_kept(run):
    for step in (1, 2, 3):
        run.save_state({"step": step}, step=step)
    assert sorted(path.name for path in (run.path / "resume").iterdir()) == [
        "step-000000000002.safetensors",
        "step-000000000003.safetensors",
    ]


def test_a_damaged_state_is_not_counted_among_the_two_kept(run):
    for step in (1, 2):
        run.save_state({"step": step}, step=step)
    (run.path / "resume" / "step-000000000002.safetensors").write_bytes(b"damaged")
    Run.open(run.path).save_state({"step": 3}, step=3)
    assert sorted(path.name for path in (run.path / "resume").iterdir()) == [
        "step-000000000001.safetensors",
        "step-000000000003.safetensors",
    ]


def test_no_state_is_none(run):
    assert run.state() is None


def test_weights_of_another_run_are_refused(run, tmp_path):
    other = Run.create(tmp_path / "other", task={"name": "x"}, training={}, facts={}, environment={})
    other.save_weights({"w": torch.ones(2)}, step=1, scores=None)
    (run.path / "weights.safetensors").write_bytes((other.path / "weights.safetensors").read_bytes())
    with pytest.raises(RunError, match="belongs to another run"):
        run.weights()


def test_weights_come_back_with_step_and_scores(run):
    run.save_weights({"w": torch.ones(2)}, step=7, scores={"accuracy": {"value": 0.5}})
    tensors, metadata = Run.open(run.path).weights()
    assert tensors["w"].tolist() == [1, 1]
    assert (metadata["step"], metadata["scores"]) == (7, {"accuracy": {"value": 0.5}})


def test_scores_are_merged_by_key(run):
    run.save_scores({"evaluate": {"a": 1}, "robustness": {"b": 2}})
    run.save_scores({"evaluate": {"a": 3}})
    assert Run.open(run.path).scores() == {"evaluate": {"a": 3}, "robustness": {"b": 2}}


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "A", "x.png", "x" * 65, "a\n"])
def test_a_picture_name_that_is_a_path_is_refused(run, name):
    with pytest.raises(UsageError, match="cannot be called"):
        run.save_picture(name, b"png")


def test_pictures_are_found_by_name(run):
    run.save_picture("curves", b"png")
    assert Run.open(run.path).pictures() == {"curves": run.path / "pictures" / "curves.png"}


def test_leftovers_are_removed_when_training_goes_on(run):
    (run.path / ".weights.safetensors.123.tmp").write_bytes(b"half")
    run.rewind(0)
    assert not list(run.path.glob(".*"))


def test_opening_a_run_does_not_import_torch(run):
    code = "import sys; from pellucid.run import Run; Run.open(sys.argv[1]); sys.exit('torch' in sys.modules)"
    source = Path(__file__).parent.parent / "src"
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=True, env={"PYTHONPATH": str(source)})


def test_the_library_reads_what_we_write(tmp_path):
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]
    kinds += [torch.int16, torch.int8, torch.uint8, torch.bool]
    tensors = {str(kind): torch.tensor([[0, 1], [1, 0]]).to(kind) for kind in kinds}
    tensors |= {
        "scalar": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        "odd": torch.arange(3).to(torch.uint8),
    }
    write_tensors(tmp_path / "x.safetensors", tensors, {"card": "text"})
    found = safetensors.torch.load_file(tmp_path / "x.safetensors")
    assert found.keys() == tensors.keys()
    assert all(
        found[name].dtype == tensors[name].dtype and found[name].equal(tensors[name]) for name in tensors
    )


def test_equal_tensors_give_equal_files(tmp_path):
    tensors = {name: torch.arange(4) for name in "abcdef"}
    for name in "xy":
        write_tensors(tmp_path / name, tensors, {key: key for key in "qwertz"})
        tensors = dict(reversed(tensors.items()))
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_transposed_tensor_is_saved_as_it_looks(tmp_path):
    write_tensors(tmp_path / "x", {"w": torch.arange(6).reshape(2, 3).T}, {})
    assert read_tensors(tmp_path / "x")[0]["w"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize("value", [1 + 2j, {1}, b"x", torch.tensor(1j), object()])
def test_what_cannot_be_saved_is_refused_by_place(run, value):
    with pytest.raises(TypeError, match="state/optimizer/0"):
        run.save_state({"optimizer": [value]}, step=1)


floats = st.floats(allow_nan=False) | st.just(float("inf"))
tensors = st.builds(
    lambda shape, kind: torch.arange(24).reshape(-1)[: shape[0] * shape[1]].reshape(shape).to(kind),
    st.tuples(st.integers(0, 4), st.integers(0, 6)),
    st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool]),
)
leaves = st.none() | st.booleans() | st.integers() | floats | st.text() | tensors
states = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(one, other) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and one.equal(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@given(states)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_nested_state_comes_back_exactly(state):
    flat, text = flatten(state)
    tensors, metadata = unpack(bytes(pack(flat, {"state": text})), "state")
    assert same(unflatten(metadata["state"], tensors, "state"), state)
