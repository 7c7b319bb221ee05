"""The mathematics and the elements of the pages, in the browser that runs them."""

import math
import re
import struct

import numpy as np
import pytest
from studio import go

STATIC = "/static/"


@pytest.fixture(scope="module")
def modules(browser, studio):
    """Return a function that runs JavaScript with modules of the pages at hand."""
    page = browser.new_page()
    page.goto(studio.address)

    def run(script, argument=None, *, names=("series", "numbers", "colours", "router", "follow")):
        imports = " ".join(f"const {name} = await import('{STATIC}{name}.js');" for name in names)
        return page.evaluate(f"async argument => {{ {imports} {script} }}", argument)

    yield run
    page.close()


def test_a_constant_stays_constant_at_every_smoothing_value(modules):
    values = [0.1] * 500
    for weight in [0, 0.01, 0.3, 0.6, 0.9, 0.99, 0.999]:
        assert modules("return series.smooth(argument[0], argument[1])", [values, weight]) == values


def test_smoothing_is_adams_average_with_its_correction(modules):
    values, weight = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0], 0.9
    average, expected = 0.0, []
    for step, value in enumerate(values, 1):  # Kingma and Ba 2015, algorithm 1
        average = weight * average + (1 - weight) * value
        expected.append(average / (1 - weight**step))
    assert modules("return series.smooth(argument, 0.9)", values) == pytest.approx(expected, rel=1e-12)


def test_what_is_no_number_is_not_smoothed_into_its_neighbours(modules):
    found = modules("return series.smooth([1, NaN, 1, 1], 0.5).map(String)")
    assert found == ["1", "NaN", "1", "1"]


def test_thinning_for_the_screen_keeps_the_highest_and_the_lowest_point(modules):
    values = np.random.default_rng(0).normal(size=50_000)
    kept = modules("return series.thin(argument, argument, 300)", values.tolist())
    assert {int(values.argmax()), int(values.argmin()), 0, 49_999} <= set(kept)
    assert kept == sorted(kept)
    assert len(kept) <= 4 * 300


def test_ticks_are_round_and_within_the_range(modules):
    assert modules("return series.ticks(0, 1, 5)") == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert modules("return series.ticks(-3, 7, 5)") == [-2, 0, 2, 4, 6]


def test_viridis_is_matplotlibs(modules):
    from matplotlib import colormaps

    places = np.linspace(0, 1, 101)
    found = np.array(modules("return argument.map((p) => colours.colour('viridis', p))", places.tolist()))
    assert np.abs(found - 255 * colormaps["viridis"](places)[:, :3]).max() < 6


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scale", ["viridis", "diverging"])
def test_the_ink_on_every_colour_of_a_scale_has_enough_contrast(modules, scale):
    for place in np.linspace(0, 1, 41).tolist():
        colour, ink = modules(
            "const c = colours.colour(argument[0], argument[1]); return [c, colours.ink(c)]", [scale, place]
        )
        light, dark = sorted([luminance(colour), 1.0 if ink == "#fff" else 0.0], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_two_ends_of_the_scale_of_signs_differ_for_an_eye_without_green(modules):
    low, middle, high = (
        np.array(modules("return colours.colour('diverging', argument)", at)) for at in (0.2, 0.5, 0.8)
    )
    # Vienot, Brettel and Mollon 1999: a deuteranope's colours, in linear light
    project = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    seen = [project @ ((colour / 255) ** 2.2) for colour in (low, middle, high)]
    assert all(
        np.linalg.norm(a - b) > 0.25 for a, b in [(seen[0], seen[1]), (seen[1], seen[2]), (seen[0], seen[2])]
    )


def test_the_bits_of_a_number_are_ieee_754s(modules):
    for value in [1.0, -0.1, 3.4e38, 1e-45, 0.0]:
        expected = "0x" + struct.pack(">f", value).hex()
        assert modules("return numbers.bits(argument)", value) == expected


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.99619, "percent2", "99.62\u00a0%"),
        (10000, "int", "10,000"),
        (-0.5, "3", "\u22120.500"),
        (0.000012345, "g3", "1.23e-5"),
        (None, "auto", "none"),
        (123.456, "g4", "123.5"),
    ],
)
def test_numbers_are_written_as_people_read_them(modules, value, style, text):
    assert modules("return numbers.written(argument[0], argument[1])", [value, style]) == text


def test_a_place_survives_being_written_and_read(modules):
    place = {
        "task": "digits",
        "run": "a.b-1",
        "step": "test",
        "view": "cells",
        "query": {"sample": "valid:12", "q": "a b&=%"},
    }
    assert modules("return router.parse(router.format(argument))", place) == place
    assert (
        modules("return router.format(argument)", {**place, "query": {"sample": "valid:12"}})
        == "#/digits/a.b-1/test/cells?sample=valid:12"
    )


@pytest.mark.parametrize(
    ("at", "run"), [("", "r"), ("0,0,2", "r"), ("5", "r~10"), ("25", "r~20"), ("400", "r~40")]
)
def test_only_a_number_means_a_moment_of_the_training(modules, at, run):
    script = "return moments.momentOf({ id: 'r', snapshots: [10, 20, 40] }, argument).id"
    assert modules(script, at, names=("moments",)) == run


def test_a_training_that_went_back_forgets_the_lines_that_it_dropped(modules):
    script = """const log = follow.emptyLog();
        for (let i = 1; i <= 9; i++) follow.addProgress(log, {step: i, loss: i, scores: i % 3 ? null : {a: {value: i}}}, i);
        follow.rewind(log, 5); follow.addProgress(log, {step: 6, loss: -6}, 6); follow.addProgress(log, {step: 6, loss: 0}, 6);
        return [log.losses, log.evaluations.map((one) => one.step)]"""
    assert modules(script) == [[1, 2, 3, 4, 5, -6], [3]]


def test_the_largest_counts_of_a_matrix_are_found_however_many_classes_it_has(modules):
    script = """const { largest } = await import("/static/views/confusion.js");
        const rows = [...Array(400)].map((_, r) => [...Array(400)].map((_, c) => (r === c ? 5 : 0)));
        rows[1][2] = 9;
        rows[7][7] = 1130;
        return [largest(rows), largest([[0]])]"""
    assert modules(script) == [[9, 1130], [1, 1]]


def test_speech_is_asked_for_once_at_a_time_and_its_sounds_are_let_go(modules):
    script = """const { speaker } = await import("/static/speaking.js");
        const [revoke, gone, asked, seen] = [URL.revokeObjectURL, [], [], []];
        URL.revokeObjectURL = (address) => gone.push(address);
        const voices = { speak: ["a"], vocabulary: { a: ["one"] } };
        const post = () => new Promise((answer) => asked.push(answer));
        const api = { address: (...parts) => parts.join("/"), get: async () => voices, post };
        const [form, place] = speaker({ api, run: { id: "run" } });
        const [say, sing] = form.querySelectorAll("button");
        const played = [];
        for (let i = 0; i < 2; i++) {
            sing.click();
            seen.push(say.disabled && sing.disabled);
            asked.pop()({ answer: { text: "sung", parts: [] }, wav: btoa("RIFF") });
            await new Promise((wake) => setTimeout(wake));
            seen.push(say.disabled || sing.disabled);
            played.push(place.querySelector("audio").src);
        }
        URL.revokeObjectURL = revoke;
        return [seen, gone.length, gone[0] === played[0]]"""
    assert modules(script) == [[True, False, True, False], 1, True]


def test_time_a_step_leaves_evaluation_out(modules):
    lines = [{"step": 10, "seconds": 1, "evaluating": 0}, {"step": 20, "seconds": 5, "evaluating": 3}]
    assert modules(
        "const log = follow.emptyLog(); log.times = argument; return follow.secondsPerStep(log)", lines
    ) == pytest.approx(0.1)


def test_a_curve_draws_a_constant_as_a_level_line_and_the_raw_one_with_it(studio, open_page):
    page = open_page(studio, fresh=True)
    paths = page.evaluate(
        """async () => {
            await import('/static/elements/p-curve.js');
            const curve = document.createElement('p-curve');
            document.querySelector('main').replaceChildren(curve);
            const ys = Array(200).fill(0.7);
            const lines = [{name: 'loss', xs: ys.map((_, i) => i), ys, refOf: (i) => `r[${i}]`}];
            const found = [];
            for (const smoothing of [0.01, 0.5, 0.9, 0.99]) {
                curve.show({title: 't', x: 'step', lines, smoothing});
                found.push(curve.querySelector('.raw').getAttribute('d'), curve.querySelector('.smooth').getAttribute('d'));
            }
            return found;
        }"""
    )
    heights = {height for path in paths for height in re.findall(r"[ML][\d.]+ ([\d.]+)", path)}
    assert len(paths) == 8
    assert len(heights) == 1


def test_a_grid_is_walked_with_the_arrow_keys_and_reads_the_exact_element(studio, open_page):
    page = open_page(studio, fresh=True)
    page.evaluate(
        """async () => {
            await import('/static/elements/p-grid.js');
            const grid = document.createElement('p-grid');
            document.querySelector('main').replaceChildren(grid);
            grid.addEventListener('open', (event) => { window.opened = event.detail });
            grid.show({values: Float32Array.from({length: 12}, (_, i) => i / 3), rows: 3, columns: 4, ref: 'R', title: 'cells', format: 'exact'});
        }"""
    )
    page.focus("p-grid canvas")
    for key in ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"]:
        page.keyboard.press(key)
    number = page.locator("p-grid .readout p-number")
    assert number.get_attribute("data-ref") == "R[2,1]"
    assert float(number.inner_text()) == np.float32(9 / 3)
    assert page.evaluate("window.opened.index") == 9
    page.click("p-grid summary")
    page.wait_for_selector("p-grid td")  # the browser says later that the summary was opened
    cells = [float(one) for one in page.locator("p-grid td").all_inner_texts()]
    assert cells == [float(np.float32(i / 3)) for i in range(12)]


def test_a_number_shows_where_it_comes_from_and_its_bits_when_it_is_focused(studio, open_page):
    page = open_page(studio, fresh=True)
    page.evaluate(
        """async () => {
            const { number } = await import('/static/elements/p-number.js');
            document.querySelector('main').replaceChildren(number(0.1, 'RUN@1/valid:0/x[3]', '2', 'float32'));
        }"""
    )
    page.focus("main p-number")
    card = page.inner_text(".card")
    assert "0.10000000149011612" in card
    assert "0x3dcccccd" in card
    assert "RUN@1/valid:0/x[3]" in card
    assert math.isclose(float(page.inner_text("main p-number")), 0.1)


def test_a_place_that_is_no_place_says_so(studio, open_page):
    page = open_page(studio)
    go(page, "#/digits/no-such-run/test/scores")
    assert "no run" in page.inner_text("main [role=alert]")
