"""The views inside a network, in a real browser: what stands on the screen is the tensor's own number."""

import json
import math
import re
from urllib.parse import quote

import numpy as np
import pad  # benchmarks/
import pytest
import torch

from pellucid.datasets import mnist
from pellucid.explain.race import SURFACES, race
from pellucid.sampling import Draw
from pellucid.verbs.predict import prepared
from pellucid.verbs.speech import Request
from pellucid.verbs.trained import open_trained
from pellucid.verbs.utterance import utter

CNN, MLP = "zoo.digits.cnn", "zoo.digits.mlp"
OF_A_TENSOR = re.compile(r"[\w.-]+@[0-9a-f]{8}/[^\s()\[\]]+(\[[\d,]*\])?")
NUMBERS = """() => [...document.querySelectorAll("main p-number")].map((one) => [one.dataset.ref, one.value, one.textContent])"""
SELECTED = """() => {
    const grid = document.querySelector("p-grid"), found = [];
    for (let r = 0; r < 28; r++) for (let c = 0; c < 28; c++) {
        grid.select(r, c);
        const one = grid.querySelector(".readout p-number");
        found.push([one.dataset.ref, one.value]);
    }
    return found;
}"""


def place(run, step, view, **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return f"#/digits/{run}/{step}/{view}" + (f"?{text}" if text else "")


def shown(page):
    return [(ref, value) for ref, value, _ in page.evaluate(NUMBERS)]


def sample(run, index):
    ready = open_trained(run.removeprefix("zoo.").replace(".", "/"))
    raw, targets = ready.task.data().valid[torch.tensor([index])]
    return ready, raw, int(targets[0])


@pytest.mark.parametrize(("kind", "node"), [("raw", "raw"), ("input", "input")])
def test_every_one_of_784_cells_shows_the_element_of_its_tensor(studio, open_page, kind, node):
    page = open_page(studio, place(MLP, "look", "pixels", sample="valid:12", shown=kind))
    ready, raw, _ = sample(MLP, 12)
    truth = raw[0] if kind == "raw" else ready.task.prepare(raw, facts=ready.facts)[0][0, 0]
    found = page.evaluate(SELECTED)
    assert len(found) == 784
    for (ref, value), at in zip(found, np.ndindex(28, 28), strict=True):
        assert value == float(truth[at])
        index = at if kind == "raw" else (0, *at)
        assert ref.endswith(f"/valid:12/{node}[{','.join(map(str, index))}]")
    assert page.errors == []


def test_the_accuracy_falls_when_pictures_come_otherwise_than_in_training(studio, open_page):
    page = open_page(studio, place(MLP, "look", "pixels"))
    read = "() => document.querySelector('.figure b p-number')?.value ?? null"
    page.wait_for_function(f"() => ({read})() !== null")
    before = page.evaluate(read)
    page.focus("[aria-label=mean]")
    page.keyboard.press("End")
    page.wait_for_function(f"before => ({read})() < before - 0.1", arg=before)


def test_a_drawing_is_a_grid_of_pixels_too_and_the_keyboard_walks_into_its_margin(studio, open_page):
    page = open_page(studio, "#/sketches/zoo.sketches.fifteen/look/pixels?shown=input&sample=valid:3")
    page.wait_for_selector(".numbers.four p-number")
    said = "() => [...document.querySelectorAll('.numbers.four dd')].map((each) => each.innerText)"
    refs = "() => [...document.querySelectorAll('.numbers.four p-number')].map((each) => each.dataset.ref)"
    assert [ref.partition("/valid:3/")[2] for ref in page.evaluate(refs)[:2]] == [
        "raw[12,12]",
        "input[0,14,14]",
    ]
    page.focus("p-grid canvas")
    for _ in range(13):
        page.keyboard.press("ArrowUp")
    assert page.evaluate(said)[:2] == ["1, 14", "none: the margin"]
    page.select_option(".controls select", "raw")
    assert [ref.partition("/valid:3/")[2] for ref in page.evaluate(refs)[:2]] == [
        "raw[1,14]",
        "input[0,3,16]",
    ]
    assert page.errors == []


@pytest.mark.parametrize(
    ("place", "views"),
    [
        ("#/atari/player/test", ["scores"]),
        ("#/atari/player/explain", ["layers", "kernel"]),
        ("#/translation/zoo.translation.de-en/test", ["scores"]),
        ("#/sketches/zoo.sketches.fifteen/look", ["data", "pixels", "graph"]),
        (
            "#/sentences/zoo.sentences.reviews/test",
            ["scores", "confusion", "mistakes", "calibration", "compare"],
        ),
        ("#/sentences/zoo.sentences.reviews/look", ["data", "graph"]),
        ("#/speech/zoo.speech.digits/explain", ["sampling", "layers", "kernel"]),
    ],
)
def test_a_view_is_offered_only_where_it_means_something(studio, open_page, place, views):
    page = open_page(studio, place)
    tabs = page.locator("#tabs a").evaluate_all("all => all.map((one) => one.dataset.key)")
    assert tabs == [f"view-{view}" for view in views]


@pytest.mark.parametrize(
    "view",
    [
        ("explain", "layers"),
        ("explain", "kernel"),
        ("explain", "softmax"),
        ("explain", "why"),
        ("train", "gradient"),
    ],
)
def test_every_number_of_a_network_on_the_screen_is_what_its_trace_says(studio, open_page, view):
    page = open_page(studio, place(CNN, *view, sample="valid:12"))
    page.wait_for_selector("main p-number")
    page.wait_for_timeout(300)
    numbers = {ref: value for ref, value in shown(page) if OF_A_TENSOR.fullmatch(ref)}
    assert len(numbers) >= (0 if view[1] == "layers" else 2)
    for ref, value in list(numbers.items())[:60]:
        traced = json.loads(studio.get(f"api/v1/trace?ref={quote(ref)}"))
        assert traced["value"] == value, ref
    assert page.errors == []


def test_probabilities_on_the_screen_add_up_to_one_and_the_loss_follows_a_dragged_score(studio, open_page):
    page = open_page(studio, place(CNN, "explain", "softmax", sample="valid:12"))
    page.wait_for_selector(".steps-table tbody tr")

    def read():
        found = shown(page)
        each = [value for ref, value in found if re.search(r"/probabilities:[^\[]*\[\d\]$", ref)]
        loss = next(value for ref, value in found if "/loss:" in ref)
        return each[:10], loss

    probabilities, loss = read()
    assert abs(math.fsum(probabilities) - 1) < 1e-6
    truth = sample(CNN, 12)[2]
    page.focus(f".steps-table tbody tr:nth-child({truth + 1}) input")
    page.keyboard.press("Home")  # the least score there is
    page.wait_for_function("() => [...document.querySelectorAll('.said-loss p-number')].at(-1).value > 1")
    changed, higher = read()
    assert abs(math.fsum(changed) - 1) < 1e-6
    assert higher > loss
    assert higher == pytest.approx(-math.log(changed[truth]), rel=1e-5)


def test_the_numbers_of_a_kernel_add_up_on_the_screen_and_the_keyboard_moves_the_window(studio, open_page):
    page = open_page(studio, place(CNN, "explain", "kernel", sample="valid:12"))
    for _ in range(3):
        page.wait_for_selector(".total b p-number")
        found = shown(page)
        products = [value for ref, value in found if "/products:" in ref and OF_A_TENSOR.fullmatch(ref)]
        output = page.evaluate("() => document.querySelector('.total b p-number').value")
        assert len(products) == 25
        assert math.fsum(products) == pytest.approx(output, rel=1e-5)
        before = page.url
        page.focus(".kernel-grids figure:last-child canvas")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("before => location.href !== before", arg=before)
        page.wait_for_timeout(200)


SPEECH = "zoo.speech.digits"


def test_a_dilated_layer_of_a_wavenet_is_walked_in_time_with_its_padding(studio, open_page):
    asked = f"api/v1/runs/{SPEECH}/utterance?text=two&voice=theo&seed=1"
    sample = json.loads(studio.get(asked))["sample"]
    ready = open_trained("speech/digits")
    drawn = utter(ready, Request(text="two", voice="theo"), Draw(seed=1))
    inputs = prepared(ready, drawn.row)
    network, seen = ready.network, {}
    layer = network.layers[4].convolution
    layer.register_forward_hook(lambda _, given, output: seen.update(x=given[0][0], y=output[0]))
    with torch.inference_mode():
        network(inputs)
    weights = layer.weight.view(-1, 2, seen["x"].shape[1])  # (outputs, taps, inputs)

    query = f"sample={sample}&layer=layers.4.convolution&unit=3&position=14"
    page = open_page(
        studio, f"#/speech/{SPEECH}/explain/kernel?{query}", viewport={"width": 360, "height": 740}
    )
    for moment in (14, 15, 16):
        page.wait_for_selector(f"figcaption:has-text('moment {moment} of')")
        found = {ref.split("/")[-1]: value for ref, value in shown(page) if OF_A_TENSOR.fullmatch(ref)}
        assert found[f"after:layers.4.convolution[{moment},3]"] == float(seen["y"][moment, 3])
        cells = {name: value for name, value in found.items() if f":layers.4.convolution:3:{moment}[" in name}
        assert len(cells) == 6  # two taps of one input map: values, weights, products
        channel = int(next(iter(cells)).split("[")[1].split(",")[0])
        for tap, at in enumerate((moment - 16, moment)):
            end = f":layers.4.convolution:3:{moment}[{channel},{tap}]"
            value = 0.0 if at < 0 else float(seen["x"][at, channel])
            weight = float(weights[3, tap, channel])
            assert [cells[name + end] for name in ("values", "kernel", "products")] == [
                value,
                weight,
                value * weight,
            ]
        assert page.locator("td.padding").count() == (moment < 16)
        assert page.locator(".key:has-text('padding before')").count() == 1
        assert page.locator(".key:has-text('padding after')").count() == 0
        page.focus(".over-time figure:last-child svg")
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.hash.includes('position=17')")
    before = page.evaluate("() => document.querySelector('.over-time p-curve svg').childElementCount")
    page.keyboard.press("End")  # thousands of moments: a stretch of them is drawn
    page.wait_for_selector(f"figcaption:has-text('moment {len(seen['y']) - 1} of')")
    drawn_dots = page.locator(".over-time circle").count()
    assert before
    assert drawn_dots < 200
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert page.errors == []


def test_the_address_of_a_kernel_walk_brings_its_place_back_and_means_no_moment_of_the_training(
    studio, open_page
):
    page = open_page(studio, place("small", "explain", "kernel", sample="valid:1"))
    page.wait_for_selector(".total b p-number")
    page.wait_for_timeout(300)
    place_, number = page.url.split("/", 3)[3], page.inner_text(".total b p-number")
    again = open_page(studio, place_)
    again.wait_for_selector(".total b p-number")
    again.wait_for_timeout(300)
    assert again.url.split("/", 3)[3] == place_
    assert again.inner_text(".total b p-number") == number


def test_a_number_opens_the_card_that_leads_back_to_its_tensor_by_keyboard(studio, open_page):
    page = open_page(studio, place(CNN, "explain", "softmax", sample="valid:12"))
    page.wait_for_selector(".steps-table p-number")
    page.focus(".steps-table p-number")
    ref, value = page.evaluate("() => [document.activeElement.dataset.ref, document.activeElement.value]")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.trace dd")
    text = page.inner_text("dialog.trace")
    traced = json.loads(studio.get(f"api/v1/trace?ref={quote(ref)}"))
    assert float(traced["exact"]) == value
    assert all(traced[name] in text for name in ("exact", "bits", "sha256", "command"))
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.trace", state="detached")


def test_flattening_says_the_place_of_every_cell_of_a_stack_of_maps(studio, open_page):
    page = open_page(studio, place(CNN, "look", "flatten", tensor="relu2"))
    page.wait_for_selector(".mapping b")
    random = np.random.default_rng(0)
    for _ in range(12):
        row, column = (int(one) for one in random.integers(0, 7, 2))
        channel = int(random.integers(0, 64))
        page.select_option(".controls select", str(channel))
        page.evaluate("([r, c]) => document.querySelector('p-grid').select(r, c)", [row, column])
        assert int(page.inner_text(".mapping b")) == np.ravel_multi_index((channel, row, column), (64, 7, 7))
    page.click("text=Play")  # motion is unwelcome here, so the vector is there at once
    assert (
        page.evaluate("() => document.querySelector('.vector').getAttribute('aria-label')")
        == "the vector: 3136 of 3136 numbers laid out"
    )


def test_a_map_is_chosen_with_the_keyboard_and_shows_what_excites_it(studio, open_page):
    page = open_page(studio, place(CNN, "explain", "layers", sample="valid:12"))
    page.wait_for_selector("[data-layer=relu1] .maps button")
    page.focus("[data-layer=relu1] .maps button")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".exciting li")
    assert "relu1, unit 1" in page.inner_text(".unit")
    values = page.evaluate(
        "() => [...document.querySelectorAll('.exciting p-number')].map((one) => one.value)"
    )
    assert len(values) == 9
    assert values == sorted(values, reverse=True)


def test_the_paths_of_the_race_are_those_of_the_toolkits_updates_and_the_address_keeps_its_rates(
    studio, open_page
):
    page = open_page(studio, place("-", "train", "race", surface="valley", steps=50, who="sgd,adam"))
    page.wait_for_selector(".standing tbody tr")
    page.fill("[aria-label='learning rate of adam']", "0.3")
    page.keyboard.press("Tab")
    page.wait_for_selector("[data-ref*='/adam=0.3[']")
    shared = page.evaluate("location.hash")
    assert "rates=adam:0.3" in shared
    again = open_page(studio, shared)
    again.wait_for_selector(".standing tbody tr")
    assert again.input_value("[aria-label='learning rate of adam']") == "0.3"
    surface = SURFACES["valley"]
    rates = {"sgd": surface.learning_rates["sgd"], "adam": 0.3}
    found = {ref: value for ref, value in shown(again) if ref.startswith("race/")}
    for name, path in race(surface, learning_rates=rates, steps=50).items():
        mine = [value for ref, value in found.items() if f"/{name}=" in ref and "/loss" not in ref]
        assert mine == path[50].tolist()


def test_a_receptive_field_is_proved_on_demand(studio, open_page):
    page = open_page(studio, place(CNN, "look", "graph"))
    page.click("[aria-label='prove the receptive field of conv2']")
    page.wait_for_selector(".proof b")
    assert "it holds" in page.inner_text(".proof:has(b)")


def test_the_keyboard_draws_undoes_and_leaves_a_blank_pad_without_a_guess(studio, open_page):
    page = open_page(studio, place(CNN, "use", "draw"))
    page.focus("p-pad canvas")
    for key in [" ", *["ArrowDown"] * 14, " "]:
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('.said').textContent === '1'")
    page.wait_for_selector(".pad-stages li:nth-child(5)")  # the bars stand before the stages do
    assert page.locator(".pad-stages li:visible").count() == 5
    page.keyboard.press("Backspace")
    page.wait_for_function("() => document.querySelector('.said').textContent === '\\u2026'")
    assert "no guess" in page.inner_text("main")


def test_a_finger_draws_without_scrolling_the_page(studio, open_page):
    page = open_page(
        studio, place(CNN, "use", "draw"), viewport={"width": 360, "height": 700}, has_touch=True
    )
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('p-pad canvas')).touchAction") == "none"
    )
    box = page.locator("p-pad canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 30
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 100, steps=5)
    page.mouse.move(x, y + box["height"] - 70, steps=5)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.said').textContent === '1'")


def test_leaving_the_cropping_out_changes_what_the_network_gets(studio, open_page):
    page = open_page(studio, place(CNN, "use", "draw"))
    page.focus("p-pad canvas")
    for key in [" ", *["ArrowDown"] * 8, " "]:
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('.said').textContent !== '\\u2026'")
    page.wait_for_selector(".pad-stages li:last-child canvas[data-ref]")
    last = "() => document.querySelector('.pad-stages li:last-child canvas').dataset.ref"
    before = page.evaluate(last)
    page.uncheck("[data-switch=crop]")
    page.wait_for_function(f"before => ({last})() !== before", arg=before)


def test_digits_redrawn_on_the_pad_are_read_as_well_as_the_recorded_ones_and_quickly(studio, open_page):
    count = 200
    images, labels = (each[:count] for each in mnist.test())
    page = open_page(studio, place(CNN, "use", "draw"))
    answers, times = pad.redrawn(page, images, seed=1)
    redrawn = np.mean([name == str(label) for name, label in zip(answers, labels, strict=True)])
    plain = pad.plainly("digits/cnn", images, labels)
    assert redrawn >= plain - 0.005  # one digit; benchmarks/pad.py takes all 10,000
    assert (
        np.median(times) <= 500
    )  # ms, on whatever machine this is; benchmarks/pad.py measures the bar of 50
    assert page.errors == []
