"""Ways through the studio that people take, in a real browser, with a real training."""

import json
import signal
import time

from studio import Studio, go, settled

from pellucid.run import Run

PICTURE = "docs/pictures/photo.jpg"

DRAWN = """async () => {
    // the picture under the pixels, in the sheet's colours
    const sample = location.hash.match(/sample=valid:(\\d+)/)[1]
    const { decode } = await import("/static/api.js")
    const run = location.hash.split("/")[2]
    const { raw } = await (await fetch(`api/v1/runs/${run}/pixels?sample=valid:${sample}`)).json()
    const { values, shape: [height, width] } = decode(raw)
    const canvas = Object.assign(document.createElement("canvas"), { width, height })
    const image = new ImageData(width, height)
    values.forEach((value, p) => image.data.set([255 - value, 255 - value, 255 - value, 255], 4 * p))
    canvas.getContext("2d").putImageData(image, 0, 0)
    return canvas.toDataURL()
}"""


def number_of(text):
    """Return a number as the page writes it."""
    return float(text.replace(",", "").replace("\u2212", "-").replace("\u00a0%", ""))


def text(page, selector):
    return page.locator(selector).first.inner_text()


def test_a_newcomer_looks_trains_tests_and_uses_without_leaving_the_page(studio, open_page, request):
    page = open_page(studio)
    page.click("text=Look at the data")
    page.wait_for_selector(".sheet canvas")
    assert page.locator(".sheet tr").count() == 10

    page.click("#steps >> text=Train")
    page.check("input[value=tiny]")
    page.wait_for_selector("pre:has-text('--setting tiny')")
    page.fill("[name=epochs]", "1")  # little enough to leave mistakes
    page.click("text=Start training")
    page.wait_for_selector("h1:has-text('Watch')")
    page.wait_for_selector("h2:has-text('Finished')", timeout=90_000)
    page.wait_for_selector(".line .raw")
    assert number_of(text(page, ".figure:has-text('epoch') p-number")) == 1

    page.click("text=Test it")
    page.click("text=Test it now")
    page.wait_for_selector("h2:has-text('On the test set')", timeout=90_000)
    run = page.evaluate("location.hash.split('/')[2]")
    scores = json.loads((studio.runs / run / "scores.json").read_text())["evaluate"]
    assert number_of(text(page, ".figure:has-text('accuracy') b p-number")) == round(
        100 * scores["scores"]["accuracy"]["value"], 2
    )

    go(page, f"#/digits/{run}/test/mistakes")
    wrong = scores["n"] - sum(row[i] for i, row in enumerate(scores["confusion"]))
    assert wrong == number_of(text(page, "[data-ref$='mistakes[n]']"))

    opened = Run.open(studio.runs / run)
    tensors, kept = opened.weights()
    opened.save_weights(tensors, step=kept["step"] + 1, scores=kept["scores"])  # as a resumed training does
    page.click("#steps >> text=Explain")
    page.click("#steps >> text=Test")
    page.wait_for_selector("button:has-text('Test again')")
    settled(page)
    assert number_of(text(page, "main [data-ref$='[evaluate,step]']")) == scores["step"] == kept["step"]
    assert text(page, "main h2") == "On the test set"
    page.click("[data-key=view-mistakes]")
    page.wait_for_selector(".alarm:has-text('test it again')")
    page.wait_for_selector("#side [aria-current] + .numbers:has-text('step')")
    opened.save_weights(tensors, step=kept["step"], scores=kept["scores"])

    go(page, f"#/digits/{run}/look/data")
    looked = page.evaluate("document.querySelectorAll('.sheet canvas')[7].toDataURL()")
    parts = json.loads(studio.get(f"api/v1/runs/{run}/look"))["splits"]
    assert number_of(text(page, "[data-ref$='look[splits,valid]']")) == parts["valid"] < 1000
    page.locator(".sheet a").nth(7).click()
    page.wait_for_selector("h1:has-text('Pixels')")
    settled(page)
    assert page.evaluate(DRAWN) == looked

    page.click("#steps >> text=Use")
    settled(page)
    page.click("text=Copy a validation picture")
    page.wait_for_selector(".bars:not([data-blank]), p-bars:not([data-blank])")
    page.click("[data-key=view-use]")
    page.wait_for_selector("h1:has-text('Try it')")
    settled(page)
    page.click("text=Take one that it did not train on")
    page.wait_for_selector(".said")
    assert page.locator("main [role=alert]").count() == 0
    page.set_input_files("#picture", request.config.rootpath / PICTURE)
    page.wait_for_selector(".said")
    shares = [number_of(one) for one in page.locator(".bars p-number[data-ref^=softmax]").all_inner_texts()]
    assert abs(sum(shares) - 100) < 0.1
    assert page.errors == []


def test_a_form_that_comes_late_does_not_take_the_place_of_the_chosen_one(studio, open_page):
    page = open_page(studio, fresh=True)
    page.evaluate(
        """() => {
            const plain = window.fetch
            window.late = 0
            window.fetch = async (where, ...rest) => {
                const answer = await plain(where, ...rest)
                if (!String(where).includes("setting=default")) return answer
                await new Promise((wake) => setTimeout(wake, 800))
                window.late += 1
                return answer
            }
        }"""
    )
    page.click("text=Look at the data")
    page.click("#steps >> text=Train")
    page.check("input[value=tiny]")
    page.wait_for_function("() => window.late > 0")
    page.wait_for_timeout(300)
    assert "--setting tiny" in page.inner_text("form pre")


def tab_to(page, selector, most=80):
    """Press Tab until the focus is on what ``selector`` means."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => Boolean(document.activeElement?.matches(selector))", selector):
            return
    raise AssertionError(f"{most} presses of Tab do not reach {selector}")


def test_the_keyboard_alone_reaches_every_step_and_opens_a_cell(studio, open_page):
    page = open_page(studio)
    tab_to(page, ".cards a.button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sheet")
    for step, heading in (("train", "Start"), ("test", "Scores"), ("use", "Draw")):
        page.focus("#skip")
        tab_to(page, f"[data-key=step-{step}]")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"h1:has-text('{heading}')")
        settled(page)

    go(page, "#/digits/zoo.digits.mlp/test/scores")
    page.focus("#skip")
    tab_to(page, "[data-key=view-confusion]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".matrix")
    tab_to(page, ".matrix button.cell")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".thumbs img")
    cell = page.evaluate("Number(document.querySelector('.matrix [aria-pressed=true]').textContent)")
    assert page.locator(".thumbs img").count() == cell


def test_a_phone_shows_the_runs_on_demand(studio, open_page):
    page = open_page(studio, "#/digits/zoo.digits.cnn/test/scores", viewport={"width": 360, "height": 740})
    assert not page.is_visible("#side")
    page.click("#menu")
    page.click("#side >> text=digits.mlp")
    page.wait_for_selector("#where b:has-text('zoo.digits.mlp')")
    settled(page)
    assert not page.is_visible("#side")


def steps_of(run):
    lines = (run / "progress.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["step"] if lines else 0


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def test_a_studio_that_is_killed_neither_stops_the_training_nor_loses_the_page(tmp_path, open_page):
    studio = Studio(tmp_path).start()
    try:
        page = open_page(studio, "#/digits/-/train/start?setting=tiny", fresh=True)
        page.fill("[name=epochs]", "100000")
        page.click("text=Start training")
        page.wait_for_selector(".line .raw", timeout=60_000)
        page.wait_for_selector(".figure:has-text('step') small:has-text('of')")
        run = studio.runs / page.evaluate("location.hash.split('/')[2]")
        studio.kill(signal.SIGKILL)
        before = steps_of(run)
        page.wait_for_selector("text=does not answer", timeout=30_000)
        wait_for(lambda: steps_of(run) > before)
        studio.start()
        page.wait_for_selector("text=does not answer", state="detached", timeout=30_000)
        page.click("text=Pause")
        page.wait_for_selector("h2:has-text('Paused')", timeout=30_000)
        at = steps_of(run)
        assert at > before
        time.sleep(0.5)
        assert steps_of(run) == at
        assert page.errors == []
    finally:
        studio.kill(signal.SIGTERM)


def test_a_training_that_diverges_says_why_and_not_that_it_goes_on(studio, open_page):
    page = open_page(studio)
    fields = {"optimizer": "sgd", "learning_rate": 1e12, "evaluate_every": 1}
    start = """async fields => (await import("/static/api.js")).api.start("digits", "tiny", fields)"""
    run = page.evaluate(start, fields)["id"]
    go(page, f"#/digits/{run}/train/watch")
    page.wait_for_selector("[role=alert]:has-text('the loss is')", timeout=60_000)
    assert text(page, "main h2") == "Paused"
    assert (studio.runs / run / "resume").is_dir()
    assert "goes on exactly" not in page.inner_text("main")


def test_a_task_of_one_file_has_its_pages_without_any_code_for_the_web(studio, open_page):
    page = open_page(studio, "#/shapes/-/look/data")
    assert page.locator(".sheet th").all_inner_texts() == ["circle", "square", "triangle"]
    go(page, "#/shapes/-/train/start")
    assert page.locator("[name=maps]").count() == 1
    assert page.input_value("[name=images]") == "3000"
    go(page, "#/shapes/-/test")
    assert "no trained network" in page.inner_text("main")


def test_a_task_that_takes_text_asks_for_text(studio, open_page):
    page = open_page(studio, fresh=True)
    page.evaluate(
        """async () => {
            const { giving } = await import("/static/giving.js");
            const context = { task: { takes: "text", name: "sentences" } };
            document.querySelector("main").replaceChildren(giving(context, (body) => { window.given = body }));
        }"""
    )
    page.fill("textarea", "a fine film")
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.given") == {"text": "a fine film"}
