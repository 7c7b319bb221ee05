"""The gallery of mistakes of texts, recordings and strokes, looked at, listened to, and left by the keyboard."""

import signal

import pytest
from studio import Studio, complaints

from pellucid import config, tasks
from pellucid.verbs.evaluate import evaluate
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained

RUNS = {
    "text": ("sentences", []),
    "sound": ("words", []),
    "drawing": ("sketches", ["--network", "strokes"]),
}
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
