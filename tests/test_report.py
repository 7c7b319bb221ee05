"""The page is whole by itself, says where its numbers come from, and shows hostile names as text."""

import base64
import copy
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.metrics import Score, calibration, per_class, wilson
from pellucid.report import page

HOSTILE = "\"><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>&amp;"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
MATRIX = [[980, 20], [5, 995]]
RUN = {
    "scores": {
        "scores": {
            "accuracy": wilson(1975, 2000).to_json(),
            "cross_entropy": Score(0.0456, None, None, 2000).to_json(),
        },
        "per_class": [entry.to_json() for entry in per_class(MATRIX)],
        "confusion": MATRIX,
        "calibration": calibration([[0.9, 0.1], [0.4, 0.6]], [0, 1]).to_json() | {"temperature": 1.25},
        "robustness": {"noise": [{"level": 0.3, **wilson(1900, 2000).to_json()}]},
        "command": "pellucid evaluate runs/digits",
    },
    "task": {"network": "mlp"},
    "training": {"seed": 4711, "epochs": 10},
    "facts": {"classes": ["zero", "one"], "source": "MNIST (LeCun et al. 1998)", "licence": "CC BY-SA 3.0"},
    "environment": {"torch": "2.13.0"},
    "pictures": {"Loss over the steps": PNG},
}


class Reader(HTMLParser):
    """Collects tags, attributes and shown text, and checks that tags are closed in order."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open, self.cells = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)

    def names(self):
        return {tag for tag, _ in self.tags}


@pytest.fixture
def run():
    return copy.deepcopy(RUN)


def read(run):
    return Reader(page("Digits", **run))


@pytest.mark.parametrize(
    "words",
    [
        "98.75 %",  # 1975 of 2000
        "98.16 to 99.15",  # its interval by scipy.stats.binomtest: 0.98161, 0.99152
        "n = 2,000",
        "pellucid evaluate runs/digits",
        "4711",
        "MNIST (LeCun et al. 1998)",
        "CC BY-SA 3.0",
        "made on the validation samples",
        "they were used for this report only",
        "Rows are the true classes, columns the predicted ones",
        "1.250",
    ],
)
def test_the_page_says(run, words):
    assert words in "".join(read(run).text)


def test_the_page_has_no_script_and_no_form(run):
    assert read(run).names() & {"script", "form", "iframe", "object", "embed", "link", "base"} == set()


def test_the_page_refers_to_nothing_outside_itself(run):
    values = [a.get(k, "") for _, a in read(run).tags for k in ("src", "href", "srcset", "action", "style")]
    outside = [v for v in values if v and not v.startswith("data:image/png;base64,")]
    assert (outside, re.findall(r"url\(|@import", page("Digits", **run))) == ([], [])


def test_the_policy_allows_exactly_the_style_sheet_of_the_page(run):
    text = page("Digits", **run)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    checksum = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [
        a["content"] for t, a in Reader(text).tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    expected = f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-{checksum}'"
    assert policies == [expected]


def test_the_policy_comes_before_all_that_it_governs(run):
    text = page("Digits", **run)
    assert text.index("Content-Security-Policy") < min(text.index("<style"), text.index("<img"))


PLACES = {
    "the class names": lambda run: run["facts"].update(classes=[HOSTILE, "one"]),
    "a score's name": lambda run: run["scores"]["scores"].update({HOSTILE: wilson(1, 2).to_json()}),
    "the command": lambda run: run["scores"].update(command=HOSTILE),
    "the task": lambda run: run["task"].update({HOSTILE: HOSTILE}),
    "the training": lambda run: run["training"].update(seed=HOSTILE),
    "the source": lambda run: run["facts"].update(source=HOSTILE, licence=HOSTILE),
    "the environment": lambda run: run["environment"].update({HOSTILE: [HOSTILE, {HOSTILE: 1}]}),
    "a caption": lambda run: run["pictures"].update({HOSTILE: PNG}),
    "a robustness name": lambda run: run["scores"]["robustness"].update(
        {HOSTILE: [{"level": HOSTILE, **wilson(1, 2).to_json()}]}
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_text_is_shown_as_text_in(run, place):
    before = list(read(run).names())
    PLACES[place](run)
    after = read(run)
    assert (after.names() - set(before), "script>alert('x')" in "".join(after.text)) == (set(), True)


def test_a_hostile_title_is_shown_as_text(run):
    assert "script" not in Reader(page(HOSTILE, **run)).names()


def test_a_caption_cannot_add_an_attribute(run):
    run["pictures"] = {'x" onload="alert(1)': PNG}
    assert {name for _, attributes in read(run).tags for name in attributes if name.startswith("on")} == set()


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ud800"])
def test_what_cannot_be_printed_becomes_a_question_mark(run, character):
    run["facts"]["classes"] = [f"a{character}b", "one"]
    assert "a?b" in read(run).cells


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_class_name_can_be_written_to_a_file(name):
    run = copy.deepcopy(RUN)
    run["facts"]["classes"] = [name, "\ud800\x00"]
    page("Digits", **run).encode("ascii")


def test_a_class_name_in_another_script_is_shown_as_it_is(run):
    run["facts"]["classes"] = ["\u96f6", "\u00e9in"]
    assert {"\u96f6", "\u00e9in"} <= set(read(run).cells)


def test_the_confusion_matrix_stands_with_the_true_class_in_front(run):
    cells = read(run).cells
    start = cells.index("true \\ predicted")
    assert cells[start + 1 : start + 9] == ["zero", "one", "zero", "980", "20", "one", "5", "995"]


def test_more_mistakes_are_darker(run):
    run["scores"]["confusion"] = [[9, 4, 0], [1, 9, 2], [8, 0, 9]]
    run["scores"]["per_class"] = []
    shades = [a["class"] for t, a in read(run).tags if t == "td" and a.get("class")]
    assert shades == ["right", "shade2", "shade0", "shade1", "right", "shade1", "shade4", "shade0", "right"]


def test_many_classes_are_told_by_their_most_frequent_confusions(run):
    matrix = [[0] * 40 for _ in range(40)]
    matrix[39][3], matrix[2][1] = 7, 5
    run["scores"] |= {"confusion": matrix, "per_class": []}
    cells = read(run).cells
    start = cells.index("Predicted class")
    assert cells[start + 2 : start + 8] == ["39", "3", "7", "2", "1", "5"]


def test_every_table_has_a_caption_and_every_head_a_scope(run):
    tags = [tag for tag, _ in read(run).tags]
    scopes = [a.get("scope") for t, a in read(run).tags if t == "th"]
    assert (tags.count("table") - tags.count("caption"), set(scopes)) == (0, {"row", "col"})


def test_every_picture_has_an_alternative_text(run):
    assert [a["alt"] for t, a in read(run).tags if t == "img"] == ["Loss over the steps"]


def test_the_picture_inside_the_page_is_the_given_file(run):
    (source,) = [a["src"] for t, a in read(run).tags if t == "img"]
    assert base64.b64decode(source.partition(",")[2]) == PNG


def test_headings_go_down_one_level_at_a_time(run):
    levels = [int(tag[1]) for tag, _ in read(run).tags if re.fullmatch("h[1-6]", tag)]
    assert (
        levels[0],
        levels.count(1),
        all(b - a <= 1 for a, b in itertools.pairwise(levels)),
    ) == (1, 1, True)


def test_the_language_and_the_width_of_a_telephone_are_declared(run):
    tags = read(run).tags
    assert (dict(tags)["html"]["lang"], [a["content"] for _, a in tags if a.get("name") == "viewport"]) == (
        "en",
        ["width=device-width, initial-scale=1"],
    )


def test_what_a_run_does_not_know_is_said(run):
    run["training"].pop("seed")
    assert "not recorded" in read(run).cells


def test_only_scores_are_needed(run):
    only = {"scores": {"accuracy": wilson(1, 2).to_json()}}
    empty = {key: {} for key in ("task", "training", "facts", "environment")}
    assert "50.00 %" in Reader(page("Digits", scores=only, **empty)).cells


def test_points_of_games_are_no_percent(run):
    run["scores"] = {"scores": {"score": Score(18.9, 18.3, 19.4, 30).to_json()}, "players": {"score": {}}}
    text = page("Pong", **run)
    assert "<strong>18.90</strong> score (18.30 to 19.40, n = 30)" in text
    assert "1890" not in text


def test_the_same_run_gives_the_same_page(run):
    assert page("Digits", **run) == page("Digits", **RUN)


def test_a_report_without_scores_is_refused(run):
    run["scores"] = {}
    with pytest.raises(ValueError, match="there are no scores"):
        page("Digits", **run)


def test_a_picture_that_is_no_png_is_refused(run):
    run["pictures"] = {"Curves": b"<svg onload=alert(1)>"}
    with pytest.raises(ValueError, match='"Curves" is not a PNG'):
        page("Digits", **run)
