"""The tour of the studio shows every view, in pictures that a clone can carry."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
STATIC = DOCS.parent / "src" / "pellucid" / "web" / "static"


def views():
    spec = importlib.util.spec_from_file_location("make_studio_pictures", DOCS / "make_studio_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VIEWS


def test_every_picture_of_the_tour_is_one_that_the_script_makes_and_the_page_shows():
    files = {path.stem for path in (DOCS / "studio").iterdir()}
    shown = {name for name in views() if f"](studio/{name}.png)" in (DOCS / "studio-tour.md").read_text()}
    assert files == set(views()) == shown


def test_every_view_of_the_studio_has_a_picture():
    listed = STATIC.joinpath("views.js").read_text().split("export const views = [")[1]
    lines = [line.strip(" ,") for line in listed.splitlines() if line.strip().endswith(",")]
    names = {line for line in lines if not line.startswith("...")}  # those are of runs that are damaged
    assert {place.split("/")[3].split("?")[0] for place in views().values()} == names


def test_the_pictures_of_the_tour_are_small():
    sizes = [path.stat().st_size for path in (DOCS / "studio").iterdir()]
    assert (max(sizes) < 100_000, sum(sizes) < 1_000_000) == (True, True)


def test_every_file_of_the_pages_is_short_and_names_no_other_host():
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css", ".html"):
            text = path.read_text()
            assert len(text.splitlines()) <= (600 if path.suffix == ".css" else 400), path.name
            hosts = text.replace("http://www.w3.org/", "")
            assert "http://" not in hosts.replace("https://", "http://"), path.name
