"""The ONNX file answers as the network does, carries its facts, and a damaged one is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pellucid
from pellucid import export
from pellucid.errors import DataError, MissingExtra, PellucidError, RunError, UsageError
from pellucid.export import OnnxModel, to_onnx

SOURCE = os.path.dirname(os.path.dirname(pellucid.__file__))
FACTS = {"classes": [f"digit {k}" for k in range(10)], "mean": 0.1307, "std": 0.3081}
METADATA = {"task": json.dumps({"network": "cnn"}), "facts": json.dumps(FACTS)}
EXAMPLE = torch.zeros(1, 1, 28, 28)


def network():
    torch.manual_seed(0)
    features = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*features, nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 14 * 14, 10))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "digits.onnx"
    to_onnx(network(), EXAMPLE, path, metadata=METADATA)
    return path


@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_file_answers_as_the_network_does_for_any_batch(file, size):
    images = torch.randn(size, 1, 28, 28)
    with torch.no_grad():
        expected = network().eval()(images)
    assert torch.allclose(torch.from_numpy(OnnxModel(file)(images.numpy())), expected, atol=1e-4)


def test_the_difference_told_is_that_of_the_given_inputs_too():
    images = 100 * torch.randn(5, 1, 28, 28)
    assert 0 < to_onnx(network(), EXAMPLE, metadata={}, inputs=images).difference <= 1e-4


def test_the_facts_come_back_from_the_file_alone(file):
    assert OnnxModel(file).facts == FACTS


def test_the_metadata_comes_back_unchanged(file):
    assert OnnxModel(file).metadata == METADATA


def test_the_folder_holds_one_file_only(file):
    assert os.listdir(file.parent) == ["digits.onnx"]


def test_the_file_names_no_path_of_this_machine(file):
    data = file.read_bytes()
    assert [p for p in (sys.prefix, os.getcwd(), SOURCE) if p.encode() in data] == []


def test_the_first_axis_of_input_and_output_is_free(file):
    graph = onnx.load(file).graph
    axes = [v.type.tensor_type.shape.dim[0].dim_param for v in (graph.input[0], graph.output[0])]
    assert axes == ["batch", "batch"]


def test_a_network_in_training_mode_is_exported_as_it_answers_and_left_as_it_was():
    model = network().train()
    to_onnx(model, EXAMPLE, metadata={})
    assert all(module.training for module in model.modules())


def test_exporting_twice_gives_the_same_bytes():
    assert to_onnx(network(), EXAMPLE, metadata={}).data == to_onnx(network(), EXAMPLE, metadata={}).data


def test_a_network_whose_answer_depends_on_its_batch_size_is_not_exported():
    class Average(nn.Module):
        def forward(self, images):
            return images.flatten(1) / float(len(images))

    with pytest.raises(PellucidError, match="differs from the network's"):
        to_onnx(Average(), EXAMPLE, metadata={})


def test_nothing_is_written_when_the_outputs_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(PellucidError, match="no file was written"):
        to_onnx(network(), EXAMPLE, tmp_path / "digits.onnx", metadata={})
    assert os.listdir(tmp_path) == []


def test_a_network_that_gives_nan_is_not_exported():
    model = network()
    with torch.no_grad():
        model[0].weight[0] = float("nan")
    with pytest.raises(PellucidError, match="by nan"):
        to_onnx(model, EXAMPLE, metadata={})


def test_exporting_says_nothing(capfd):
    to_onnx(network(), EXAMPLE, metadata={})
    assert "".join(capfd.readouterr()) == ""


def test_exporting_raises_no_warning(recwarn):
    to_onnx(network(), EXAMPLE, metadata={})
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'pellucid\[export\]'"):
        to_onnx(network(), EXAMPLE, metadata={})


@pytest.mark.parametrize(
    "example", [torch.zeros(2, 1, 28, 28), torch.zeros(1, 1, 28, 28, dtype=torch.float64)]
)
def test_an_example_that_is_not_one_float32_input_is_refused(example):
    with pytest.raises(DataError, match=r"expected one float32 or int64 input"):
        to_onnx(network(), example, metadata={})


def test_metadata_cannot_forge_the_checksum():
    with pytest.raises(UsageError, match="the checksum of the file is"):
        to_onnx(network(), EXAMPLE, metadata={"pellucid.sha256": "0" * 64})


def test_running_a_file_imports_no_torch(file):
    code = f"import sys; from pellucid.export import OnnxModel; OnnxModel({str(file)!r}); print('torch' in sys.modules)"
    env = os.environ | {"PYTHONPATH": SOURCE}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize("shape", [(1, 28, 28), (2, 1, 28, 27), (2, 3, 28, 28), (0, 1, 28, 28)])
def test_an_input_of_another_shape_is_refused(file, shape):
    with pytest.raises(DataError, match="expected"):
        OnnxModel(file)(np.zeros(shape, np.float32))


def test_a_missing_file_is_a_run_error(tmp_path):
    with pytest.raises(RunError, match="is missing"):
        OnnxModel(tmp_path / "none.onnx")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"PK\x03\x04" * 100, b"\x08\x07" * 1000])
def test_a_file_that_is_not_onnx_is_a_run_error(tmp_path, data):
    path = tmp_path / "x.onnx"
    path.write_bytes(data)
    with pytest.raises(RunError, match="is not an ONNX file of pellucid"):
        OnnxModel(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_changed_byte_anywhere_is_noticed(file, data):
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RunError):
        export.session(bytes(content), file)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_cut_off_anywhere_is_noticed(file, data):
    content = file.read_bytes()
    with pytest.raises(RunError):
        export.session(content[: data.draw(st.integers(0, len(content) - 1))], file)


def test_a_file_with_something_added_is_noticed(file):
    with pytest.raises(RunError, match="was altered"):
        export.session(file.read_bytes() + b"\0", file)


def test_a_sealed_file_that_is_no_network_is_a_run_error(tmp_path):
    head = b"\x08\x08pellucid.sha256\x12\x40"
    zeros = head + b"0" * 64
    with pytest.raises(RunError, match="cannot be run by onnxruntime"):
        export.session(head + export.digest(zeros, len(head), len(zeros)).encode(), tmp_path / "x")


def test_a_file_that_keeps_its_weights_elsewhere_reads_nothing(tmp_path, monkeypatch):
    weights = onnx.numpy_helper.from_array(np.ones(400, np.float32), "w")
    value = onnx.helper.make_tensor_value_info
    add = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([add], "g", [value("x", 1, [400])], [value("y", 1, [400])], [weights])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {export.SEAL: "0" * 64})
    path = tmp_path / "x.onnx"
    onnx.save(model, path, save_as_external_data=True, location="secret.bin", size_threshold=10)
    data = path.read_bytes()
    start, end = export.seal_place(data)
    path.write_bytes(data[:start] + export.digest(data, start, end).encode() + data[end:])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="cannot be run by onnxruntime"):
        OnnxModel(path)


@pytest.mark.slow
def test_the_newer_exporter_takes_over_quietly_and_names_no_path(monkeypatch, capfd):
    monkeypatch.setattr(export, "by_tracing", lambda model, call, signature: 1 / 0)
    data = to_onnx(network(), EXAMPLE, metadata=METADATA).data
    assert (sys.prefix.encode() in data, "".join(capfd.readouterr())) == (False, "")
