"""The gallery of mistakes of texts, recordings and strokes, looked at, listened to, and left by the keyboard."""

import json
import shutil
import signal
from urllib.parse import quote

import numpy as np
import pytest
import torch
from studio import Studio, complaints, go

from pellucid import config, tasks
from pellucid.datasets import shapes
from pellucid.verbs.evaluate import evaluate
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained

RUNS = {
    "text": ("sentences", []),
    "sound": ("words", []),
    "drawing": ("sketches", ["--network", "strokes"]),
}
COLOUR = ["10", "2", "a_name_that_is_longer_than_the_window_of_a_telephone_is_wide_and_has_no_gap"]
INKED = """() => document.querySelector(".mistakes .wave").getContext("2d").getImageData(0, 0, 200, 40).data
    .some((one) => one)"""


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """A studio over runs that hardly learned and were tested."""
    folder = tmp_path_factory.mktemp("mistaken")
    for name, (task, words) in RUNS.items():
        setting = config.setting(tasks.find(task), "tiny")
        for _ in train(config.parse(setting, [*words, "--steps", "4"], program="x"), folder / "runs" / name):
            pass
        trained = open_trained(folder / "runs" / name)
        trained.run.save_scores({"evaluate": evaluate(trained).document})
    for name, known in zip(COLOUR, sorted(path for path in shapes.folder().iterdir()), strict=True):
        shutil.copytree(known, folder / "pictures" / name)
    words = ["--folder", str(folder / "pictures"), "--steps", "4"]
    task = config.parse(config.setting(tasks.find("images"), "tiny"), words, program="x")
    for _ in train(task, folder / "runs" / "colour"):
        pass
    started = Studio(folder).start()
    yield started
    started.kill(signal.SIGTERM)


def gallery(mistaken, open_page, run, **settings):
    page = open_page(mistaken, f"#/{RUNS[run][0]}/{run}/test/mistakes", **settings)
    page.locator(".mistakes > li").first.wait_for()
    return page


def test_a_text_stands_beside_what_it_was_taken_for(mistaken, open_page):
    page = gallery(mistaken, open_page, "text")
    first = page.locator(".mistakes > li").first
    page.wait_for_function("() => document.querySelector('.mistakes .quoted').innerText.length > 3")
    assert len(first.locator(".quoted").inner_text().split()) > 1
    assert "is " in first.inner_text()
    assert "%" in first.inner_text()
    assert "test texts" in page.locator("main [role=status]").inner_text()


def test_a_recording_has_a_waveform_and_a_player(mistaken, open_page):
    page = gallery(mistaken, open_page, "sound")
    player = page.locator(".mistakes audio").first
    player.evaluate("audio => audio.load()")
    page.wait_for_function("() => document.querySelector('.mistakes audio').readyState >= 1")
    assert player.evaluate("audio => audio.duration") == pytest.approx(1, abs=0.05)
    page.wait_for_function(INKED)


def test_strokes_are_drawn(mistaken, open_page):
    page = gallery(mistaken, open_page, "drawing")
    page.wait_for_function("() => document.querySelector('.mistakes img').naturalWidth >= 28")


@pytest.mark.parametrize("run", RUNS)
def test_the_keyboard_leads_from_a_mistake_into_the_network(mistaken, open_page, run):
    page = gallery(mistaken, open_page, run)
    open_ = page.locator(".mistakes > li > button").nth(0)
    open_.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => /explain.*sample=input-/.test(location.hash)")
    page.locator("main .panel[data-layer]").first.wait_for()
    assert page.locator("main .alarm").count() == 0
    assert page.errors == []


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("run", RUNS)
def test_nobody_is_left_out_and_nothing_is_wider_than_the_window(mistaken, open_page, run, width):
    page = gallery(mistaken, open_page, run, viewport={"width": width, "height": 740})
    page.locator("text=most alike").first.click()
    page.locator(".alike p-number").first.wait_for()
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 360])
def test_what_excites_a_unit_is_read_heard_or_seen_in_its_colours(mistaken, open_page, width):
    page = open_page(mistaken, viewport={"width": width, "height": 740})
    for place, seen in (
        ("sentences/text", ".quoted"),
        ("words/sound", "audio"),
        ("sketches/drawing", "img"),
        ("images/colour", "img"),
    ):
        go(page, f"#/{place}/explain/layers")
        layer = page.locator("[data-layer]").last.get_attribute("data-layer")
        go(page, f"#/{place}/explain/layers?layer={layer}&unit=1")
        page.wait_for_selector(".exciting li")
        count = page.locator(".exciting li").count()
        assert page.locator(f".exciting li {seen}").count() == count > 4, place
        assert page.locator(".exciting a").count() == count
        assert page.locator("main .alarm").count() == 0, place
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    assert complaints(page) == []
    assert page.errors == []


PAINTED = """selector => {
    const canvas = document.querySelector(selector);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""


def test_a_cell_of_a_layer_over_time_leads_to_its_unit(mistaken, open_page):
    page = open_page(mistaken, "#/sentences/text/explain/layers")
    layers = json.loads(mistaken.get("api/v1/runs/text/layers?sample=valid:0"))["layers"]
    for name, axis in (("vectors", 1), ("conv3", 0)):  # (L, C) and (C, L)
        assert [one["axis"] for one in layers if one["name"] == name] == [axis]
        page.evaluate("name => document.querySelector(`[data-layer='${name}'] p-grid`).select(3, 5)", name)
        page.focus(f"[data-layer={name}] p-grid canvas")
        page.keyboard.press("Enter")
        unit = (3, 5)[axis]
        page.wait_for_selector(f".unit h2:has-text('{name}, unit {unit}')")
        page.wait_for_selector(".exciting li .quoted")
        ref, value = page.evaluate(
            "() => { const one = document.querySelector('.unit .numbers p-number'); return [one.dataset.ref, one.value] }"
        )
        assert json.loads(mistaken.get(f"api/v1/trace?ref={quote(ref)}"))["value"] == value
        assert ref.endswith(f",{unit}]" if axis else "]")
        assert axis or f"[{unit}," in ref
    assert page.locator("main .alarm").count() == 0
    assert page.errors == []


def test_a_picture_in_colour_lies_under_what_explains_it(mistaken, open_page):
    trained = open_trained(mistaken.runs / "colour")
    raw, _ = trained.task.data().valid[torch.tensor([1])]
    page = open_page(mistaken, "#/images/colour/explain/why?sample=valid:1&opacity=0")
    page.wait_for_selector("canvas.overlay")
    seen = np.reshape(page.evaluate(PAINTED, "canvas.overlay"), (*raw.shape[1:3], 4))
    assert np.array_equal(seen[:, :, :3], raw[0].numpy())
    probabilities = page.locator("main p.numbers p-number").first
    assert "not sure" in page.inner_text("main p.numbers")
    told = json.loads(mistaken.get("api/v1/runs/colour/explain?sample=valid:1"))
    assert probabilities.get_attribute("data-ref").endswith(f"/probabilities[{told['target']}]")
    assert page.errors == []


def test_every_channel_of_a_pixel_is_the_element_of_its_tensor(mistaken, open_page):
    trained = open_trained(mistaken.runs / "colour")
    raw, _ = trained.task.data().valid[torch.tensor([1])]
    inputs = trained.task.prepare(raw, facts=trained.facts)[0][0]
    page = open_page(mistaken, "#/images/colour/look/pixels?sample=valid:1&channel=1")
    shown = (
        "() => [...document.querySelectorAll('.four p-number')].map((one) => [one.dataset.ref, one.value])"
    )
    for channel, row, column in ((1, 3, 4), (2, 0, 15), (0, 9, 2)):
        page.select_option(".controls label:has-text('channel') select", str(channel))
        page.evaluate("([r, c]) => document.querySelector('p-grid').select(r, c)", [row, column])
        (ref, value), *every, (input_ref, input_value), _ = page.evaluate(shown)
        assert (ref.split("/")[-1], value) == (f"raw[{row},{column},{channel}]", raw[0, row, column, channel])
        assert [each for _, each in every] == raw[0, row, column].tolist()
        assert input_ref.endswith(f"/input[{channel},{row},{column}]")
        assert input_value == float(inputs[channel, row, column])
        place = np.ravel_multi_index((channel, row, column), inputs.shape)
        assert f"= {place}" in page.inner_text(".four")
        mean = float(page.input_value("[aria-label=mean]"))
        assert mean == pytest.approx(trained.facts["mean"][channel], abs=0.006)
    seen = np.reshape(page.evaluate(PAINTED, "canvas.sample"), (*raw.shape[1:3], 4))
    assert np.array_equal(seen[:, :, :3], raw[0].numpy())
    page.wait_for_selector(".figure b p-number")
    assert page.errors == []


def test_a_climb_shows_every_channel(mistaken, open_page):
    page = open_page(mistaken, "#/images/colour/explain/layers?layer=whiten&unit=0")
    page.click("text=Climb from noise")
    page.wait_for_selector(".unit canvas.sample")
    for channel in (0, 2):
        page.select_option(".unit label:has-text('channel') select", str(channel))
        page.evaluate("() => [...document.querySelectorAll('.unit p-grid')].at(-1).select(2, 3)")
        ref = page.locator(".unit p-grid").last.locator(".readout p-number").get_attribute("data-ref")
        assert f",{channel},2,3]" in ref
    assert page.errors == []


def test_the_bars_stand_in_the_order_of_the_classes_each_with_its_score(mistaken, open_page):
    page = open_page(
        mistaken, "#/images/colour/use/use?sample=valid:1", viewport={"width": 360, "height": 740}
    )
    page.wait_for_selector("p-bars tbody tr")
    assert page.locator("p-bars th").all_inner_texts() == COLOUR
    found = page.eval_on_selector_all(
        "p-bars p-number", "all => all.map((one) => [one.dataset.ref, one.value])"
    )
    trained = open_trained(mistaken.runs / "colour")
    raw, _ = trained.task.data().valid[torch.tensor([1])]
    inputs, _ = trained.task.prepare(raw, facts=trained.facts)
    with torch.inference_mode():
        scores = trained.task.ask(trained.network, inputs, trained.facts)[0].double()
    probabilities, told = (dict(found[start::2]) for start in (0, 1))
    assert list(probabilities.values()) == pytest.approx(scores.softmax(0).tolist(), abs=1e-5)
    assert list(told.values()) == pytest.approx(scores.tolist(), abs=1e-4)
    assert [ref[-9:] for ref in told] == ["output[0]", "output[1]", "output[2]"]
    assert [ref[-4:] for ref in probabilities] == [")[0]", ")[1]", ")[2]"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
