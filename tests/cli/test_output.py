"""What each verb prints: one JSON document, the tensors' numbers, and nothing that a pipe or a locale breaks."""

import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from house import command
from torch.nn import functional

from pellucid.cli.main import VERBS
from pellucid.cli.screen import Screen
from pellucid.config import flag_names
from pellucid.plots import images
from pellucid.tasks.digits import Digits
from pellucid.verbs import predict as predicting
from pellucid.verbs.trained import open_trained

SOURCE = str(Path(__file__).parents[2] / "src")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
VERB_FLAGS = {
    "list": [],
    "look": ["--index", "--measure-steps", "--out"],
    "model": ["--out"],
    "train": ["--out", "--resume", "--setting", "--task", "--processes"],
    "evaluate": ["--at-least", "--at-most", "--task", "--no-report"],
    "predict": ["--task", "--engine", "--show"],
    "explain": ["--target", "--task", "--out"],
    "walk": ["--true", "--optimizer", "--learning-rate", "--out"],
    "compare": ["--over", "--seeds", "--out"],
    "lr-find": ["--highest", "--range-steps", "--out"],
    "export": ["--task", "--out"],
    "data": ["--dataset", "--classes", "--form", "--out", "fetch", "verify", "where"],
    "check": ["FILE|TASK"],
    "doctor": [],
    "studio": ["--runs", "--host", "--port", "--token", "--task", "--no-browser"],
    "trace": ["--input", "--runs", "--task"],
}
GOOD = {
    "list": "list",
    "look": "look digits --dataset tiny --measure-steps 0 --out look",
    "model": "model digits --dataset tiny --out model.png",
    "train": "train digits --setting tiny --steps 5 --out trained",
    "evaluate": "evaluate run --no-report",
    "predict": "predict run valid:0 pictures/good.png",
    "explain": "explain run valid:0 --out explained",
    "walk": "walk run valid:3 --out walk.png",
    "compare": "compare digits --over normalize=unit,half --setting tiny --steps 5 --seeds 2 --out compared",
    "lr-find": "lr-find digits --dataset tiny --range-steps 30 --out rates.png",
    "export": "export other --out other.onnx",
    "data": "data where digits",
    "check": "check mine.py",
    "doctor": "doctor",
    "trace": "trace zoo.digits.mlp/valid:0/scores[3]",
    "studio": "studio --help",  # without it, it serves until Ctrl-C
}


def start(line, **environment):
    """Run a command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pellucid", *line.split()],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": SOURCE, **environment},
        timeout=120,
    )


@pytest.fixture(scope="module")
def documents(house):
    """Return what each verb gives with --json."""
    return {verb: command(["--json", *line.split()]) for verb, line in GOOD.items()}


def result(found):
    return json.loads(found.out)["result"]


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_exactly_one_document_and_nothing_else(documents, verb):
    found = documents[verb]
    assert set(json.loads(found.out)) == {"command", "ok", "result"}
    assert (json.loads(found.out)["command"], json.loads(found.out)["ok"]) == (verb, True)
    assert found.out.count("\n") == 1
    assert (found.err, found.code) == ("", 0)


@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_a_score_is_value_low_high_and_n(documents, verb):
    score = result(documents[verb])["scores"]["accuracy"]
    assert set(score) == {"value", "low", "high", "n"}
    assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
    assert score["n"] == {"evaluate": 200, "train": 50}[verb]


def test_the_list_has_each_released_model_once_with_its_network(documents):
    from pellucid.zoo import ZOO

    models = {model["name"]: model for model in result(documents["list"])["released"]}
    cards = [card.parent for card in ZOO.glob("*/*/README.md")]
    assert len(result(documents["list"])["released"]) == len(cards)
    assert {name: models[name]["network"] for name in ("digits/mlp", "speech/digits", "words/digits")} == {
        "digits/mlp": "mlp",
        "speech/digits": "wavenet",
        "words/digits": "cnn",
    }
    assert [models[name]["short"] for name in ("digits/cnn", "digits/mlp")] == ["digits", None]


def test_an_error_is_one_document_too(house):
    found = command(["--json", "predict", "run", "nosuch.png"])
    document = json.loads(found.out)
    assert set(document) == {"command", "ok", "error"}
    assert document["ok"] is False
    assert document["error"]["exit_code"] == found.code == 4
    assert "nosuch.png" in document["error"]["message"]
    assert found.err == ""


def test_one_bad_input_does_not_cost_the_answers_to_the_others(house):
    found = command(["predict", "run", "valid:0", "nosuch.png", "valid:1"])
    assert found.code == 4
    assert "valid:0: " in found.out
    assert "valid:1: " in found.out
    kept = json.loads(command(["--json", "predict", "run", "valid:0", "nosuch.png", "valid:1"]).out)["error"]
    assert [answer["input"] for answer in kept["found"]["answers"]] == ["valid:0", "valid:1"]


def test_a_failed_gate_still_tells_the_scores(house):
    found = command(
        [
            "--json",
            "evaluate",
            "run",
            "--no-report",
            "--at-least",
            "accuracy=0.999999",
            "--at-least",
            "accuracy=1.1",
        ]
    )
    assert found.code == 6
    assert json.loads(found.out)["error"]["found"]["scores"]["accuracy"]["n"] == 200


def test_a_misspelt_gate_is_noticed_before_the_test_set_is_opened(house, monkeypatch):
    from pellucid.tasks.digits import Digits

    monkeypatch.setattr(Digits, "_test", lambda self: pytest.fail("the test set was opened"))
    assert command(["evaluate", "run", "--at-least", "acuracy=0.5"]).code == 2


def test_the_numbers_of_predict_are_the_tensors(house, documents):
    ready = open_trained("run")
    sample = predicting.raw_sample(predicting.stages_of(ready, "valid:0")[0])
    pixels = torch.from_numpy(np.array(sample)).float().view(1, 1, 28, 28) / 255
    logits = ready.network((pixels - ready.facts["mean"]) / ready.facts["std"])[0]
    answer = result(documents["predict"])["answers"][0]
    assert list(answer["logits"].values()) == pytest.approx(logits.tolist(), abs=1e-5)
    assert list(answer["probabilities"].values()) == pytest.approx(logits.softmax(0).tolist(), abs=1e-6)
    said = command(["predict", "run", "valid:0"]).out
    assert f"{logits.softmax(0).max():7.2%}  score {logits.max():+.2f}" in said


def test_the_numbers_of_walk_are_those_of_a_fresh_forward_and_backward(house, documents):
    ready = open_trained("run")
    stages, target = predicting.stages_of(ready, "valid:3")
    inputs = predicting.prepared(ready, predicting.raw_sample(stages))
    network = ready.network.requires_grad_(True)
    logits = network(inputs)
    loss = functional.cross_entropy(logits, torch.tensor([target]))
    loss.backward()
    walk = result(documents["walk"])["walk"]
    assert walk["softmax"]["logits"] == pytest.approx(logits[0].tolist(), abs=1e-5)
    assert walk["loss"]["value"] == pytest.approx(float(loss.detach()), abs=1e-5)
    told = {p["name"]: p["gradient_norm"] for layer in walk["layers"] for p in layer["parameters"]}
    fresh = {name: float(tensor.grad.norm()) for name, tensor in network.named_parameters()}
    assert told == pytest.approx(fresh, rel=1e-4, abs=1e-6)


def test_compare_lists_the_best_first_with_its_spread(house):
    line = "compare digits --over hidden=1,32 --setting tiny --steps 40 --seeds 2 --out raced"
    found = command(["--json", *line.split()])
    scores = result(found)["scores"]
    assert scores["32"]["low"] <= scores["32"]["median"] <= scores["32"]["high"]
    assert scores["32"]["n"] == 2
    assert scores["32"]["median"] > scores["1"]["median"]
    said = command(line.split()).out
    places = sorted(scores, key=lambda name: re.search(rf"(?m)^ *{name} ", said).start())
    assert [scores[name]["median"] for name in places] == sorted(
        (s["median"] for s in scores.values()), reverse=True
    )


def test_look_counts_every_image_once(documents):
    found = result(documents["look"])
    assert sum(n["train"] for n in found["classes"].values()) == found["splits"]["train"] == 550
    assert sum(n["valid"] for n in found["classes"].values()) == found["splits"]["valid"] == 50


def test_model_counts_the_parameters_of_a_784_512_512_10_network(documents):
    assert result(documents["model"])["parameters"] == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10


def test_an_exported_network_answers_as_the_original_does(house):
    torch_says = result(command(["--json", "predict", "run", "valid:0", "valid:7"]))["answers"]
    onnx_says = result(command(["--json", "predict", "good.onnx", "valid:0", "valid:7"]))["answers"]
    for mine, theirs in zip(torch_says, onnx_says, strict=True):
        assert list(mine["logits"].values()) == pytest.approx(list(theirs["logits"].values()), abs=1e-5)


def test_the_onnx_engine_takes_the_file_in_the_run(house):
    assert (
        command(["train", "digits", "--setting", "tiny", "--steps", "5", "--quiet", "--out", "mine"]).code
        == 0
    )
    assert command(["export", "mine"]).code == 0
    first, second = (
        result(command(["--json", "predict", "mine", "valid:0", "--engine", engine]))["answers"][0]["logits"]
        for engine in ("torch", "onnx")
    )
    assert first == pytest.approx(second, abs=1e-5)


def test_pictures_of_two_inputs_with_one_name_both_stay(house):
    assert command(["predict", "run", "valid:0", "valid:0", "--show", "shown"]).code == 0
    assert sorted(path.name for path in Path("shown").iterdir()) == [
        "valid-0-2-answer.png",
        "valid-0-2-stages.png",
        "valid-0-answer.png",
        "valid-0-stages.png",
    ]


@pytest.mark.parametrize(
    ("network", "name", "given"),
    [
        ("sketches/fifteen", "cat.ndjson", "strokes"),
        ("sketches/fifteen", "good.png", "drawing"),
        ("digits/mlp", "good.png", "photograph"),
    ],
)
def test_the_stages_are_headed_by_what_was_given(house, monkeypatch, tmp_path, network, name, given):
    heads, draw = [], images.stages
    monkeypatch.setattr(images, "stages", lambda stages, given: heads.append(given) or draw(stages, given))
    folder = house / "pictures" if name == "good.png" else EXAMPLES
    assert command(["predict", network, folder / name, "--show", tmp_path]).code == 0
    assert heads == [given]


@pytest.mark.parametrize("verb", VERBS)
def test_help_ends_well_and_names_the_flags(house, verb):
    found = command([verb, "--help"])
    assert found.code == 0
    assert [flag for flag in VERB_FLAGS[verb] if flag not in found.out] == []
    assert found.err == ""


@pytest.mark.parametrize("verb", ["train", "look", "model", "compare", "lr-find"])
@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_of_a_verb_with_a_task_shows_the_flags_of_both(house, verb, word):
    found = command([verb, "digits", word])
    assert found.code == 0
    assert [flag for flag in [*VERB_FLAGS[verb], *flag_names(Digits)] if flag not in found.out] == []


def test_help_as_json_is_one_document(house):
    assert "--epochs" in result(command(["--json", "train", "digits", "--help"]))["help"]


def test_talk_goes_to_stderr_and_data_to_stdout(house):
    found = command(["train", "digits", "--setting", "tiny", "--steps", "5", "--out", "spoken"])
    assert found.out == "spoken\n"
    assert "validation accuracy" in found.err


def test_quiet_leaves_the_data_alone(house):
    found = command(["train", "digits", "--setting", "tiny", "--steps", "5", "--quiet", "--out", "silent"])
    assert (found.out, found.err) == ("silent\n", "")


def test_a_finished_run_that_is_resumed_is_not_touched(house):
    before = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}
    assert command(["train", "--resume", "run"]).code == 0
    assert {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")} == before


def test_evaluating_a_run_by_a_name_with_a_slash_writes_its_report(house):
    assert command(["evaluate", "wide/"]).code == 0
    assert Path("wide/report.html").is_file()


def test_a_released_model_stays_as_it_is_and_its_copy_gets_the_report(house, monkeypatch):
    from pellucid.verbs import trained

    monkeypatch.setattr(trained, "released", lambda: {"digits/cnn": Path("other").absolute()})
    before = sorted(Path("other").rglob("*"))
    found = command(["evaluate", "digits"])
    assert found.code == 0
    assert sorted(Path("other").rglob("*")) == before
    assert len(list(Path("runs").glob("released-*/report.html"))) == 1


def test_numbers_that_json_lacks_become_null(capsys):
    Screen(as_json=True).document({"loss": math.nan, "bounds": [-math.inf, 1.5, {"most": math.inf}]})
    assert json.loads(capsys.readouterr().out) == {"loss": None, "bounds": [None, 1.5, {"most": None}]}


def test_without_a_terminal_there_are_no_colours_and_no_rewritten_lines(house):
    found = start("predict run valid:0")
    assert b"\x1b" not in found.stdout
    assert b"\r" not in found.stderr


def test_a_narrow_encoding_gets_plain_bars(house):
    found = start("predict run valid:0", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"####" in found.stdout


def test_help_survives_a_narrow_encoding(house):
    found = start("train digits --help", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (found.returncode, found.stderr) == (0, b"")


def test_a_reader_that_leaves_early_sees_no_traceback(house):
    line = f"{shlex.quote(sys.executable)} -m pellucid look digits --dataset tiny --measure-steps 0 --out piped | head -1"
    found = subprocess.run(
        line,
        shell=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        timeout=120,
        check=False,
    )
    assert found.stdout == b"550 training and 50 validation images; the test set stays closed\n"
    assert found.stderr == b""


def test_help_is_quick_and_loads_no_torch(house):
    code = (
        "import sys; from pellucid.cli.main import main; main(['--help']); assert 'torch' not in sys.modules"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": SOURCE}, capture_output=True
    )
    assert ended.returncode == 0
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        start("--help")
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.25 * 6  # shared machines are slow; 0.25 s is what a free one needs


def test_an_interrupt_ends_with_130(house, monkeypatch):
    from pellucid.cli import doctor

    def interrupt(words, screen):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    found = command(["doctor"])
    assert (found.code, found.err) == (130, "pellucid doctor: interrupted\n")


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError("deep"), MemoryError(), AssertionError("no")]
)
def test_an_unforeseen_error_is_one_line_and_verbose_shows_the_rest(house, monkeypatch, error):
    from pellucid.cli import doctor

    def fail(words, screen):
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    found = command(["doctor"])
    assert found.code == 1
    assert found.err.count("\n") == 1
    assert "Traceback" in command(["--verbose", "doctor"]).err


def test_a_missing_extra_ends_with_3_and_says_how_to_install_it(house, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = command(["predict", "good.onnx", "valid:0"])
    assert found.code == 3
    assert "pip install 'pellucid[export]'" in found.err
