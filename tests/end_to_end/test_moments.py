"""The time line of a training: every evaluation shows the weights of its moment, here and where one looks inside."""

import json

from studio import go

from pellucid.run import Run

FILTERS = "() => document.querySelector('.filters canvas')?.dataset.ref ?? null"


def test_the_time_line_shows_the_network_of_each_moment_and_explain_goes_there(studio, open_page):
    kept = Run.open(studio.runs / "small").snapshots.steps()
    assert len(kept) >= 3
    page = open_page(studio, "#/digits/small/train/watch")
    page.wait_for_selector(".filters canvas")
    page.focus("#timeline")
    for key, step in (("Home", kept[0]), ("ArrowRight", kept[1]), ("End", kept[-1])):
        page.keyboard.press(key)
        page.wait_for_function(f"step => ({FILTERS})()?.startsWith(`small~${{step}}@`)", arg=step)
        cells = page.locator(".cockpit-moment .matrix .cell").all_inner_texts()
        answer = json.loads(studio.get(f"api/v1/runs/small~{step}/moment"))["validation"]
        assert sum(map(int, cells)) == answer["n"]
    page.keyboard.press("Home")
    page.click("text=Look inside at this moment")
    page.wait_for_selector("[data-layer]")
    assert f"at={kept[0]}" in page.url
    refs = "() => [...document.querySelectorAll('main p-number')].map((one) => one.dataset.ref).join()"
    assert f"small~{kept[0]}@" in page.evaluate(refs)
    page.focus("[data-key=moment]")
    page.keyboard.press("End")
    page.wait_for_function(f"() => ({refs})().includes('(small@')")
    assert "at=" not in page.url
    assert page.errors == []


def test_the_moment_stays_where_it_is_on_the_way_past_one_gradient_and_an_exciting_image(studio, open_page):
    step = Run.open(studio.runs / "small").snapshots.steps()[1]
    page = open_page(studio, f"#/digits/small/train/gradient?at={step}")
    page.wait_for_selector("main .facts p-number")
    weight = page.input_value("[aria-label='index of the weight']")
    assert len(weight.split(",")) >= 2
    assert page.url.endswith(f"at={step}&weight=hidden1.weight&index={weight}")
    go(page, f"#/digits/small/explain/layers?at={step}&layer=relu1&unit=1")
    links = page.eval_on_selector_all(".exciting a", "all => all.map((one) => one.getAttribute('href'))")
    assert len(links) == 9
    assert all(f"at={step}&sample=valid:" in link for link in links)
    assert page.errors == []


def test_the_cockpit_shows_gradients_silent_units_and_memory_as_the_files_have_them(studio, open_page):
    page = open_page(studio, "#/digits/small/train/watch")
    page.wait_for_selector(".cockpit-layers p-curve svg")
    page.click("text=Every layer, at the moment of the time line")
    lines = Run.open(studio.runs / "small").progress()
    layers = lines[-1]["layers"]
    shown = page.eval_on_selector_all(
        ".cockpit-layers table p-number", "all => all.map(one => [one.dataset.ref, one.value])"
    )
    found = {ref.partition(",")[2].rstrip("]"): value for ref, value in shown if f"[{len(lines)}," in ref}
    assert found == {
        f"layers,{name},{key}": value for name, one in layers.items() for key, value in one.items()
    }
    memory = page.evaluate("() => document.querySelector(\"[data-ref$='speed.jsonl[memory]']\").value")
    assert memory == Run.open(studio.runs / "small").speed()[-1]["memory"]
    go(page, "#/digits/zoo.digits.cnn/explain/layers?sample=valid:12")
    assert page.locator(".moment-bar").count() == 0  # a released model comes without moments
    assert page.errors == []
