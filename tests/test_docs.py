"""The pages are true: their commands run, their pictures exist, their tree is the house.

Commands run with small settings. The rule is the table ``TINY``: these words are added to a command of that
verb, and nothing else is changed. A page's blocks run in order, in one folder of their own, where ``docs`` is
the folder of the pages and ``photo.png`` a photograph.
"""

from __future__ import annotations

import base64
import importlib.util
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import table  # benchmarks/
from commands import environment
from PIL import Image

from pellucid import errors
from pellucid.cli.main import VERBS, main
from pellucid.datasets import shapes
from pellucid.plots import canvas
from pellucid.tasks import TASKS
from pellucid.zoo import released

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TINY = {
    "look": ["--setting", "tiny", "--measure-steps", "2"],
    "model": ["--setting", "tiny"],
    "train": ["--setting", "tiny", "--epochs", "2"],
    "evaluate": ["--no-report"],  # tests/test_tasks.py draws it
    "compare": ["--setting", "tiny", "--steps", "4", "--seeds", "1"],
    "lr-find": ["--setting", "tiny", "--range-steps", "20"],
}
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)  # a picture of one pixel
PYTHON = {'train("digits")': 'train(pellucid.setting("digits", "tiny"))'}
OPENS_NETWORK = ("evaluate", "predict", "explain", "walk", "trace", "export")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"<!-- (?:results|output|tree).*?<!-- /(?:results|output|tree) -->", re.DOTALL)
OUTPUT = re.compile(r"<!-- output:([\w-]+) -->\n```text\n\$ (.*)")
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [
        (kind, body) for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind in ("console", "python")
    ]


def lines(page: Path) -> list[str]:
    return [line for kind, body in blocks(page) if kind == "console" for line in body.splitlines() if line]


def wants_release(line: str) -> bool:
    words = shlex.split(line)
    return words[0] == "pellucid" and words[1] in OPENS_NETWORK and not words[2].startswith("runs/")


def tiny(line: str) -> list[str]:
    verb, *rest = shlex.split(line)[1:]
    return [verb, *rest, *([] if "--resume" in rest else TINY.get(verb, []))]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.open(ROOT / "docs/pictures/photo.jpg").save(path)
    return path


@pytest.fixture
def folder(tmp_path, photo, monkeypatch):
    """A folder as a reader has it: the clone's docs, a photograph, and no runs yet."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    shutil.copy(photo, tmp_path)
    shapes.write(tmp_path / "photos", each=12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(
        canvas, "png", lambda figure: DOT
    )  # tests/test_tasks.py and tests/plots look at pictures
    return tmp_path


@pytest.fixture(scope="module")
def shown():
    """Lines that need nothing of their page and ran on another one."""
    return set()


def script(name: str):
    """Import one of the scripts of docs/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hears_ctrl_c() -> None:
    """Undo what a shell does to a command in the background, whose children would never hear Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@cache
def opened_and_closed(line: str) -> int:
    """Open the studio, wait for its address, press Ctrl-C, and return its exit code."""
    words = [sys.executable, "-m", *shlex.split(line), "--port", "0", "--no-browser"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env=environment(), preexec_fn=hears_ctrl_c
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            process.send_signal(signal.SIGINT)
            return process.wait(60)
        finally:
            process.kill()


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_every_command_and_every_python_block_of_a_page_runs(page, folder, shown):
    for number, (kind, body) in enumerate(blocks(page)):
        if kind == "python":
            for there, instead in PYTHON.items():
                body = body.replace(there, instead)
            (folder / f"block{number}.py").write_text(body)
            runpy.run_path(str(folder / f"block{number}.py"))
            continue
        for line in body.splitlines():
            if line.startswith("pellucid studio"):
                assert opened_and_closed(line) == 130
            elif line.startswith("pellucid ") and not wants_release(line) and line not in shown:
                assert main(tiny(line)) == 0, line
                if shlex.split(line)[1] in ("look", "model") and "runs/" not in line:
                    shown.add(line)


@pytest.mark.skipif(not released(), reason="no released model yet: the zoo is empty")
@pytest.mark.parametrize(
    "line", sorted({line for page in PAGES for line in lines(page) if wants_release(line)})
)
def test_a_command_that_uses_the_released_model_runs(line, folder):
    assert main(tiny(line)) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_shown_as_printed_was_printed_by_a_command_that_the_page_shows_before_it(page):
    text, made = page.read_text("utf-8"), script("make_pictures").COMMANDS
    wrong = []
    for output in OUTPUT.finditer(text):
        shown = [
            line
            for kind, body in BLOCK.findall(text[: output.start()])
            if kind == "console"
            for line in body.splitlines()
        ]
        if output[2] not in shown or output[2] != f"pellucid {made[output[1]]}":
            wrong.append(output[2])
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_console_blocks_hold_only_commands_of_pellucid_and_targets_of_make(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    strange = [
        line
        for line in lines(page)
        if not (line.startswith("pellucid ") or (line.startswith("make ") and line.split()[1] in targets))
    ]
    assert strange == []


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_page(task):
    assert (ROOT / "docs" / f"{task}.md").is_file()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented_with_a_command_that_runs(verb):
    page = ROOT / "docs" / "commands.md"
    assert re.search(rf"^## {verb}\n\n```console\npellucid {verb}\b", page.read_text("utf-8"), re.MULTILINE)


def test_every_exit_code_is_documented():
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")]
    assert [kind.__name__ for kind in kinds if f"\n| {kind.exit_code} |" not in page] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "LOG.md"], ids=lambda page: page.stem)
def test_every_link_within_the_repository_leads_somewhere(page):
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link and link[0] != "#"]
    assert [link for link in links if not (page.parent / link.split("#")[0]).exists()] == []


def test_the_pictures_are_those_that_the_script_makes():
    made = {f"{name}{Path(path).suffix}" for name, path in script("make_pictures").MADE.items()} | {
        "photo.jpg"
    }
    assert {path.name for path in (ROOT / "docs" / "pictures").iterdir()} == made


def test_every_picture_is_shown_on_a_page():
    shown = " ".join(page.read_text("utf-8") for page in PAGES)
    assert [
        path for path in (ROOT / "docs" / "pictures").iterdir() if f"pictures/{path.name}" not in shown
    ] == []


def test_pictures_are_small_enough_for_a_clone():
    sizes = [path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()]
    assert (max(sizes) < 150_000, sum(sizes) < 2_500_000) == (True, True)


def test_the_tree_in_the_readme_is_the_house():
    page = (ROOT / "README.md").read_text("utf-8")
    assert script("tree").renewed(page) == page


def test_every_file_of_the_package_stands_in_the_tree():
    tree = set(re.split(r"[\s/.]+", script("tree").tree()))
    files = (ROOT / "src" / "pellucid").rglob("*.py")
    assert [path for path in files if path.stem != "__init__" and path.stem not in tree] == []


@pytest.fixture(scope="module")
def tables():
    read, files = table.results.read, table.results
    return table.all_tables(
        read(files.SPEED, files.SPEED_COLUMNS),
        read(files.ACCURACY, files.ACCURACY_COLUMNS),
        read(files.SERVE, files.SERVE_COLUMNS),
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_results_are_what_the_benchmarks_say(page, tables):
    assert table.renew(page, tables, keep=True) is False


def test_all_results_stand_on_a_page(tables):
    shown = {block["name"] for page in PAGES for block in table.BLOCK.finditer(page.read_text("utf-8"))}
    assert "speed" in shown  # it holds those of all benchmarks
    assert [name for name in tables.keys() - shown if tables[name] not in tables["speed"]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_measured_share_is_typed_by_hand(page):
    typed = GENERATED.sub("", page.read_text("utf-8"))
    assert re.findall(r"\d+\.\d+ ?%", typed) == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "LOG.md"], ids=lambda page: page.stem)
def test_pages_are_ascii_but_for_what_commands_printed(page):
    assert GENERATED.sub("", page.read_text("utf-8")).isascii()


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    words = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    assert subprocess.run([sys.executable, *words], check=False).returncode == 0
