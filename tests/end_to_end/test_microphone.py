"""The recorder of the studio hears a real spoken digit from a microphone that plays a file, and says which it is."""

import numpy as np
import pytest
from browsers import chromium
from studio import TOKEN, go

from pellucid import download, sound
from pellucid.datasets import recordings

RATE = 48_000  # as sound cards have it
PLACE = "#/words/zoo.words.digits/use/use"


def recorded(root):
    """Return a word and its sound: where the data are at hand the one that browsers like to spoil."""
    if not download.available(recordings.FSDD):
        return "seven", sound.read(root / "docs/examples/seven.wav", rate_hz=RATE).samples
    wanted = ("jackson", "nine", 0)
    takes = (r.samples for r in recordings.digits() if (r.voice, r.unit, r.index) == wanted)
    return "nine", sound.resample(next(takes), RATE / 8000)


@pytest.fixture(scope="module")
def spoken(request, browser, tmp_path_factory):
    """Yield a word and a page whose microphone says it, again and again with pauses."""
    word, heard = recorded(request.config.rootpath)
    pause = np.zeros(RATE, np.float32)
    file = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    sound.write(file, sound.Sound(np.concatenate([pause, 0.5 * heard / np.abs(heard).max(), pause]), RATE))
    microphone = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}",
    ]
    opened = browser.browser_type.launch(executable_path=chromium(), args=["--no-sandbox", *microphone])
    yield word, opened.new_page()
    opened.close()


def test_a_word_that_is_spoken_into_the_microphone_is_recognised(studio, spoken):
    word, page = spoken
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{studio.address}#token={TOKEN}")
    page.wait_for_selector("#side a", state="attached")
    go(page, PLACE)
    page.click("text=Record a word")
    page.wait_for_selector("text=Speak now")
    page.wait_for_selector("button:text-is('Stop')")
    page.wait_for_selector(".answer .bars", timeout=60_000)  # it stops by itself
    assert page.inner_text(".answer .marked th") == word
    assert page.locator("audio[aria-label='what was recorded']").count() == 1
    page.wait_for_selector("button:text-is('Record a word')")
    assert errors == []
