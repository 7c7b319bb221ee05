"""A translating network in a file: the same numbers at every size, the same search, and no other file is taken for it."""

from __future__ import annotations

import json
from dataclasses import replace

import onnx
import pytest
import torch

from pellucid import export as files
from pellucid.cli.main import main
from pellucid.errors import DataError, PellucidError, RunError, UsageError
from pellucid.export import OnnxModel, calls_to_onnx, seal
from pellucid.models.convs2s import END, PAD, ConvS2S, Prefixes
from pellucid.tasks import digits, translation
from pellucid.translating import search
from pellucid.verbs import prefixes
from pellucid.verbs.export import export, open_onnx
from pellucid.verbs.predict import answer_to
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("prefixes") / "run"
    task = translation.tiny()
    for _ in train(replace(task, training=replace(task.training, epochs=9)), path):
        pass
    return path


@pytest.fixture(scope="module")
def file(run):
    exported = export(open_trained(run), run / "model.onnx")
    assert exported.difference <= 1e-4
    return run / "model.onnx"


def network(**changes):
    torch.manual_seed(0)
    shape = {"size": 6, "encoder": [(6, 3)], "decoder": [(6, 3)], "last": 6, "dropout": 0.5, "positions": 64}
    return ConvS2S(30, **{**shape, **changes}).eval()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"share": "all"},
        {"share": "decoder", "encoder": [(8, 1), (4, 5)]},
        {"encoder": [(8, 4), (8, 2)], "decoder": [(4, 2), (10, 5)], "last": 7},
        {"positions": 3},
    ],
    ids=["plain", "one table", "two tables", "uneven", "short"],
)
def test_networks_of_every_shape_are_the_same_in_a_file(changes):
    model = network(**changes)
    calls = prefixes.calls(30, model.positions)
    found = calls_to_onnx(Prefixes(model), calls, signature=prefixes.SIGNATURE, metadata={})
    assert found.difference <= 1e-4


def test_what_is_compared_has_other_sizes_than_what_is_traced_padding_and_unknown_letters():
    traced, *others = prefixes.calls(30, 64)
    sizes = [{*source.shape, *written.shape} for source, written, _ in (traced, *others)]
    assert all(sizes[0] - {2} != each - {2} for each in sizes[1:])
    assert all(1 not in tensor.shape[:2] for tensor in traced)
    longest = others[-1]
    assert [tensor.shape[1] for tensor in longest[:2]] == [64, 64]
    for source, written, sentence in (traced, *others[1:]):
        assert (source == PAD).any()
        assert (written == PAD).any()
        assert sentence.max() < len(source)
        assert (source != PAD).any(1).all()
        assert max(source.max(), written.max()) >= 30


def test_a_file_answers_as_the_network_for_sizes_that_no_export_compared(run, file):
    model, opened = OnnxModel(file), open_trained(run).network
    for read, places, hypotheses in ((2, 3, 1), (11, 1, 9), (63, 64, 2), (33, 20, 30)):
        source = torch.randint(END, opened.pieces, (4, read))
        source[2, read // 2 :] = PAD
        written = torch.randint(END, opened.pieces, (hypotheses, places))
        sentence = torch.randint(4, (hypotheses,))
        with torch.no_grad():
            logits = opened.decoder(written, opened.encoder(source[sentence]))[0]
        found, attention = model.outputs(source.numpy(), written.numpy(), sentence.numpy())
        assert torch.allclose(torch.from_numpy(found), logits, atol=1e-4)
        assert attention.shape == (hypotheses, places, read)
        assert torch.allclose(torch.from_numpy(attention).sum(2), torch.ones(hypotheses, places), atol=1e-5)


@pytest.mark.parametrize("beam", [1, 2, 5])
def test_a_search_finds_the_same_hypotheses_with_the_same_scores(run, file, beam):
    trained, ready = open_trained(run), open_onnx(file)
    source, _ = trained.task.data().valid[
        torch.arange(70)
    ]  # more than are translated at once, of all lengths
    source = source.long()
    source[3, 0] = len(trained.facts["pieces"]) + ord("?")
    pairs = zip(*(search(each.network, source, beam=beam) for each in (trained, ready)), strict=True)
    for ours, theirs in pairs:
        assert ours.source == theirs.source
        assert [each.pieces for each in ours.hypotheses] == [each.pieces for each in theirs.hypotheses]
        for mine, other in zip(ours.hypotheses, theirs.hypotheses, strict=True):
            assert mine.score == pytest.approx(other.score, abs=1e-4)
            assert mine.attention == pytest.approx(other.attention, abs=1e-4)


def test_a_length_that_was_taken_for_a_constant_is_noticed():
    class Baked(Prefixes):
        def forward(self, source, written, sentence):
            logits, attention = super().forward(source, written, sentence)
            return logits + int(written.shape[1]), attention

    with pytest.raises(PellucidError, match="differs from the network's"):
        calls_to_onnx(Baked(network()), prefixes.calls(30, 64), signature=prefixes.SIGNATURE, metadata={})


def test_a_file_that_runs_at_the_traced_size_only_is_noticed():
    class Stiff(Prefixes):
        def forward(self, source, written, sentence):
            logits, attention = super().forward(source, written, sentence)
            return logits + torch.zeros(1, int(written.shape[1]), 1), attention

    with pytest.raises(PellucidError, match="cannot compute source of"):
        calls_to_onnx(Stiff(network()), prefixes.calls(30, 64), signature=prefixes.SIGNATURE, metadata={})


@pytest.mark.slow
def test_the_newer_exporter_can_do_it_as_well(monkeypatch):
    monkeypatch.setattr(files, "by_tracing", lambda model, call, signature: 1 / 0)
    calls = prefixes.calls(30, 64)
    found = calls_to_onnx(Prefixes(network()), calls, signature=prefixes.SIGNATURE, metadata={})
    assert found.difference <= 1e-4


def told(words, capsys):
    code = main(["--json", *map(str, words)])
    document = json.loads(capsys.readouterr().out)
    return code, document.get("result"), document.get("error")


@pytest.mark.parametrize("flags", [[], ["--beam", "1"], ["--beam", "3", "--length-penalty", "0"]])
def test_the_command_answers_from_the_file_as_from_the_run(run, file, flags, tmp_path, capsys):
    (tmp_path / "in.txt").write_text("mi la da\n\nba \u2603 ko ge\n")
    inputs = ["ba ko mi", "valid:3", tmp_path / "in.txt"]
    ours = told(["predict", run, *inputs, *flags], capsys)[1]["answers"]
    for words in (["predict", file, *inputs], ["predict", run, *inputs, "--engine", "onnx"]):
        theirs = told([*words, *flags], capsys)[1]["answers"]
        assert [each["text"] for each in theirs] == [each["text"] for each in ours]
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.get("pieces") == other.get("pieces")
            assert mine.get("attention", []) == [
                pytest.approx(row, abs=1e-4) for row in other.get("attention", [])
            ]
            scores = [[each["score"] for each in answer.get("hypotheses", ())] for answer in (mine, other)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def resealed(file, path, facts=None, task=None):
    """Write a copy of a file with other facts or fields, whose checksum holds."""
    held = OnnxModel(file).metadata
    held["facts"] = json.dumps({**json.loads(held["facts"]), **(facts or {})})
    held["task"] = json.dumps({**json.loads(held["task"]), **(task or {})})
    path.write_bytes(seal(file.read_bytes(), held))
    return path


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"pieces": ["<pad>", "<unk>", "</s>", "a"]}, "the logits of 4 pieces"),
        ({"pieces": ["a", "b"]}, "the pieces must begin with"),
        ({"pieces": 7}, "lack what a translation needs"),
        ({"pieces": ["<pad>", "<unk>", "</s>", 7]}, "be texts and differ"),
        ({"positions": "many"}, "lack what a translation needs"),
        ({"positions": float("inf")}, "lack what a translation needs"),
        ({"positions": None}, "lack what a translation needs"),
    ],
)
def test_a_file_whose_facts_do_not_fit_is_refused(file, tmp_path, facts, what):
    with pytest.raises(RunError, match=what):
        open_onnx(resealed(file, tmp_path / "x.onnx", facts))


def test_a_file_without_facts_is_refused(file, tmp_path):
    held = OnnxModel(file).metadata
    (tmp_path / "x.onnx").write_bytes(seal(file.read_bytes(), {**held, "facts": "{}"}))
    with pytest.raises(RunError, match="lack what a translation needs"):
        open_onnx(tmp_path / "x.onnx")


def test_a_network_of_another_kind_is_not_taken_for_one_that_translates(file, tmp_path):
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Identity", ["input"], ["output"])
    ends = [value("input", 1, ["batch", 4])], [value("output", 1, ["batch", 4])]
    graph = onnx.helper.make_graph([node], "g", *ends)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "x.onnx").write_bytes(seal(model.SerializeToString(), OnnxModel(file).metadata))
    with pytest.raises(RunError, match="expected source, written, sentence"):
        open_onnx(tmp_path / "x.onnx")


def test_a_translating_network_under_the_name_of_another_task_answers_nothing(file, tmp_path):
    fields = {"task": "digits", **{name: getattr(digits.tiny(), name) for name in ("network", "hidden")}}
    held = {**OnnxModel(file).metadata, "task": json.dumps(fields)}
    (tmp_path / "x.onnx").write_bytes(seal(file.read_bytes(), held))
    with pytest.raises(DataError, match="1 inputs were given, expected 3"):
        open_onnx(tmp_path / "x.onnx").network(torch.zeros(1, 1, 28, 28))


def test_more_places_than_the_network_has_are_a_data_error(file, tmp_path):
    ready = open_onnx(resealed(file, tmp_path / "x.onnx", {"positions": 10**9}))
    sample = ready.task.takes.read("ba " * 300, ready.facts)["sample"]
    with pytest.raises(DataError, match="cannot compute this"):
        answer_to(ready, sample)


def test_a_byte_changed_or_cut_off_is_noticed(file, tmp_path):
    data = file.read_bytes()
    for place in (8, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 1
        (tmp_path / "x.onnx").write_bytes(changed)
        with pytest.raises(RunError):
            open_onnx(tmp_path / "x.onnx")
        (tmp_path / "x.onnx").write_bytes(data[:place])
        with pytest.raises(RunError):
            open_onnx(tmp_path / "x.onnx")


def test_exporting_twice_gives_the_same_bytes(run, file, tmp_path):
    export(open_trained(run), tmp_path / "x.onnx")
    assert (tmp_path / "x.onnx").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("place", "shape", "dtype"),
    [(0, (1,), torch.int64), (0, (1, 0), torch.int64), (1, (1, 3), torch.int32), (2, (1, 1), torch.int64)],
)
def test_an_input_of_another_kind_is_refused_by_its_name(file, place, shape, dtype):
    inputs = [torch.full((1, 4), END), torch.full((1, 2), END), torch.tensor([0])]
    inputs[place] = torch.zeros(shape, dtype=dtype)
    name = ["source", "written", "sentence"][place]
    with pytest.raises(DataError, match=f"onnx: {name} is"):
        OnnxModel(file).outputs(*(each.numpy() for each in inputs))


def test_a_file_shows_no_attention_layer_by_layer(file):
    from pellucid.verbs.translations import explain

    ready = open_onnx(file)
    with pytest.raises(UsageError, match="explain the run itself"):
        explain(ready, ready.task.takes.read("ba ko", ready.facts)["sample"])
