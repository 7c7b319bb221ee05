"""What the pages inside a network get: every number is the tensor's own, and the way back to it is exact."""

import base64
import io
import json
import math
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from pellucid.cli.main import main
from pellucid.errors import UsageError
from pellucid.explain.robustness import perturbed
from pellucid.tasks.digits import tiny
from pellucid.tasks.images import Images
from pellucid.training import Training
from pellucid.verbs import normalised
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web.app import create_app

from .conftest import Served

TOKEN = "atokenfortests0123456789"
KINDS = {"float32": "<f4", "float64": "<f8", "uint8": "u1", "int64": "<i8"}
RUNS = ("mlp-1", "cnn-1")
SAMPLE = "valid:3"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio") / "runs"
    training = replace(tiny().training, epochs=1)
    assert isinstance(training, Training)
    for name, network in (("mlp-1", "mlp"), ("cnn-1", "cnn")):
        for _ in train(replace(tiny(), network=network, width=4, training=training), folder / name):
            pass
    return folder


@pytest.fixture(scope="module")
def client(runs):
    made = Served(create_app(runs, token=TOKEN))
    yield made
    made.close()


@pytest.fixture
def ask(client):
    """Ask for a path and return the whole answer."""
    return lambda path, query: client.get(f"/{path}?{urlencode(query)}", token=None)


@pytest.fixture
def get(ask):
    """Ask for a path and return the document."""

    def asked(path, **query):
        answer = ask(path, query)
        assert answer.status == 200, answer.bytes
        return answer.body

    return asked


def array(block):
    return np.frombuffer(base64.b64decode(block["data"]), KINDS[block["dtype"]]).reshape(block["shape"])


def blocks(value):
    """Yield every tensor block in a JSON document."""
    if isinstance(value, dict):
        if {"ref", "data", "shape"} <= set(value):
            yield value
        for each in value.values():
            yield from blocks(each)
    elif isinstance(value, list):
        for each in value:
            yield from blocks(each)


class Fresh:
    """The network opened anew and run eagerly, with plain hooks and torch's own autograd: the other side."""

    def __init__(self, path, sample=SAMPLE):
        ready = open_trained(path)
        raw, target = ready.task.data().valid[torch.tensor([int(sample.split(":")[1])])]
        self.network, self.raw, self.target = ready.network, raw, int(target)
        self.inputs = ready.task.prepare(raw, facts=ready.facts)[0]
        self.before, self.after = {}, {}
        for name, module in self.network.named_children():
            module.register_forward_hook(self._note(name))
        self.scores = self.network(self.inputs)[0]

    def _note(self, name):
        def note(_module, inputs, output):
            self.before[name], self.after[name] = inputs[0][0].detach().clone(), output[0].detach().clone()

        return note

    def gradients(self, target):
        leaf = self.inputs.clone().requires_grad_()
        self.network.requires_grad_(True).zero_grad()
        nn.functional.cross_entropy(self.network(leaf), torch.tensor([target])).backward()
        return {name: p.grad for name, p in self.network.named_parameters()} | {"input": leaf.grad[0]}


def truth(fresh, node):
    """Return what a node must be, computed from the fresh network alone; None for kinds that others prove."""
    kind, *parts = node.split(":")
    softmaxes = {"scores", "shifted", "exponentials", "total", "largest", "probabilities"}
    if kind in softmaxes:
        temperature, *pairs = (parts or ["1"])[0].split(";")
        scores = fresh.scores.clone()
        for pair in pairs:
            scores[int(pair.split("=")[0])] = float(pair.split("=")[1])
        scores = scores / float(temperature)
        shifted = scores - scores.max()
        return {
            "scores": scores, "shifted": shifted, "exponentials": shifted.exp(), "total": shifted.exp().sum(),
            "largest": scores.max(), "probabilities": shifted.exp() / shifted.exp().sum(),
        }[kind]  # fmt: skip
    if kind in ("loss", "loss-gradient"):
        scores = truth(fresh, f"scores:{(parts[1:] or ['1'])[0]}")
        certain = nn.functional.one_hot(torch.tensor(int(parts[0])), len(scores))
        loss = nn.functional.cross_entropy(scores[None], torch.tensor([int(parts[0])]))
        return loss if kind == "loss" else scores.softmax(-1) - certain
    if kind in ("before", "after"):
        return getattr(fresh, kind)[parts[0]]
    if kind == "gradient":
        return fresh.gradients(int(parts[0]))[parts[1]]
    simple = {
        "raw": lambda: fresh.raw[0],
        "input": lambda: fresh.inputs[0],
        "weight": lambda: fresh.network.state_dict()[parts[0]],
        "input-gradient": lambda: fresh.gradients(int(parts[0]))["input"],
    }
    return simple[kind]() if kind in simple else None


def every_answer(get, run):
    """Yield the answers of all routes inside a run."""
    there = f"runs/{run}"
    graph = get(f"{there}/graph")
    yield get(f"{there}/pixels", sample=SAMPLE)
    yield get(f"{there}/layers", sample=SAMPLE)
    for given in ("1", "2.5", "1;3=4.5", "0.5;0=-1;9=2"):
        yield get(f"{there}/softmax", sample=SAMPLE, target=4, given=given)
    for name in graph["weights"]:
        yield get(f"{there}/tensor", sample=SAMPLE, node=f"weight:{name}")
        if "norm" not in name:
            yield get(f"{there}/tensor", sample=SAMPLE, node=f"gradient:4:{name}")
    yield get(f"{there}/tensor", sample=SAMPLE, node="input-gradient:4")
    for node in graph["nodes"][1:]:
        for kind in ("before", "after"):
            yield get(f"{there}/tensor", sample=SAMPLE, node=f"{kind}:{node['layer']}")


@pytest.mark.parametrize("run", RUNS)
def test_every_tensor_that_is_served_equals_that_of_a_fresh_eager_forward(get, runs, run):
    fresh, seen = Fresh(runs / run), set()
    for answer in every_answer(get, run):
        for block in blocks(answer):
            place, sample, node = block["ref"].split("/", 2)
            assert (place.split("@")[0], sample) == (run, SAMPLE)
            expected = truth(fresh, node)
            assert expected is not None, node
            assert np.array_equal(array(block), expected.detach().numpy()), node
            seen.add(node.split(":")[0])
    assert seen >= {
        "raw",
        "input",
        "before",
        "after",
        "weight",
        "gradient",
        "probabilities",
        "input-gradient",
    }


@pytest.mark.parametrize("run", RUNS)
def test_a_trace_names_the_float_its_bits_and_its_tensor(get, runs, run):
    block = get(f"runs/{run}/softmax", sample=SAMPLE, given="2")["probabilities"]
    found = get("trace", ref=f"{block['ref']}[7]")
    value = array(block)[7]
    assert found["value"] == float(value)
    assert float(found["exact"]) == float(value)
    assert found["bits"] == f"0x{int(value.view(np.uint32)):08x}"
    assert found["shape"] == [10]
    assert found["command"].startswith(f"pellucid trace '{block['ref']}[7]' --runs ")


def test_a_layers_trace_says_where_the_source_defines_it(get):
    layer = get("runs/cnn-1/layers", sample=SAMPLE)["layers"][0]
    found = get("trace", ref=layer["after"]["ref"] + "[0,1,2]")
    assert found["module"].startswith("conv1: Conv2d(1, 4")
    assert found["line"].startswith("pellucid.models.cnn:")


def test_the_terminal_traces_the_same_number(get, runs, monkeypatch, capsys):
    ref = get("runs/cnn-1/layers", sample=SAMPLE)["layers"][0]["after"]["ref"] + "[0,1,2]"
    monkeypatch.chdir(runs.parent)
    assert main(["--json", "trace", ref, "--runs", str(runs)]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == get("trace", ref=ref)


def test_a_picture_is_made_worse_as_for_the_curves_and_the_answer_is_to_that(get, runs):
    plain = get("runs/cnn-1/worse", sample=SAMPLE)
    raw = get("runs/cnn-1/tensor", sample=SAMPLE, node="raw")
    assert np.array_equal(array(plain["image"]), array(raw))
    own = get("runs/cnn-1/softmax", sample=SAMPLE)["probabilities"]
    assert np.array_equal(array(plain["probabilities"]), array(own))
    found = get("runs/cnn-1/worse", sample=SAMPLE, rotation=20, noise=0.2, seed=3)
    turned = perturbed("rotation", torch.from_numpy(array(raw).copy())[None], 20, seed=3)
    assert np.array_equal(array(found["image"]), perturbed("noise", turned, 0.2, seed=3)[0].numpy())
    inside = get("runs/cnn-1/softmax", sample=found["sample"])["probabilities"]
    assert np.array_equal(array(found["probabilities"]), array(inside))


def test_a_reference_to_other_weights_is_refused(ask):
    answer = ask("trace", {"ref": "mlp-1@00000000/valid:3/raw[0,0]"})
    assert (answer.status, answer.body["error"]["code"]) == (409, "weights")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("trace", {"ref": "nonsense"}),
        ("trace", {"ref": "mlp-1/valid:3/before:nothing[0]"}),
        ("trace", {"ref": "mlp-1/valid:3/raw[99,0]"}),
        ("trace", {"ref": "mlp-1/valid:3/raw:1:2:3[0]"}),
        ("trace", {"ref": "mlp-1/valid:9999999/raw[0,0]"}),
        ("runs/mlp-1/layers", {"sample": "../../etc/passwd"}),
        ("runs/mlp-1/softmax", {"sample": SAMPLE, "given": "0"}),
        ("runs/mlp-1/softmax", {"sample": SAMPLE, "given": "1;77=3"}),
        ("runs/mlp-1/softmax", {"sample": SAMPLE, "given": "nan"}),
        ("runs/mlp-1/softmax", {"sample": SAMPLE, "target": 10}),
        ("runs/cnn-1/kernel", {"sample": SAMPLE, "layer": "relu1", "position": "0,0"}),
        ("runs/cnn-1/kernel", {"sample": SAMPLE, "layer": "conv1", "position": "99,0"}),
        ("runs/mlp-1/gradient", {"sample": SAMPLE, "weight": "hidden1.weight", "at": "0"}),
        ("runs/mlp-1/gradient", {"sample": SAMPLE, "weight": "nothing.weight"}),
        ("runs/mlp-1/normalised", {"mean": 0, "deviation": 0}),
        ("runs/mlp-1/exciting", {"layer": "relu1", "unit": 4000}),
        ("race", {"surface": "moon"}),
        ("race", {"rates": "adam=x"}),
        ("race", {"start": "e,-"}),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(ask, path, query):
    answer = ask(path, query)
    assert 400 <= answer.status < 500, answer.bytes
    assert len(answer.body["error"]["message"]) > 10


def test_the_probabilities_add_up_to_one(get):
    for given in ("1", "0.1", "10", "1;2=30"):
        found = array(get("runs/cnn-1/softmax", sample=SAMPLE, given=given)["probabilities"])
        assert abs(float(found.astype(np.float64).sum()) - 1) < 1e-6


def test_a_score_that_is_dragged_up_for_the_true_class_lowers_the_loss_as_minus_log_p(get):
    losses = []
    for score in (0, 2, 4):
        found = get("runs/mlp-1/softmax", sample=SAMPLE, target=4, given=f"1;4={score}")
        losses.append(float(array(found["loss"])))
        assert losses[-1] == pytest.approx(-math.log(float(array(found["probabilities"])[4])), rel=1e-5)
    assert losses == sorted(losses, reverse=True)


def test_the_products_of_a_kernel_and_its_bias_add_up_to_the_output(get, runs):
    found = get("runs/cnn-1/kernel", sample=SAMPLE, layer="conv2", channel=2, position="1,3")
    total = math.fsum(array(found["products"]).ravel().tolist())
    assert float(array(found["sum"])) == total  # no bias in this layer
    assert found["output"]["value"] == float(Fresh(runs / "cnn-1").after["conv2"][2, 1, 3])
    assert abs(total - found["output"]["value"]) <= found["apart"] * np.spacing(np.float32(abs(total))) * 1.01


def test_the_chain_of_a_gradient_adds_up_to_that_of_autograd(get, runs):
    found = get("runs/cnn-1/gradient", sample=SAMPLE, target=4, weight="conv2.weight", at="1,2,0,1")
    gradient = float(Fresh(runs / "cnn-1").gradients(4)["conv2.weight"][1, 2, 0, 1])
    assert found["gradient"]["value"] == gradient
    products = array(found["chain"]["went-in"]) * array(found["chain"]["came-back"])
    assert np.array_equal(products, array(found["chain"]["met"]))
    assert float(products.sum()) == pytest.approx(gradient, rel=1e-5, abs=1e-9)
    assert float(array(found["slope"])) == pytest.approx(gradient, rel=1e-3, abs=1e-7)
    assert {move["optimizer"] for move in found["moves"]} >= {"sgd", "momentum", "adam", "muon"}


def test_every_scalar_with_a_reference_is_what_its_trace_says(get):
    found = get("runs/mlp-1/gradient", sample=SAMPLE, target=4, weight="hidden1.weight", at="3,400")
    moves = {move["ref"]: move["after"] for move in found["moves"] if move["after"] is not None}
    for each in (found["value"], found["gradient"]):
        moves[each["ref"]] = each["value"]
    for ref, value in moves.items():
        assert get("trace", ref=ref)["value"] == value, ref


def test_normalised_as_in_training_gives_the_accuracy_of_training_and_otherwise_another(get, runs):
    shown = get("runs/mlp-1/pixels", sample=SAMPLE)
    ready = open_trained(runs / "mlp-1")
    raw, targets = ready.task.data().valid[torch.arange(50)]
    truth = (ready.network(ready.task.prepare(raw, facts=ready.facts)[0]).argmax(1) == targets).float().mean()
    (mean,), (deviation,) = shown["mean"], shown["deviation"]
    same = get("runs/mlp-1/normalised", mean=mean, deviation=deviation)
    assert same["accuracy"]["value"] == pytest.approx(float(truth), abs=1e-7)
    assert (
        get("runs/mlp-1/normalised", mean=0.9, deviation=0.05)["accuracy"]["value"]
        < same["accuracy"]["value"]
    )


def test_the_input_is_the_raw_value_through_the_normalisation_that_is_shown(get):
    found = get("runs/mlp-1/pixels", sample=SAMPLE)
    raw, inputs = array(found["raw"]).astype(np.float64), array(found["input"])[0]
    assert np.allclose((raw / 255 - found["mean"]) / found["deviation"], inputs, atol=1e-5)


def test_the_images_that_excite_a_unit_are_the_strongest_of_all(get, runs):
    found = get("runs/cnn-1/exciting", layer="relu1", unit=2)
    ready = open_trained(runs / "cnn-1")
    raw, _ = ready.task.data().valid[torch.arange(50)]
    first = nn.Sequential(*list(ready.network.children())[:3])
    maps = first(ready.task.prepare(raw, facts=ready.facts)[0])[:, 2].amax((1, 2))
    assert found["activations"] == pytest.approx(maps.sort(descending=True).values[:9].tolist())


def test_each_validation_sample_is_there_as_it_was_recorded(client, get, runs):
    valid = open_trained(runs / "cnn-1").task.data().valid
    assert get("runs/cnn-1/valid") == {"samples": len(valid)}
    shown = Image.open(io.BytesIO(client.get("/runs/cnn-1/valid/3/sample").bytes))
    assert np.array_equal(np.asarray(shown), valid[torch.tensor([3])][0][0].numpy())
    assert client.get(f"/runs/cnn-1/valid/{len(valid)}/sample").status == 404


def test_a_feature_is_climbed_from_its_seed_upwards(get):
    found = get("runs/cnn-1/feature", layer="conv2", unit=1, seed=4, steps=24)
    assert found["activations"][-1] > found["activations"][0]
    assert array(found["images"]).shape[1:] == (1, 28, 28)
    assert get("runs/cnn-1/feature", layer="conv2", unit=1, seed=4, steps=24) == found


def test_each_explanation_stands_beside_that_of_a_random_network(get, runs):
    found = get("runs/cnn-1/explain", sample=SAMPLE)
    assert {method["name"] for method in found["methods"]} >= {"saliency", "integrated gradients", "Grad-CAM"}
    for method in found["methods"]:
        assert array(method["map"]).shape == (28, 28)
        assert not np.array_equal(array(method["map"]), array(method["twin"]))
        assert method["passes"] == (abs(method["likeness"]["value"]) < 0.5)
    saliency = next(m for m in found["methods"] if m["name"] == "saliency")
    fresh = Fresh(runs / "cnn-1")
    leaf = fresh.inputs.clone().requires_grad_()
    fresh.network(leaf)[0, found["target"]].backward()
    assert np.array_equal(array(saliency["map"]), leaf.grad[0, 0].numpy())


def test_a_receptive_field_is_proved_by_disturbing_pixels(get):
    found = get("runs/cnn-1/touches", sample=SAMPLE, layer="conv1", row=6, column=6)
    assert found["agrees"] is True
    assert found["promised"] == [[10, 14], [10, 14]]  # stride 2, padding 2, kernel 5


def test_the_normalisation_of_drawings_is_read_through_their_margin_and_thicker_lines():
    ready = open_trained("sketches/fifteen")
    found = normalised.centre_and_scale(ready)
    assert found == (
        pytest.approx([ready.facts["mean"]], abs=1e-6),
        pytest.approx([ready.facts["std"]], abs=1e-6),
    )
    with pytest.raises(UsageError, match="only pictures"):
        normalised.centre_and_scale(open_trained("sentences/reviews"))


def test_the_normalisation_of_pictures_in_colour_is_that_of_each_channel():
    facts = {"shape": [16, 16, 3], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]}
    found = normalised.centre_and_scale(SimpleNamespace(task=Images(), facts=facts))
    assert found == (pytest.approx(facts["mean"], abs=1e-6), pytest.approx(facts["std"], abs=1e-6))


def test_what_mixes_its_channels_is_no_normalisation():
    class Turned(Images):
        def prepare(self, inputs, targets=None, **given):
            return super().prepare(inputs.flip(-1), targets, **given)

    facts = {"shape": [16, 16, 3], "mean": [0.5] * 3, "std": [0.2] * 3}
    with pytest.raises(UsageError, match="another way"):
        normalised.centre_and_scale(SimpleNamespace(task=Turned(), facts=facts))


def test_a_run_says_whether_its_samples_are_one_grid(client):
    grids = {run["id"]: run["grid"] for run in client.get("/runs").body}
    assert grids["cnn-1"] == grids["zoo.sketches.fifteen"] == [28, 28]
    assert grids["zoo.sentences.reviews"] is None


def test_the_graph_has_shapes_parameters_and_edges(get):
    found = get("runs/cnn-1/graph")
    first = found["nodes"][1]
    assert (first["kind"], first["layer"], first["sources"], first["shape"]) == (
        "Conv2d",
        "conv1",
        [0],
        [4, 14, 14],
    )
    assert first["facts"]["parameters"] == 4 * 25
    assert first["facts"]["receptive_field"] == [5, 5]
    assert found["lines"]["conv1"].startswith("pellucid.models.cnn:")


def test_the_paths_of_a_race_are_those_of_torch(get):
    found = get("race", surface="valley", rates="momentum=0.01,adam=0.1", steps=40)
    for path in found["paths"]:
        point = torch.tensor(found["start"], dtype=torch.float64, requires_grad=True)
        rate = path["learning_rate"]
        make = {
            "momentum": lambda p, r: torch.optim.SGD([p], r, momentum=0.9),
            "adam": lambda p, r: torch.optim.Adam([p], r),
        }
        optimizer = make[path["name"]](point, rate)
        walked = [point.detach().clone()]
        for _ in range(40):
            optimizer.zero_grad()
            (0.05 * point[0] ** 2 + 2 * point[1] ** 2).backward()
            optimizer.step()
            walked.append(point.detach().clone())
        assert np.allclose(array(path["points"]), torch.stack(walked).numpy(), rtol=1e-9, atol=1e-12)


def png(draw=None, size=280):
    image = Image.new("L", (size, size), 255)
    if draw:
        ImageDraw.Draw(image).line(draw, fill=0, width=22)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def drawn(client, content, **query):
    path = f"/runs/mlp-1/pad?{urlencode(query)}"
    answer = client.ask("POST", "/api/v1" + path, content, {"Content-Type": "image/png"}, token=TOKEN)
    assert answer.status == 200, answer.bytes
    return answer.body


ONE = [(120, 60), (140, 40), (140, 240)]


def test_a_drawing_goes_through_the_stages_of_every_picture(client, runs):
    found = drawn(client, png(ONE))
    ready = open_trained(runs / "mlp-1")
    stages = ready.task.takes.read(png(ONE), ready.facts)
    assert [stage["name"] for stage in found["stages"]] == list(stages)
    for stage in found["stages"]:
        assert np.array_equal(array(stage), stages[stage["name"]])
    inputs, _ = ready.task.prepare(torch.from_numpy(stages["sample"])[None], facts=ready.facts)
    assert np.array_equal(array(found["input"]), inputs[0].numpy())
    assert np.array_equal(array(found["scores"]), ready.network(inputs)[0].numpy())


def test_the_numbers_of_a_drawing_can_be_traced_in_the_terminal_with_its_file(
    client, runs, monkeypatch, capsys
):
    found = drawn(client, png(ONE))
    (runs.parent / "drawing.png").write_bytes(png(ONE))
    monkeypatch.chdir(runs.parent)
    ref = found["probabilities"]["ref"] + "[1]"
    assert main(["--json", "trace", ref, "--input", "drawing.png"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["value"] == float(array(found["probabilities"])[1])
    (runs.parent / "drawing.png").write_bytes(png([(60, 60), (200, 200)]))
    assert main(["--json", "trace", ref, "--input", "drawing.png"]) == 2


def test_a_blank_pad_gives_no_guess(client):
    found = drawn(client, png())
    assert (found["answer"], found["sample"]) == (None, None)
    assert found["why"]


@pytest.mark.parametrize("switch", ["crop", "fit", "centre"])
def test_a_step_that_is_left_out_changes_the_sample(client, switch):
    corner = [(30, 30), (50, 20), (50, 130)]
    whole, without = drawn(client, png(corner)), drawn(client, png(corner), without=switch)
    assert not np.array_equal(array(whole["stages"][-1]), array(without["stages"][-1]))


def test_without_crop_and_fit_the_drawing_is_merely_shrunk(client):
    found = drawn(client, png(ONE), without="crop,fit,centre,lighting")
    shrunk = 255 - np.asarray(Image.open(io.BytesIO(png(ONE))).resize((28, 28), Image.Resampling.BOX))
    assert np.abs(array(found["stages"][-1]).astype(int) - shrunk).max() <= 1


def test_a_drawing_needs_the_token(client):
    answer = client.post("/runs/mlp-1/pad", png(ONE), headers={"Content-Type": "image/png"}, token=None)
    assert answer.status == 401


def test_the_filters_of_a_text_network_are_walked_word_by_word(client, get):
    run = "zoo.sentences.reviews"
    text = {"text": "a film that is dull , long and not funny at all"}
    asked = {"sample": client.post(f"/runs/{run}/predict", text, token=TOKEN).body["sample"]}
    ready = open_trained("sentences/reviews")
    raw = array(get(f"runs/{run}/tensor", node="raw", **asked))
    inputs, _ = ready.task.prepare(torch.from_numpy(raw.copy())[None], facts=ready.facts)
    with torch.no_grad():
        words = ready.network.embedded(inputs)[0].T  # (size, places)
        weights, bias = ready.network.convolutions[0].weight, ready.network.convolutions[0].bias
        products = words[:, 4:7] * weights[5]

    layers = {layer["name"]: layer for layer in get(f"runs/{run}/layers", **asked)["layers"]}
    assert layers["conv3"]["channels"] == "first"
    found = get(f"runs/{run}/kernel", layer="conv3", channel=5, position=4, **asked)
    assert found["places"] == [[4], [5], [6]]
    assert np.allclose(array(found["products"]), products.numpy(), rtol=1e-6, atol=1e-9)
    truth = float(products.double().sum() + bias[5].double())
    assert found["output"]["value"] == pytest.approx(truth, rel=1e-5, abs=1e-6)
    line = get(f"runs/{run}/line", layer="conv3", side="before", channel=7, **asked)
    assert array(line).tolist() == words[7].tolist()
    for ref in (found["output"]["ref"], line["ref"].replace("{}", "4"), found["bias"]["ref"] + "[5]"):
        assert get("trace", ref=ref)["ref"] == ref
