"""Speech drawn sample by sample, in a real browser: what stands there is what the network drew, and from what."""

import re

import numpy as np
import pytest
from studio import complaints

from pellucid import sampling
from pellucid.sampling import Draw
from pellucid.verbs import speech
from pellucid.verbs.trained import open_trained
from pellucid.verbs.utterance import utter

RUN = "zoo.speech.digits"
READ = """() => Object.fromEntries([...document.querySelectorAll(".said-draw p-number")].map((one) => [one.dataset.ref, one.value]))"""


def place(**query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return f"#/speech/{RUN}/explain/sampling?{text}"


def stands(page, at):
    page.wait_for_function(
        "at => document.querySelector('.said-draw b p-number')?.value === at", arg=at, timeout=60_000
    )


def told(page):
    """Return the numbers of the sentence by their kind and index."""
    found = page.evaluate(READ)
    return {
        (re.match(r"\w+", ref)[0], *map(int, re.search(r"\[([\d,]+)\]", ref)[1].split(","))): value
        for ref, value in found.items()
        if "place" not in ref
    }


@pytest.fixture(scope="module")
def seven():
    """What the network draws, outside of the studio."""
    ready = open_trained("speech/digits")
    request = speech.Request(text="seven", voice="jackson")
    return utter(ready, request, Draw(seed=4, temperature=0.9))


def test_the_softmax_the_number_and_the_code_on_the_screen_are_those_that_were_drawn(
    studio, open_page, seven
):
    page = open_page(studio, place(voice="jackson", say="seven", seed=4, temperature=0.9, t=1000))
    stands(page, 1000)
    for at in (1000, 1001, 1002, 1034):
        if at == 1034:
            page.fill("[aria-label='jump to sample']", "1034")
            page.keyboard.press("Enter")
        elif at > 1000:
            page.click("text=Step forward")
        stands(page, at)
        found, code = told(page), int(seven.codes[at])
        kept = sampling.kept(seven.logits[at : at + 1], seven.draw)
        sums = kept.cumsum(1)[0].tolist()
        assert found["codes", at] == code
        assert found["uniform", at] == float(seven.uniform[at])
        assert found["probabilities", at, code] == float(kept[0, code])
        assert found["cumulated", at, code] == sums[code]
        assert found["cumulated", at, code - 1] == sums[code - 1] <= found["uniform", at] < sums[code]
        assert np.float32(found["samples", at]) == seven.samples[at]
    page.click(".draws ~ details summary")
    page.wait_for_selector(".draws ~ details tbody tr:nth-child(256)", state="attached")
    cells = page.eval_on_selector_all(
        ".draws ~ details tbody td:nth-child(3)", "all => all.map((one) => one.dataset.ref)"
    )
    assert [int(ref.split(",")[-1][:-1]) for ref in cells] == list(range(256))
    page.wait_for_function("() => location.hash.includes('t=1034')")
    assert page.errors == []


def test_the_keyboard_alone_steps_plays_pauses_and_reads_the_codes(studio, open_page, seven):
    page = open_page(
        studio, place(voice="jackson", say="seven", seed=4, temperature=0.9, t=64, rate=50), viewport={"width": 360, "height": 740}
    )  # fmt: skip
    stands(page, 64)
    page.focus(".view-sampling input[type=range]")
    page.keyboard.press("ArrowRight")
    stands(page, 65)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    stands(page, 63)
    page.focus(".draws")
    page.keyboard.press("Home")
    assert page.inner_text(".draws + .readout").startswith("code 0 ")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".draws + .readout").startswith("code 1 ")
    page.focus("button:text-is('Play')")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.said-draw b p-number').value > 70")
    assert page.get_attribute(".said-draw", "aria-live") == "off"
    page.keyboard.press("Enter")
    page.wait_for_selector("button:text-is('Play')")
    at = page.evaluate("() => document.querySelector('.said-draw b p-number').value")
    assert told(page)["codes", at] == int(seven.codes[at])
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert page.errors == []


def test_another_word_is_drawn_and_its_address_brings_it_back(studio, open_page):
    page = open_page(studio, place(voice="jackson", say="seven", seed=4))
    page.select_option("select[name=voice]", "theo")
    page.select_option("select[name=say]", "two")
    page.fill("input[name=temperature]", "0")
    page.click("text=Draw it")
    page.wait_for_selector("h2:has-text('theo: two')")
    page.wait_for_selector(".said-draw:has-text('no number is drawn')")
    page.wait_for_function("() => location.hash.includes('t=')")
    assert {"voice=theo", "say=two", "temperature=0"} <= set(page.url.split("?")[1].split("&"))
    assert "say=seven" not in page.url
    at = page.evaluate("() => document.querySelector('.said-draw b p-number').value")
    again = open_page(studio, page.url.split("/", 3)[3])
    stands(again, at)
    assert told(again) == told(page)
    page.select_option("select[name=voice]", "piano")
    page.fill("input[name=say]", "/etc/passwd")
    page.click("text=Draw it")
    page.wait_for_selector("main :has-text('write the melody like')")


def test_axe_has_no_complaint_about_the_drawing(studio, open_page):
    page = open_page(studio, place(voice="jackson", say="seven", t=500))
    stands(page, 500)
    assert complaints(page) == []
