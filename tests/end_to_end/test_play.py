"""The game of drawing in a real browser: by mouse, by finger and by the keyboard alone; and what the pad sends."""

import asyncio
import json
import threading

import canvas  # benchmarks/
import numpy as np
import pytest
from studio import TOKEN, complaints

from pellucid.datasets import quickdraw, sketchbook
from pellucid.verbs.trained import open_trained

RUN = "zoo.sketches.fifteen"
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 3,
}
ENOUGH = 0.99  # of replayed drawings have the same first guess
REPLAYED = 20


def place(view="play", **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return f"#/sketches/{RUN}/use/{view}" + (f"?{text}" if text else "")


@pytest.fixture(scope="module")
def cat(request):
    line = (request.config.rootpath / "docs/examples/cat.ndjson").read_text().splitlines()[0]
    return [np.array(stroke, float).T for stroke in json.loads(line)["drawing"]]


def begin(page):
    """Press the card's button; one that has just appeared takes no careless click."""
    page.wait_for_selector(".play-card button")
    page.wait_for_timeout(600)
    page.click(".play-card button")
    page.wait_for_selector("p-pad canvas")


def sheet(page):
    return page.locator("p-pad canvas").bounding_box()


def draw(page, drawing):
    """Draw with the mouse until the drawing is done or the round is."""
    box = sheet(page)
    for stroke in drawing:
        points = (np.array([box["x"], box["y"]]) + box["width"] * (0.05 + 0.9 * stroke / 256)).tolist()
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
        if page.locator(".play-card, h2:has-text('It knew')").count():
            return


def test_a_game_with_the_mouse_is_won_by_a_cat_and_shows_what_the_network_thought(studio, open_page, cat):
    page = open_page(studio, place(words="cat,dog"))
    found = complaints(page)
    page.click(".start button")
    found += complaints(page)
    begin(page)
    assert page.inner_text(".play-head h2") == "Draw cat"
    draw(page, cat)
    page.wait_for_selector("p.won:has-text('It knew your cat')")
    begin(page)
    draw(page, cat[:1])
    page.wait_for_selector(".play-line:has-text('I see')")
    found += complaints(page)
    page.click("text=Undo")
    assert page.inner_text(".play-line") == "\u2026"
    draw(page, cat)
    page.wait_for_selector(".play-line:has-text('a cat')")
    page.click("button:has-text('Skip')")

    page.wait_for_selector("h2:has-text('It knew 1 of your 2 drawings')")
    page.click(".drawing:has-text('dog')")
    first = page.locator(".bars tr").first.inner_text()
    assert first.startswith("cat")
    page.wait_for_function("() => !document.querySelector('main .waiting')")
    shown = page.locator(".closest canvas").count()
    missing = page.locator("text=are not on this computer").count()
    assert (shown, missing) in ((10, 0), (0, 1))  # with the training drawings at hand, and without
    found += complaints(page)
    assert found == []

    page.click("text=The same words again")
    page.wait_for_selector(".play-card h2:has-text('Draw cat')")
    assert "words=cat,dog" in page.url
    assert page.errors == []


def test_the_keyboard_alone_plays_a_game(studio, open_page):
    page = open_page(studio, place(words="train,eye", seconds=0))
    press = page.keyboard.press
    page.focus("#skip")
    for _ in range(60):
        press("Tab")
        if page.evaluate("() => document.activeElement.matches('.start button')"):
            break
    press("Enter")
    page.wait_for_selector(".play-card")
    press("Enter")
    page.wait_for_selector("p-pad canvas:focus")
    press("Space")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        for _ in range(8):
            press(key)
    press("Space")
    page.wait_for_selector(".play-line:has-text('I see')")
    strokes = page.evaluate("() => document.querySelector('p-pad').strokes")
    assert [len(axis) for axis in strokes[0]] == [33, 33]
    press("Backspace")
    assert page.evaluate("() => document.querySelector('p-pad').blank")
    for _ in range(3):
        press("Tab")
    press("Enter")  # skip
    page.wait_for_selector("p.lost:has-text('Nothing was drawn for a train')")
    page.wait_for_timeout(600)
    press("Enter")
    page.wait_for_selector("p-pad canvas:focus")
    for _ in range(3):
        press("Tab")
    press("Enter")
    page.wait_for_selector("h2:focus:has-text('It knew 0 of your 2 drawings')")
    press("Tab")
    press("Enter")
    page.wait_for_selector("text=Nothing was drawn, so there was no guess")
    assert page.errors == []


def test_an_answer_that_comes_after_the_sheet_was_wiped_is_not_taken(studio, open_page):
    page = open_page(studio, place(words="train", seconds=0), fresh=True)
    held = []
    page.route("**/guess", lambda route: held.append(route))
    page.click(".start button")
    page.click(".play-card button")
    page.wait_for_selector("p-pad canvas:focus")
    page.keyboard.press("Space")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_function("() => !document.querySelector('p-pad').blank")
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    page.keyboard.press("Backspace")
    with page.expect_response("**/guess"):
        held[0].continue_()
    page.wait_for_timeout(300)
    assert page.inner_text(".play-line") == "\u2026"
    page.click("button:text-is('Skip')")
    page.click(".drawings button")
    page.wait_for_selector("text=Nothing was drawn, so there was no guess")
    assert page.errors == []


def test_a_finger_draws_on_a_phone_without_scrolling_and_the_clock_ends_a_round(studio, open_page):
    page = open_page(studio, place(words="eye", seconds=4), **PHONE)
    page.tap(".start button")
    page.tap(".play-card button")
    page.wait_for_selector("p-pad canvas")
    box, before = sheet(page), page.evaluate("() => scrollY")
    finger = page.context.new_cdp_session(page)
    for step in range(9):
        at = {"x": box["x"] + 40 + 20 * step, "y": box["y"] + 40 + 15 * (step % 2)}
        kind = "touchStart" if step == 0 else "touchMove"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    drawn = page.evaluate("() => document.querySelector('p-pad').strokes")
    assert len(drawn) == 1
    assert np.ptp(drawn[0][0]) == pytest.approx(160 * 280 / box["width"], abs=1)
    assert page.evaluate("() => scrollY") == before
    page.wait_for_selector("h2:has-text('drawings')")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    assert complaints(page) == []
    assert page.errors == []


def test_it_says_only_what_is_new_and_in_english(studio, open_page):
    page = open_page(studio)
    said = page.evaluate(
        """async () => {
            const { ideas, named } = await import("/static/words.js");
            const how = { known: new Set(), sure: 0.15, word: "dog", won: false };
            const words = (...all) => all.map(([name, value]) => ({ name, value }));
            return [
                ideas(words(["cat", 0.5], ["dog", 0.2], ["eye", 0.1]), how),
                ideas(words(["dog", 0.5], ["cat", 0.3]), how),
                ideas(words(["eye", 0.16], ["cat", 0.15]), how),
                ideas(words(["dog", 0.9]), { ...how, won: true }),
                ["hourglass", "scissors", "bus", "The Eiffel Tower", "rain", "octopus"].map(named),
            ];
        }"""
    )
    assert said[:4] == ["I see a cat, or a dog", "", "I see an eye", "Oh, I know: it is a dog!"]
    assert said[4] == ["an hourglass", "scissors", "a bus", "The Eiffel Tower", "rain", "an octopus"]


def test_a_drawing_is_asked_about_on_the_page_for_trying(studio, open_page, cat):
    page = open_page(studio, place("use"))
    draw(page, cat)
    page.wait_for_selector(".said:has-text('cat')")
    page.click("text=Clear")
    page.wait_for_selector("text=Nothing given yet")
    assert page.errors == []


def replay(studio, drawings, **settings):
    """Replay in a browser with an event loop of its own; this thread has one already."""
    found = []
    work = canvas.replayed(f"{studio.address}#token={TOKEN}", [RUN], drawings, 1, pictured=False, **settings)
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)))
    thread.start()
    thread.join(120)
    return [answers[0][0] for answers in found[0]]


def test_what_is_drawn_on_the_canvas_is_seen_as_the_recorded_drawing_is(studio):
    drawings = [canvas.doodle.unpack(points.numpy()) for points in sketchbook.tiny("test").samples[:REPLAYED]]
    agreed = canvas.agreement(
        replay(studio, drawings), canvas.by_file(open_trained("sketches/fifteen"), drawings)
    )
    assert agreed.value >= ENOUGH


@pytest.mark.mirror
def test_what_people_drew_is_seen_on_the_canvas_of_a_phone_as_in_the_file(studio):
    drawings = [each.strokes for each in quickdraw.strokes("test")][:: 1411 // REPLAYED]
    found = replay(studio, drawings, **PHONE)
    assert canvas.agreement(found, canvas.by_file(open_trained("sketches/fifteen"), drawings)).value >= ENOUGH


HASTE = """() => {
    // stopped and begun again faster than a step takes
    performance.clearResourceTimings();
    const press = (key) => document.querySelector(".match .stage").dispatchEvent(new KeyboardEvent("keydown", { key }));
    for (let i = 0; i < 5; i++) ["p", "ArrowUp"].forEach(press);
}"""
POSTS = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/match/'))"


def test_a_game_is_begun_with_the_keyboard_handed_to_the_network_and_compared(studio, open_page):
    page = open_page(studio, "#/atari/player/use/match?rate=60")
    page.get_by_role("button", name="Begin").click()
    stage = page.locator(".match .stage")
    stage.wait_for()
    stage.press("ArrowLeft")
    page.wait_for_selector(".match [role=status]:has-text('You play')")
    before = page.locator(".match img").get_attribute("src")
    page.evaluate(HASTE)
    page.wait_for_function(f"() => {POSTS}.length > 3")
    assert page.evaluate(
        f"() => {POSTS}.every((one, i, all) => i === 0 || one.startTime >= all[i - 1].responseEnd)"
    )
    stage.press("n")
    page.wait_for_selector(".match [role=status]:has-text('The network plays')")
    page.wait_for_selector(
        ".match [role=status]:has-text('the network alone, from the same seed')", timeout=60_000
    )
    assert page.locator(".match img").get_attribute("src") != before
    assert "You and the network together" in page.inner_text(".match [role=status]")
    assert page.locator(".worth tbody tr").count() == 3
    assert page.errors == []
