"""Choosing what is looked at: samples that are not there, answers that come late, and the keyboard's place."""

import json
import time

import pytest
from studio import go, settled

NUMBER = "[aria-label='number of the validation sample']"
HEADING = "() => document.activeElement.localName === 'h1' && document.activeElement.innerText"


@pytest.mark.parametrize(
    "view",
    [
        "look/pixels",
        "train/gradient",
        "explain/kernel",
        "explain/why",
    ],
)
def test_a_sample_that_is_not_there_is_said_under_its_number_and_another_can_be_chosen(
    studio, open_page, view
):
    samples = json.loads(studio.get("api/v1/runs/small/valid"))["samples"]
    page = open_page(studio)
    for sample, said in (
        (f"valid:{samples}", f"valid:{samples - 1}"),
        ("input-0123456789abcdef", "give it again"),
    ):
        go(page, f"#/digits/small/{view}?sample={sample}")
        page.wait_for_selector(".sampler .alarm")
        assert said in page.inner_text(".sampler .alarm")
        page.fill(NUMBER, "99999")  # more than there are: the last one
        page.keyboard.press("Enter")
        page.wait_for_selector(".sampler .alarm", state="detached")
        page.wait_for_selector("main [data-ref]", state="attached")
        assert page.input_value(NUMBER) == str(samples - 1)
        assert f"sample=valid:{samples - 1}" in page.url
    found = set()
    for _ in range(8):
        page.get_by_role("button", name="any", exact=True).click()
        found.add(int(page.input_value(NUMBER)))
    assert len(found) > 1
    assert max(found) < samples
    assert page.errors == []


def test_a_sample_whose_answer_comes_late_does_not_take_the_place_of_the_chosen_one(studio, open_page):
    page = open_page(studio, "#/digits/small/look/pixels", fresh=True)

    def later(route):
        time.sleep(0.5)
        route.continue_()

    page.route("**/pixels?sample=valid%3A1", later)
    with page.expect_response("**/pixels?sample=valid%3A1"):
        page.click("text=next")
        page.click("text=next")
    page.wait_for_function("() => document.querySelector('.four p-number').dataset.ref.includes('/valid:2/')")
    page.wait_for_timeout(200)
    assert "/valid:2/" in page.get_attribute(".four p-number", "data-ref")
    assert page.input_value(NUMBER) == "2"


def test_opening_the_table_of_a_histogram_leaves_the_normalisation_as_it_was_chosen(studio, open_page):
    page = open_page(studio, "#/digits/small/look/pixels")
    page.wait_for_selector(".histogram .zero", state="attached")
    page.focus("[aria-label=mean]")
    page.keyboard.press("End")
    chosen = page.get_attribute(".histogram", "aria-label")
    page.click(".histogram + details summary")
    page.wait_for_selector(".histogram + details td")
    assert page.get_attribute(".histogram", "aria-label") == chosen


def test_the_true_class_has_its_name_and_an_input_of_ones_own_says_that_it_is_one(studio, open_page):
    page = open_page(studio, "#/words/zoo.words.digits/explain/layers")
    assert (
        page.inner_text(".own").removeprefix("true class: ")
        in json.loads(studio.get("api/v1/runs/zoo.words.digits"))["facts"]["classes"]
    )
    go(page, "#/digits/small/use/draw")
    page.focus("p-pad canvas")
    for key in [" ", *["ArrowDown"] * 9, " "]:
        page.keyboard.press(key)
    page.click("text=Look inside with this drawing")
    settled(page)
    page.wait_for_function(HEADING)  # the link that had the focus is gone
    for view in ("explain/layers", "look/pixels"):
        go(page, f"#/digits/small/{view}?{page.url.partition('?')[2]}")
        page.wait_for_selector("main :is(p-grid canvas[data-ref], [data-layer])")
        assert page.inner_text(".own") == "looking at your own input"
    assert page.errors == []


def test_the_focus_goes_to_the_heading_where_what_had_it_is_gone(studio, open_page):
    page = open_page(studio, "#/digits/small/train/watch")
    page.focus("text=Look inside at this moment")
    page.keyboard.press("Enter")
    page.wait_for_function(HEADING)
    assert page.evaluate(HEADING) == "Layers"
    page.focus("[data-key=view-softmax]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".steps-table")
    assert page.evaluate("() => document.activeElement.dataset.key") == "view-softmax"


def test_the_keyboard_says_where_a_race_starts_and_one_that_flew_off_has_not_won(studio, open_page):
    page = open_page(studio, "#/digits/-/train/race?surface=beale&who=sgd,adam&steps=50")
    page.wait_for_selector(".standing tbody tr")
    start = page.get_by_label("x", exact=True)
    start.evaluate("field => { field.dataset.old = true }")
    start.fill("2.5")
    start.press("Enter")
    page.wait_for_function("() => location.hash.includes('start=2.5,')")
    page.wait_for_function(  # the fields are made anew
        """() => {
            const { labels, dataset } = document.activeElement;
            return labels?.[0]?.innerText.trim() === "x" && !dataset.old;
        }"""
    )
    pace = page.get_by_label("learning rate of sgd")
    pace.fill("1000")  # the first of the racers
    pace.press("Enter")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.standing p-number')].some((one) => !Number.isFinite(one.value))"
    )
    label = page.get_attribute(".race-plot svg", "aria-label")
    assert "adam is lowest" in label


def test_a_grid_says_of_itself_what_its_values_are_and_not_what_its_colours_span(studio, open_page):
    page = open_page(studio, fresh=True)
    grid = "{ values: [3, 5], rows: 1, columns: 2, ref: 'R', title: 'cells', range: [0, 255], format: 'int' }"
    label = page.evaluate(
        f"""async () => {{
            await import("/static/elements/p-grid.js");
            const grid = document.createElement("p-grid");
            document.querySelector("main").replaceChildren(grid);
            return grid.show({grid}).canvas.getAttribute("aria-label");
        }}"""
    )
    assert "From 3 to 5, mean 4." in label
